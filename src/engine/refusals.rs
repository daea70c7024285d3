//! Calls that were refused before anybody knew whose they were. They are counted, because recording each
//! one would let a stranger fill the audit trail.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::ports::audit::{AuditRecord, Parameter, UserIdentity};
use crate::types::account::Region;
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
        let record = AuditRecord::service_event("UnauthenticatedRefusals", region, now);
        Some(AuditRecord {
            user_identity: UserIdentity { kind: "Unknown", ..record.user_identity },
            error_code: Some("AccessDenied"),
            error_message: Some(format!("calls refused before authentication since {}", since.to_rfc3339())),
            additional_event_data: parameters.collect(),
            ..record
        })
    }
}
