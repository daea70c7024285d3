//! `KeyPolicy`: who may do what with the key of the same name. Its statements mean what AWS's key policies mean.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::policy_rules;
use super::reference::ServiceAccountReference;
use super::rules;
use super::status_condition::StatusCondition;
use crate::types::wire_enum;

wire_enum! {
    /// What a statement does with the requests that it matches.
    pub enum Effect {
        Allow = "Allow",
        Deny = "Deny",
    }
}

/// The policy of one key. A request is refused where a statement denies it; it is allowed where one allows it,
/// or where the policy delegates to the namespace and Kubernetes RBAC allows it.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "kms.coffer.dev",
    version = "v1alpha1",
    kind = "KeyPolicy",
    plural = "keypolicies",
    singular = "keypolicy",
    shortname = "kp",
    category = "kms",
    namespaced,
    status = "KeyPolicyStatus",
    derive = "PartialEq",
    doc = "Who may do what with the KmsKey of the same name and namespace. Removing this resource never widens access.",
    selectable = ".spec.delegateToNamespace",
    printcolumn(name = "Delegates", type_ = "boolean", json_path = ".spec.delegateToNamespace"),
    printcolumn(name = "Accepted", type_ = "string", json_path = r#".status.conditions[?(@.type=="Accepted")].status"#),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = rules::short_name()
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = policy_rules::not_empty())]
pub struct KeyPolicySpec {
    /// Whether the RBAC of the key's namespace may allow what no statement allows. Where it is false, only the
    /// statements and grants decide, also for administrators of the namespace.
    pub delegate_to_namespace: bool,
    /// The statements, in any order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Atomic, validation = policy_rules::unique_sid())]
    pub statements: Option<Vec<Statement>>,
}

/// One statement.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = policy_rules::known_action(),
    validation = policy_rules::known_operator(),
    validation = policy_rules::condition_key_length()
)]
pub struct Statement {
    /// A name for the statement, which no other statement of the policy has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), pattern(r"^[0-9A-Za-z _.-]+$"))]
    pub sid: Option<String>,
    /// Whether a request that matches is allowed or denied. A denial wins over everything.
    pub effect: Effect,
    /// Whose requests match.
    pub principals: Principals,
    /// Which requests match: operations such as `kms:Encrypt`, or patterns such as `kms:GenerateDataKey*`.
    #[schemars(length(min = 1, max = 64), inner(length(max = 64), pattern(r"^kms:[A-Za-z*?]+$")))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub actions: Vec<String>,
    /// What else must be true of a request: condition operator, condition key, and the values of which one must
    /// match. All operators and all keys must match.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "minProperties" = 1,
        "maxProperties" = 8,
        "additionalProperties" = {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 8,
            "additionalProperties": {
                "type": "array",
                "minItems": 1,
                "maxItems": 16,
                "x-kubernetes-list-type": "atomic",
                "items": {"type": "string", "maxLength": 1024},
            },
        }
    ))]
    pub conditions: Option<BTreeMap<String, BTreeMap<String, Vec<String>>>>,
}

/// Whose requests a statement matches: all that are in any of the lists.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = policy_rules::somebody(),
    validation = policy_rules::users_are_no_service_accounts(),
    validation = policy_rules::groups_are_no_namespaces()
)]
pub struct Principals {
    /// Service accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub service_accounts: Option<Vec<ServiceAccountReference>>,
    /// Users, by the name that the cluster knows them by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 512)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub users: Option<Vec<String>>,
    /// Groups, by the name that the cluster knows them by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 512)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub groups: Option<Vec<String>>,
    /// Namespaces: every service account of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 64),
        inner(length(min = 1, max = 63), pattern(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub namespaces: Option<Vec<String>>,
    /// Whether everybody matches; it stands alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any: Option<bool>,
}

/// What Coffer tells about a policy.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyPolicyStatus {
    /// SHA-256 of the policy that decides now, in hex digits; it may be an earlier one than this spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub accepted_policy_digest: Option<String>,
    /// The generation of this resource that decides now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_generation: Option<i64>,
    /// The generation that this status was computed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions: Accepted, Ready, Reconciling and Stalled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<StatusCondition>>,
}
