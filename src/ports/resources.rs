//! Where `KmsKey` resources live: the API server, or the folders of `coffer local`.

use std::sync::Arc;

use async_trait::async_trait;

use crate::api::crd::condition::Condition;
use crate::api::crd::kms_key::{KmsKeySpec, KmsKeyStatus};
use crate::domain::plan::Reason;
use crate::domain::record::Record;
use crate::domain::resource::Resource;
use crate::domain::spec_change::{SpecChange, SpecField};
use crate::types::ids::ObjectUid;

/// Why resources could not be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ResourceError {
    /// A resource of this name exists and is another one.
    #[error("a KmsKey {namespace}/{name} exists already")]
    AlreadyExists {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// A field belongs to somebody else.
    #[error("spec.{field} of the KmsKey {namespace}/{name} is managed by {manager}")]
    Managed {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
        /// The field below `spec`.
        field: SpecField,
        /// Who keeps it.
        manager: String,
    },
    /// The resource is gone, or another one has its name.
    #[error("the KmsKey {namespace}/{name} is gone")]
    Gone {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// The medium failed.
    #[error("the KmsKey {namespace}/{name} could not be {action}")]
    Medium {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
        /// `read`, `written` or `listed`.
        action: &'static str,
        /// What the medium said.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The medium failed for a `KeyAlias`.
    #[error("the KeyAlias {namespace}/{name} could not be {action}")]
    Alias {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
        /// `read` or `listed`.
        action: &'static str,
        /// What the medium said.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

/// What a reconcile tells about a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What is known of the key, all of the status but its conditions. None where nothing could be read, and
    /// what was told before stays.
    pub key: Option<KmsKeyStatus>,
    /// The whole list of conditions.
    pub conditions: Vec<Condition>,
    /// What was done to get here, in this order.
    pub happened: Vec<Reason>,
}

/// All resources that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Those that could be read.
    pub resources: Vec<Resource>,
    /// Namespace and name of those that are there and cannot be understood. They are not removed ones.
    pub unreadable: Vec<(String, String)>,
}

/// `KmsKey` resources.
///
/// # Guarantees
/// `list` is complete or an error: a resource that it does not name is a removed one. A resource keeps its uid for as
/// long as it exists, and one that is made again has another.
#[async_trait]
pub trait Resources: Send + Sync {
    /// All resources.
    async fn list(&self) -> Result<Listing, ResourceError>;

    /// One resource.
    async fn get(&self, namespace: &str, name: &str) -> Result<Option<Resource>, ResourceError>;

    /// Makes a resource for the API. Where one of this name was made by an earlier try with an equal spec,
    /// that one is the answer.
    async fn create(&self, namespace: &str, name: &str, spec: KmsKeySpec) -> Result<Resource, ResourceError>;

    /// Changes fields of a resource's spec for the API, where nobody else keeps them, and leaves every other as it is.
    /// A change that is there already is no change.
    async fn change(&self, resource: &Resource, change: &SpecChange) -> Result<Resource, ResourceError>;

    /// Notes in a resource that its key is complete. Should everything sealed be lost, this keeps another key
    /// from being made in its place.
    async fn remember_key(&self, namespace: &str, name: &str) -> Result<(), ResourceError>;

    /// Tells how a resource stands. Best effort: a report that is lost is made again by the next reconcile.
    async fn report(&self, resource: &Resource, report: Report);

    /// Tells what happened to the key of a resource that is gone. Best effort.
    async fn report_left(&self, record: &Record, happened: &[Reason]);

    /// The conditions that were reported last.
    async fn reported(&self, namespace: &str, name: &str) -> Vec<Condition>;

    /// The uid of a namespace as it is known without asking anybody. None where it is not known to exist.
    fn namespace_uid(&self, namespace: &str) -> Option<ObjectUid>;
}
