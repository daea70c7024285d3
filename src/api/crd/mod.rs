//! Custom resources of the group `kms.coffer.dev`.

pub mod condition;
pub mod grant;
mod grant_rules;
pub mod installation;
pub mod key_alias;
pub mod key_policy;
mod key_rules;
pub mod kms_key;
#[cfg(test)]
mod lint;
mod policy_rules;
pub mod reference;
mod rules;
pub mod status_condition;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::core::crd::CustomResourceExt as _;

/// The API group.
pub const GROUP: &str = "kms.coffer.dev";
/// The first version.
pub const VERSION: &str = "v1alpha1";

/// The definition of each kind with the name of its file in `crds/`.
#[must_use]
pub fn definitions() -> Vec<(&'static str, CustomResourceDefinition)> {
    let mut definitions = vec![
        ("kmskeys.yaml", kms_key::KmsKey::crd()),
        ("keypolicies.yaml", key_policy::KeyPolicy::crd()),
        ("grants.yaml", grant::Grant::crd()),
        ("keyaliases.yaml", key_alias::KeyAlias::crd()),
        ("installations.yaml", installation::Installation::crd()),
    ];
    let versions = definitions.iter_mut().flat_map(|(_, definition)| &mut definition.spec.versions);
    for schema in versions.filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut()) {
        never_store_null(schema);
    }
    definitions
}

/// Takes `nullable` and the null of enumerations away, which kube writes for each optional field.
///
/// With them, the API server would store an explicit null, which is neither a value nor absence. Without them it
/// drops the null, as it does for its own kinds, or refuses it by the field's name (in server-side apply); an
/// update that sets an immutable field to null is one that removes it, and so refused.
fn never_store_null(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if let Some(words) = &mut schema.enum_ {
        words.retain(|word| !word.0.is_null());
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        never_store_null(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        never_store_null(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        never_store_null(values);
    }
}
