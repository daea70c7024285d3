//! What the status of a `KmsKey` tells of its key: a projection of the record, and the only copy of nothing.

use pem_rfc7468::LineEnding;

use crate::api::crd::kms_key::{AttemptStatus, HoldStatus, KmsKeyStatus, MaterialStatus};
use crate::domain::lifecycle::{MaterialHealth, effective_state, rotates_automatically};
use crate::domain::record::{Attempt, Hold, Material, Record};
use crate::types::limits::STATUS_MATERIALS_MAX;
use crate::types::state::KeyState;
use crate::types::time::Timestamp;

/// How far a destruction reaches: the sealed bytes are gone from the store, and a backup of it may still have them.
pub const BACKUP_RECOVERABLE: &str = "BackupRecoverable";

/// All of the status but conditions and generation.
#[must_use]
pub fn project(record: &Record, health: MaterialHealth, arn: String, now: Timestamp) -> KmsKeyStatus {
    let newest = record.materials.iter().rev().take(STATUS_MATERIALS_MAX);
    let materials = newest.map(|material| status_of(record, material, now)).collect();
    let state = effective_state(record, health, now);
    let ends = state == KeyState::PendingDeletion;
    KmsKeyStatus {
        key_id: Some(record.key_id().to_string()),
        arn: Some(arn),
        key_state: Some(state),
        key_manager: Some(record.manager().to_string()),
        creation_date: Some(record.created_at.to_rfc3339()),
        deletion_date: record.due.deletion.map(Timestamp::to_rfc3339),
        deletion_assurance: ends.then(|| BACKUP_RECOVERABLE.to_owned()),
        last_attempt: record.attempt.as_ref().map(attempt),
        restored_at: record.restored_at.map(Timestamp::to_rfc3339),
        next_rotation_date: record.due.rotation.filter(|_| rotates_automatically(record)).map(Timestamp::to_rfc3339),
        current_key_material_id: record.current_material().map(|material| material.material_id.to_string()),
        public_key: record.public_key.as_ref().and_then(|der| pem(der)),
        material_count: i64::try_from(record.materials.len()).ok(),
        materials: Some(materials).filter(|materials: &Vec<_>| !materials.is_empty()),
        holds: Some(record.holds.iter().map(hold).collect()).filter(|holds: &Vec<_>| !holds.is_empty()),
        observed_generation: None,
        conditions: None,
    }
}

fn pem(public_key: &[u8]) -> Option<String> {
    pem_rfc7468::encode_string("PUBLIC KEY", LineEnding::LF, public_key).ok()
}

/// A material's place in its key, in AWS's words.
#[must_use]
pub fn material_state(record: &Record, material: &Material) -> &'static str {
    if record.current_version() == Some(material.version) {
        "CURRENT"
    } else if material.activated_at.is_none()
        && record.current_version().is_some_and(|current| material.version > current)
    {
        "PENDING_ROTATION"
    } else {
        "NON_CURRENT"
    }
}

/// Whether imported material is here, in AWS's words; nothing for material that Coffer made.
#[must_use]
pub fn import_state(material: &Material, now: Timestamp) -> Option<&'static str> {
    material.imported.as_ref()?;
    Some(if material.is_usable(now) { "IMPORTED" } else { "PENDING_IMPORT" })
}

fn status_of(record: &Record, material: &Material, now: Timestamp) -> MaterialStatus {
    MaterialStatus {
        version: i64::from(material.version),
        key_material_id: material.material_id.to_string(),
        creation_date: material.created_at.to_rfc3339(),
        state: Some(material_state(record, material).to_owned()),
        valid_to: material.valid_to().map(Timestamp::to_rfc3339),
        import_state: import_state(material, now).map(str::to_owned),
    }
}

fn attempt(attempt: &Attempt) -> AttemptStatus {
    AttemptStatus { at: attempt.at.to_rfc3339(), actor: attempt.actor.clone(), operation: attempt.operation.clone() }
}

fn hold(hold: &Hold) -> HoldStatus {
    HoldStatus { cause: hold.cause.to_string(), since: hold.since.to_rfc3339(), actor: hold.actor.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::{self, Change};
    use crate::domain::reconcile::tests::record_with_material;

    fn written(change: Change) -> Record {
        let Change::Write(record) = change else { panic!("{change:?}") };
        *record
    }

    #[test]
    fn an_attempt_is_told_until_the_next_deletion_is_scheduled() {
        let now = Timestamp::from_milliseconds(1_000_000);
        let told = |record: &Record| {
            let status = project(record, MaterialHealth::Complete, "arn".to_owned(), now);
            status.last_attempt.map(|attempt| attempt.operation)
        };
        let scheduled = written(change::schedule_deletion(&record_with_material(), 7, "alice", now));
        let tried = written(change::note_attempt(&scheduled, "bob", "Decrypt", now));
        let cancelled = written(change::cancel_deletion(&tried, "alice", now));
        let enabled = written(change::enable(&cancelled));
        for record in [&tried, &cancelled, &enabled] {
            assert_eq!(told(record).as_deref(), Some("Decrypt"));
        }
        assert_eq!(told(&written(change::schedule_deletion(&enabled, 7, "alice", now))), None);
    }
}
