//! Keys that vanished together: more likely an accident than a wish, so somebody must say that it is meant before
//! any of them is destroyed.

use std::collections::HashSet;

use super::record::{HoldCause, Lifecycle, Record};
use crate::types::ids::KeyId;
use crate::types::limits::{VANISHED_TOGETHER_MIN, VANISHED_TOGETHER_PERCENT, VANISHED_TOGETHER_SPAN};
use crate::types::time::Timestamp;

/// The removal of a key's resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The key.
    pub key_id: KeyId,
    /// When it was found.
    pub since: Timestamp,
    /// Whether the key waits to be destroyed for it. Otherwise it only counts with what vanished together.
    pub waits: bool,
}

/// The removals of a key's resource as this rule counts them. One that was called off counts on, and so does a key that
/// is destroyed: a set does not thaw by being rescued or destroyed one by one. A deletion that the API scheduled is none.
pub fn removals(record: &Record) -> impl Iterator<Item = Removal> + use<> {
    let key_id = record.key_id();
    let present = present(record).map(|since| (since, record.lifecycle != Lifecycle::Destroyed));
    let past = record.vanished_at.filter(|past| present.is_none_or(|(since, _)| since != *past));
    let all = [present, past.map(|since| (since, false))];
    all.into_iter().flatten().map(move |(since, waits)| Removal { key_id, since, waits })
}

/// Since when a key waits to be destroyed because its resource vanished.
fn present(record: &Record) -> Option<Timestamp> {
    let hold = record.hold(HoldCause::ResourceDeleted)?;
    let by_call = record.hold(HoldCause::ScheduleKeyDeletion).is_some();
    (!by_call && record.due.deletion.is_some()).then_some(hold.since)
}

/// Notes a removal that is about to be called off.
pub fn remember(record: &mut Record) {
    record.vanished_at = present(record).or(record.vanished_at);
}

/// Whether a record is a key that still has, or may get, material.
#[must_use]
pub fn is_living(record: &Record) -> bool {
    record.lifecycle != Lifecycle::Destroyed
}

/// How many keys there were at any time. Keys that were made since an accident make it no smaller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Population {
    made: Vec<Timestamp>,
    destroyed: Vec<Timestamp>,
}

impl Population {
    /// The population of all keys that are known.
    pub fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Self {
        let mut population = Self::default();
        for record in records {
            population.made.push(record.created_at);
            population.destroyed.extend(record.destroyed_at);
        }
        population.made.sort_unstable();
        population.destroyed.sort_unstable();
        population
    }

    fn at(&self, time: Timestamp) -> usize {
        let until = |times: &[Timestamp]| times.partition_point(|before| *before <= time);
        until(&self.made).saturating_sub(until(&self.destroyed))
    }
}

/// The time until which an approval counts that was given at a time: it is about what vanished, and never about an
/// accident that is still to come.
#[must_use]
pub fn approved_until(asked: Timestamp, given_at: Timestamp) -> Timestamp {
    asked.min(given_at)
}

/// The keys whose destruction is frozen: within some hour more than five keys vanished together, and more than a tenth
/// of all keys that there were. What vanished until `released` somebody approved.
#[must_use]
pub fn frozen(mut removals: Vec<Removal>, population: &Population, released: Option<Timestamp>) -> HashSet<KeyId> {
    removals.sort_by_key(|removal| (removal.since, removal.key_id));
    let mut together: HashSet<usize> = HashSet::new();
    let (mut first, mut marked) = (0, 0);
    for (last, removal) in removals.iter().enumerate() {
        let is_early = |early: &&Removal| removal.since.since(early.since) > VANISHED_TOGETHER_SPAN;
        first += removals.iter().skip(first).take_while(is_early).count();
        let share = population.at(removal.since).saturating_mul(VANISHED_TOGETHER_PERCENT) / 100;
        if last + 1 - first > share.max(VANISHED_TOGETHER_MIN) {
            // What an earlier window marked stays marked.
            together.extend(first.max(marked)..=last);
            marked = last + 1;
        }
    }
    let is_released = |since: Timestamp| released.is_some_and(|released| since <= released);
    let all = removals.iter().enumerate().filter(|(place, removal)| removal.waits && together.contains(place));
    all.filter(|(_, removal)| !is_released(removal.since)).map(|(_, removal)| removal.key_id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u16, minutes: i64) -> Removal {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        let since = Timestamp::from_milliseconds(minutes * 60_000);
        Removal { key_id: KeyId::new(bytes, false), since, waits: true }
    }

    /// This many keys, all there from the beginning.
    fn population(count: usize) -> Population {
        Population { made: vec![Timestamp::default(); count], destroyed: Vec::new() }
    }

    fn count(minutes: &[i64], living: usize) -> usize {
        let keys = minutes.iter().zip(0..).map(|(minutes, number)| key(number, *minutes)).collect();
        frozen(keys, &population(living), None).len()
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
        let keys: Vec<Removal> =
            (0..6).map(|number| key(number, 0)).chain((6..12).map(|number| key(number, 90))).collect();
        let released = Some(Timestamp::from_milliseconds(60 * 60_000));
        let left = frozen(keys.clone(), &population(12), released);
        assert_eq!(left.len(), 6);
        assert!(keys.iter().skip(6).all(|key| left.contains(&key.key_id)));
    }

    #[test]
    fn a_set_does_not_thaw_by_what_becomes_of_some_of_it() {
        let set = |waits: usize| -> Vec<Removal> {
            (0..6).map(|number| Removal { waits: usize::from(number) < waits, ..key(number, 0) }).collect()
        };
        for waits in 0..=6 {
            assert_eq!(frozen(set(waits), &population(6), None).len(), waits);
        }
        // Nor by keys that are made later; those that were there before make the same set small.
        let later = Timestamp::from_milliseconds(1);
        let grown =
            Population { made: [vec![Timestamp::default(); 6], vec![later; 1000]].concat(), destroyed: vec![later] };
        assert_eq!(frozen(set(6), &grown, None).len(), 6);
        assert_eq!(frozen(set(6), &population(100), None).len(), 0);
    }

    #[test]
    fn a_key_that_vanishes_again_counts_both_times_and_waits_for_the_second() {
        let mut removals: Vec<Removal> = (0..6).map(|number| key(number, 0)).collect();
        removals[0].waits = false;
        removals.push(key(0, 600));
        let left = frozen(removals, &population(6), None);
        assert_eq!(left.len(), 5);
        assert!(!left.contains(&key(0, 0).key_id));
    }

    #[test]
    fn an_approval_does_not_reach_beyond_its_own_time() {
        let at = Timestamp::from_milliseconds;
        assert_eq!(approved_until(at(5), at(1_000_000)), at(5));
        assert_eq!(approved_until(at(i64::MAX), at(1_000_000)), at(1_000_000));
    }

    proptest! {
        /// The slow oracle: each window of an hour that begins at a key.
        #[test]
        fn the_sliding_window_agrees_with_trying_each(minutes in prop::collection::vec(0_i64..300, 0..40), living in 0_usize..100) {
            let keys: Vec<Removal> = minutes.iter().zip(0..).map(|(minutes, number)| key(number, *minutes)).collect();
            let allowed = (living / 10).max(5);
            let mut expected = HashSet::new();
            for begin in &keys {
                let window: Vec<&Removal> = keys.iter()
                    .filter(|key| key.since >= begin.since && key.since.since(begin.since) <= VANISHED_TOGETHER_SPAN)
                    .collect();
                if window.len() > allowed {
                    expected.extend(window.iter().map(|key| key.key_id));
                }
            }
            prop_assert_eq!(frozen(keys, &population(living), None), expected);
        }
    }
}
