//! The beginning of an installation, once, and its unlocking at every start.
//!
//! A root that is missing where anything was ever sealed is a loss, and making a new one would bury it.
//! So initialisation refuses wherever there is evidence of an earlier life.

use std::sync::Arc;

use super::vault::Roots;
use crate::crypto::rng::Rng;
use crate::crypto::{CryptoError, root};
use crate::ports::root::{RootError, RootProvider};
use crate::ports::store::{Store, StoreError};
use crate::types::ids::InstallationId;
use crate::types::object::{Kind, ObjectName};

/// The term of a new installation.
pub const FIRST_TERM: u32 = 1;

/// Why an installation could not be made or unlocked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InitialiseError {
    /// The store holds something, so this is not a beginning.
    #[error("the state holds {0} already: initialising again would bury the keys that are there")]
    EarlierLife(ObjectName),
    /// The store holds objects and no root.
    #[error(
        "the state holds {0} and no root-1: it was damaged or only partly restored; bring back the file root-1 from a backup"
    )]
    RootMissing(ObjectName),
    /// Nothing is there to unlock.
    #[error("the state is empty: initialise it first")]
    Empty,
    /// A root's name has no term.
    #[error("{0} is no name of a root")]
    RootName(ObjectName),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The provider failed.
    #[error(transparent)]
    Root(#[from] RootError),
    /// Randomness or a cipher failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Makes the first root of a new installation and stores it wrapped.
///
/// # Errors
/// `EarlierLife` where the store holds anything at all.
pub async fn initialise(
    store: &dyn Store,
    provider: &dyn RootProvider,
    installation: InstallationId,
    rng: &dyn Rng,
) -> Result<Roots, InitialiseError> {
    if let Some(name) = first_object(store, Kind::ALL).await? {
        return Err(InitialiseError::EarlierLife(name));
    }
    let root = root::generate(installation, FIRST_TERM, rng)?;
    let wrapped = provider.wrap(&root).await?;
    store.create(&ObjectName::root(FIRST_TERM), wrapped).await?;
    unlock(store, provider, installation).await
}

/// Unwraps the roots of all terms.
///
/// # Errors
/// `Empty` for a store without objects, `RootMissing` for one whose root is gone, `Root(DoesNotOpen)` for a
/// provider with another key.
pub async fn unlock(
    store: &dyn Store,
    provider: &dyn RootProvider,
    installation: InstallationId,
) -> Result<Roots, InitialiseError> {
    let mut roots = Vec::new();
    for (name, stored) in store.list(Kind::Root).await? {
        let term = name.as_str().strip_prefix("root-").and_then(|term| term.parse().ok());
        let term = term.ok_or_else(|| InitialiseError::RootName(name.clone()))?;
        roots.push(provider.unwrap(&stored.bytes, installation, term).await?);
    }
    match Roots::new(roots) {
        Some(roots) => Ok(roots),
        None => match first_object(store, Kind::ALL).await? {
            Some(name) => Err(InitialiseError::RootMissing(name)),
            None => Err(InitialiseError::Empty),
        },
    }
}

/// Whether a store holds anything.
///
/// # Errors
/// Those of the store.
pub async fn is_empty(store: &Arc<dyn Store>) -> Result<bool, StoreError> {
    Ok(first_object(store.as_ref(), Kind::ALL).await?.is_none())
}

async fn first_object(store: &dyn Store, kinds: &[Kind]) -> Result<Option<ObjectName>, StoreError> {
    for kind in kinds {
        if let Some((name, _)) = store.list(*kind).await?.into_iter().next() {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
