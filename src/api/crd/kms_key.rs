//! `KmsKey`: what a user wants of a key, and what Coffer tells about it.
//!
//! No field that the API can change has a default in the schema, because a default would fight with Git.

use std::collections::BTreeMap;

use kube::core::crd::CustomResourceExt as _;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::types::key::{KeySpec, KeyUsage};
use crate::types::state::KeyState;
use crate::types::wire_enum;

wire_enum! {
    /// Where key material comes from, in the words of manifests.
    pub enum SpecOrigin {
        Generated = "Generated",
        Imported = "Imported",
        KeyStore = "KeyStore",
    }
}

wire_enum! {
    /// Which policy applies where no KeyPolicy of the key's name exists.
    pub enum PolicyDefault {
        Default = "Default",
        Required = "Required",
    }
}

wire_enum! {
    /// What the removal of the resource does to the key.
    pub enum DeletionPolicy {
        Schedule = "Schedule",
        Retain = "Retain",
    }
}

wire_enum! {
    /// What happens where a resource comes back with other immutable fields.
    pub enum OnConflict {
        Refuse = "Refuse",
        NewKey = "NewKey",
    }
}

/// The wanted state of a key. `keySpec`, `keyUsage`, `origin`, `multiRegion` and `keyId` cannot be changed.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "kms.coffer.dev",
    version = "v1alpha1",
    kind = "KmsKey",
    plural = "kmskeys",
    singular = "kmskey",
    shortname = "kk",
    category = "kms",
    namespaced,
    status = "KmsKeyStatus",
    derive = "PartialEq",
    selectable = ".spec.keySpec",
    selectable = ".spec.keyUsage",
    printcolumn(name = "State", type_ = "string", json_path = ".status.keyState"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Spec", type_ = "string", json_path = ".spec.keySpec", priority = 1),
    printcolumn(name = "Key-Id", type_ = "string", json_path = ".status.keyId"),
    printcolumn(name = "Deletion", type_ = "string", json_path = ".status.deletionDate", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 63")
        .message("metadata.name must have at most 63 characters")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = immutable("keySpec"),
    validation = immutable("keyUsage"),
    validation = immutable("origin"),
    validation = immutable("multiRegion"),
    validation = immutable("keyId")
)]
pub struct KmsKeySpec {
    /// What the key is for, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8192))]
    pub description: Option<String>,
    /// Type of the key material; `SYMMETRIC_DEFAULT` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_spec: Option<KeySpec>,
    /// What the key is used for; `ENCRYPT_DECRYPT` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_usage: Option<KeyUsage>,
    /// Where the key material comes from; `Generated` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<SpecOrigin>,
    /// Whether the key may be used; true where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// When new key material is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// What removing this resource does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion: Option<Deletion>,
    /// Which policy applies where no KeyPolicy of this name exists; `Default` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyDefault>,
    /// Whether the key may have replicas in other clusters; false where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multi_region: Option<bool>,
    /// A key id to use instead of a derived one, where the operator allows that: a lower-case UUID, or
    /// `mrk-` and 32 hex digits for a multi-Region key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36), pattern(r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$"))]
    pub key_id: Option<String>,
    /// Tags of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 50), inner(length(max = 256)))]
    #[x_kube(merge_strategy = MapMerge::Granular)]
    pub tags: Option<BTreeMap<String, String>>,
}

/// When new key material is made.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// Whether new material is made by the calendar; false where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatic: Option<bool>,
    /// Days between two automatic rotations; 365 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 90, max = 2560))]
    pub period_days: Option<i32>,
    /// A value that is acted on once: a value not seen before makes new material.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub on_demand_request: Option<String>,
}

/// What removing the resource does.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deletion {
    /// `Schedule` destroys the key after the window, `Retain` never does; `Schedule` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<DeletionPolicy>,
    /// Days between the removal and the destruction; 30 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 7, max = 30))]
    pub pending_window_days: Option<i32>,
    /// Whether the cluster refuses to delete this resource while its namespace lives; false where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protection: Option<bool>,
    /// What happens where this resource comes back with other immutable fields; `Refuse` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<OnConflict>,
}

/// What Coffer tells about a key. It is a projection: nothing is decided by it.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KmsKeyStatus {
    /// The key id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub key_id: Option<String>,
    /// The ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub arn: Option<String>,
    /// The state, in AWS's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_state: Option<KeyState>,
    /// When the key is destroyed, while it waits for that (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub deletion_date: Option<String>,
    /// The generation that this status was computed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions: Ready, Reconciling and Stalled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<StatusCondition>>,
}

/// One condition, as Kubernetes prints them.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusCondition {
    /// What it is about.
    #[serde(rename = "type")]
    #[schemars(length(max = 316))]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    #[schemars(length(max = 7))]
    pub status: String,
    /// Why, for programs.
    #[schemars(length(max = 1024))]
    pub reason: String,
    /// Why, for people.
    #[schemars(length(max = 32768))]
    pub message: String,
    /// The generation that it was computed for.
    pub observed_generation: i64,
    /// When the status last changed (RFC 3339).
    #[schemars(length(max = 64))]
    pub last_transition_time: String,
}

/// The rule that a field of the spec can be neither changed nor added nor removed. It stands on the parent,
/// because a rule on an optional field is not asked when the field is removed and added again.
fn immutable(field: &str) -> kube::core::Rule {
    let rule =
        format!("has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})");
    kube::core::Rule::new(rule)
        .message(kube::core::Message::Message(format!(
            "spec.{field} cannot be changed; a key with another {field} is another key"
        )))
        .field_path(format!(".{field}"))
        .reason(kube::core::Reason::FieldValueForbidden)
}

/// The custom resource definition as YAML, the content of `crds/kmskeys.yaml`.
///
/// # Errors
/// Those of the YAML writer.
pub fn definition_yaml() -> Result<String, serde_yaml::Error> {
    serde_yaml::to_string(&KmsKey::crd())
}
