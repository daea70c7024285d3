//! RSA key pairs, which take their time to be made.

use async_trait::async_trait;

use crate::crypto::rsa_pair::RsaKeyPair;
use crate::types::key::RsaSize;

/// Why there is no pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum RsaKeyError {
    /// So many are being made that the caller should come again.
    #[error("too many rsa keys are being made")]
    Busy,
    /// None could be made.
    #[error("the rsa key could not be made")]
    Failed,
}

/// Makes RSA key pairs.
///
/// # Guarantees
/// It takes as long as it takes, by chance up to seconds, and no other call waits for it. No pair is given twice.
#[async_trait]
pub trait RsaKeys: Send + Sync {
    /// Makes one of this size.
    async fn make(&self, size: RsaSize) -> Result<RsaKeyPair, RsaKeyError>;
}
