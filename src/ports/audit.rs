//! The audit trail: one record for each request before its answer, one more before each change.
//!
//! Field names are CloudTrail's
//! ([AWS: record contents](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html)).
//! The fields are an allow-list: plaintext, keys and tokens have no place to go.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Serialize, Serializer};

use crate::types::account::{AccountId, Region};
use crate::types::time::Timestamp;
use crate::types::wire_enum;

/// The version of CloudTrail's format that records follow.
pub const EVENT_VERSION: &str = "1.11";

wire_enum! {
    /// Whether a record tells what is about to happen or what happened.
    pub enum Phase {
        Intent = "Intent",
        Outcome = "Outcome",
    }
}

/// One record.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    /// CloudTrail's version.
    pub event_version: &'static str,
    /// Who called.
    pub user_identity: UserIdentity,
    /// RFC 3339 with whole seconds.
    pub event_time: String,
    /// `kms.amazonaws.com`, as programs that read such trails expect.
    pub event_source: &'static str,
    /// The operation.
    pub event_name: &'static str,
    /// The Region of the request.
    pub aws_region: String,
    /// Where the call came from.
    #[serde(rename = "sourceIPAddress", skip_serializing_if = "Option::is_none")]
    pub source_address: Option<String>,
    /// The caller's program, as it named itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The error, where the call failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<&'static str>,
    /// Its message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// What was asked for, the parts that are not secret.
    #[serde(serialize_with = "as_map")]
    pub request_parameters: Parameters,
    /// What was answered: a key's ARN after a change, nothing for cryptography.
    #[serde(serialize_with = "as_map")]
    pub response_elements: Parameters,
    /// What helps to understand the record, such as the material's id.
    #[serde(serialize_with = "as_map")]
    pub additional_event_data: Parameters,
    /// The id that the answer carries too.
    #[serde(rename = "requestID")]
    pub request_id: String,
    /// The id of this record.
    #[serde(rename = "eventID")]
    pub event_id: String,
    /// Whether the operation changes nothing.
    pub read_only: bool,
    /// The keys involved.
    pub resources: Vec<AuditResource>,
    /// `AwsApiCall`.
    pub event_type: &'static str,
    /// The account that owns the keys.
    pub recipient_account_id: String,
    /// Before or after.
    pub phase: Phase,
}

impl AuditRecord {
    /// A record of something that no caller did, without details.
    #[must_use]
    pub fn service_event(event_name: &'static str, region: &Region, now: Timestamp) -> Self {
        Self {
            event_version: EVENT_VERSION,
            user_identity: UserIdentity {
                kind: "AWSService",
                arn: String::new(),
                account_id: AccountId::INSTALLATION.to_string(),
                principal_id: None,
                user_name: None,
                pod_uid: None,
                node: None,
                access_key_id: None,
            },
            event_time: now.to_rfc3339(),
            event_source: "kms.amazonaws.com",
            event_name,
            aws_region: region.to_string(),
            source_address: None,
            user_agent: None,
            error_code: None,
            error_message: None,
            request_parameters: Vec::new(),
            response_elements: Vec::new(),
            additional_event_data: Vec::new(),
            request_id: String::new(),
            event_id: String::new(),
            read_only: true,
            resources: Vec::new(),
            event_type: "AwsServiceEvent",
            recipient_account_id: AccountId::INSTALLATION.to_string(),
            phase: Phase::Outcome,
        }
    }
}

/// Names and values, each name once.
pub type Parameters = Vec<(&'static str, Parameter)>;

fn as_map<S: Serializer>(parameters: &Parameters, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(parameters.iter().map(|(name, value)| (name, value)))
}

/// A value in a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Parameter {
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
    /// The pairs of an encryption context, or tags. AWS too logs both in clear.
    Pairs(BTreeMap<String, String>),
    /// A list of texts.
    Texts(Vec<String>),
}

/// Who called.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserIdentity {
    /// `Root`, `IAMUser` or `AssumedRole`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The principal's ARN.
    pub arn: String,
    /// The principal's account.
    pub account_id: String,
    /// The uid of the ServiceAccount or user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// The name by which Kubernetes knows the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The pod that the caller's token is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,
    /// The node of that pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The credential that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
}

/// A key that a request involved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditResource {
    /// The ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The account that owns it.
    pub account_id: String,
    /// `AWS::KMS::Key`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A record could not be made durable. The request is then not answered with success.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the audit record could not be written to {sink}")]
pub struct AuditError {
    /// The sink, as a user knows it.
    pub sink: String,
    /// What the medium said.
    #[source]
    pub source: Option<Arc<std::io::Error>>,
}

/// Where records go.
///
/// # Guarantees
/// A record that was acknowledged is as durable as the sink's class promises. Records of one caller that
/// waited for each acknowledgement are in order.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Makes a record durable.
    async fn append(&self, record: &AuditRecord) -> Result<(), AuditError>;
}
