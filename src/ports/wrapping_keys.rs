//! The keys that wrap materials on their way in.

use async_trait::async_trait;

use crate::crypto::import::WrappingKey;
use crate::types::import::WrappingKeySpec;

/// Why there is no wrapping key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum WrappingKeyError {
    /// So many are being made that the caller should come again.
    #[error("too many wrapping keys are being made")]
    Busy,
    /// None could be made.
    #[error("the wrapping key could not be made")]
    Failed,
}

/// Makes wrapping keys.
///
/// # Guarantees
/// It takes as long as it takes, by chance up to seconds, and no other call waits for it. No key is given twice.
#[async_trait]
pub trait WrappingKeys: Send + Sync {
    /// Makes one of this spec.
    async fn make(&self, spec: WrappingKeySpec) -> Result<WrappingKey, WrappingKeyError>;
}
