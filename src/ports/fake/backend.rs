//! A backend that keeps its keys elsewhere, as an HSM does: the store holds a reference and no key bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::api::blob::{Blob, BlobHeader};
use crate::crypto::blob::{self, Hedge};
use crate::crypto::key::{self, KeyError, PrivateKey};
use crate::crypto::rng::{Rng as _, SeededRng};
use crate::crypto::{derive, seal::MaterialBinding};
use crate::ports::key_backend::{BackendError, CreatedMaterial, DataKeyPair, KeyBackend, KeyHandle};
use crate::types::algorithm::{EncryptionAlgorithm, MacAlgorithm, MessageType, SigningAlgorithm};
use crate::types::context::EncryptionContext;
use crate::types::ids::MaterialId;
use crate::types::key::KeySpec;
use crate::types::secret::SecretBytes;
use crate::types::time::Timestamp;

/// Keys by reference. The first `pending` attempts to make one are answered with "not yet".
pub struct FakeRemoteBackend {
    keys: Mutex<HashMap<String, Arc<SecretBytes>>>,
    pending: Mutex<u32>,
    rng: SeededRng,
}

impl FakeRemoteBackend {
    /// A backend that takes this many attempts to make a key.
    pub fn new(pending: u32) -> Self {
        Self { keys: Mutex::default(), pending: Mutex::new(pending), rng: SeededRng::new(99) }
    }

    fn reference(binding: &MaterialBinding) -> String {
        format!("remote:{}:{}", binding.key_id, binding.version)
    }

    fn key(&self, binding: &MaterialBinding, stored: &[u8]) -> Result<Arc<SecretBytes>, BackendError> {
        let reference = str::from_utf8(stored).map_err(|_| BackendError::Unreadable)?;
        let rest = reference.strip_prefix(&Self::reference(binding)).ok_or(BackendError::Unreadable)?;
        if !rest.is_empty() && !rest.starts_with(":imported:") {
            return Err(BackendError::Unreadable);
        }
        self.keys.lock().unwrap().get(reference).cloned().ok_or(BackendError::Unavailable)
    }

    fn generate(&self, spec: KeySpec) -> SecretBytes {
        match spec {
            KeySpec::SymmetricDefault => SecretBytes::try_init_with(32, |bytes| self.rng.fill(bytes)).unwrap(),
            spec => key::generate(spec).unwrap(),
        }
    }

    fn private_key(&self, handle: &KeyHandle) -> Result<PrivateKey, BackendError> {
        let key = self.key(&handle.binding, &handle.stored)?;
        PrivateKey::open(handle.binding.spec, &key).map_err(refusal)
    }
}

fn refusal(error: KeyError) -> BackendError {
    match error {
        KeyError::InvalidCiphertext => BackendError::InvalidCiphertext,
        KeyError::InvalidMac => BackendError::InvalidMac,
        KeyError::InvalidPublicKey => BackendError::InvalidPublicKey,
        other => panic!("{other}"),
    }
}

#[async_trait]
impl KeyBackend for FakeRemoteBackend {
    async fn create_material(&self, binding: &MaterialBinding, _: u32) -> Result<CreatedMaterial, BackendError> {
        {
            let mut pending = self.pending.lock().unwrap();
            if *pending > 0 {
                *pending -= 1;
                return Err(BackendError::Pending(Timestamp::from_milliseconds(1)));
            }
        }
        let reference = Self::reference(binding);
        let mut keys = self.keys.lock().unwrap();
        let make = || Arc::new(self.generate(binding.spec));
        let key = keys.entry(reference.clone()).or_insert_with(make);
        let material_id = derive::material_id(&binding.key_id, key.expose());
        Ok(CreatedMaterial { stored: reference.into_bytes(), material_id })
    }

    /// Under a reference of its own, so that an import that is given up takes no other's place.
    async fn import_material(
        &self,
        binding: &MaterialBinding,
        _: u32,
        material: &SecretBytes,
    ) -> Result<CreatedMaterial, BackendError> {
        let material_id = derive::material_id(&binding.key_id, material.expose());
        let reference = format!("{}:imported:{material_id}", Self::reference(binding));
        let key = Arc::new(SecretBytes::new(material.expose().to_vec()));
        self.keys.lock().unwrap().insert(reference.clone(), key);
        Ok(CreatedMaterial { stored: reference.into_bytes(), material_id })
    }

    async fn identify(&self, binding: &MaterialBinding, _: u32, stored: &[u8]) -> Result<MaterialId, BackendError> {
        let key = self.key(binding, stored)?;
        Ok(derive::material_id(&binding.key_id, key.expose()))
    }

    async fn public_key(
        &self,
        binding: &MaterialBinding,
        _: u32,
        stored: &[u8],
    ) -> Result<Option<Vec<u8>>, BackendError> {
        let key = self.key(binding, stored)?;
        let public_key = || PrivateKey::open(binding.spec, &key).unwrap().public_key().unwrap();
        Ok(binding.spec.is_pair().then(public_key))
    }

    async fn encrypt(
        &self,
        handle: &KeyHandle,
        context: &EncryptionContext,
        plaintext: &SecretBytes,
    ) -> Result<Vec<u8>, BackendError> {
        let key = self.key(&handle.binding, &handle.stored)?;
        let (key_id, version) = (handle.binding.key_id, handle.binding.version);
        let header = BlobHeader { key_id, version, material: handle.material_id.prefix() };
        let hedge = Hedge { replica: "remote", counter: 0 };
        Ok(blob::seal(&key, &header, context, plaintext.expose(), &hedge, &self.rng).unwrap())
    }

    async fn decrypt(
        &self,
        handle: &KeyHandle,
        context: &EncryptionContext,
        blob: &Blob<'_>,
    ) -> Result<SecretBytes, BackendError> {
        let key = self.key(&handle.binding, &handle.stored)?;
        blob::open(&key, blob, context).map_err(|_| BackendError::InvalidCiphertext)
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
        let material = self.generate(spec);
        let key = PrivateKey::open(spec, &material).unwrap();
        Ok(DataKeyPair { private_key: key.private_key_der().unwrap(), public_key: key.public_key().unwrap() })
    }

    async fn random(&self, length: usize) -> Result<SecretBytes, BackendError> {
        SecretBytes::try_init_with(length, |bytes| self.rng.fill(bytes)).map_err(|_| BackendError::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::conformance;
    use crate::types::ids::KeyId;
    use crate::types::key::{KeySpec, Origin};
    use futures::executor::block_on;

    #[test]
    fn it_is_a_key_backend() {
        block_on(conformance::key_backend(|| Arc::new(FakeRemoteBackend::new(0))));
    }

    #[test]
    fn it_takes_its_time_when_told_to() {
        let backend = FakeRemoteBackend::new(2);
        let (key_id, spec, origin) = (KeyId::new([1; 16], false), KeySpec::SymmetricDefault, Origin::AwsKms);
        let binding = MaterialBinding { key_id, version: 1, spec, origin };
        let attempts = (0..4).map(|_| block_on(backend.create_material(&binding, 1)).is_ok());
        assert_eq!(attempts.collect::<Vec<bool>>(), [false, false, true, true]);
    }
}
