//! Where key bytes are used. Handlers hold handles and never see a key, but for one that its owner hands in.

use std::sync::Arc;

use async_trait::async_trait;

use crate::api::blob::Blob;
use crate::crypto::seal::MaterialBinding;
use crate::types::context::EncryptionContext;
use crate::types::ids::MaterialId;
use crate::types::secret::SecretBytes;
use crate::types::time::Timestamp;

/// Names one material to a backend.
#[derive(Clone, Debug)]
pub struct KeyHandle {
    /// What the material is bound to.
    pub binding: MaterialBinding,
    /// The root term that it is sealed under.
    pub term: u32,
    /// Its id.
    pub material_id: MaterialId,
    /// What the store holds of it: sealed bytes, or a reference for a backend that keeps keys elsewhere.
    pub stored: Arc<[u8]>,
}

/// A material that a backend made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedMaterial {
    /// What the store is to hold of it.
    pub stored: Vec<u8>,
    /// Its id.
    pub material_id: MaterialId,
}

/// Why a backend did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// Ciphertext, context and key do not belong together. No further detail exists.
    #[error("the ciphertext does not belong to this key and context")]
    InvalidCiphertext,
    /// What the store holds is not this material.
    #[error("the stored material does not open")]
    Unreadable,
    /// Not done yet; ask again then.
    #[error("the key backend is still working")]
    Pending(Timestamp),
    /// The backend cannot be used now, or has no root of the material's term.
    #[error("the key backend is unavailable")]
    Unavailable,
}

/// Makes and uses key material. `sign`, `mac` and `derive` join with the operations that call them.
///
/// # Guarantees
/// No method returns key bytes. `create_material` and `import_material` called again for one binding are harmless:
/// what they returned before is either stored, and then wins, or was never used.
#[async_trait]
pub trait KeyBackend: Send + Sync {
    /// Makes the material of a new version.
    async fn create_material(&self, binding: &MaterialBinding, term: u32) -> Result<CreatedMaterial, BackendError>;

    /// Takes in the material of a user for a version, as long as the key's spec says.
    async fn import_material(
        &self,
        binding: &MaterialBinding,
        term: u32,
        material: &SecretBytes,
    ) -> Result<CreatedMaterial, BackendError>;

    /// The id of a stored material, after checking that it opens under its binding.
    async fn identify(&self, binding: &MaterialBinding, term: u32, stored: &[u8]) -> Result<MaterialId, BackendError>;

    /// Encrypts into a ciphertext blob.
    async fn encrypt(
        &self,
        handle: &KeyHandle,
        context: &EncryptionContext,
        plaintext: &SecretBytes,
    ) -> Result<Vec<u8>, BackendError>;

    /// Opens a ciphertext blob.
    async fn decrypt(
        &self,
        handle: &KeyHandle,
        context: &EncryptionContext,
        blob: &Blob<'_>,
    ) -> Result<SecretBytes, BackendError>;

    /// Random bytes for a caller: data keys and GenerateRandom.
    async fn random(&self, length: usize) -> Result<SecretBytes, BackendError>;
}
