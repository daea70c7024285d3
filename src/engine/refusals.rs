//! Calls that were refused before anybody knew whose they were. They are counted, because recording each
//! one would let a stranger fill the audit trail.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::ports::audit::{AuditRecord, EVENT_VERSION, Parameter, Phase, UserIdentity};
use crate::types::account::{AccountId, Region};
use crate::types::limits::REFUSALS_PERIOD;
use crate::types::time::Timestamp;

/// Counts of refusals by reason, which are names of errors and therefore few.
#[derive(Default)]
pub struct Refusals {
    inner: Mutex<(BTreeMap<&'static str, u64>, Option<Timestamp>)>,
}

impl Refusals {
    /// Counts a refusal.
    pub fn count(&self, reason: &'static str, now: Timestamp) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        *inner.0.entry(reason).or_default() += 1;
        inner.1.get_or_insert(now);
    }

    /// The record of what was counted, once the period is over or `last` is true, and starts afresh.
    pub fn record(&self, region: &Region, now: Timestamp, last: bool) -> Option<AuditRecord> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let since = inner.1?;
        if !last && now.since(since) < REFUSALS_PERIOD {
            return None;
        }
        let (counts, _) = std::mem::take(&mut *inner);
        let parameters = counts.into_iter().map(|(reason, count)| (reason, Parameter::Number(count)));
        Some(AuditRecord {
            event_version: EVENT_VERSION,
            user_identity: UserIdentity {
                kind: "Unknown",
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
            event_name: "UnauthenticatedRefusals",
            aws_region: region.to_string(),
            source_address: None,
            user_agent: None,
            error_code: Some("AccessDenied"),
            error_message: Some(format!("calls refused before authentication since {}", since.to_rfc3339())),
            request_parameters: Vec::new(),
            response_elements: Vec::new(),
            additional_event_data: parameters.collect(),
            request_id: String::new(),
            event_id: String::new(),
            read_only: true,
            resources: Vec::new(),
            event_type: "AwsServiceEvent",
            recipient_account_id: AccountId::INSTALLATION.to_string(),
            phase: Phase::Outcome,
        })
    }
}
