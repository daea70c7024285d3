//! Who keeps a spec, read from managed fields.

use kube::api::ObjectMeta;
use serde_json::Value;

use super::resources::API_MANAGER;
use crate::domain::resource::Manager;

/// The field manager that a user has to go to: the one that owns `spec.enabled`, else one that owns something
/// of the spec.
#[must_use]
pub fn manager_of(metadata: &ObjectMeta) -> Manager {
    let entries = metadata.managed_fields.as_deref().unwrap_or_default();
    let owners_of = |path: &'static str| {
        let owners = entries.iter().filter(move |entry| {
            entry.subresource.is_none() && entry.fields_v1.as_ref().is_some_and(|fields| owns(&fields.0, path))
        });
        owners.filter_map(|entry| entry.manager.clone())
    };
    // The API may own a tag of a resource that everything else of is in Git.
    let mut others = owners_of("/f:spec").filter(|manager| manager != API_MANAGER);
    match owners_of("/f:spec/f:enabled").next().or_else(|| others.next()) {
        Some(manager) if manager != API_MANAGER => Manager::Manifest(manager),
        _ => Manager::Api,
    }
}

fn owns(fields: &Value, path: &str) -> bool {
    fields.pointer(path).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(entries: &[(&str, &str)]) -> ObjectMeta {
        let entry = |(manager, fields): &(&str, &str)| {
            serde_json::json!({ "manager": manager, "operation": "Apply", "fieldsType": "FieldsV1",
                "fieldsV1": serde_json::from_str::<Value>(fields).unwrap() })
        };
        let entries: Vec<Value> = entries.iter().map(entry).collect();
        serde_json::from_value(serde_json::json!({ "managedFields": entries })).unwrap()
    }

    #[test]
    fn the_manager_of_the_field_that_hinders_is_named() {
        let enabled = r#"{"f:spec":{"f:enabled":{}}}"#;
        let described = r#"{"f:spec":{"f:description":{}}}"#;
        let cases = [
            (vec![("coffer-api", described), ("argocd", enabled)], Manager::Manifest("argocd".to_owned())),
            (vec![("kubectl", described)], Manager::Manifest("kubectl".to_owned())),
            (vec![("coffer-api", described), ("kubectl", described)], Manager::Manifest("kubectl".to_owned())),
            (vec![("kubectl", described), ("coffer-api", enabled)], Manager::Api),
            (vec![("coffer-api", enabled)], Manager::Api),
            (vec![], Manager::Api),
        ];
        for (entries, manager) in cases {
            assert_eq!(manager_of(&metadata(&entries)), manager);
        }
    }
}
