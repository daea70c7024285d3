//! Conditions as planners compute them, and as resources print them.

use crate::api::crd::condition::{Condition, ConditionReason, ConditionStatus, ConditionType};
use crate::api::crd::kms_key::{KmsKeyStatus, StatusCondition};
use crate::types::time::Timestamp;

/// Whether a status is evidence of a key that its own resource made. One that waits tells of the key of an earlier
/// resource, which may never become its own.
#[must_use]
pub fn remembers_its_key(status: &KmsKeyStatus) -> bool {
    let waits = |condition: &Condition| {
        matches!(condition.reason, ConditionReason::RestoreConflict | ConditionReason::RestorePendingApproval)
    };
    let told = status.conditions.iter().flatten().filter_map(from_status);
    status.current_key_material_id.is_some() && !told.into_iter().any(|condition| waits(&condition))
}

/// What takes out of a status the fields that somebody else put there: an apply leaves them.
#[must_use]
pub fn strange_fields(found: Option<&KmsKeyStatus>, told: &KmsKeyStatus) -> Option<serde_json::Value> {
    let fields = |status: &KmsKeyStatus| match serde_json::to_value(status) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let told = fields(told);
    let strange = fields(found?).into_iter().filter(|(name, value)| !value.is_null() && !told.contains_key(name));
    let without: serde_json::Map<_, _> = strange.map(|(name, _)| (name, serde_json::Value::Null)).collect();
    (!without.is_empty()).then(|| without.into())
}

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
