//! The state of a key, computed when it is asked for: a late timer never makes a key usable.

use super::record::{HoldCause, Lifecycle, Record};
use crate::types::state::KeyState;

/// Whether the sealed material that a record lists is there and opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaterialHealth {
    /// Each material of the record is there.
    Complete,
    /// One is missing or is not what the record says. It is never made again.
    Damaged,
}

/// The state that a caller sees.
///
/// Deletion comes before damage, because cancelling a deletion must stay possible for a key whose material
/// is missing; and damage comes before disabling, because enabling would not help.
#[must_use]
pub fn effective_state(record: &Record, health: MaterialHealth) -> KeyState {
    if record.lifecycle == Lifecycle::Creating {
        return KeyState::Creating;
    }
    if record.due.deletion.is_some() {
        return KeyState::PendingDeletion;
    }
    if health == MaterialHealth::Damaged || record.materials.is_empty() {
        return KeyState::Unavailable;
    }
    let held = record.hold(HoldCause::DisableKey).is_some() || record.hold(HoldCause::ResourceDeleted).is_some();
    if held || !record.spec.enabled { KeyState::Disabled } else { KeyState::Enabled }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reconcile::tests::record_with_material;
    use crate::domain::record::Hold;
    use crate::types::time::Timestamp;

    fn state(change: impl FnOnce(&mut Record), health: MaterialHealth) -> KeyState {
        let mut record = record_with_material();
        change(&mut record);
        effective_state(&record, health)
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
        for cause in HoldCause::ALL {
            assert_eq!(state(|record| record.set_hold(hold(*cause)), Complete), KeyState::Disabled);
        }
        let due = |record: &mut Record| record.due.deletion = Some(Timestamp::from_milliseconds(1));
        assert_eq!(state(due, Damaged), KeyState::PendingDeletion);
    }
}
