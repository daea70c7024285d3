//! One condition of a status, as Kubernetes prints them.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// One condition. A list of them is a map by `type`, so that several writers can keep conditions of their own.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusCondition {
    /// What it is about.
    #[serde(rename = "type")]
    #[schemars(length(max = 316))]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    #[schemars(length(max = 7), extend("enum" = ["True", "False", "Unknown"]))]
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
