//! Where key bytes are used. Handlers hold handles and never see a key, but for one that its owner hands in.

use std::sync::Arc;

use async_trait::async_trait;

use crate::api::blob::Blob;
use crate::crypto::seal::MaterialBinding;
use crate::ports::kept::Kept;
use crate::types::algorithm::{EncryptionAlgorithm, MacAlgorithm, MessageType, SigningAlgorithm};
use crate::types::context::EncryptionContext;
use crate::types::ids::MaterialId;
use crate::types::key::KeySpec;
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
    /// What a backend opened of it.
    pub kept: Kept,
}

/// A material that a backend made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedMaterial {
    /// What the store is to hold of it.
    pub stored: Vec<u8>,
    /// Its id.
    pub material_id: MaterialId,
}

/// A pair for a caller: GenerateDataKeyPair.
#[derive(Debug)]
pub struct DataKeyPair {
    /// The private key, PKCS#8 DER.
    pub private_key: SecretBytes,
    /// The public key, X.509 SubjectPublicKeyInfo DER.
    pub public_key: Vec<u8>,
}

/// Why a backend did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// Ciphertext, context and key do not belong together. No further detail exists.
    #[error("the ciphertext does not belong to this key and context")]
    InvalidCiphertext,
    /// The code is not one of this message under this key.
    #[error("the message authentication code is not valid")]
    InvalidMac,
    /// A peer's public key is none of the key's own spec.
    #[error("the public key does not fit the key")]
    InvalidPublicKey,
    /// Material that is to be imported is none of the key's spec.
    #[error("the material is not a key of this spec")]
    InvalidMaterial,
    /// So many keys are being made that the caller should come again.
    #[error("too many keys are being made")]
    Busy,
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

/// Makes and uses key material.
///
/// # Guarantees
/// No method returns bytes of a key, but of one that is made for the caller. `create_material` and `import_material` called again for one binding are harmless:
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

    /// The public key of a stored pair, X.509 SubjectPublicKeyInfo DER; nothing where the spec is no pair.
    async fn public_key(
        &self,
        binding: &MaterialBinding,
        term: u32,
        stored: &[u8],
    ) -> Result<Option<Vec<u8>>, BackendError>;

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

    /// Decrypts what was encrypted under the public key of a pair.
    async fn decrypt_for_pair(
        &self,
        handle: &KeyHandle,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Result<SecretBytes, BackendError>;

    /// Signs. The message has the kind and the length that the algorithm takes.
    async fn sign(
        &self,
        handle: &KeyHandle,
        algorithm: SigningAlgorithm,
        kind: MessageType,
        message: &SecretBytes,
    ) -> Result<Vec<u8>, BackendError>;

    /// Authenticates a message.
    async fn generate_mac(
        &self,
        handle: &KeyHandle,
        algorithm: MacAlgorithm,
        message: &SecretBytes,
    ) -> Result<Vec<u8>, BackendError>;

    /// Checks a code, in constant time.
    async fn verify_mac(
        &self,
        handle: &KeyHandle,
        algorithm: MacAlgorithm,
        message: &SecretBytes,
        mac: &[u8],
    ) -> Result<(), BackendError>;

    /// Agrees on a secret with the holder of a public key, X.509 SubjectPublicKeyInfo DER.
    async fn derive_shared_secret(&self, handle: &KeyHandle, peer: &[u8]) -> Result<SecretBytes, BackendError>;

    /// Opens an encapsulated secret. A wrong ciphertext of the right length gives other bytes and no error.
    async fn decapsulate(&self, handle: &KeyHandle, ciphertext: &[u8]) -> Result<SecretBytes, BackendError>;

    /// Makes a pair for a caller.
    async fn data_key_pair(&self, spec: KeySpec) -> Result<DataKeyPair, BackendError>;

    /// Random bytes for a caller: data keys and GenerateRandom.
    async fn random(&self, length: usize) -> Result<SecretBytes, BackendError>;
}
