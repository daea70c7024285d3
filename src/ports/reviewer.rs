//! RBAC as a port: may this principal do this?

use async_trait::async_trait;

use crate::domain::authorize::Verb;
use crate::types::ids::ObjectUid;
use crate::types::principal::Principal;

/// RBAC could not be asked; the decision is then no.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the access review failed")]
pub struct ReviewError;

/// What a review is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// The uid of the namespace that owns the key. RBAC of a later namespace of the same name says nothing
    /// about it. None where no key is meant.
    pub namespace_uid: Option<ObjectUid>,
    /// The name of the key's resource; none for the whole namespace.
    pub name: Option<&'a str>,
}

/// Answers whether RBAC lets a principal use a verb on `kmskeys`.
#[async_trait]
pub trait Reviewer: Send + Sync {
    /// Asks for one key by the name of its resource, or, without a name, for the whole namespace.
    async fn review(&self, principal: &Principal, verb: Verb, scope: &Scope<'_>) -> Result<bool, ReviewError>;
}
