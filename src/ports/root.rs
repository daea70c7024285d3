//! Where root keys are wrapped.

use std::sync::Arc;

use async_trait::async_trait;

use crate::crypto::seal::Root;
use crate::types::ids::InstallationId;

/// Why a provider gave no root.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RootError {
    /// The provider cannot be reached, or what it holds is not fit for use.
    #[error("{what}")]
    Provider {
        /// What is wrong, where, and what to do.
        what: String,
        /// What the medium said.
        #[source]
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },
    /// The provider's key does not open the stored root.
    #[error(
        "the root of term {term} does not open with the key of {provider}: it is the key of another installation, or the stored root was changed"
    )]
    DoesNotOpen {
        /// The term.
        term: u32,
        /// The provider, as a user knows it.
        provider: String,
    },
}

/// Wraps and unwraps the root key of a term.
#[async_trait]
pub trait RootProvider: Send + Sync {
    /// The bytes to store as `root-<term>`.
    async fn wrap(&self, root: &Root) -> Result<Vec<u8>, RootError>;

    /// The root that was stored as `root-<term>`.
    async fn unwrap(&self, stored: &[u8], installation: InstallationId, term: u32) -> Result<Root, RootError>;
}
