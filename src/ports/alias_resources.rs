//! Where `KeyAlias` resources live: the API server, or the manifests of `coffer local`.

use async_trait::async_trait;

use super::resources::ResourceError;
use crate::api::crd::condition::Condition;
use crate::domain::resource::AliasResource;
use crate::types::time::Timestamp;

/// What a reconcile tells about a `KeyAlias`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasReport {
    /// The id of the key that the alias names, where it names one for this resource.
    pub target_key_id: Option<String>,
    /// The ARN of the alias.
    pub alias_arn: String,
    /// The whole list of conditions.
    pub conditions: Vec<Condition>,
}

/// All resources that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AliasListing {
    /// Those that could be read.
    pub resources: Vec<AliasResource>,
    /// Namespace and name of those that are there and cannot be understood. They are not removed ones.
    pub unreadable: Vec<(String, String)>,
}

/// A resource that wants an alias. The eldest is the first in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanting {
    /// When it was made.
    pub created_at: Timestamp,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Wanting {
    /// A resource as one that wants its alias.
    #[must_use]
    pub fn of(resource: &AliasResource) -> Self {
        let (namespace, name) = (resource.namespace.clone(), resource.name.clone());
        Self { created_at: resource.created_at, namespace, name }
    }
}

/// `KeyAlias` resources.
///
/// # Guarantees
/// `list` is complete or an error: a resource that it does not name is a removed one. Where the kind itself is not
/// known, both `list` and `get` are errors.
#[async_trait]
pub trait AliasResources: Send + Sync {
    /// All resources.
    async fn list(&self) -> Result<AliasListing, ResourceError>;

    /// One resource.
    async fn get(&self, namespace: &str, name: &str) -> Result<Option<AliasResource>, ResourceError>;

    /// The resources of all namespaces that want an alias of this name, as they are known without asking anybody.
    fn wanting(&self, alias: &str) -> Vec<Wanting>;

    /// Tells how a resource stands. Best effort: a report that is lost is made again by the next reconcile.
    async fn report(&self, resource: &AliasResource, report: AliasReport);

    /// The conditions that were reported last.
    async fn reported(&self, namespace: &str, name: &str) -> Vec<Condition>;
}
