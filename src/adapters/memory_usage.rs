//! Counts of uses in memory, bounded by the number of materials.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::ports::usage::{Usage, Use};

/// Counts since the last drain.
#[derive(Default)]
pub struct MemoryUsage(Mutex<HashMap<Use, u64>>);

impl Usage for MemoryUsage {
    fn count(&self, used: Use) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(used).or_default() += 1;
    }

    fn drain(&self) -> Vec<(Use, u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}
