//! RBAC as a port: may this principal do this?

use async_trait::async_trait;

use crate::domain::authorize::Verb;
use crate::types::principal::Principal;

/// RBAC could not be asked; the decision is then no.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the access review failed")]
pub struct ReviewError;

/// Answers whether RBAC lets a principal use a verb on `kmskeys`.
#[async_trait]
pub trait Reviewer: Send + Sync {
    /// Asks for one key by the name of its resource, or, without a name, for the whole namespace.
    async fn review(
        &self,
        principal: &Principal,
        verb: Verb,
        namespace: &str,
        name: Option<&str>,
    ) -> Result<bool, ReviewError>;
}
