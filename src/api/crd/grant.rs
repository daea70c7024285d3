//! `Grant`: lets one principal use one key, beside the key's policy.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::grant_rules;
use super::reference::{KeyReference, ServiceAccountReference};
use super::rules;
use super::status_condition::StatusCondition;
use crate::types::wire_enum;

wire_enum! {
    /// What a grant can allow
    /// ([AWS: CreateGrant](https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html)).
    pub enum GrantOperation {
        Decrypt = "Decrypt",
        Encrypt = "Encrypt",
        GenerateDataKey = "GenerateDataKey",
        GenerateDataKeyWithoutPlaintext = "GenerateDataKeyWithoutPlaintext",
        ReEncryptFrom = "ReEncryptFrom",
        ReEncryptTo = "ReEncryptTo",
        Sign = "Sign",
        Verify = "Verify",
        GetPublicKey = "GetPublicKey",
        CreateGrant = "CreateGrant",
        RetireGrant = "RetireGrant",
        DescribeKey = "DescribeKey",
        GenerateDataKeyPair = "GenerateDataKeyPair",
        GenerateDataKeyPairWithoutPlaintext = "GenerateDataKeyPairWithoutPlaintext",
        GenerateMac = "GenerateMac",
        VerifyMac = "VerifyMac",
        DeriveSharedSecret = "DeriveSharedSecret",
        Encapsulate = "Encapsulate",
        Decapsulate = "Decapsulate",
    }
}

/// What is granted. It cannot be changed: another grant is another resource.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "kms.coffer.dev",
    version = "v1alpha1",
    kind = "Grant",
    plural = "grants",
    singular = "grant",
    shortname = "kg",
    category = "kms",
    namespaced,
    status = "GrantStatus",
    derive = "PartialEq",
    doc = "Lets one principal use one KmsKey of this namespace. Removing this resource revokes the grant.",
    selectable = ".spec.keyRef.name",
    selectable = ".status.grantId",
    printcolumn(name = "Key", type_ = "string", json_path = ".spec.keyRef.name"),
    printcolumn(name = "Operations", type_ = "string", json_path = ".spec.operations", priority = 1),
    printcolumn(name = "Accepted", type_ = "string", json_path = r#".status.conditions[?(@.type=="Accepted")].status"#),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Grant-Id", type_ = "string", json_path = ".status.grantId", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = rules::short_name()
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::unchanged("spec of a Grant cannot be changed; delete the Grant and apply another"))]
pub struct GrantSpec {
    /// The key.
    pub key_ref: KeyReference,
    /// Who may use the key.
    pub grantee_principal: GrantPrincipal,
    /// Who else may end the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retiring_principal: Option<GrantPrincipal>,
    /// What is allowed.
    #[schemars(length(min = 1, max = 19))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub operations: Vec<GrantOperation>,
    /// The encryption contexts that the grant is limited to. They limit no operation that has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraints: Option<GrantConstraints>,
    /// A name for people, as AWS prints it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), pattern(r"^[a-zA-Z0-9:/_-]+$"))]
    pub name: Option<String>,
}

/// One principal: exactly one of the fields.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = grant_rules::one_principal(),
    validation = grant_rules::user_is_no_service_account(),
    validation = grant_rules::group_is_no_namespace()
)]
pub struct GrantPrincipal {
    /// A service account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<ServiceAccountReference>,
    /// A user, by the name that the cluster knows them by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub user: Option<String>,
    /// A group, by the name that the cluster knows it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub group: Option<String>,
}

/// Encryption contexts that a grant is limited to: exactly one of the fields.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = grant_rules::one_constraint())]
pub struct GrantConstraints {
    /// The whole encryption context of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "minProperties" = 1,
        "maxProperties" = 8,
        "additionalProperties" = {"type": "string", "maxLength": 384}
    ))]
    #[x_kube(validation = grant_rules::context_key_length())]
    pub encryption_context_equals: Option<BTreeMap<String, String>>,
    /// Pairs that the encryption context of a request must have, among others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "minProperties" = 1,
        "maxProperties" = 8,
        "additionalProperties" = {"type": "string", "maxLength": 384}
    ))]
    #[x_kube(validation = grant_rules::context_key_length())]
    pub encryption_context_subset: Option<BTreeMap<String, String>>,
}

/// What Coffer tells about a grant.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantStatus {
    /// The id of the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub grant_id: Option<String>,
    /// The generation that this status was computed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions: Accepted, Ready, Reconciling and Stalled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<StatusCondition>>,
}
