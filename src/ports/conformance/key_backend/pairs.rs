//! What every key backend must do with pairs and HMAC keys.

use super::{TERM, handle, secret};
use crate::crypto::key;
use crate::crypto::seal::MaterialBinding;
use crate::ports::key_backend::{BackendError, KeyBackend, KeyHandle};
use crate::types::ids::KeyId;
use crate::types::key::{KeySpec, KeyUsage, Origin};

const MESSAGE: &[u8] = b"a message";

pub(super) async fn key_backend_of_pairs(backend: &dyn KeyBackend) {
    for (number, spec) in (100..).zip(KeySpec::ALL.iter().copied()).filter(|(_, spec)| spec.is_implemented()) {
        let key_id = KeyId::new([number; 16], false);
        let handle = handle(backend, MaterialBinding { key_id, version: 1, spec, origin: Origin::AwsKms }).await;
        let public_key = backend.public_key(&handle.binding, TERM, &handle.stored).await.unwrap();
        assert_eq!(public_key.is_some(), spec.is_pair(), "{spec}");
        let again = backend.public_key(&handle.binding, TERM, &handle.stored).await.unwrap();
        assert_eq!(again, public_key, "{spec}");
        let public_key = public_key.unwrap_or_default();
        for usage in spec.usages() {
            match usage {
                KeyUsage::EncryptDecrypt => it_decrypts(backend, &handle, &public_key).await,
                KeyUsage::SignVerify => it_signs(backend, &handle, &public_key).await,
                KeyUsage::GenerateVerifyMac => it_authenticates(backend, &handle).await,
                KeyUsage::KeyAgreement => it_agrees(backend, &handle, &public_key).await,
                KeyUsage::EncapsulateDecapsulate => it_decapsulates(backend, &handle, &public_key).await,
            }
        }
    }
    pairs_are_made_for_callers(backend).await;
}

async fn it_decrypts(backend: &dyn KeyBackend, handle: &KeyHandle, public_key: &[u8]) {
    let spec = handle.binding.spec;
    for algorithm in spec.encryption_algorithms().iter().copied().filter(|_| spec.is_pair()) {
        let ciphertext = key::encrypt(spec, public_key, algorithm, MESSAGE).unwrap();
        let opened = backend.decrypt_for_pair(handle, algorithm, &ciphertext).await.unwrap();
        assert_eq!(opened.expose(), MESSAGE, "{spec} {algorithm}");
        let short = backend.decrypt_for_pair(handle, algorithm, &ciphertext[1..]).await;
        assert_eq!(short.err(), Some(BackendError::InvalidCiphertext), "{spec} {algorithm}");
    }
}

async fn it_signs(backend: &dyn KeyBackend, handle: &KeyHandle, public_key: &[u8]) {
    let spec = handle.binding.spec;
    for algorithm in spec.signing_algorithms().iter().copied() {
        for kind in algorithm.message_types().iter().copied() {
            let message = secret(&vec![3; algorithm.message_length(kind).unwrap_or(20)]);
            let signature = backend.sign(handle, algorithm, kind, &message).await.unwrap();
            key::verify(spec, public_key, algorithm, kind, message.expose(), &signature).unwrap();
            let verified = key::verify(spec, public_key, algorithm, kind, &[4; 64][..message.len()], &signature);
            assert!(verified.is_err(), "{spec} {algorithm} {kind}");
        }
    }
}

async fn it_authenticates(backend: &dyn KeyBackend, handle: &KeyHandle) {
    for algorithm in handle.binding.spec.mac_algorithms().iter().copied() {
        let mac = backend.generate_mac(handle, algorithm, &secret(MESSAGE)).await.unwrap();
        assert_eq!(backend.verify_mac(handle, algorithm, &secret(MESSAGE), &mac).await, Ok(()));
        let other = backend.verify_mac(handle, algorithm, &secret(b"another"), &mac).await;
        assert_eq!(other, Err(BackendError::InvalidMac));
    }
}

async fn it_agrees(backend: &dyn KeyBackend, handle: &KeyHandle, public_key: &[u8]) {
    let spec = handle.binding.spec;
    let peer = backend.data_key_pair(spec).await.unwrap();
    let ours = backend.derive_shared_secret(handle, &peer.public_key).await.unwrap();
    let material = key::import(spec, &peer.private_key).unwrap();
    let theirs = key::PrivateKey::open(spec, &material).unwrap().derive_shared_secret(public_key).unwrap();
    assert_eq!(ours.expose(), theirs.expose(), "{spec}");
    let none = backend.derive_shared_secret(handle, MESSAGE).await;
    assert_eq!(none.err(), Some(BackendError::InvalidPublicKey), "{spec}");
}

async fn it_decapsulates(backend: &dyn KeyBackend, handle: &KeyHandle, public_key: &[u8]) {
    let made = key::encapsulate(handle.binding.spec, public_key).unwrap();
    let opened = backend.decapsulate(handle, &made.ciphertext).await.unwrap();
    assert_eq!(opened.expose(), made.shared_secret.expose());
    let short = backend.decapsulate(handle, &made.ciphertext[1..]).await;
    assert_eq!(short.err(), Some(BackendError::InvalidCiphertext));
}

async fn pairs_are_made_for_callers(backend: &dyn KeyBackend) {
    for spec in [KeySpec::Rsa2048, KeySpec::EccNistP256, KeySpec::EccNistEdwards25519, KeySpec::MlKem768] {
        let made = backend.data_key_pair(spec).await.unwrap();
        let material = key::import(spec, &made.private_key).unwrap();
        let public_key = key::PrivateKey::open(spec, &material).unwrap().public_key().unwrap();
        assert_eq!(public_key, made.public_key, "{spec}");
    }
}
