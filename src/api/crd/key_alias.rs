//! `KeyAlias`: a name for a key in the API, which can be moved to another key.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::reference::KeyReference;
use super::rules;
use super::status_condition::StatusCondition;

/// The alias and the key that it names now.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "kms.coffer.dev",
    version = "v1alpha1",
    kind = "KeyAlias",
    plural = "keyaliases",
    singular = "keyalias",
    shortname = "ka",
    category = "kms",
    namespaced,
    status = "KeyAliasStatus",
    derive = "PartialEq",
    doc = "Another name for a KmsKey of this namespace, which requests may use in the place of its id.",
    selectable = ".spec.aliasName",
    selectable = ".spec.keyRef.name",
    selectable = ".status.targetKeyId",
    printcolumn(name = "Alias", type_ = "string", json_path = ".spec.aliasName"),
    printcolumn(name = "Key", type_ = "string", json_path = ".spec.keyRef.name"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Target-Key-Id", type_ = "string", json_path = ".status.targetKeyId"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = rules::short_name()
)]
#[serde(rename_all = "camelCase")]
pub struct KeyAliasSpec {
    /// The alias, `alias/` and a name of letters, digits, `/`, `_` and `-`. It cannot be changed.
    #[schemars(length(min = 7, max = 256), pattern(r"^alias/[a-zA-Z0-9/_-]+$"))]
    #[x_kube(
        validation = rules::unchanged("spec.aliasName cannot be changed; apply another KeyAlias"),
        validation = rules::alias_not_reserved()
    )]
    pub alias_name: String,
    /// The key, which may be changed to another one of the same type and usage.
    pub key_ref: KeyReference,
}

/// What Coffer tells about an alias.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyAliasStatus {
    /// The id of the key that the alias names now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub target_key_id: Option<String>,
    /// The ARN of the alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub alias_arn: Option<String>,
    /// The generation that this status was computed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions: Ready, Reconciling and Stalled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<StatusCondition>>,
}
