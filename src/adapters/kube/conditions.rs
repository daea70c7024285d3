//! Conditions as planners compute them, and as resources print them.

use crate::api::crd::condition::{Condition, ConditionReason, ConditionStatus, ConditionType};
use crate::api::crd::kms_key::StatusCondition;
use crate::types::time::Timestamp;

/// A condition as it is printed.
#[must_use]
pub fn to_status(condition: &Condition) -> StatusCondition {
    StatusCondition {
        kind: condition.kind.to_string(),
        status: condition.status.to_string(),
        reason: condition.reason.to_string(),
        message: condition.message.clone(),
        observed_generation: condition.observed_generation,
        last_transition_time: condition.last_transition_time.to_rfc3339(),
    }
}

/// A printed condition, where this version knows its words.
#[must_use]
pub fn from_status(status: &StatusCondition) -> Option<Condition> {
    let time: jiff::Timestamp = status.last_transition_time.parse().ok()?;
    Some(Condition {
        kind: ConditionType::parse(&status.kind)?,
        status: ConditionStatus::parse(&status.status)?,
        reason: ConditionReason::parse(&status.reason)?,
        message: status.message.clone(),
        observed_generation: status.observed_generation,
        last_transition_time: Timestamp::from_milliseconds(time.as_millisecond()),
    })
}
