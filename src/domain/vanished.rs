//! Keys that vanished together: more likely an accident than a wish, so somebody must say that it is meant before
//! any of them is destroyed.

use std::collections::HashSet;

use super::record::{HoldCause, Lifecycle, Record};
use crate::types::ids::KeyId;
use crate::types::limits::{VANISHED_TOGETHER_MIN, VANISHED_TOGETHER_PERCENT, VANISHED_TOGETHER_SPAN};
use crate::types::time::Timestamp;

/// A key whose resource was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VanishedKey {
    /// The key.
    pub key_id: KeyId,
    /// When its removal was found.
    pub since: Timestamp,
}

/// The removal of a key's resource as this rule counts it: destroyed keys count on, so that a set does not thaw by
/// being destroyed; keys whose deletion the API scheduled do not.
#[must_use]
pub fn vanished(record: &Record) -> Option<VanishedKey> {
    let hold = record.hold(HoldCause::ResourceDeleted)?;
    let by_call = record.hold(HoldCause::ScheduleKeyDeletion).is_some();
    let counts = !by_call && record.due.deletion.is_some();
    counts.then(|| VanishedKey { key_id: record.key_id(), since: hold.since })
}

/// Whether a record is a key that still has, or may get, material.
#[must_use]
pub fn is_living(record: &Record) -> bool {
    record.lifecycle != Lifecycle::Destroyed
}

/// Those of the vanished keys whose destruction is frozen: within some hour more than five of them vanished, and more
/// than a tenth of all `living` keys. What vanished until `released` somebody approved.
#[must_use]
pub fn frozen(mut vanished: Vec<VanishedKey>, living: usize, released: Option<Timestamp>) -> HashSet<KeyId> {
    vanished.sort_by_key(|key| (key.since, key.key_id));
    let share = living.saturating_mul(VANISHED_TOGETHER_PERCENT) / 100;
    let allowed = share.max(VANISHED_TOGETHER_MIN);
    let mut frozen = HashSet::new();
    let (mut first, mut marked) = (0, 0);
    for (last, key) in vanished.iter().enumerate() {
        let is_early = |early: &&VanishedKey| key.since.since(early.since) > VANISHED_TOGETHER_SPAN;
        first += vanished.iter().skip(first).take_while(is_early).count();
        if last + 1 - first > allowed {
            // What an earlier window marked stays marked.
            let from = first.max(marked);
            frozen.extend(vanished.iter().take(last + 1).skip(from).map(|key| key.key_id));
            marked = last + 1;
        }
    }
    let is_released = |key: &&VanishedKey| released.is_some_and(|released| key.since <= released);
    for key in vanished.iter().filter(is_released) {
        frozen.remove(&key.key_id);
    }
    frozen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u16, minutes: i64) -> VanishedKey {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        VanishedKey { key_id: KeyId::new(bytes, false), since: Timestamp::from_milliseconds(minutes * 60_000) }
    }

    fn count(minutes: &[i64], living: usize) -> usize {
        let keys = minutes.iter().zip(0..).map(|(minutes, number)| key(number, *minutes)).collect();
        frozen(keys, living, None).len()
    }

    #[test]
    fn a_set_is_frozen_by_its_size_and_share() {
        assert_eq!(count(&[0; 5], 5), 0);
        assert_eq!(count(&[0; 6], 6), 6);
        assert_eq!(count(&[0; 10], 100), 0);
        assert_eq!(count(&[0; 11], 100), 11);
        // Not within one hour, and so not together.
        assert_eq!(count(&[0, 20, 40, 61, 82, 103, 124], 7), 0);
        // Two sets, of which one is small.
        assert_eq!(count(&[0, 0, 0, 0, 0, 0, 1000, 1000], 20), 6);
    }

    #[test]
    fn what_somebody_approved_is_released_and_nothing_else() {
        let keys: Vec<VanishedKey> =
            (0..6).map(|number| key(number, 0)).chain((6..12).map(|number| key(number, 90))).collect();
        let released = Some(Timestamp::from_milliseconds(60 * 60_000));
        let left = frozen(keys.clone(), 12, released);
        assert_eq!(left.len(), 6);
        assert!(keys.iter().skip(6).all(|key| left.contains(&key.key_id)));
    }

    proptest! {
        /// The slow oracle: each window of an hour that begins at a key.
        #[test]
        fn the_sliding_window_agrees_with_trying_each(minutes in prop::collection::vec(0_i64..300, 0..40), living in 0_usize..100) {
            let keys: Vec<VanishedKey> = minutes.iter().zip(0..).map(|(minutes, number)| key(number, *minutes)).collect();
            let allowed = (living / 10).max(5);
            let mut expected = HashSet::new();
            for begin in &keys {
                let window: Vec<&VanishedKey> = keys.iter()
                    .filter(|key| key.since >= begin.since && key.since.since(begin.since) <= VANISHED_TOGETHER_SPAN)
                    .collect();
                if window.len() > allowed {
                    expected.extend(window.iter().map(|key| key.key_id));
                }
            }
            prop_assert_eq!(frozen(keys, living, None), expected);
        }
    }
}
