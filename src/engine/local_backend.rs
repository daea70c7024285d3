//! The key backend of this process: material is unsealed on use and kept, bounded and wiped, for a while.

use std::collections::{HashMap, VecDeque};
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
    opened: Mutex<Opened<SecretBytes>>,
    /// Keys that were parsed and checked, which takes longer than using them.
    private_keys: Mutex<Opened<PrivateKey>>,
}

impl LocalBackend {
    /// A backend whose salts are hedged with the name of this replica.
    #[must_use]
    pub fn new(roots: Arc<Roots>, rng: Arc<dyn Rng>, rsa_keys: Arc<dyn RsaKeys>, replica: String) -> Self {
        let (messages, opened, private_keys) = (AtomicU64::new(0), Mutex::default(), Mutex::default());
        Self { roots, rng, rsa_keys, replica, messages, opened, private_keys }
    }

    /// The material of a symmetric key.
    fn material(&self, handle: &KeyHandle) -> Result<Arc<SecretBytes>, BackendError> {
        if handle.binding.spec != KeySpec::SymmetricDefault {
            return Err(BackendError::Unavailable);
        }
        if let Some(material) = lock(&self.opened).get(&handle.material_id) {
            return Ok(material);
        }
        let material = Arc::new(self.open_checked(handle)?);
        lock(&self.opened).insert(handle.material_id, Arc::clone(&material));
        Ok(material)
    }

    /// The private key of a pair, or the secret key of an HMAC key.
    fn private_key(&self, handle: &KeyHandle) -> Result<Arc<PrivateKey>, BackendError> {
        if let Some(key) = lock(&self.private_keys).get(&handle.material_id) {
            return Ok(key);
        }
        let material = self.open_checked(handle)?;
        let key = PrivateKey::open(handle.binding.spec, &material).map_err(|_| BackendError::Unreadable)?;
        let key = Arc::new(key);
        lock(&self.private_keys).insert(handle.material_id, Arc::clone(&key));
        Ok(key)
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

/// A panic while the lock is held leaves a cache that is at worst smaller than it could be.
fn lock<T>(opened: &Mutex<Opened<T>>) -> std::sync::MutexGuard<'_, Opened<T>> {
    opened.lock().unwrap_or_else(PoisonError::into_inner)
}

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

/// What was opened, by material id; the oldest makes room.
struct Opened<T> {
    entries: HashMap<MaterialId, Arc<T>>,
    order: VecDeque<MaterialId>,
}

impl<T> Default for Opened<T> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T> Opened<T> {
    fn get(&self, id: &MaterialId) -> Option<Arc<T>> {
        self.entries.get(id).cloned()
    }

    fn insert(&mut self, id: MaterialId, opened: Arc<T>) {
        if self.entries.insert(id, opened).is_some() {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > OPENED_MATERIALS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }
}
