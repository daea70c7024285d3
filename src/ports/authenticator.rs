//! Who presents a token, as a port.

use async_trait::async_trait;

use crate::types::principal::Principal;
use crate::types::secret::SecretBytes;

/// Why a token names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// The token is not one of this cluster, is for another audience, has expired, or its pod is gone.
    #[error("the token is not valid: {0}")]
    Invalid(&'static str),
    /// The API server cannot be reached or would not say, and the caller is not one whose last answer holds.
    #[error("the token could not be reviewed by the api server")]
    Unavailable,
}

/// Finds out who presents a token.
///
/// # Guarantees
/// Signature, audience and expiry are checked on each call. What the API server says of a token is at most
/// 60 s old, unless the API server cannot be reached; then the last positive answer holds until a time that the
/// operator chose has passed since the last contact, and a token without one is refused.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// The principal behind a bearer token.
    async fn authenticate(&self, token: &SecretBytes) -> Result<Principal, AuthenticationError>;
}
