//! Counts of uses and last uses in memory, bounded by the numbers of materials and of keys.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::last_usage::LastUse;
use crate::ports::usage::{Usage, Use};
use crate::types::ids::KeyId;

/// What was noted since the last drain.
#[derive(Default)]
pub struct MemoryUsage {
    counts: Mutex<HashMap<Use, u64>>,
    last: Mutex<HashMap<[u8; 16], LastUse>>,
}

impl Usage for MemoryUsage {
    fn count(&self, used: Use) {
        *lock(&self.counts).entry(used).or_default() += 1;
    }

    fn drain(&self) -> Vec<(Use, u64)> {
        lock(&self.counts).drain().collect()
    }

    fn note_last(&self, last: LastUse) {
        let mut noted = lock(&self.last);
        if noted.get(&last.key_bytes).is_none_or(|known| known.at <= last.at) {
            noted.insert(last.key_bytes, last);
        }
    }

    fn last(&self, key_id: &KeyId) -> Option<LastUse> {
        lock(&self.last).get(key_id.as_bytes()).cloned()
    }

    fn drain_last(&self) -> Vec<LastUse> {
        lock(&self.last).drain().map(|(_, last)| last).collect()
    }
}

/// A panic while a lock is held leaves counts that are at worst one too small.
fn lock<T>(values: &Mutex<T>) -> MutexGuard<'_, T> {
    values.lock().unwrap_or_else(PoisonError::into_inner)
}
