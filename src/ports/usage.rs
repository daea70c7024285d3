//! How often each material is used.

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
}
