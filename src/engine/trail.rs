//! What a request leaves behind: its audit record grows while the request is served.

use std::collections::BTreeMap;

use super::Engine;
use super::dispatch::Call;
use super::table::Row;
use crate::api::aws::error::AwsError;
use crate::api::aws::member::Input;
use crate::crypto::rng::random_array;
use crate::ports::audit::{AuditRecord, AuditResource, EVENT_VERSION, Parameter, Phase, UserIdentity};
use crate::types::account::AccountId;
use crate::types::limits::AUDITED_HEADER_CHARACTERS_MAX;
use crate::types::principal::{Principal, PrincipalKind};

/// The growing record of one request.
pub struct Trail {
    record: AuditRecord,
}

impl Trail {
    /// Begins the record of a request.
    #[must_use]
    pub fn begin(engine: &Engine, call: &Call<'_>, row: &'static Row) -> Self {
        let record = AuditRecord {
            event_version: EVENT_VERSION,
            user_identity: identity(&call.principal),
            event_time: engine.ports.clock.wall().to_rfc3339(),
            event_source: "kms.amazonaws.com",
            event_name: row.operation.as_str(),
            aws_region: engine.region.to_string(),
            source_address: call.source.map(str::to_owned),
            user_agent: call.user_agent.map(|text| text.chars().take(AUDITED_HEADER_CHARACTERS_MAX).collect()),
            error_code: None,
            error_message: None,
            request_parameters: Vec::new(),
            response_elements: Vec::new(),
            additional_event_data: Vec::new(),
            request_id: call.request_id.to_owned(),
            event_id: new_id(engine),
            read_only: !row.changes,
            resources: Vec::new(),
            event_type: "AwsApiCall",
            recipient_account_id: call.principal.account.to_string(),
            phase: Phase::Outcome,
        };
        Self { record }
    }

    /// Notes the members that the operation's row lists. None of them is secret.
    pub fn note_request(&mut self, row: &'static Row, input: &Input<'_>) {
        for (member, name) in row.audited {
            let text = input.text(member).map(|text| Parameter::Text(text.to_owned()));
            let number = input.length(member).map(|number| Parameter::Number(number as u64));
            let pairs = || {
                let context = input.context(member).ok()?;
                let context = context.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
                let pairs: BTreeMap<String, String> = context.chain(input.tags(member)).collect();
                (!pairs.is_empty()).then_some(Parameter::Pairs(pairs))
            };
            let texts = || {
                let texts: Vec<String> = input.texts(member).into_iter().map(str::to_owned).collect();
                (!texts.is_empty()).then_some(Parameter::Texts(texts))
            };
            let time = || input.time(member).map(|time| Parameter::Text(time.to_rfc3339()));
            let parameter = text.or(number).or_else(time).or_else(pairs).or_else(texts);
            if let Some(parameter) = parameter {
                self.record.request_parameters.push((name, parameter));
            }
        }
    }

    /// The id of the record of the outcome.
    #[must_use]
    pub fn event_id(&self) -> &str {
        &self.record.event_id
    }

    /// Notes a parameter that the caller left to its default.
    pub fn note_parameter(&mut self, name: &'static str, value: &str) {
        let parameters = &mut self.record.request_parameters;
        if parameters.iter().all(|(known, _)| *known != name) {
            parameters.push((name, Parameter::Text(value.to_owned())));
        }
    }

    /// Notes a key that the request involves.
    pub fn note_key(&mut self, arn: &str, account: AccountId) {
        let resource = AuditResource { arn: arn.to_owned(), account_id: account.to_string(), kind: "AWS::KMS::Key" };
        if !self.record.resources.contains(&resource) {
            self.record.resources.push(resource);
        }
        self.record.recipient_account_id = account.to_string();
    }

    /// Notes an alias that the request is about.
    pub fn note_alias(&mut self, arn: &str, account: AccountId) {
        let (arn, account_id) = (arn.to_owned(), account.to_string());
        self.record.resources.push(AuditResource { arn, account_id, kind: "AWS::KMS::Alias" });
    }

    /// Notes what the request changed.
    pub fn note_response(&mut self, name: &'static str, value: &str) {
        self.record.response_elements.push((name, Parameter::Text(value.to_owned())));
    }

    /// Notes what helps to understand the record.
    pub fn note_additional(&mut self, name: &'static str, value: String) {
        self.record.additional_event_data.push((name, Parameter::Text(value)));
    }

    /// The record of what is about to happen.
    #[must_use]
    pub fn intent(&self, engine: &Engine) -> AuditRecord {
        AuditRecord { phase: Phase::Intent, event_id: new_id(engine), ..self.record.clone() }
    }

    /// The record of what happened.
    #[must_use]
    pub fn outcome(mut self, error: Option<&AwsError>) -> AuditRecord {
        self.record.error_code = error.map(|error| error.code.as_str());
        self.record.error_message = error.and_then(|error| error.message.clone());
        self.record
    }
}

fn identity(principal: &Principal) -> UserIdentity {
    let kind = match principal.kind {
        PrincipalKind::Root => "Root",
        PrincipalKind::User => "IAMUser",
        PrincipalKind::ServiceAccount => "AssumedRole",
    };
    UserIdentity {
        kind,
        arn: principal.arn(),
        account_id: principal.account.to_string(),
        principal_id: principal.uid.clone(),
        user_name: principal.kubernetes_name(),
        pod_uid: principal.pod_uid.clone(),
        node: principal.node.clone(),
        access_key_id: principal.credential_id.clone(),
    }
}

/// An id that is only there to tell records apart: where randomness fails it is all zeros, and the request
/// fails for that reason elsewhere.
pub(super) fn new_id(engine: &Engine) -> String {
    let random = random_array::<16>(engine.ports.rng.as_ref()).unwrap_or_default();
    uuid::Builder::from_random_bytes(random).into_uuid().to_string()
}
