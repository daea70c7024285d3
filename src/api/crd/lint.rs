//! A lint of the generated definitions: what the API server would refuse or silently drop, and what would make
//! a rule too costly to be accepted.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

use super::{GROUP, VERSION, definitions};

/// What a version of a definition may select by.
const SELECTABLE_FIELDS_MAX: usize = 8;

/// Everything that is wrong in one schema, each with its path.
fn faults(path: &str, schema: &JSONSchemaProps) -> Vec<String> {
    let mut found: Vec<&str> = [
        (schema.ref_path.is_some(), "has a reference"),
        (schema.default.is_some(), "has a default"),
        (schema.nullable.is_some(), "is nullable"),
        (schema.unique_items.is_some(), "has uniqueItems, which is dropped"),
        (schema.x_kubernetes_preserve_unknown_fields.is_some(), "keeps unknown fields"),
        (schema.any_of.is_some() || schema.one_of.is_some() || schema.all_of.is_some(), "has alternatives"),
        (schema.description.is_none() && path.ends_with(char::is_alphabetic), "has no description"),
    ]
    .into_iter()
    .filter_map(|(wrong, text)| wrong.then_some(text))
    .collect();
    found.extend(faults_of_type(schema));
    let children = children(path, schema);
    let own = found.into_iter().map(|text| format!("{path} {text}"));
    own.chain(children.iter().flat_map(|(path, child)| faults(path, child))).collect()
}

fn faults_of_type(schema: &JSONSchemaProps) -> Option<&'static str> {
    match schema.type_.as_deref() {
        Some("string") if schema.max_length.is_none() && schema.enum_.is_none() => Some("is an unbounded string"),
        Some("array") => faults_of_list(schema),
        Some("object") if schema.properties.is_some() == schema.additional_properties.is_some() => {
            Some("is neither a struct nor a map")
        }
        Some("object") if schema.additional_properties.is_some() && schema.max_properties.is_none() => {
            Some("is an unbounded map")
        }
        Some("integer") if schema.format.as_deref().is_some_and(|format| format.starts_with("uint")) => {
            Some("is unsigned, which the API server does not know")
        }
        Some("string" | "object" | "integer" | "boolean") => None,
        Some(_) => Some("has a type that we do not use"),
        None if schema.x_kubernetes_int_or_string == Some(true) => None,
        None => Some("has no type"),
    }
}

fn faults_of_list(schema: &JSONSchemaProps) -> Option<&'static str> {
    let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items else { return Some("has no schema of its items") };
    let required = |key: &String| items.required.as_ref().is_some_and(|required| required.contains(key));
    match (schema.max_items, schema.x_kubernetes_list_type.as_deref()) {
        (None, _) => Some("is an unbounded list"),
        (_, None) => Some("is a list without a merge strategy"),
        (_, Some("map")) if !schema.x_kubernetes_list_map_keys.iter().flatten().all(required) => {
            Some("has a key that its items need not have")
        }
        _ => None,
    }
}

fn children<'a>(path: &str, schema: &'a JSONSchemaProps) -> Vec<(String, &'a JSONSchemaProps)> {
    let properties = schema.properties.iter().flatten();
    let mut children: Vec<_> = properties.map(|(name, property)| (format!("{path}.{name}"), property)).collect();
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        children.push((format!("{path}[]"), items));
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
        children.push((format!("{path}{{}}"), values));
    }
    children
}

/// The rules of a schema and of all below it.
fn rules(schema: &JSONSchemaProps) -> Vec<&str> {
    let own = schema.x_kubernetes_validations.iter().flatten();
    let mut messages: Vec<&str> = own.map(|rule| rule.message.as_deref().unwrap_or_default()).collect();
    messages.extend(children("", schema).iter().flat_map(|(_, child)| rules(child)));
    messages
}

fn root(definition: &CustomResourceDefinition) -> &JSONSchemaProps {
    let [version] = definition.spec.versions.as_slice() else { panic!("one version") };
    version.schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap()
}

#[test]
fn every_schema_is_structural_bounded_and_without_defaults() {
    for (file, definition) in definitions() {
        let found = faults(&definition.spec.names.kind, root(&definition));
        assert!(found.is_empty(), "{file}:\n{}", found.join("\n"));
    }
}

#[test]
fn the_lint_finds_what_it_looks_for() {
    let schema = |json: &str| faults("x", &serde_json::from_str(json).unwrap()).join("; ");
    for (json, fault) in [
        (r#"{"description": "x"}"#, "x has no type"),
        (r#"{"description": "x", "type": "string"}"#, "x is an unbounded string"),
        (r#"{"type": "boolean"}"#, "x has no description"),
        (r#"{"description": "x", "type": "boolean", "default": true}"#, "x has a default"),
        (r##"{"description": "x", "type": "boolean", "$ref": "#"}"##, "x has a reference"),
        (r#"{"description": "x", "type": "object"}"#, "x is neither a struct nor a map"),
        (
            r#"{"description": "x", "type": "object", "additionalProperties": {"type": "boolean"}}"#,
            "x is an unbounded map",
        ),
        (
            r#"{"description": "x", "type": "array", "maxItems": 1, "items": {"type": "boolean"}}"#,
            "x is a list without a merge strategy",
        ),
        (
            r#"{"description": "x", "type": "array", "x-kubernetes-list-type": "set", "items": {"type": "boolean"}}"#,
            "x is an unbounded list",
        ),
        (
            r#"{"description": "x", "type": "array", "maxItems": 1, "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["a"], "items": {"type": "string", "maxLength": 1}}"#,
            "x has a key that its items need not have",
        ),
        (r#"{"description": "x", "type": "integer", "format": "uint32"}"#, "x is unsigned, which"),
    ] {
        assert!(schema(json).starts_with(fault), "{json}: {}", schema(json));
    }
    assert_eq!(schema(r#"{"description": "x", "type": "string", "maxLength": 1}"#), "");
}

#[test]
fn every_definition_has_what_users_of_kubectl_expect() {
    for (file, definition) in definitions() {
        let (names, version) = (&definition.spec.names, &definition.spec.versions[0]);
        assert_eq!((definition.spec.group.as_str(), version.name.as_str()), (GROUP, VERSION), "{file}");
        assert_eq!(names.categories.as_deref(), Some(["kms".to_owned()].as_slice()), "{file}");
        assert_eq!(names.short_names.as_ref().map(Vec::len), Some(1), "{file}");
        assert!(version.selectable_fields.iter().flatten().count() <= SELECTABLE_FIELDS_MAX, "{file}");
        assert!(version.subresources.as_ref().is_some_and(|subresources| subresources.status.is_some()), "{file}");
        let columns = version.additional_printer_columns.iter().flatten();
        assert_eq!(columns.last().map(|column| column.name.as_str()), Some("Age"), "{file}");
        let status = &root(&definition).properties.as_ref().unwrap()["status"].properties.as_ref().unwrap();
        assert!(status.contains_key("conditions") && status.contains_key("observedGeneration"), "{file}");
    }
}

#[test]
fn every_rule_tells_what_to_do_in_one_sentence() {
    for (file, definition) in definitions() {
        let messages = rules(root(&definition));
        assert!(!messages.is_empty(), "{file}");
        for message in messages {
            let begins = message.chars().next().is_some_and(char::is_lowercase);
            assert!(begins && !message.ends_with('.'), "{file}: {message}");
            assert!([" must ", " can "].iter().any(|word| message.contains(word)) || message.contains(" cannot "));
        }
    }
}
