//! Sealed containers: what Coffer keeps in a store is AES-256-SIV under a key per purpose.

use super::kdf::{kbkdf, label};
use super::mac::{equal, hmac_sha256};
use super::{CryptoError, derive, siv};
use crate::api::container::{ContainerHeader, HEADER_LENGTH};
use crate::types::ids::{InstallationId, KeyId};
use crate::types::key::{KeySpec, Origin};
use crate::types::object::{ObjectName, TokenPurpose};
use crate::types::secret::{RootKey, SealKey, SecretBytes};

/// The root key of one term together with what its seals are bound to.
pub struct Root {
    /// The installation that seals are bound to.
    pub installation: InstallationId,
    /// The term, from 1.
    pub term: u32,
    key: RootKey,
    check_value: [u8; 8],
    keys: Vec<(&'static str, SealKey)>,
}

/// What a material is bound to besides installation and term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaterialBinding {
    /// The key.
    pub key_id: KeyId,
    /// The version, from 1.
    pub version: u32,
    /// The key's spec.
    pub spec: KeySpec,
    /// The key's origin.
    pub origin: Origin,
}

/// Purposes whose seal keys are derived once, because each start opens thousands of such objects.
const FREQUENT_PURPOSES: [&str; 3] = ["state", "material", "owner"];

impl Root {
    /// Binds a root key to its installation and term.
    ///
    /// # Errors
    /// `CryptoError` where a derivation fails.
    pub fn new(installation: InstallationId, term: u32, key: RootKey) -> Result<Self, CryptoError> {
        let check_value = check_value(&installation, term, &key);
        let mut root = Self { installation, term, key, check_value, keys: Vec::new() };
        for purpose in FREQUENT_PURPOSES {
            root.keys.push((purpose, root.derive_seal_key(purpose)?));
        }
        Ok(root)
    }

    /// The header of everything sealed under this root.
    #[must_use]
    pub const fn header(&self) -> ContainerHeader {
        ContainerHeader { term: self.term, check_value: self.check_value }
    }

    /// The root key, for the provider that wraps it.
    pub(super) const fn key(&self) -> &RootKey {
        &self.key
    }

    /// Seals a material into the bytes that are stored.
    ///
    /// # Errors
    /// `CryptoError` where the cipher refuses its input.
    pub fn seal_material(&self, binding: &MaterialBinding, material: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let header = self.header().to_bytes();
        let version = binding.version.to_be_bytes();
        let sealed = self.seal("material", &binding.associated(self, &header, &version), material)?;
        Ok([header.as_slice(), &sealed].concat())
    }

    /// Opens a stored material.
    ///
    /// # Errors
    /// `CryptoError` where bytes, root and binding do not belong together.
    pub fn open_material(&self, binding: &MaterialBinding, stored: &[u8]) -> Result<SecretBytes, CryptoError> {
        let (header, sealed) = self.split(stored)?;
        let version = binding.version.to_be_bytes();
        self.open("material", &binding.associated(self, &header, &version), sealed)
    }

    /// Seals the content of any other object into the bytes that are stored, the epoch before them.
    ///
    /// # Errors
    /// `CryptoError` where the cipher refuses its input.
    pub fn seal_object(&self, name: &ObjectName, epoch: u64, content: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.seal_numbered(name.kind().purpose(), &associated_id(name), epoch, content)
    }

    /// Opens a stored object other than material: its epoch and its content.
    ///
    /// # Errors
    /// `CryptoError` where bytes, root and name do not belong together.
    pub fn open_object(&self, name: &ObjectName, stored: &[u8]) -> Result<(u64, SecretBytes), CryptoError> {
        self.open_numbered(name.kind().purpose(), &associated_id(name), stored)
    }

    /// Seals what the holder of a token gives back later. Equal contents with different numbers give tokens
    /// that have nothing in common, so the number is random.
    ///
    /// # Errors
    /// `CryptoError` where the cipher refuses its input.
    pub fn seal_token(
        &self,
        purpose: TokenPurpose,
        key_id: &KeyId,
        number: u64,
        content: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        self.seal_numbered(purpose.as_str(), key_id.as_bytes(), number, content)
    }

    /// Opens a token: its number and its content.
    ///
    /// # Errors
    /// `CryptoError` where bytes, root, purpose and key do not belong together. A token of another key cannot
    /// be told from bytes that are no token.
    pub fn open_token(
        &self,
        purpose: TokenPurpose,
        key_id: &KeyId,
        token: &[u8],
    ) -> Result<(u64, SecretBytes), CryptoError> {
        self.open_numbered(purpose.as_str(), key_id.as_bytes(), token)
    }

    /// A clear number and the container that is bound to it.
    fn seal_numbered(&self, purpose: &str, id: &[u8; 16], number: u64, content: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let header = self.header().to_bytes();
        let number = number.to_be_bytes();
        let sealed = self.seal(purpose, &self.numbered_associated(&header, id, &number, purpose), content)?;
        Ok([number.as_slice(), &header, &sealed].concat())
    }

    fn open_numbered(&self, purpose: &str, id: &[u8; 16], stored: &[u8]) -> Result<(u64, SecretBytes), CryptoError> {
        let (number, container) = stored.split_first_chunk::<8>().ok_or(CryptoError)?;
        let (header, sealed) = self.split(container)?;
        let content = self.open(purpose, &self.numbered_associated(&header, id, number, purpose), sealed)?;
        Ok((u64::from_be_bytes(*number), content))
    }

    fn numbered_associated<'a>(
        &'a self,
        header: &'a [u8; HEADER_LENGTH],
        id: &'a [u8; 16],
        number: &'a [u8; 8],
        purpose: &'a str,
    ) -> [&'a [u8]; 8] {
        [label::SEAL, header, self.installation.as_bytes(), id, number, purpose.as_bytes(), b"-", b"-"]
    }

    fn split<'a>(&self, container: &'a [u8]) -> Result<([u8; HEADER_LENGTH], &'a [u8]), CryptoError> {
        let (bytes, sealed) = container.split_first_chunk::<HEADER_LENGTH>().ok_or(CryptoError)?;
        let header = ContainerHeader::parse(bytes).map_err(|_| CryptoError)?;
        let own = header.term == self.term && equal(&header.check_value, &self.check_value);
        own.then_some((*bytes, sealed)).ok_or(CryptoError)
    }

    fn seal(&self, purpose: &str, associated: &[&[u8]], plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.with_seal_key(purpose, |key| siv::seal(key.expose(), associated, plaintext))
    }

    fn open(&self, purpose: &str, associated: &[&[u8]], sealed: &[u8]) -> Result<SecretBytes, CryptoError> {
        self.with_seal_key(purpose, |key| siv::open(key.expose(), associated, sealed))
    }

    fn with_seal_key<T>(
        &self,
        purpose: &str,
        run: impl FnOnce(&SealKey) -> Result<T, CryptoError>,
    ) -> Result<T, CryptoError> {
        match self.keys.iter().find(|(known, _)| *known == purpose) {
            Some((_, key)) => run(key),
            None => run(&self.derive_seal_key(purpose)?),
        }
    }

    fn derive_seal_key(&self, purpose: &str) -> Result<SealKey, CryptoError> {
        let term = self.term.to_be_bytes();
        let parts: [&[u8]; 5] = [label::SEAL_KEY, &[0], self.installation.as_bytes(), &term, purpose.as_bytes()];
        SealKey::try_init_with(|output| kbkdf(self.key.expose(), &parts, output))
    }
}

impl MaterialBinding {
    fn associated<'a>(
        &'a self,
        root: &'a Root,
        header: &'a [u8; HEADER_LENGTH],
        version: &'a [u8; 4],
    ) -> [&'a [u8]; 8] {
        let (spec, origin) = (self.spec.as_str().as_bytes(), self.origin.as_str().as_bytes());
        let installation = root.installation.as_bytes();
        [label::SEAL, header, installation, self.key_id.as_bytes(), version, b"material", spec, origin]
    }
}

/// The value by which a header shows under which root it was sealed.
#[must_use]
pub fn check_value(installation: &InstallationId, term: u32, key: &RootKey) -> [u8; 8] {
    let term = term.to_be_bytes();
    let [a, b, c, d, e, f, g, h, ..] =
        hmac_sha256(key.expose(), &[label::CHECK_VALUE, &[0], installation.as_bytes(), &term]);
    [a, b, c, d, e, f, g, h]
}

fn associated_id(name: &ObjectName) -> [u8; 16] {
    name.key_id().map_or_else(|| derive::object_id(name), |key_id| *key_id.as_bytes())
}
