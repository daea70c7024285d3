//! Where sealed objects are kept. Kinds are data: a new kind needs no new method.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::types::object::{Kind, ObjectName};
use crate::types::revision::Revision;

/// An object as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The sealed bytes.
    pub bytes: Arc<[u8]>,
    /// Changes with each write; only the store that gave it can compare it.
    pub version: Version,
    /// The point of the write, or a later one at which it was still the last.
    pub revision: Revision,
}

/// An opaque token for one state of one object: a resourceVersion, or a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

/// What happened in a store.
#[derive(Clone, Debug)]
pub enum Event {
    /// Everything that there is; comes first, and again where events were lost.
    Reset(Vec<(ObjectName, Stored)>, Revision),
    /// An object was written.
    Applied(ObjectName, Stored, Revision),
    /// An object was deleted.
    Deleted(ObjectName, Revision),
}

/// Why a store did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Create-only found an object of this name.
    #[error("the object {0} exists already")]
    AlreadyExists(ObjectName),
    /// The object is not in the version that the writer read.
    #[error("the object {0} was changed by another writer")]
    Conflict(ObjectName),
    /// Objects of this kind are never changed.
    #[error("the object {0} is of a kind that is written once")]
    WrittenOnce(ObjectName),
    /// More bytes than a sealed object has.
    #[error("the object {0} is too large")]
    TooLarge(ObjectName),
    /// The medium failed. Whether a write happened is not known.
    #[error("the object {name} could not be {action}")]
    Medium {
        /// The object.
        name: ObjectName,
        /// `read`, `made`, `written`, `listed` or `deleted`.
        action: &'static str,
        /// What the medium said.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

/// A store of sealed objects.
///
/// # Guarantees
/// A write that answered is durable. Of two `create` with one name, one succeeds. `replace` and `delete`
/// change nothing where the object is not in the named version. `get` and `list` are read from the medium
/// itself and see every write that answered before they began. Events of one object come in the order of
/// its writes, and `wait_for` ends only after the events up to the revision were handed to every watcher.
///
/// # Caveats
/// After `Medium`, a write may or may not have happened: read again before anything else.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reads an object.
    async fn get(&self, name: &ObjectName) -> Result<Option<Stored>, StoreError>;

    /// Reads all objects of a kind.
    async fn list(&self, kind: Kind) -> Result<Vec<(ObjectName, Stored)>, StoreError>;

    /// Writes an object that must not exist.
    async fn create(&self, name: &ObjectName, bytes: Vec<u8>) -> Result<Revision, StoreError>;

    /// Replaces an object that must still be in this version.
    async fn replace(&self, name: &ObjectName, expected: &Version, bytes: Vec<u8>) -> Result<Revision, StoreError>;

    /// Deletes an object that must still be in this version.
    async fn delete(&self, name: &ObjectName, expected: &Version) -> Result<Revision, StoreError>;

    /// Everything of these kinds, and from then on what happens to it.
    fn watch(&self, kinds: &'static [Kind]) -> BoxStream<'static, Event>;

    /// The point up to which events were handed to watchers.
    fn revision(&self) -> Revision;

    /// Ends when `revision` has been reached; never, where it is not. The caller brings the time limit.
    async fn wait_for(&self, revision: Revision);
}
