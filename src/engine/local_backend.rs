//! The key backend of this process: material is unsealed on use and kept, bounded and wiped, for a while.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::vault::Roots;
use crate::api::blob::{Blob, BlobHeader};
use crate::crypto::blob::{self, Hedge};
use crate::crypto::rng::Rng;
use crate::crypto::{derive, seal::MaterialBinding};
use crate::ports::key_backend::{BackendError, CreatedMaterial, KeyBackend, KeyHandle};
use crate::types::context::EncryptionContext;
use crate::types::ids::MaterialId;
use crate::types::limits::OPENED_MATERIALS_MAX;
use crate::types::secret::SecretBytes;

/// Uses key material in this process.
pub struct LocalBackend {
    roots: Arc<Roots>,
    rng: Arc<dyn Rng>,
    replica: String,
    messages: AtomicU64,
    opened: Mutex<OpenedMaterials>,
}

impl LocalBackend {
    /// A backend whose salts are hedged with the name of this replica.
    #[must_use]
    pub fn new(roots: Arc<Roots>, rng: Arc<dyn Rng>, replica: String) -> Self {
        Self { roots, rng, replica, messages: AtomicU64::new(0), opened: Mutex::default() }
    }

    /// The material of a handle. What opens is believed only if its id is the one in the record.
    fn material(&self, handle: &KeyHandle) -> Result<Arc<SecretBytes>, BackendError> {
        if let Some(material) = self.lock().get(&handle.material_id) {
            return Ok(material);
        }
        let material = self.open(&handle.binding, handle.term, &handle.stored)?;
        if derive::material_id(&handle.binding.key_id, material.expose()) != handle.material_id {
            return Err(BackendError::Unreadable);
        }
        let material = Arc::new(material);
        self.lock().insert(handle.material_id, Arc::clone(&material));
        Ok(material)
    }

    fn open(&self, binding: &MaterialBinding, term: u32, stored: &[u8]) -> Result<SecretBytes, BackendError> {
        let root = self.roots.of_term(term).ok_or(BackendError::Unavailable)?;
        root.open_material(binding, stored).map_err(|_| BackendError::Unreadable)
    }

    /// A panic while the lock is held leaves a cache that is at worst smaller than it could be.
    fn lock(&self) -> std::sync::MutexGuard<'_, OpenedMaterials> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl KeyBackend for LocalBackend {
    async fn create_material(&self, binding: &MaterialBinding, term: u32) -> Result<CreatedMaterial, BackendError> {
        let length = binding.spec.material_length().ok_or(BackendError::Unavailable)?;
        let material = self.random(length).await?;
        self.import_material(binding, term, &material).await
    }

    async fn import_material(
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

    async fn identify(&self, binding: &MaterialBinding, term: u32, stored: &[u8]) -> Result<MaterialId, BackendError> {
        let material = self.open(binding, term, stored)?;
        Ok(derive::material_id(&binding.key_id, material.expose()))
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

    async fn random(&self, length: usize) -> Result<SecretBytes, BackendError> {
        SecretBytes::try_init_with(length, |bytes| self.rng.fill(bytes)).map_err(|_| BackendError::Unavailable)
    }
}

/// Materials by id; the oldest makes room.
#[derive(Default)]
struct OpenedMaterials {
    materials: HashMap<MaterialId, Arc<SecretBytes>>,
    order: VecDeque<MaterialId>,
}

impl OpenedMaterials {
    fn get(&self, id: &MaterialId) -> Option<Arc<SecretBytes>> {
        self.materials.get(id).cloned()
    }

    fn insert(&mut self, id: MaterialId, material: Arc<SecretBytes>) {
        if self.materials.insert(id, material).is_some() {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > OPENED_MATERIALS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.materials.remove(&oldest);
        }
    }
}
