//! What every key backend must do.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::api::blob::Blob;
use crate::crypto::blob;
use crate::crypto::seal::MaterialBinding;
use crate::ports::kept::Kept;
use crate::ports::key_backend::{BackendError, KeyBackend, KeyHandle};
use crate::types::context::EncryptionContext;
use crate::types::ids::KeyId;
use crate::types::key::{KeySpec, Origin};
use crate::types::secret::SecretBytes;

mod pairs;

const TERM: u32 = 1;

/// The whole suite, for a backend that can make keys at once and has a root of term 1.
pub async fn key_backend(make: impl Fn() -> Arc<dyn KeyBackend>) {
    what_was_made_is_identified(make().as_ref()).await;
    what_was_not_made_is_not_identified(make().as_ref()).await;
    what_was_imported_is_used(make().as_ref()).await;
    what_was_encrypted_is_decrypted(make().as_ref()).await;
    another_context_does_not_open(make().as_ref()).await;
    another_key_or_version_does_not_open(make().as_ref()).await;
    no_changed_byte_opens(make().as_ref()).await;
    equal_plaintexts_give_different_blobs(make().as_ref()).await;
    no_two_random_values_are_equal(make().as_ref()).await;
    pairs::key_backend_of_pairs(make().as_ref()).await;
}

fn binding(number: u8, version: u32) -> MaterialBinding {
    let key_id = KeyId::new([number; 16], false);
    MaterialBinding { key_id, version, spec: KeySpec::SymmetricDefault, origin: Origin::AwsKms }
}

async fn handle(backend: &dyn KeyBackend, binding: MaterialBinding) -> KeyHandle {
    let made = backend.create_material(&binding, TERM).await.unwrap();
    KeyHandle { binding, term: TERM, material_id: made.material_id, stored: made.stored.into(), kept: Kept::default() }
}

fn context(value: &str) -> EncryptionContext {
    EncryptionContext::new(BTreeMap::from([("purpose".to_owned(), value.to_owned())])).unwrap()
}

fn secret(bytes: &[u8]) -> SecretBytes {
    SecretBytes::new(bytes.to_vec())
}

async fn open(
    backend: &dyn KeyBackend,
    handle: &KeyHandle,
    context: &EncryptionContext,
    blob: &[u8],
) -> Result<Vec<u8>, BackendError> {
    let blob = Blob::parse(blob).expect("a blob");
    backend.decrypt(handle, context, &blob).await.map(|plaintext| plaintext.expose().to_vec())
}

async fn what_was_made_is_identified(backend: &dyn KeyBackend) {
    for binding in [binding(1, 1), binding(1, 2), binding(2, 1)] {
        let made = backend.create_material(&binding, TERM).await.unwrap();
        assert_eq!(backend.identify(&binding, TERM, &made.stored).await, Ok(made.material_id));
        let again = backend.create_material(&binding, TERM).await.unwrap();
        assert_eq!(backend.identify(&binding, TERM, &again.stored).await, Ok(again.material_id));
        let first = backend.identify(&binding, TERM, &made.stored).await;
        assert_eq!(first, Ok(made.material_id), "making again takes nothing away from what is stored");
    }
}

async fn what_was_not_made_is_not_identified(backend: &dyn KeyBackend) {
    let own = backend.create_material(&binding(1, 1), TERM).await.unwrap();
    for other in [binding(2, 1), binding(1, 2)] {
        backend.create_material(&other, TERM).await.unwrap();
        assert_eq!(backend.identify(&other, TERM, &own.stored).await, Err(BackendError::Unreadable));
    }
    let mut changed = own.stored.clone();
    *changed.last_mut().unwrap() ^= 1;
    for garbage in [b"".as_slice(), b"garbage", &[0; 100], &changed] {
        assert_eq!(backend.identify(&binding(1, 1), TERM, garbage).await, Err(BackendError::Unreadable));
    }
}

async fn what_was_imported_is_used(backend: &dyn KeyBackend) {
    let binding = MaterialBinding { origin: Origin::External, ..binding(1, 1) };
    let (one, two) = (secret(&[1; 32]), secret(&[2; 32]));
    let first = backend.import_material(&binding, TERM, &one).await.unwrap();
    let other = backend.import_material(&binding, TERM, &two).await.unwrap();
    assert_ne!(first.material_id, other.material_id);
    assert_eq!(backend.import_material(&binding, TERM, &one).await.unwrap().material_id, first.material_id);
    for made in [&first, &other] {
        assert_eq!(backend.identify(&binding, TERM, &made.stored).await, Ok(made.material_id));
    }
    let handle = KeyHandle {
        binding,
        term: TERM,
        material_id: first.material_id,
        stored: first.stored.into(),
        kept: Kept::default(),
    };
    let context = context("orders");
    let bytes = backend.encrypt(&handle, &context, &secret(b"plaintext")).await.unwrap();
    assert_eq!(open(backend, &handle, &context, &bytes).await, Ok(b"plaintext".to_vec()));
    let opened = blob::open(&one, &Blob::parse(&bytes).unwrap(), &context).unwrap();
    assert_eq!(opened.expose(), b"plaintext", "the very bytes that came in encrypt");
}

async fn what_was_encrypted_is_decrypted(backend: &dyn KeyBackend) {
    let handle = handle(backend, binding(1, 1)).await;
    let longest = [0xa5; 4096];
    for plaintext in [b"x".as_slice(), &longest] {
        for context in [EncryptionContext::default(), context("orders")] {
            let blob = backend.encrypt(&handle, &context, &secret(plaintext)).await.unwrap();
            let header = Blob::parse(&blob).unwrap().header;
            assert_eq!((header.key_id, header.version), (handle.binding.key_id, 1));
            assert_eq!(header.material, handle.material_id.prefix());
            assert_eq!(open(backend, &handle, &context, &blob).await, Ok(plaintext.to_vec()));
        }
    }
}

async fn another_context_does_not_open(backend: &dyn KeyBackend) {
    let handle = handle(backend, binding(1, 1)).await;
    let contexts = [EncryptionContext::default(), context("orders"), context("Orders"), context("")];
    for (index, right) in contexts.iter().enumerate() {
        let blob = backend.encrypt(&handle, right, &secret(b"plaintext")).await.unwrap();
        for (other, wrong) in contexts.iter().enumerate() {
            let opened = open(backend, &handle, wrong, &blob).await;
            assert_eq!(opened.is_ok(), other == index);
            assert!(opened.is_ok() || opened == Err(BackendError::InvalidCiphertext));
        }
    }
}

async fn another_key_or_version_does_not_open(backend: &dyn KeyBackend) {
    let context = context("orders");
    let own = handle(backend, binding(1, 1)).await;
    let blob = backend.encrypt(&own, &context, &secret(b"plaintext")).await.unwrap();
    for other in [binding(2, 1), binding(1, 2)] {
        let other = handle(backend, other).await;
        assert_eq!(open(backend, &other, &context, &blob).await, Err(BackendError::InvalidCiphertext));
    }
}

async fn no_changed_byte_opens(backend: &dyn KeyBackend) {
    let handle = handle(backend, binding(1, 1)).await;
    let context = context("orders");
    let blob = backend.encrypt(&handle, &context, &secret(b"plaintext")).await.unwrap();
    for index in 0..blob.len() {
        let mut changed = blob.clone();
        changed[index] ^= 1;
        // Bytes that are no blob any more never reach a backend.
        if Blob::parse(&changed).is_ok() {
            assert_eq!(
                open(backend, &handle, &context, &changed).await,
                Err(BackendError::InvalidCiphertext),
                "{index}"
            );
        }
    }
    let shorter = &blob[..blob.len() - 1];
    assert_eq!(open(backend, &handle, &context, shorter).await, Err(BackendError::InvalidCiphertext));
}

async fn equal_plaintexts_give_different_blobs(backend: &dyn KeyBackend) {
    let handle = handle(backend, binding(1, 1)).await;
    let mut blobs = HashSet::new();
    for _ in 0..50 {
        let blob = backend.encrypt(&handle, &EncryptionContext::default(), &secret(b"same")).await.unwrap();
        assert!(blobs.insert(blob));
    }
}

async fn no_two_random_values_are_equal(backend: &dyn KeyBackend) {
    let mut values = HashSet::new();
    for _ in 0..200 {
        assert!(values.insert(backend.random(16).await.unwrap().expose().to_vec()));
    }
    for length in [1, 31, 32, 33, 1024] {
        assert_eq!(backend.random(length).await.unwrap().len(), length);
    }
}
