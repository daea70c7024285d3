//! A whole installation in memory with a key of each kind, which can be put back to its beginning at little cost.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coffer::api::aws::operation::Operation;
use coffer::api::crd::kms_key::{KmsKeySpec, SpecOrigin};
use coffer::crypto::CryptoError;
use coffer::crypto::digest::sha256;
use coffer::crypto::key;
use coffer::crypto::rng::Rng;
use coffer::crypto::seal::Root;
use coffer::domain::resource::{Manager, Resource};
use coffer::engine::accounts::Accounts;
use coffer::engine::alias_claims::AliasClaims;
use coffer::engine::approvals::Approvals;
use coffer::engine::changes::ChangedOwners;
use coffer::engine::destruction::Destruction;
use coffer::engine::dispatch::{Answer, Call};
use coffer::engine::limiter::{Limiter, Rates};
use coffer::engine::local_backend::LocalBackend;
use coffer::engine::snapshot_cell::SnapshotCell;
use coffer::engine::turns::Turns;
use coffer::engine::vault::{Roots, Vault};
use coffer::engine::{Engine, Ports};
use coffer::ports::clock::Clock;
use coffer::ports::store::Store;
use coffer::types::account::{AccountId, Region};
use coffer::types::algorithm::EncryptionAlgorithm;
use coffer::types::ids::{InstallationId, ObjectUid};
use coffer::types::key::{KeySpec, KeyUsage};
use coffer::types::object::{Kind, ObjectName};
use coffer::types::principal::Principal;
use coffer::types::secret::RootKey;
use coffer::types::time::{Span, Timestamp};
use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{BoxFuture, LocalBoxFuture};
use serde_json::{Value, json};

use crate::ports::fake_aliases::FakeAliases;
use crate::ports::fake_rsa_keys::FakeRsaKeys;
use crate::ports::fake_small::{FakeAudit, FakeClock, FakeResources, FakeReviewer, FakeUsage};
use crate::ports::fake_store::FakeStore;

/// The account of the namespace `default`.
pub const OWNER: AccountId = AccountId::from_remainder(111_122_223_333);
const INSTALLATION: InstallationId = InstallationId::new([5; 16]);
const BEGINNING: Timestamp = Timestamp::from_milliseconds(1_767_225_600_000);

/// The keys of every world; each has the alias `alias/` and its name.
const KEYS: &[(&str, KeySpec, KeyUsage, SpecOrigin)] = &[
    ("a", KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, SpecOrigin::Generated),
    ("b", KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, SpecOrigin::Generated),
    ("c", KeySpec::EccNistP256, KeyUsage::SignVerify, SpecOrigin::Generated),
    ("d", KeySpec::EccNistP256, KeyUsage::KeyAgreement, SpecOrigin::Generated),
    ("e", KeySpec::Rsa2048, KeyUsage::EncryptDecrypt, SpecOrigin::Generated),
    ("f", KeySpec::MlKem768, KeyUsage::EncapsulateDecapsulate, SpecOrigin::Generated),
    ("g", KeySpec::MlDsa44, KeyUsage::SignVerify, SpecOrigin::Generated),
    ("h", KeySpec::EccNistEdwards25519, KeyUsage::SignVerify, SpecOrigin::Generated),
    ("i", KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, SpecOrigin::Imported),
    ("j", KeySpec::Rsa2048, KeyUsage::SignVerify, SpecOrigin::Generated),
];

/// What each world begins with.
pub struct Template {
    objects: Vec<(ObjectName, Vec<u8>)>,
    resources: Vec<Resource>,
    /// What stands for the answers that a caller would have got before, such as `@B` for a ciphertext blob.
    words: Vec<(&'static [u8], String)>,
}

impl Template {
    /// Makes the keys, and what callers would have of them.
    #[must_use]
    pub fn new() -> Self {
        let mut world = World::start(FakeStore::default(), FakeResources::default());
        for (name, spec, usage, origin) in KEYS {
            world.make_key(name, *spec, *usage, *origin);
        }
        let words = world.words();
        let objects = Kind::ALL.iter().flat_map(|kind| {
            let listed =
                world.store.list(*kind).now_or_never().expect("memory never waits").expect("memory never fails");
            listed.into_iter().map(|(name, stored)| (name, stored.bytes.to_vec()))
        });
        Self { objects: objects.collect(), resources: world.resources(), words }
    }

    /// A world that has just begun.
    #[must_use]
    pub fn world(&self) -> World {
        let (store, resources) = (FakeStore::default(), FakeResources::default());
        for (name, bytes) in &self.objects {
            store.plant(name, bytes.clone());
        }
        self.resources.iter().for_each(|resource| resources.put(resource.clone()));
        World::start(store, resources)
    }

    /// A body with its words replaced.
    #[must_use]
    pub fn fill(&self, body: &[u8]) -> Vec<u8> {
        let mut filled = Vec::with_capacity(body.len());
        let mut rest = body;
        while let Some((first, after)) = rest.split_first() {
            if let Some((word, text)) = self.words.iter().find(|(word, _)| rest.starts_with(word)) {
                filled.extend_from_slice(text.as_bytes());
                rest = &rest[word.len()..];
            } else {
                filled.push(*first);
                rest = after;
            }
        }
        filled
    }
}

impl Default for Template {
    fn default() -> Self {
        Self::new()
    }
}

/// A running installation.
pub struct World {
    engine: Arc<Engine>,
    clock: FakeClock,
    store: FakeStore,
    resources: FakeResources,
    follower: LocalBoxFuture<'static, ()>,
}

impl World {
    fn start(store: FakeStore, resources: FakeResources) -> Self {
        let clock = FakeClock::default();
        clock.set(BEGINNING);
        let engine = engine(&store, &resources, &clock);
        let followed = Arc::clone(&engine);
        let follower = async move { followed.follow_store(oneshot::channel().0).await }.boxed_local();
        let mut world = Self { engine, clock, store, resources, follower };
        world.run(|_| async {}.boxed_local());
        world
    }

    /// A call of the owner of the account: the status, and the body.
    pub fn call(&mut self, operation: Operation, body: &[u8]) -> (u16, Vec<u8>) {
        let body = body.to_vec();
        let answer: Answer = self.run(move |engine| {
            async move {
                let call = Call {
                    request_id: "request",
                    operation,
                    body: &body,
                    principal: Principal::local_root(OWNER),
                    source: Some("127.0.0.1"),
                    user_agent: None,
                    invocation_id: None,
                    seen_revision: None,
                };
                engine.dispatch(&call).await
            }
            .boxed_local()
        });
        (answer.status, answer.body.expose().to_vec())
    }

    /// Some days pass.
    pub fn pass(&self, days: u16) {
        self.clock.set(self.clock.wall().plus(Span::from_hours(24 * i64::from(days))));
    }

    /// Drives a future beside the follower of the store, and fails where neither can go on.
    fn run<T>(&mut self, begin: impl FnOnce(Arc<Engine>) -> LocalBoxFuture<'static, T>) -> T {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(begin(Arc::clone(&self.engine)));
        loop {
            let ended = future.as_mut().poll(&mut context);
            assert!(self.follower.as_mut().poll(&mut context).is_pending());
            if let Poll::Ready(output) = ended {
                return output;
            }
            assert!(woken.0.swap(false, Ordering::SeqCst), "a future waits for something that never comes");
        }
    }

    fn resources(&self) -> Vec<Resource> {
        use coffer::ports::resources::Resources as _;
        let listing = self.resources.list().now_or_never().expect("memory never waits");
        listing.expect("memory never fails").resources
    }

    fn ok(&mut self, operation: Operation, body: Value) -> Value {
        let (status, answer) = self.call(operation, body.to_string().as_bytes());
        assert_eq!(status, 200, "{operation}: {}", String::from_utf8_lossy(&answer));
        if answer.is_empty() { Value::Null } else { serde_json::from_slice(&answer).expect("an answer is JSON") }
    }

    fn make_key(&mut self, name: &'static str, spec: KeySpec, usage: KeyUsage, origin: SpecOrigin) {
        let spec =
            KmsKeySpec { key_spec: Some(spec), key_usage: Some(usage), origin: Some(origin), ..KmsKeySpec::default() };
        let resource = Resource {
            namespace: "default".to_owned(),
            namespace_uid: ObjectUid::new([1; 16]),
            name: name.to_owned(),
            uid: ObjectUid::new([name.as_bytes()[0]; 16]),
            generation: 1,
            manager: Manager::Api,
            key_was_made: false,
            spec,
        };
        self.resources.put(resource.clone());
        let settled = self
            .run(move |engine| {
                async move { engine.reconcile("default", &resource.name, Some(&resource)).await }.boxed_local()
            })
            .expect("a key is made")
            .expect("there is a resource");
        let target = json!({"AliasName": format!("alias/{name}"), "TargetKeyId": settled.key_id.to_string()});
        self.ok(Operation::CreateAlias, target);
    }

    fn key_id(&mut self, alias: &str) -> String {
        let answer = self.ok(Operation::DescribeKey, json!({"KeyId": alias}));
        answer["KeyMetadata"]["KeyId"].as_str().expect("the id is a text").to_owned()
    }

    /// What callers have of the keys. `cGxhaW50ZXh0` is the text `plaintext` in base64.
    fn words(&mut self) -> Vec<(&'static [u8], String)> {
        let plain = "cGxhaW50ZXh0";
        let blob = json!({"KeyId": "alias/a", "Plaintext": plain});
        let bound = json!({"KeyId": "alias/a", "Plaintext": plain, "EncryptionContext": {"k": "v"}});
        let rsa = json!({"KeyId": "alias/e", "Plaintext": plain, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"});
        let mac = json!({"KeyId": "alias/b", "Message": plain, "MacAlgorithm": "HMAC_SHA_256"});
        let secret = json!({"KeyId": "alias/f", "EncapsulationAlgorithm": "ML_KEM"});
        let signed =
            |key: &str, algorithm: &str| json!({"KeyId": key, "Message": plain, "SigningAlgorithm": algorithm});
        let id = self.key_id("alias/a");
        let imported = self.key_id("alias/i");
        let parameters =
            json!({"KeyId": imported, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"});
        let import = self.ok(Operation::GetParametersForImport, parameters);
        let mut get = |operation, body: Value, member: &str| {
            self.ok(operation, body)[member].as_str().expect("the member is a text").to_owned()
        };
        vec![
            (b"@K", id),
            (b"@I", imported),
            (b"@B", get(Operation::Encrypt, blob, "CiphertextBlob")),
            (b"@X", get(Operation::Encrypt, bound, "CiphertextBlob")),
            (b"@R", get(Operation::Encrypt, rsa, "CiphertextBlob")),
            (b"@M", get(Operation::GenerateMac, mac, "Mac")),
            (b"@S", get(Operation::Sign, signed("alias/c", "ECDSA_SHA_256"), "Signature")),
            (b"@L", get(Operation::Sign, signed("alias/g", "ML_DSA_SHAKE_256"), "Signature")),
            (b"@P", get(Operation::GetPublicKey, json!({"KeyId": "alias/d"}), "PublicKey")),
            (b"@C", get(Operation::Encapsulate, secret, "SharedSecretCiphertextBlob")),
            (b"@T", import["ImportToken"].as_str().expect("the token is a text").to_owned()),
            (b"@W", wrapped(&import["PublicKey"])),
        ]
    }
}

/// Material of 32 bytes under a public key, as its user wraps it for import.
fn wrapped(public_key: &Value) -> String {
    let public_key = STANDARD.decode(public_key.as_str().expect("the key is a text")).expect("the key is base64");
    let wrapped = key::encrypt(KeySpec::Rsa2048, &public_key, EncryptionAlgorithm::RsaesOaepSha256, &[0x11; 32]);
    STANDARD.encode(wrapped.expect("the material is wrapped"))
}

fn engine(store: &FakeStore, resources: &FakeResources, clock: &FakeClock) -> Arc<Engine> {
    let rng: Arc<dyn Rng> = Arc::new(CountingRng::default());
    let root = Root::new(INSTALLATION, 1, RootKey::init_with(|bytes| bytes.fill(7))).expect("a root is derived");
    let roots = Arc::new(Roots::new(vec![root]).expect("there is a root"));
    let store: Arc<dyn Store> = Arc::new(store.clone());
    let rsa_keys = Arc::new(FakeRsaKeys::default());
    let backend =
        LocalBackend::new(Arc::clone(&roots), Arc::clone(&rng), Arc::clone(&rsa_keys) as _, "fuzz".to_owned());
    let ports = Ports {
        store: Arc::clone(&store),
        backend: Arc::new(backend),
        resources: Arc::new(resources.clone()),
        aliases: Arc::new(FakeAliases::default()),
        audit: Arc::new(FakeAudit::default()),
        reviewer: Arc::new(FakeReviewer(Ok(true))),
        clock: Arc::new(PatientClock(clock.clone())),
        rng,
        usage: Arc::new(FakeUsage::default()),
        rsa_keys,
    };
    Arc::new(Engine {
        ports,
        region: Region::default(),
        replica: "fuzz".to_owned(),
        approvals: Approvals::default(),
        destruction: Destruction::default(),
        allows_fixed_key_ids: true,
        accounts: Accounts::Shared(OWNER),
        vault: Vault::new(roots, store),
        snapshots: SnapshotCell::default(),
        changes: ChangedOwners::default(),
        alias_changes: ChangedOwners::default(),
        turns: Turns::default(),
        alias_claims: AliasClaims::default(),
        usage_since: BEGINNING,
        limiter: Limiter::new(Rates::UNLIMITED),
    })
}

/// Equal runs draw equal bytes.
#[derive(Default)]
struct CountingRng(AtomicU64);

impl Rng for CountingRng {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        for chunk in bytes.chunks_mut(32) {
            let block = sha256(&[&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes()]);
            chunk.iter_mut().zip(block).for_each(|(byte, random)| *byte = random);
        }
        Ok(())
    }
}

/// A clock whose time limits are never over, so that waiting for what never comes is found.
struct PatientClock(FakeClock);

impl Clock for PatientClock {
    fn wall(&self) -> Timestamp {
        self.0.wall()
    }

    fn monotonic(&self) -> Span {
        self.0.monotonic()
    }

    fn outside(&self) -> Option<Timestamp> {
        self.0.outside()
    }

    fn high_water_mark(&self) -> Timestamp {
        self.0.high_water_mark()
    }

    fn sleep(&self, _: Span) -> BoxFuture<'static, ()> {
        futures::future::pending().boxed()
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}
