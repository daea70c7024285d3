//! Reads and writes sealed state: the store keeps bytes, the vault knows what they say.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::api::container::{ContainerHeader, HEADER_LENGTH};
use crate::crypto::digest::sha256;
use crate::crypto::seal::Root;
use crate::crypto::{CryptoError, derive};
use crate::domain::encoding::{Content, ContentError, decode, encode};
use crate::domain::reconcile::kms_key::ReadRecord;
use crate::domain::record::{OwnerClaim, Record};
use crate::ports::store::{Store, StoreError, Stored};
use crate::types::ids::{InstallationId, KeyId};
use crate::types::limits::STORED_OBJECT_MAX;
use crate::types::object::{ObjectName, TokenPurpose};
use crate::types::revision::Revision;

/// The root keys of an installation, by term.
pub struct Roots {
    roots: Vec<Root>,
}

impl Roots {
    /// Roots in the order of their terms; the last one seals, all of them open.
    #[must_use]
    pub fn new(mut roots: Vec<Root>) -> Option<Self> {
        roots.sort_by_key(|root| root.term);
        (!roots.is_empty()).then_some(Self { roots })
    }

    /// The root of a term.
    #[must_use]
    pub fn of_term(&self, term: u32) -> Option<&Root> {
        self.roots.iter().find(|root| root.term == term)
    }

    /// The term that seals.
    #[must_use]
    pub fn active_term(&self) -> u32 {
        self.roots.last().map_or(0, |root| root.term)
    }

    /// The installation.
    #[must_use]
    pub fn installation(&self) -> Option<InstallationId> {
        self.roots.first().map(|root| root.installation)
    }

    fn active(&self) -> Result<&Root, CryptoError> {
        self.roots.last().ok_or(CryptoError)
    }

    /// The root that a stored object other than material names in its header.
    fn of_object(&self, stored: &[u8]) -> Result<&Root, CryptoError> {
        let (_, container) = stored.split_first_chunk::<8>().ok_or(CryptoError)?;
        let header = container.first_chunk::<HEADER_LENGTH>().ok_or(CryptoError)?;
        let header = ContainerHeader::parse(header).map_err(|_| CryptoError)?;
        self.of_term(header.term).ok_or(CryptoError)
    }
}

/// Why sealed state could not be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VaultError {
    /// The store failed or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bytes were not sealed under a root of this installation for this name, or were changed since.
    #[error("the object {0} does not open: it was changed, swapped, or belongs to another installation")]
    DoesNotOpen(ObjectName),
    /// The bytes opened and do not say anything that this version understands.
    #[error("the object {name} cannot be understood")]
    Content {
        /// The object.
        name: ObjectName,
        /// What is wrong with it.
        #[source]
        source: ContentError,
    },
}

/// A content together with what its next write needs.
#[derive(Clone, Debug)]
pub struct Opened<T> {
    /// The content.
    pub content: T,
    /// Its epoch.
    pub epoch: u64,
    /// The bytes that it was read from.
    pub stored: Stored,
}

/// Opens and seals the objects of one installation.
pub struct Vault {
    /// The root keys.
    pub roots: Arc<Roots>,
    store: Arc<dyn Store>,
}

impl Vault {
    /// A vault over a store.
    #[must_use]
    pub fn new(roots: Arc<Roots>, store: Arc<dyn Store>) -> Self {
        Self { roots, store }
    }

    /// Opens the stored bytes of an object other than material.
    ///
    /// # Errors
    /// `DoesNotOpen` or `Content`.
    pub fn open<T: Content>(&self, name: &ObjectName, stored: Stored) -> Result<Opened<T>, VaultError> {
        let root = self.roots.of_object(&stored.bytes);
        let opened = root.and_then(|root| root.open_object(name, &stored.bytes));
        let (epoch, content) = opened.map_err(|_| VaultError::DoesNotOpen(name.clone()))?;
        let content = decode(content.expose()).map_err(|source| VaultError::Content { name: name.clone(), source })?;
        Ok(Opened { content, epoch, stored })
    }

    /// Reads the record of a key. A record that says another id than its name is not believed.
    ///
    /// # Errors
    /// Those of the store and of `open`.
    pub async fn record(&self, key_id: &KeyId) -> Result<Option<Opened<Record>>, VaultError> {
        let name = ObjectName::key(key_id);
        let Some(stored) = self.store.get(&name).await? else { return Ok(None) };
        self.open_record(&name, stored).map(Some)
    }

    /// Opens a record and checks that it is the one that its name says.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn open_record(&self, name: &ObjectName, stored: Stored) -> Result<Opened<Record>, VaultError> {
        let opened = self.open::<Record>(name, stored)?;
        let own = name.key_id() == Some(opened.content.key_id());
        own.then_some(opened).ok_or_else(|| VaultError::DoesNotOpen(name.clone()))
    }

    /// Reads an object of one of the kinds that need no further check.
    ///
    /// # Errors
    /// Those of the store and of `open`.
    pub async fn read<T: Content>(&self, name: &ObjectName) -> Result<Option<Opened<T>>, VaultError> {
        match self.store.get(name).await? {
            Some(stored) => self.open(name, stored).map(Some),
            None => Ok(None),
        }
    }

    /// Reads the claim of a resource's name.
    ///
    /// # Errors
    /// Those of the store and of `open`.
    pub async fn claim(&self, namespace: &str, name: &str) -> Result<Option<Opened<OwnerClaim>>, VaultError> {
        let object = claim_name(namespace, name);
        let Some(stored) = self.store.get(&object).await? else { return Ok(None) };
        let opened = self.open::<OwnerClaim>(&object, stored)?;
        let own = opened.content.namespace == namespace && opened.content.name == name;
        own.then_some(Some(opened)).ok_or(VaultError::DoesNotOpen(object))
    }

    /// Writes an object that must not exist.
    ///
    /// # Errors
    /// `Store(AlreadyExists)` where it does.
    pub async fn create<T: Content + Sync>(&self, name: &ObjectName, content: &T) -> Result<Revision, VaultError> {
        let bytes = self.seal(name, 1, content)?;
        let written = self.store.create(name, bytes.clone()).await;
        self.recognise(name, &bytes, written).await
    }

    /// Replaces an object that must still be as it was read.
    ///
    /// # Errors
    /// `Store(Conflict)` where another writer was faster.
    pub async fn replace<T: Content + Sync>(
        &self,
        name: &ObjectName,
        read: &Opened<T>,
        content: &T,
    ) -> Result<Revision, VaultError> {
        let bytes = self.seal(name, read.epoch.saturating_add(1), content)?;
        let written = self.store.replace(name, &read.stored.version, bytes.clone()).await;
        self.recognise(name, &bytes, written).await
    }

    /// Deletes an object that must still be as it was read. What is gone right after it was read is what was to
    /// happen: a deletion that was done behind an answer of 504 is asked for once more, and then finds nothing.
    ///
    /// # Errors
    /// `Store(Conflict)` where another writer was faster.
    pub async fn delete(&self, name: &ObjectName, read: &Stored) -> Result<Revision, VaultError> {
        match self.store.delete(name, &read.version).await {
            Err(StoreError::Conflict(_)) if self.store.get(name).await?.is_none() => Ok(self.store.revision()),
            deleted => Ok(deleted?),
        }
    }

    /// A write that was done behind an answer of 504 is asked for once more by the client of an API server, and then
    /// refused for what it did itself. The same content seals to the same bytes, so those that are there tell.
    async fn recognise(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        written: Result<Revision, StoreError>,
    ) -> Result<Revision, VaultError> {
        let refused = match written {
            Err(refused @ (StoreError::AlreadyExists(_) | StoreError::Conflict(_))) => refused,
            written => return Ok(written?),
        };
        match self.store.get(name).await {
            Ok(Some(stored)) if *stored.bytes == *bytes => Ok(stored.revision),
            _ => Err(refused.into()),
        }
    }

    /// Seals what the holder of a token gives back later.
    ///
    /// # Errors
    /// `CryptoError` where the content is none that may be written, or the cipher refuses it.
    pub fn seal_token<T: Content>(
        &self,
        purpose: TokenPurpose,
        key_id: &KeyId,
        number: u64,
        content: &T,
    ) -> Result<Vec<u8>, CryptoError> {
        let bytes = encode(content).map(Zeroizing::new).map_err(|_| CryptoError)?;
        self.roots.active()?.seal_token(purpose, key_id, number, &bytes)
    }

    /// Opens a token, under whichever root it was sealed.
    ///
    /// # Errors
    /// `CryptoError` where it is not a token of this purpose for this key.
    pub fn open_token<T: Content>(
        &self,
        purpose: TokenPurpose,
        key_id: &KeyId,
        token: &[u8],
    ) -> Result<T, CryptoError> {
        let (_, content) = self.roots.of_object(token)?.open_token(purpose, key_id, token)?;
        decode(content.expose()).map_err(|_| CryptoError)
    }

    fn seal<T: Content>(&self, name: &ObjectName, epoch: u64, content: &T) -> Result<Vec<u8>, VaultError> {
        let bytes =
            encode(content).map(Zeroizing::new).map_err(|source| VaultError::Content { name: name.clone(), source })?;
        let sealed = self.roots.active().and_then(|root| root.seal_object(name, epoch, &bytes));
        let sealed = sealed.map_err(|_| VaultError::DoesNotOpen(name.clone()))?;
        if sealed.len() > STORED_OBJECT_MAX {
            return Err(VaultError::Store(StoreError::TooLarge(name.clone())));
        }
        Ok(sealed)
    }
}

impl Opened<Record> {
    /// The record as planners read it.
    #[must_use]
    pub fn to_read(&self) -> ReadRecord {
        ReadRecord { record: self.content.clone(), epoch: self.epoch, digest: sha256(&[&self.stored.bytes]) }
    }
}

/// The name of the claim of a resource's name.
#[must_use]
pub fn claim_name(namespace: &str, name: &str) -> ObjectName {
    ObjectName::owner(&derive::owner_hash(namespace, name))
}
