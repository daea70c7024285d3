//! `KmsKey`: what a user wants of a key, and what Coffer tells about it.
//!
//! No field that the API can change has a default in the schema, because a default would fight with Git.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::key_rules;
use super::rules;
pub use super::status_condition::StatusCondition;
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
    doc = "A key that never leaves Coffer. Removing this resource schedules the deletion of its key.",
    selectable = ".spec.keySpec",
    selectable = ".spec.keyUsage",
    selectable = ".spec.origin",
    selectable = ".spec.multiRegion",
    selectable = ".status.keyId",
    selectable = ".status.keyManager",
    selectable = ".status.keyState",
    printcolumn(name = "State", type_ = "string", json_path = ".status.keyState"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Spec", type_ = "string", json_path = ".spec.keySpec", priority = 1),
    printcolumn(name = "Key-Id", type_ = "string", json_path = ".status.keyId"),
    printcolumn(name = "Manager", type_ = "string", json_path = ".status.keyManager", priority = 1),
    printcolumn(name = "Next-Rotation", type_ = "string", json_path = ".status.nextRotationDate"),
    printcolumn(name = "Deletion", type_ = "string", json_path = ".status.deletionDate"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = rules::short_name()
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = key_rules::immutable("keySpec", Some(KeySpec::SymmetricDefault.as_str())),
    validation = key_rules::immutable("keyUsage", Some(KeyUsage::EncryptDecrypt.as_str())),
    validation = key_rules::immutable("origin", Some(SpecOrigin::Generated.as_str())),
    validation = key_rules::immutable_multi_region(),
    validation = key_rules::immutable("keyId", None),
    validation = key_rules::usage_given(),
    validation = key_rules::usage_possible(KeySpec::SymmetricDefault),
    validation = key_rules::usage_possible(KeySpec::Rsa2048),
    validation = key_rules::usage_possible(KeySpec::EccNistP256),
    validation = key_rules::usage_possible(KeySpec::EccSecgP256k1),
    validation = key_rules::usage_possible(KeySpec::Hmac256),
    validation = key_rules::usage_possible(KeySpec::Sm2),
    validation = key_rules::usage_possible(KeySpec::MlKem768),
    validation = key_rules::key_store_spec(),
    validation = key_rules::key_store_region(),
    validation = key_rules::automatic_rotation(),
    validation = key_rules::on_demand_rotation(),
    validation = key_rules::rotation_period(),
    validation = key_rules::key_id_form()
)]
pub struct KmsKeySpec {
    /// What the key is for, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8192))]
    pub description: Option<String>,
    /// Type of the key material; `SYMMETRIC_DEFAULT` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_spec: Option<KeySpec>,
    /// What the key is used for; `ENCRYPT_DECRYPT` where absent, which only a SYMMETRIC_DEFAULT key may leave it.
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
    /// Tags of the key. A tag key has 1 to 128 characters and does not begin with `aws:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 50, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    #[x_kube(
        merge_strategy = MapMerge::Granular,
        validation = key_rules::tag_key_length(),
        validation = key_rules::tag_key_reserved()
    )]
    pub tags: Option<BTreeMap<String, String>>,
}

/// When new key material is made.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// Whether new material is made by the calendar; false where absent. Only for SYMMETRIC_DEFAULT keys of
    /// origin Generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatic: Option<bool>,
    /// Days between two automatic rotations; 365 where absent. It acts only while `automatic` is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 90, max = 2560))]
    pub period_days: Option<i32>,
    /// A value that is acted on once: a value not seen before makes new material. Only for SYMMETRIC_DEFAULT
    /// keys of origin Generated or Imported.
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
    /// Whether an attempt to use the key while it waits to be destroyed begins a whole window anew; false where
    /// absent. Each attempt is told in the status either way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extend_on_use: Option<bool>,
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
    /// Who manages the key: `CUSTOMER`, or `AWS` for a key that Coffer keeps for an integration.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8), extend("enum" = ["CUSTOMER", "AWS"]))]
    pub key_manager: Option<String>,
    /// When the key was made (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub creation_date: Option<String>,
    /// When the key is destroyed, while it waits for that (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub deletion_date: Option<String>,
    /// How far the destruction reaches: `BackupRecoverable` means that a backup of the store together with the root
    /// key would bring the key back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub deletion_assurance: Option<String>,
    /// The last attempt to use the key while it waited to be destroyed: a sign that the deletion is a mistake. It stays
    /// until the key is scheduled for deletion again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempt: Option<AttemptStatus>,
    /// When the resource came back and the deletion was called off (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub restored_at: Option<String>,
    /// When new key material is made next by the calendar (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub next_rotation_date: Option<String>,
    /// The id of the key material that encrypts now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub current_key_material_id: Option<String>,
    /// The public key of a pair, PEM (RFC 7468), for whoever verifies or encrypts without Coffer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16384))]
    pub public_key: Option<String>,
    /// How many versions of key material the key has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub material_count: Option<i64>,
    /// The newest versions of key material, newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub materials: Option<Vec<MaterialStatus>>,
    /// The reasons, other than `spec.enabled`, why the key may not be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub holds: Option<Vec<HoldStatus>>,
    /// The generation that this status was computed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions: Ready, Reconciling and Stalled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<StatusCondition>>,
}

/// One version of key material. The bytes are never shown.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MaterialStatus {
    /// The number of the version, from 1.
    pub version: i64,
    /// The id that ciphertext blobs of this version are found by.
    #[schemars(length(max = 64))]
    pub key_material_id: String,
    /// When it was made (RFC 3339).
    #[schemars(length(max = 64))]
    pub creation_date: String,
    /// `CURRENT`, `NON_CURRENT` or `PENDING_ROTATION`, in AWS's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub state: Option<String>,
    /// When imported material expires (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub valid_to: Option<String>,
    /// For imported material, `IMPORTED` or `PENDING_IMPORT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub import_state: Option<String>,
}

/// An attempt to use a key that waits to be destroyed.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptStatus {
    /// When (RFC 3339).
    #[schemars(length(max = 64))]
    pub at: String,
    /// The ARN of who tried.
    #[schemars(length(max = 2048))]
    pub actor: String,
    /// What they tried, in AWS's word.
    #[schemars(length(max = 64))]
    pub operation: String,
}

/// One reason why a key may not be used.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldStatus {
    /// What holds the key, such as `DisableKey`.
    #[schemars(length(max = 64))]
    pub cause: String,
    /// Since when (RFC 3339).
    #[schemars(length(max = 64))]
    pub since: String,
    /// The ARN of the principal who asked for it, or the name of Coffer's part that did.
    #[schemars(length(max = 2048))]
    pub actor: String,
}
