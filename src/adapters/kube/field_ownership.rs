//! Which fields of a spec belong to whom, read from managed fields
//! ([Kubernetes: field management](https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management)).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use serde_json::{Map, Value};

use super::resources::API_MANAGER;
use crate::domain::spec_change::SpecField;

/// The operation of an entry that a server-side apply made.
const APPLY: &str = "Apply";

/// What of a spec the API owns, as an apply has to repeat it: an apply gives up what it leaves out.
#[must_use]
pub fn owned_by_api(metadata: &ObjectMeta, spec: &Value) -> Value {
    entries(metadata)
        .filter(|entry| is_api(entry))
        .filter_map(|entry| Some(project(spec, entry.fields_v1.as_ref()?.0.get("f:spec")?)))
        .fold(Value::Object(Map::new()), merge)
}

/// Whether an apply of the API would conflict with what no other manager keeps: with what the API owns by another
/// operation, and with what has no owner at all, which the first apply would give to nobody that there is.
#[must_use]
pub fn needs_merge(metadata: &ObjectMeta) -> bool {
    let unowned = metadata.managed_fields.as_ref().is_none_or(Vec::is_empty);
    unowned || entries(metadata).any(|entry| is_api(entry) && entry.operation.as_deref() != Some(APPLY))
}

/// Somebody else who owns a field.
#[must_use]
pub fn other_owner(metadata: &ObjectMeta, field: &SpecField) -> Option<String> {
    let owns = |entry: &&ManagedFieldsEntry| {
        let spec = entry.fields_v1.as_ref().and_then(|fields| fields.0.get("f:spec"));
        let found = field.path().iter().try_fold(spec?, |fields, word| fields.get(format!("f:{word}")));
        found.map(|_| ())
    };
    let mut others = entries(metadata).filter(|entry| !is_api(entry));
    others.find(|entry| owns(entry).is_some()).map(|entry| entry.manager.clone().unwrap_or_default())
}

fn entries(metadata: &ObjectMeta) -> impl Iterator<Item = &ManagedFieldsEntry> {
    metadata.managed_fields.iter().flatten().filter(|entry| entry.subresource.is_none())
}

fn is_api(entry: &ManagedFieldsEntry) -> bool {
    entry.manager.as_deref() == Some(API_MANAGER)
}

/// The part of a value that a set of fields names. A set without fields of its own names the whole value.
fn project(value: &Value, fields: &Value) -> Value {
    let (Value::Object(members), Value::Object(fields)) = (value, fields) else { return value.clone() };
    let named = fields.iter().filter_map(|(name, below)| Some((name.strip_prefix("f:")?, below)));
    let named: Vec<(&str, &Value)> = named.collect();
    if named.is_empty() {
        return value.clone();
    }
    let kept = named.into_iter().filter_map(|(name, below)| {
        let member = members.get(name)?;
        Some((name.to_owned(), project(member, below)))
    });
    Value::Object(kept.collect())
}

fn merge(one: Value, two: Value) -> Value {
    match (one, two) {
        (Value::Object(mut members), Value::Object(others)) => {
            for (name, other) in others {
                let both = match members.remove(&name) {
                    Some(member) => merge(member, other),
                    None => other,
                };
                members.insert(name, both);
            }
            Value::Object(members)
        }
        (_, two) => two,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(entries: Value) -> ObjectMeta {
        serde_json::from_value(json!({ "managedFields": entries })).unwrap()
    }

    fn entry(manager: &str, operation: &str, spec: Value) -> Value {
        json!({"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": spec}})
    }

    #[test]
    fn what_the_api_owns_is_repeated_and_nothing_else() {
        let spec = json!({
            "description": "one", "enabled": true, "tags": {"a": "1", "b": "2"},
            "rotation": {"automatic": true, "periodDays": 90},
        });
        let metadata = metadata(json!([
            entry(
                "argocd",
                "Apply",
                json!({"f:enabled": {}, "f:tags": {"f:b": {}}, "f:rotation": {"f:periodDays": {}}})
            ),
            entry("coffer-api", "Apply", json!({"f:tags": {"f:a": {}}})),
            entry("coffer-api", "Update", json!({"f:description": {}, "f:rotation": {"f:automatic": {}}})),
        ]));
        let owned = json!({"description": "one", "rotation": {"automatic": true}, "tags": {"a": "1"}});
        assert_eq!(owned_by_api(&metadata, &spec), owned);
        assert!(needs_merge(&metadata));
        let owner = |field: &str| other_owner(&metadata, &SpecField::parse(field).unwrap());
        assert_eq!(owner("tags.b").as_deref(), Some("argocd"));
        assert_eq!(owner("rotation.periodDays").as_deref(), Some("argocd"));
        for free in ["tags.a", "tags.c", "description", "rotation.automatic"] {
            assert_eq!(owner(free), None, "{free}");
        }
    }

    #[test]
    fn a_status_owns_no_spec() {
        let mut status = entry("coffer-api", "Update", json!({"f:description": {}}));
        status["subresource"] = json!("status");
        let metadata = metadata(json!([status]));
        assert_eq!(owned_by_api(&metadata, &json!({"description": "x"})), json!({}));
        assert!(!needs_merge(&metadata));
        assert!(needs_merge(&ObjectMeta::default()));
    }
}
