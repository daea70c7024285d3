//! The key backend of this process: material is unsealed on use, and kept, bounded and wiped, while it is in use.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::vault::Roots;
use crate::api::blob::{Blob, BlobHeader};
use crate::crypto::blob::{self, Hedge};
use crate::crypto::key::{self, KeyError, PrivateKey};
use crate::crypto::rng::Rng;
use crate::crypto::rsa_pair::RsaKeyPair;
use crate::crypto::{derive, seal::MaterialBinding};
use crate::ports::kept::{Kept, WeakKept};
use crate::ports::key_backend::{BackendError, CreatedMaterial, DataKeyPair, KeyBackend, KeyHandle};
use crate::ports::rsa_keys::{RsaKeyError, RsaKeys};
use crate::types::algorithm::{EncryptionAlgorithm, MacAlgorithm, MessageType, SigningAlgorithm};
use crate::types::context::EncryptionContext;
use crate::types::ids::MaterialId;
use crate::types::key::{KeySpec, RsaSize};
use crate::types::limits::OPENED_MATERIALS_MAX;
use crate::types::secret::SecretBytes;

/// Uses key material in this process.
pub struct LocalBackend {
    roots: Arc<Roots>,
    rng: Arc<dyn Rng>,
    rsa_keys: Arc<dyn RsaKeys>,
    replica: String,
    messages: AtomicU64,
    opened: Mutex<Opened>,
}

impl LocalBackend {
    /// A backend whose salts are hedged with the name of this replica.
    #[must_use]
    pub fn new(roots: Arc<Roots>, rng: Arc<dyn Rng>, rsa_keys: Arc<dyn RsaKeys>, replica: String) -> Self {
        Self { roots, rng, rsa_keys, replica, messages: AtomicU64::new(0), opened: Mutex::default() }
    }

    /// The material of a symmetric key.
    fn material(&self, handle: &KeyHandle) -> Result<Arc<SecretBytes>, BackendError> {
        if handle.binding.spec != KeySpec::SymmetricDefault {
            return Err(BackendError::Unavailable);
        }
        self.kept(handle, Ok)
    }

    /// The private key of a pair, or the secret key of an HMAC key. To parse and check it takes longer than to use it.
    fn private_key(&self, handle: &KeyHandle) -> Result<Arc<PrivateKey>, BackendError> {
        let spec = handle.binding.spec;
        self.kept(handle, |material| PrivateKey::open(spec, &material).map_err(|_| BackendError::Unreadable))
    }

    /// What was opened of a material before, or else what is opened of it now.
    fn kept<T: Send + Sync + 'static>(
        &self,
        handle: &KeyHandle,
        open: impl FnOnce(SecretBytes) -> Result<T, BackendError>,
    ) -> Result<Arc<T>, BackendError> {
        if let Some(kept) = handle.kept.get() {
            return Ok(kept);
        }
        let opened = Arc::new(open(self.open_checked(handle)?)?);
        handle.kept.put(Arc::clone(&opened));
        // A panic while the lock is held leaves places that are at worst cleared late.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).note(&handle.kept);
        Ok(opened)
    }

    /// What opens is believed only if its id is the one in the record.
    fn open_checked(&self, handle: &KeyHandle) -> Result<SecretBytes, BackendError> {
        let material = self.open(&handle.binding, handle.term, &handle.stored)?;
        let own = derive::material_id(&handle.binding.key_id, material.expose()) == handle.material_id;
        own.then_some(material).ok_or(BackendError::Unreadable)
    }

    fn open(&self, binding: &MaterialBinding, term: u32, stored: &[u8]) -> Result<SecretBytes, BackendError> {
        let root = self.roots.of_term(term).ok_or(BackendError::Unavailable)?;
        root.open_material(binding, stored).map_err(|_| BackendError::Unreadable)
    }

    fn seal(
        &self,
        binding: &MaterialBinding,
        term: u32,
        material: &SecretBytes,
    ) -> Result<CreatedMaterial, BackendError> {
        let root = self.roots.of_term(term).ok_or(BackendError::Unavailable)?;
        let material_id = derive::material_id(&binding.key_id, material.expose());
        let stored = root.seal_material(binding, material.expose()).map_err(|_| BackendError::Unavailable)?;
        Ok(CreatedMaterial { stored, material_id })
    }

    /// New material in its stored form. RSA comes from where it is made ahead.
    async fn generate(&self, spec: KeySpec) -> Result<SecretBytes, BackendError> {
        if spec == KeySpec::SymmetricDefault {
            return self.random(SYMMETRIC_LENGTH).await;
        }
        let Some(size) = spec.rsa_size() else { return key::generate(spec).map_err(refusal) };
        key::import(spec, &self.rsa_pair(size).await?.private_key).map_err(refusal)
    }

    async fn rsa_pair(&self, size: RsaSize) -> Result<RsaKeyPair, BackendError> {
        self.rsa_keys.make(size).await.map_err(|error| match error {
            RsaKeyError::Busy => BackendError::Busy,
            RsaKeyError::Failed => BackendError::Unavailable,
        })
    }
}

/// Length of the material of a symmetric key in bytes: AES-256.
const SYMMETRIC_LENGTH: usize = 32;

/// What a caller may learn of a failure. Everything else was checked before and can only be our own fault.
fn refusal(error: KeyError) -> BackendError {
    match error {
        KeyError::InvalidCiphertext => BackendError::InvalidCiphertext,
        KeyError::InvalidMac => BackendError::InvalidMac,
        KeyError::InvalidPublicKey => BackendError::InvalidPublicKey,
        KeyError::InvalidKey => BackendError::InvalidMaterial,
        _ => BackendError::Unavailable,
    }
}

#[async_trait]
impl KeyBackend for LocalBackend {
    async fn create_material(&self, binding: &MaterialBinding, term: u32) -> Result<CreatedMaterial, BackendError> {
        self.seal(binding, term, &self.generate(binding.spec).await?)
    }

    async fn import_material(
        &self,
        binding: &MaterialBinding,
        term: u32,
        material: &SecretBytes,
    ) -> Result<CreatedMaterial, BackendError> {
        self.seal(binding, term, material)
    }

    async fn identify(&self, binding: &MaterialBinding, term: u32, stored: &[u8]) -> Result<MaterialId, BackendError> {
        let material = self.open(binding, term, stored)?;
        Ok(derive::material_id(&binding.key_id, material.expose()))
    }

    async fn public_key(
        &self,
        binding: &MaterialBinding,
        term: u32,
        stored: &[u8],
    ) -> Result<Option<Vec<u8>>, BackendError> {
        if !binding.spec.is_pair() {
            return Ok(None);
        }
        let material = self.open(binding, term, stored)?;
        let key = PrivateKey::open(binding.spec, &material).map_err(|_| BackendError::Unreadable)?;
        key.public_key().map(Some).map_err(refusal)
    }

    async fn encrypt(
        &self,
        handle: &KeyHandle,
        context: &EncryptionContext,
        plaintext: &SecretBytes,
    ) -> Result<Vec<u8>, BackendError> {
        let material = self.material(handle)?;
        let MaterialBinding { key_id, version, .. } = handle.binding;
        let header = BlobHeader { key_id, version, material: handle.material_id.prefix() };
        let hedge = Hedge { replica: &self.replica, counter: self.messages.fetch_add(1, Ordering::Relaxed) };
        blob::seal(&material, &header, context, plaintext.expose(), &hedge, self.rng.as_ref())
            .map_err(|_| BackendError::Unavailable)
    }

    async fn decrypt(
        &self,
        handle: &KeyHandle,
        context: &EncryptionContext,
        blob: &Blob<'_>,
    ) -> Result<SecretBytes, BackendError> {
        let material = self.material(handle)?;
        blob::open(&material, blob, context).map_err(|_| BackendError::InvalidCiphertext)
    }

    async fn decrypt_for_pair(
        &self,
        handle: &KeyHandle,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Result<SecretBytes, BackendError> {
        self.private_key(handle)?.decrypt(algorithm, ciphertext).map_err(refusal)
    }

    async fn sign(
        &self,
        handle: &KeyHandle,
        algorithm: SigningAlgorithm,
        kind: MessageType,
        message: &SecretBytes,
    ) -> Result<Vec<u8>, BackendError> {
        self.private_key(handle)?.sign(algorithm, kind, message.expose()).map_err(refusal)
    }

    async fn generate_mac(
        &self,
        handle: &KeyHandle,
        algorithm: MacAlgorithm,
        message: &SecretBytes,
    ) -> Result<Vec<u8>, BackendError> {
        self.private_key(handle)?.generate_mac(algorithm, message.expose()).map_err(refusal)
    }

    async fn verify_mac(
        &self,
        handle: &KeyHandle,
        algorithm: MacAlgorithm,
        message: &SecretBytes,
        mac: &[u8],
    ) -> Result<(), BackendError> {
        self.private_key(handle)?.verify_mac(algorithm, message.expose(), mac).map_err(refusal)
    }

    async fn derive_shared_secret(&self, handle: &KeyHandle, peer: &[u8]) -> Result<SecretBytes, BackendError> {
        self.private_key(handle)?.derive_shared_secret(peer).map_err(refusal)
    }

    async fn decapsulate(&self, handle: &KeyHandle, ciphertext: &[u8]) -> Result<SecretBytes, BackendError> {
        self.private_key(handle)?.decapsulate(ciphertext).map_err(refusal)
    }

    async fn data_key_pair(&self, spec: KeySpec) -> Result<DataKeyPair, BackendError> {
        // Given as it was made: to check an RSA key once more would keep other calls waiting for as long as several
        // signatures take.
        if let Some(size) = spec.rsa_size() {
            let RsaKeyPair { private_key, public_key } = self.rsa_pair(size).await?;
            return Ok(DataKeyPair { private_key, public_key });
        }
        let material = self.generate(spec).await?;
        let key = PrivateKey::open(spec, &material).map_err(refusal)?;
        let private_key = key.private_key_der().map_err(refusal)?;
        Ok(DataKeyPair { private_key, public_key: key.public_key().map_err(refusal)? })
    }

    async fn random(&self, length: usize) -> Result<SecretBytes, BackendError> {
        SecretBytes::try_init_with(length, |bytes| self.rng.fill(bytes)).map_err(|_| BackendError::Unavailable)
    }
}

/// The places of what was opened, the oldest first, which make room for newer ones.
#[derive(Default)]
struct Opened(VecDeque<WeakKept>);

impl Opened {
    fn note(&mut self, kept: &Kept) {
        while self.0.front().is_some_and(|oldest| !oldest.is_alive()) {
            self.0.pop_front();
        }
        if self.0.len() >= OPENED_MATERIALS_MAX
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.clear();
        }
        self.0.push_back(kept.downgrade());
    }
}
