//! How often each material is used, and when each key was used last.

use crate::domain::last_usage::LastUse;
use crate::types::ids::KeyId;

/// One use of a material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Use {
    /// The key.
    pub key_id: KeyId,
    /// The version.
    pub version: u32,
}

/// Counts uses.
///
/// # Guarantees
/// Counting neither fails nor waits: a use is never refused for the sake of its count.
pub trait Usage: Send + Sync {
    /// Counts one use.
    fn count(&self, used: Use);

    /// The counts since the last call, for whoever keeps them.
    fn drain(&self) -> Vec<(Use, u64)>;

    /// Notes the last use of a key; an older one than is known changes nothing.
    fn note_last(&self, last: LastUse);

    /// The last use of a key that was noted and not drained yet.
    fn last(&self, key_id: &KeyId) -> Option<LastUse>;

    /// The last uses since the last call, for whoever keeps them.
    fn drain_last(&self) -> Vec<LastUse>;
}
