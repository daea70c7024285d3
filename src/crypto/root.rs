//! Making, wrapping and unwrapping the root key of a term.

use super::kdf::label;
use super::rng::Rng;
use super::seal::Root;
use super::{CryptoError, siv};
use crate::api::container::{ContainerHeader, HEADER_LENGTH};
use crate::types::ids::InstallationId;
use crate::types::secret::{FileKey, RootKey};

/// Makes a new root key. This happens once in the life of an installation and term.
///
/// # Errors
/// Those of the source of randomness.
pub fn generate(installation: InstallationId, term: u32, rng: &dyn Rng) -> Result<Root, CryptoError> {
    let key = RootKey::try_init_with(|bytes| rng.fill(bytes))?;
    Root::new(installation, term, key)
}

/// Wraps a root under a provider's key: the bytes that `root-<term>` stores.
///
/// # Errors
/// `CryptoError` where the cipher refuses its input.
pub fn wrap(root: &Root, file_key: &FileKey, provider: &str) -> Result<Vec<u8>, CryptoError> {
    let header = root.header().to_bytes();
    let term = root.term.to_be_bytes();
    let associated = associated(&header, &root.installation, &term, provider);
    let wrapped = siv::seal(file_key.expose(), &associated, root.key().expose())?;
    Ok([header.as_slice(), &wrapped].concat())
}

/// Unwraps the root of a term and checks its key check value.
///
/// # Errors
/// `CryptoError` where bytes, provider key, installation and term do not belong together.
pub fn unwrap(
    stored: &[u8],
    file_key: &FileKey,
    provider: &str,
    installation: InstallationId,
    term: u32,
) -> Result<Root, CryptoError> {
    let (bytes, wrapped) = stored.split_first_chunk::<HEADER_LENGTH>().ok_or(CryptoError)?;
    let header = ContainerHeader::parse(bytes).map_err(|_| CryptoError)?;
    let term_bytes = term.to_be_bytes();
    let associated = associated(bytes, &installation, &term_bytes, provider);
    let opened = siv::open(file_key.expose(), &associated, wrapped)?;
    let key = RootKey::try_init_with(|key| {
        let exact: &[u8; RootKey::LENGTH] = opened.expose().try_into().map_err(|_| CryptoError)?;
        key.copy_from_slice(exact);
        Ok::<(), CryptoError>(())
    })?;
    let root = Root::new(installation, term, key)?;
    (root.header() == header).then_some(root).ok_or(CryptoError)
}

fn associated<'a>(
    header: &'a [u8; HEADER_LENGTH],
    installation: &'a InstallationId,
    term: &'a [u8; 4],
    provider: &'a str,
) -> [&'a [u8]; 5] {
    [label::ROOT_WRAP, header, installation.as_bytes(), term, provider.as_bytes()]
}
