//! When keys were used last: what `GetKeyLastUsage` tells.
//!
//! The keys of one shard are together in one object, so that ten thousand busy keys cost a few writes and not ten
//! thousand.

use minicbor::{Decode, Encode};

use super::encoding::Content;
use crate::api::aws::operation::Operation;
use crate::types::ids::KeyId;
use crate::types::limits::USAGE_SHARD_KEYS_MAX;
use crate::types::time::Timestamp;

/// The last use of one key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LastUse {
    /// The bytes of the key id.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub key_bytes: [u8; 16],
    /// The operation.
    #[n(2)]
    pub operation: Operation,
    /// When it succeeded.
    #[n(3)]
    pub at: Timestamp,
    /// The id of its audit record.
    #[n(4)]
    pub event_id: String,
    /// The id that its answer carried.
    #[n(5)]
    pub request_id: String,
}

/// The last uses of the keys of one shard.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct UsageShard {
    /// The schema that the writer knew.
    #[n(1)]
    pub schema: u32,
    /// Since when uses are noted.
    #[n(2)]
    pub since: Timestamp,
    /// One entry for each key that was used, sorted by the bytes of its id.
    #[n(3)]
    pub keys: Vec<LastUse>,
}

impl Content for UsageShard {
    fn schema(&self) -> u32 {
        self.schema
    }

    fn is_well_formed(&self) -> bool {
        let ids = self.keys.iter().map(|last| last.key_bytes);
        self.keys.len() <= USAGE_SHARD_KEYS_MAX && ids.is_sorted_by(|left, right| left < right)
    }
}

/// The shard of a key.
#[must_use]
pub fn shard_of(key_bytes: &[u8; 16]) -> u8 {
    let [first, ..] = key_bytes;
    *first
}

impl UsageShard {
    /// The last use of a key.
    #[must_use]
    pub fn of_key(&self, key_id: &KeyId) -> Option<&LastUse> {
        self.keys.iter().find(|last| last.key_bytes == *key_id.as_bytes())
    }

    /// Takes in newer uses, and forgets keys that are gone. Where there are more keys than fit, those that were used
    /// longest ago go.
    pub fn merge(&mut self, uses: &[LastUse], is_there: impl Fn(&LastUse) -> bool) {
        for newer in uses {
            match self.keys.iter_mut().find(|known| known.key_bytes == newer.key_bytes) {
                Some(known) if known.at <= newer.at => known.clone_from(newer),
                Some(_) => {}
                None => self.keys.push(newer.clone()),
            }
        }
        self.keys.retain(is_there);
        self.keys.sort_by_key(|last| std::cmp::Reverse(last.at));
        self.keys.truncate(USAGE_SHARD_KEYS_MAX);
        self.keys.sort_by_key(|last| last.key_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(key: u8, at: i64) -> LastUse {
        LastUse {
            key_bytes: [key; 16],
            operation: Operation::Sign,
            at: Timestamp::from_milliseconds(at),
            event_id: format!("event {at}"),
            request_id: format!("request {at}"),
        }
    }

    fn shard(keys: Vec<LastUse>) -> UsageShard {
        UsageShard { schema: 1, since: Timestamp::from_milliseconds(0), keys }
    }

    #[test]
    fn the_newest_use_of_each_living_key_is_kept_in_order() {
        let mut merged = shard(vec![last(1, 10), last(2, 10), last(3, 10)]);
        merged.merge(&[last(2, 5), last(1, 20), last(0, 1), last(4, 1)], |last| last.key_bytes != [3; 16]);
        assert_eq!(merged, shard(vec![last(0, 1), last(1, 20), last(2, 10), last(4, 1)]));
        assert!(merged.is_well_formed());
    }

    #[test]
    fn a_full_shard_forgets_what_was_used_longest_ago() {
        let key = |number: usize| {
            let mut one = last(0, i64::try_from(number).unwrap());
            one.key_bytes[8..].copy_from_slice(&(number as u64).to_be_bytes());
            one
        };
        let mut full = shard((0..USAGE_SHARD_KEYS_MAX).map(key).collect());
        full.merge(&[key(USAGE_SHARD_KEYS_MAX)], |_| true);
        assert!(full.is_well_formed() && full.keys.len() == USAGE_SHARD_KEYS_MAX);
        assert_eq!((full.keys[0].clone(), full.keys.last()), (key(1), Some(&key(USAGE_SHARD_KEYS_MAX))));
    }

    #[test]
    fn a_shard_reads_back_and_one_out_of_order_is_none() {
        use crate::domain::encoding::{decode, encode};
        let good = shard(vec![last(1, 10), last(2, 10)]);
        assert_eq!(decode::<UsageShard>(&encode(&good).unwrap()), Ok(good));
        assert!(encode(&shard(vec![last(2, 10), last(1, 10)])).is_err());
        assert!(encode(&shard(vec![last(1, 10), last(1, 20)])).is_err());
    }
}
