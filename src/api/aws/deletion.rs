//! ScheduleKeyDeletion and CancelKeyDeletion.

use serde::Serialize;

use super::error::AwsError;
use super::key::KEY_ID;
use super::member::{Input, Member, Shape};
use crate::types::limits::{DELETION_WINDOW_DAYS_DEFAULT, DELETION_WINDOW_DAYS_MAX, DELETION_WINDOW_DAYS_MIN};
use crate::types::state::KeyState;

/// Members of ScheduleKeyDeletion. The model's own bounds are wider than what the service takes.
pub const SCHEDULE_KEY_DELETION: &[Member] =
    &[KEY_ID, Member::optional("PendingWindowInDays", Shape::Integer { min: 1, max: 365 })];

/// The waiting period that a ScheduleKeyDeletion asks for, in days.
///
/// # Errors
/// `ValidationException` where it is not between 7 and 30.
pub fn pending_window_days(input: &Input<'_>) -> Result<u32, AwsError> {
    let Some(days) = input.length("PendingWindowInDays") else { return Ok(DELETION_WINDOW_DAYS_DEFAULT) };
    let allowed = DELETION_WINDOW_DAYS_MIN..=DELETION_WINDOW_DAYS_MAX;
    let days = u32::try_from(days).ok().filter(|days| allowed.contains(days));
    days.ok_or_else(|| {
        AwsError::validation(format!(
            "PendingWindowInDays must be between {DELETION_WINDOW_DAYS_MIN} and {DELETION_WINDOW_DAYS_MAX} (inclusive)."
        ))
    })
}

/// Answer of ScheduleKeyDeletion.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ScheduleKeyDeletionAnswer<'a> {
    /// The ARN.
    pub key_id: &'a str,
    /// When the key is destroyed.
    pub deletion_date: f64,
    /// The state.
    pub key_state: KeyState,
    /// The waiting period.
    pub pending_window_in_days: u32,
}

/// Answer of CancelKeyDeletion and of others that answer with the key alone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyIdAnswer<'a> {
    /// The ARN or the id, as AWS KMS answers it.
    pub key_id: &'a str,
}
