//! The state of a key, computed when it is asked for: a late timer never makes a key usable.

use super::record::{Lifecycle, Material, Record};
use crate::types::key::Origin;
use crate::types::state::KeyState;
use crate::types::time::Timestamp;

/// Whether the sealed material that a record lists is there and opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaterialHealth {
    /// Each material that the record says is there.
    Complete,
    /// One is missing or is not what the record says. It is never made again.
    Damaged,
}

/// The state that a caller sees.
///
/// Deletion comes first, because cancelling a deletion must stay possible for a key whose material is missing; and
/// damage comes before disabling, because enabling would not help.
#[must_use]
pub fn effective_state(record: &Record, health: MaterialHealth, now: Timestamp) -> KeyState {
    if record.due.deletion.is_some() || matches!(record.lifecycle, Lifecycle::Destroying | Lifecycle::Destroyed) {
        return KeyState::PendingDeletion;
    }
    if record.lifecycle == Lifecycle::Creating {
        return KeyState::Creating;
    }
    if health == MaterialHealth::Damaged {
        return KeyState::Unavailable;
    }
    if !is_material_whole(record, now) {
        return if record.immutable.origin == Origin::External {
            KeyState::PendingImport
        } else {
            KeyState::Unavailable
        };
    }
    if record.spec.enabled && record.holds.is_empty() { KeyState::Enabled } else { KeyState::Disabled }
}

/// Whether each material that is or was current is there and has not expired. "To use a key with imported key
/// material, all of the key materials that are associated with it must be imported."
#[must_use]
pub fn is_material_whole(record: &Record, now: Timestamp) -> bool {
    // The first one has no time at which it became the current one.
    let current = record.current_version().unwrap_or(0);
    let counts = |material: &&Material| material.activated_at.is_some() || material.version <= current;
    let mut required = record.materials.iter().filter(counts).peekable();
    required.peek().is_some() && required.all(|material| material.is_usable(now))
}

/// Whether a key is rotated by the calendar now. "While a key is pending deletion, its rotation status is false and
/// returns to its value when the deletion is cancelled."
#[must_use]
pub fn rotates_automatically(record: &Record) -> bool {
    record.spec.rotation.automatic && record.due.deletion.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reconcile::tests::record_with_material;
    use crate::domain::record::{Hold, HoldCause, Imported};

    const NOW: Timestamp = Timestamp::from_milliseconds(1000);

    fn state(change: impl FnOnce(&mut Record), health: MaterialHealth) -> KeyState {
        let mut record = record_with_material();
        change(&mut record);
        effective_state(&record, health, NOW)
    }

    fn hold(cause: HoldCause) -> Hold {
        Hold { cause, since: Timestamp::default(), actor: "test".to_owned() }
    }

    #[test]
    fn a_key_is_enabled_only_when_nothing_speaks_against_it() {
        use MaterialHealth::{Complete, Damaged};
        assert_eq!(state(|_| {}, Complete), KeyState::Enabled);
        assert_eq!(state(|_| {}, Damaged), KeyState::Unavailable);
        assert_eq!(state(|record| record.materials.clear(), Complete), KeyState::Unavailable);
        assert_eq!(state(|record| record.spec.enabled = false, Complete), KeyState::Disabled);
        assert_eq!(state(|record| record.lifecycle = Lifecycle::Creating, Complete), KeyState::Creating);
        for lifecycle in [Lifecycle::Destroying, Lifecycle::Destroyed] {
            assert_eq!(state(|record| record.lifecycle = lifecycle, Complete), KeyState::PendingDeletion);
        }
        for cause in HoldCause::ALL {
            assert_eq!(state(|record| record.set_hold(hold(*cause)), Complete), KeyState::Disabled);
        }
        let due = |record: &mut Record| record.due.deletion = Some(Timestamp::from_milliseconds(1));
        assert_eq!(state(due, Damaged), KeyState::PendingDeletion);
    }

    #[test]
    fn imported_material_is_usable_until_the_moment_that_it_expires() {
        let imported = |present, valid_to: Option<i64>| {
            state(
                |record| {
                    record.immutable.origin = Origin::External;
                    let valid_to = valid_to.map(Timestamp::from_milliseconds);
                    record.materials[0].imported = Some(Imported { present, valid_to, description: None });
                },
                MaterialHealth::Complete,
            )
        };
        assert_eq!(imported(true, None), KeyState::Enabled);
        assert_eq!(imported(true, Some(1001)), KeyState::Enabled);
        assert_eq!(imported(true, Some(1000)), KeyState::PendingImport);
        assert_eq!(imported(false, None), KeyState::PendingImport);
    }

    #[test]
    fn material_that_waits_for_a_rotation_need_not_be_there() {
        let waits = |record: &mut Record| {
            record.immutable.origin = Origin::External;
            let mut second = record.materials[0].clone();
            (second.version, second.activated_at) = (2, None);
            second.imported = Some(Imported { present: false, valid_to: None, description: None });
            record.materials.push(second);
        };
        assert_eq!(state(waits, MaterialHealth::Complete), KeyState::Enabled);
        let activated = |record: &mut Record| {
            waits(record);
            record.materials[1].activated_at = Some(NOW);
        };
        assert_eq!(state(activated, MaterialHealth::Complete), KeyState::PendingImport);
        let first_is_gone = |record: &mut Record| {
            waits(record);
            let here = Some(Imported { present: true, valid_to: None, description: None });
            record.materials[0].imported = Some(Imported { present: false, valid_to: None, description: None });
            (record.materials[1].imported, record.materials[1].activated_at) = (here, Some(NOW));
            record.current_version = Some(2);
        };
        assert_eq!(state(first_is_gone, MaterialHealth::Complete), KeyState::PendingImport);
    }
}
