//! Key backends: the local one, and one that never gives bytes.

use std::sync::Arc;

use futures::executor::block_on;
use serde_json::json;

use super::support::{PLAINTEXT, Setup, World, arn, named, roots};
use crate::api::aws::operation::Operation;
use crate::crypto::CryptoError;
use crate::crypto::rng::{Rng, SeededRng};
use crate::crypto::seal::MaterialBinding;
use crate::domain::plan::Reason;
use crate::engine::local_backend::LocalBackend;
use crate::ports::conformance;
use crate::ports::fake::{FakeRemoteBackend, FakeRsaKeys};
use crate::ports::kept::Kept;
use crate::ports::key_backend::{BackendError, KeyBackend, KeyHandle};
use crate::ports::store::Store as _;
use crate::types::context::EncryptionContext;
use crate::types::ids::{KeyId, MaterialId};
use crate::types::key::{KeySpec, Origin};
use crate::types::object::ObjectName;
use crate::types::secret::SecretBytes;
use crate::types::time::Timestamp;

fn local(rng: impl Rng + 'static) -> LocalBackend {
    LocalBackend::new(roots(), Arc::new(rng), Arc::new(FakeRsaKeys::default()), "test".to_owned())
}

fn binding() -> MaterialBinding {
    let (spec, origin) = (KeySpec::SymmetricDefault, Origin::AwsKms);
    MaterialBinding { key_id: KeyId::new([1; 16], false), version: 1, spec, origin }
}

#[test]
fn the_local_backend_is_a_key_backend() {
    block_on(conformance::key_backend(|| Arc::new(local(SeededRng::new(1)))));
}

#[test]
fn two_replicas_with_one_root_open_each_others_blobs() {
    let (one, two) = (local(SeededRng::new(1)), local(SeededRng::new(2)));
    let made = block_on(one.create_material(&binding(), 1)).unwrap();
    let handle = KeyHandle {
        binding: binding(),
        term: 1,
        material_id: made.material_id,
        stored: made.stored.clone().into(),
        kept: Kept::default(),
    };
    assert_eq!(block_on(two.identify(&binding(), 1, &made.stored)), Ok(made.material_id));
    let context = EncryptionContext::default();
    let blob = block_on(one.encrypt(&handle, &context, &SecretBytes::new(b"plaintext".to_vec()))).unwrap();
    let blob = crate::api::blob::Blob::parse(&blob).unwrap();
    assert_eq!(block_on(two.decrypt(&handle, &context, &blob)).unwrap().expose(), b"plaintext");
}

#[test]
fn a_root_that_is_not_there_is_told_apart_from_bytes_that_do_not_open() {
    let backend = local(SeededRng::new(1));
    let made = block_on(backend.create_material(&binding(), 1)).unwrap();
    assert_eq!(block_on(backend.create_material(&binding(), 2)), Err(BackendError::Unavailable));
    assert_eq!(block_on(backend.identify(&binding(), 2, &made.stored)), Err(BackendError::Unavailable));
}

#[test]
fn a_material_is_believed_only_where_its_id_is_the_one_of_the_record() {
    let backend = local(SeededRng::new(1));
    let made = block_on(backend.create_material(&binding(), 1)).unwrap();
    let material_id = MaterialId::new([3; 32]);
    let handle =
        KeyHandle { binding: binding(), term: 1, material_id, stored: made.stored.into(), kept: Kept::default() };
    let encrypted = block_on(backend.encrypt(&handle, &EncryptionContext::default(), &SecretBytes::new(vec![1])));
    assert_eq!(encrypted, Err(BackendError::Unreadable));
}

/// A source that is dry.
struct NoRandomness;

impl Rng for NoRandomness {
    fn fill(&self, _: &mut [u8]) -> Result<(), CryptoError> {
        Err(CryptoError)
    }
}

#[test]
fn nothing_is_made_without_randomness() {
    let made = block_on(local(SeededRng::new(1)).create_material(&binding(), 1)).unwrap();
    let backend = local(NoRandomness);
    assert_eq!(block_on(backend.create_material(&binding(), 1)), Err(BackendError::Unavailable));
    assert!(block_on(backend.random(16)).is_err());
    let handle = KeyHandle {
        binding: binding(),
        term: 1,
        material_id: made.material_id,
        stored: made.stored.into(),
        kept: Kept::default(),
    };
    let encrypted = block_on(backend.encrypt(&handle, &EncryptionContext::default(), &SecretBytes::new(vec![1])));
    assert_eq!(encrypted, Err(BackendError::Unavailable));
}

fn remote(pending: u32) -> World {
    let mut setup = Setup::new();
    setup.backend = Some(Arc::new(FakeRemoteBackend::new(pending)));
    setup.start()
}

#[test]
fn the_engine_works_with_a_backend_that_never_gives_bytes() {
    let world = remote(0);
    let key_id = world.key("orders");
    let blob = world.encrypt(&key_id);
    assert!(world.decrypts(&blob));
    let created = world.ok(Operation::CreateKey, json!({}))["KeyMetadata"]["Arn"].clone();
    let moved = world.ok(Operation::ReEncrypt, json!({"CiphertextBlob": blob, "DestinationKeyId": created}));
    assert_eq!(
        world.ok(Operation::Decrypt, json!({"CiphertextBlob": moved["CiphertextBlob"]}))["Plaintext"],
        PLAINTEXT
    );
    let data_key = world.ok(Operation::GenerateDataKey, json!({"KeyId": arn(&key_id), "KeySpec": "AES_256"}));
    assert!(world.decrypts(&blob) && data_key["Plaintext"].is_string());
    world.ok(Operation::GenerateRandom, json!({"NumberOfBytes": 8}));
    let stored = world.run(world.setup.store.get(&ObjectName::material(&key_id, 1, 1))).unwrap().unwrap();
    assert_eq!(*stored.bytes, *format!("remote:{key_id}:1").as_bytes(), "the store holds a reference and no key");
    world.ok(Operation::DisableKey, json!({"KeyId": arn(&key_id)}));
    let world = world.restart();
    assert_eq!(world.state(&key_id), "Disabled");
    world.ok(Operation::EnableKey, json!({"KeyId": arn(&key_id)}));
    assert!(world.decrypts(&blob));
    world.setup.store.steal(&ObjectName::material(&key_id, 1, 1));
    let world = world.restart();
    assert_eq!(
        (world.state(&key_id).as_str(), world.reconcile("orders").unwrap().unwrap().because),
        ("Unavailable", Reason::MaterialDamaged)
    );
}

#[test]
fn a_backend_that_takes_its_time_is_asked_again_when_it_said() {
    let world = remote(2);
    world.setup.resources.put(named("orders"));
    for _ in 0..2 {
        let settled = world.reconcile("orders").unwrap().unwrap();
        assert!(!settled.complete);
        assert!(settled.because == Reason::MaterialAnnounced && settled.wake_at <= Timestamp::from_milliseconds(1));
        assert_eq!(world.state(&settled.key_id), "Creating");
        let body = json!({"KeyId": arn(&settled.key_id), "Plaintext": PLAINTEXT});
        assert_eq!(world.refused(Operation::Encrypt, body), "KMSInvalidStateException");
    }
    let settled = world.reconcile("orders").unwrap().unwrap();
    assert!(settled.complete && settled.because == Reason::InSync);
    assert!(world.decrypts(&world.encrypt(&settled.key_id)));
}

#[test]
fn a_call_that_a_slow_backend_keeps_waiting_may_be_tried_again() {
    let world = remote(1);
    let mut create = super::support::call(Operation::CreateKey, super::support::OWNER, b"{}");
    create.invocation_id = Some("one");
    let (status, answer) = world.send(&create);
    assert_eq!((status, &answer["__type"]), (400, &json!("ThrottlingException")));
    let (status, answer) = world.send(&create);
    assert_eq!((status, &answer["KeyMetadata"]["KeyState"]), (200, &json!("Enabled")));
    assert_eq!(world.setup.store.names().len(), 3);
}
