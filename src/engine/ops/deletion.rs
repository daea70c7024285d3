//! ScheduleKeyDeletion and CancelKeyDeletion, and attempts to use a key in between.

use crate::api::aws::deletion::{KeyIdAnswer, ScheduleKeyDeletionAnswer, pending_window_days};
use crate::api::aws::error::AwsError;
use crate::api::aws::member::Input;
use crate::api::aws::reply::encode;
use crate::domain::change::{self, Change};
use crate::domain::plan::Action;
use crate::engine::Engine;
use crate::engine::admit::Admitted;
use crate::engine::snapshot::KeyEntry;
use crate::engine::trail::Trail;
use crate::types::secret::SecretBytes;
use crate::types::state::KeyState;
use crate::types::time::Timestamp;

use super::changes::change_record;

/// The waiting period is checked before the key's state.
///
/// # Errors
/// `ValidationException`.
pub fn check_window(input: &Input<'_>) -> Result<(), AwsError> {
    pending_window_days(input).map(drop)
}

/// `ScheduleKeyDeletion`: works under GitOps too, because it touches no spec.
///
/// # Errors
/// Those of the API.
pub async fn schedule_key_deletion(
    engine: &Engine,
    admitted: &Admitted<'_>,
    trail: &mut Trail,
) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    let window = pending_window_days(admitted.input)?;
    let (actor, now) = (admitted.call.principal.arn(), engine.latest_time());
    let record =
        change_record(engine, key, trail, |record| change::schedule_deletion(record, window, &actor, now)).await?;
    let deletion_date = record.due.deletion.map(Timestamp::epoch_seconds).ok_or_else(AwsError::internal)?;
    encode(&ScheduleKeyDeletionAnswer {
        key_id: &key.arn,
        deletion_date,
        key_state: KeyState::PendingDeletion,
        pending_window_in_days: window,
    })
}

/// `CancelKeyDeletion`: the key is then disabled.
///
/// # Errors
/// Those of the API.
pub async fn cancel_key_deletion(
    engine: &Engine,
    admitted: &Admitted<'_>,
    trail: &mut Trail,
) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    let (actor, now) = (admitted.call.principal.arn(), admitted.now);
    change_record(engine, key, trail, |record| change::cancel_deletion(record, &actor, now)).await?;
    encode(&KeyIdAnswer { key_id: &key.arn })
}

impl Engine {
    /// Notes an attempt to use a key that waits to be destroyed, for those who could still call that off. It is best
    /// effort: the audit trail has every attempt.
    pub(crate) async fn note_attempt(&self, entry: &KeyEntry, actor: &str, operation: &str, now: Timestamp) {
        if matches!(change::note_attempt(&entry.record, actor, operation, now), Change::NoOp) {
            return;
        }
        let key_id = entry.record.key_id();
        let Ok(Some(read)) = self.vault.record(&key_id).await else { return };
        let (epoch, digest) = (read.epoch, read.to_read().digest);
        if let Change::Write(mut record) = change::note_attempt(&read.content, actor, operation, now) {
            record.previous_hash = digest;
            self.execute(&key_id, &Action::ReplaceRecord { epoch, record }).await;
        }
    }
}
