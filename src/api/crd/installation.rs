//! `Installation`: what the one Coffer of a cluster tells about itself. Nothing is decided by it.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::rules;
use super::status_condition::StatusCondition;

/// What an installation was made as. Coffer writes it.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "kms.coffer.dev",
    version = "v1alpha1",
    kind = "Installation",
    plural = "installations",
    singular = "installation",
    shortname = "coffer",
    category = "kms",
    status = "InstallationStatus",
    derive = "PartialEq",
    doc = "The one Coffer of this cluster, always named `coffer`. It is written by Coffer and read by people.",
    printcolumn(name = "Id", type_ = "string", json_path = ".spec.installationId"),
    printcolumn(name = "Region", type_ = "string", json_path = ".spec.region"),
    printcolumn(name = "Replicas", type_ = "integer", json_path = ".status.replicaCount"),
    printcolumn(
        name = "RootInSameStore",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="RootInSameStore")].status"#
    ),
    printcolumn(
        name = "DestroyFrozen",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="DestroyFrozen")].status"#
    ),
    printcolumn(name = "Keys", type_ = "integer", json_path = ".status.keyCount", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = rules::installation_name()
)]
#[serde(rename_all = "camelCase")]
pub struct InstallationSpec {
    /// The id of the installation, 32 lower-case hex digits. It cannot be changed.
    #[schemars(length(max = 32), pattern(r"^[0-9a-f]{32}$"))]
    #[x_kube(
        validation = rules::unchanged("spec.installationId cannot be changed; another id is another installation")
    )]
    pub installation_id: String,
    /// The Region that ARNs name.
    #[schemars(length(max = 32), pattern(r"^[a-z]+(-[a-z]+)+-[0-9]{1,2}$"))]
    pub region: String,
    /// Approves that keys of a namespace that was deleted go to the one that has its name now. Whoever may change this
    /// resource may approve; each approval is audited.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub restore_approvals: Option<Vec<RestoreApproval>>,
    /// Approves that keys whose resources vanished until this time are destroyed when their time has come, however
    /// many vanished together (RFC 3339). The condition DestroyFrozen tells whether any wait for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), pattern(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"))]
    pub destroy_vanished_until: Option<String>,
}

/// Approves that keys of an earlier namespace go to the one that has its name now.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreApproval {
    /// The name of the namespace.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// The uid of the namespace as it is now; a third one of the name is not meant.
    #[schemars(length(max = 36), pattern(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"))]
    pub namespace_uid: String,
    /// One KmsKey of the namespace; all of them where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub name: Option<String>,
}

/// What the installation tells about itself.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstallationStatus {
    /// The replicas that were seen lately.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub replicas: Option<Vec<ReplicaStatus>>,
    /// How many replicas were seen lately. Printer columns cannot count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_count: Option<i64>,
    /// How many keys there are, those that wait to be destroyed among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_count: Option<i64>,
    /// The generation that this status was computed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions, such as RootInSameStore, ClockSkew and DestroyFrozen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<StatusCondition>>,
}

/// One replica of the server.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaStatus {
    /// The name of its pod.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Its version.
    #[schemars(length(max = 64))]
    pub version: String,
    /// When it was last seen (RFC 3339).
    #[schemars(length(max = 64))]
    pub seen_at: String,
    /// The revision of the store that it has read.
    #[schemars(length(max = 64))]
    pub revision: String,
    /// Whether it reconciles.
    pub leader: bool,
}
