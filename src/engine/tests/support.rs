//! A whole installation in memory, which a test can lose and start again.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{BoxFuture, LocalBoxFuture};
use serde_json::{Value, json};

use crate::api::aws::operation::Operation;
use crate::crypto::rng::SeededRng;
use crate::crypto::seal::Root;
use crate::domain::reconcile::tests::resource;
use crate::domain::record::Record;
use crate::domain::resource::Resource;
use crate::engine::accounts::Accounts;
use crate::engine::alias_claims::AliasClaims;
use crate::engine::approvals::Approvals;
use crate::engine::changes::ChangedOwners;
use crate::engine::destruction::Destruction;
use crate::engine::dispatch::Call;
use crate::engine::limiter::{Limiter, Rates};
use crate::engine::local_backend::LocalBackend;
use crate::engine::reconcile::{ReconcileError, Settled};
use crate::engine::snapshot_cell::SnapshotCell;
use crate::engine::turns::Turns;
use crate::engine::vault::{Roots, Vault};
use crate::engine::{Engine, Ports};
use crate::ports::audit::Audit;
use crate::ports::clock::Clock;
use crate::ports::fake::{
    FakeAliases, FakeAudit, FakeClock, FakeResources, FakeReviewer, FakeRsaKeys, FakeStore, FakeUsage,
};
use crate::ports::key_backend::KeyBackend;
use crate::ports::resources::Resources;
use crate::ports::reviewer::Reviewer;
use crate::ports::store::Store;
use crate::types::account::{AccountId, Region};
use crate::types::ids::{InstallationId, KeyId, ObjectUid};
use crate::types::principal::Principal;
use crate::types::secret::RootKey;
use crate::types::time::{Span, Timestamp};

/// The installation of every test.
pub(crate) const INSTALLATION: InstallationId = InstallationId::new([5; 16]);
/// The account of the namespace `default`.
pub(crate) const OWNER: AccountId = AccountId::from_remainder(111_122_223_333);
/// Another account, whose namespace is `account-444455556666`.
pub(crate) const STRANGER: AccountId = AccountId::from_remainder(444_455_556_666);

/// The root that every start of the installation has.
pub(crate) fn roots() -> Arc<Roots> {
    let root = Root::new(INSTALLATION, 1, RootKey::init_with(|bytes| bytes.fill(7))).unwrap();
    Arc::new(Roots::new(vec![root]).unwrap())
}

/// What outlives a process: the store, the resources, the audit trail; and what a test replaces.
pub(crate) struct Setup {
    pub(crate) store: FakeStore,
    pub(crate) resources: FakeResources,
    pub(crate) aliases: FakeAliases,
    pub(crate) audit: FakeAudit,
    pub(crate) clock: FakeClock,
    /// The store as the engine reaches it, where that is not `store` itself.
    pub(crate) store_port: Option<Arc<dyn Store>>,
    /// The resources as the engine reaches them, where those are not `resources`.
    pub(crate) resources_port: Option<Arc<dyn Resources>>,
    /// The sink, where it is not `audit`.
    pub(crate) sink: Option<Arc<dyn Audit>>,
    /// The backend, where it is not a local one.
    pub(crate) backend: Option<Arc<dyn KeyBackend>>,
    pub(crate) reviewer: Arc<dyn Reviewer>,
    pub(crate) rsa_keys: FakeRsaKeys,
    pub(crate) rates: Rates,
    /// Whether waiting for a revision ends at once, as where its time limit is over.
    pub(crate) impatient: bool,
    starts: Cell<u64>,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let clock = FakeClock::default();
        clock.set(Timestamp::from_milliseconds(1_767_225_600_000));
        Self {
            store: FakeStore::default(),
            resources: FakeResources::default(),
            aliases: FakeAliases::default(),
            audit: FakeAudit::default(),
            clock,
            store_port: None,
            resources_port: None,
            sink: None,
            backend: None,
            reviewer: Arc::new(FakeReviewer(Ok(true))),
            rsa_keys: FakeRsaKeys::default(),
            rates: Rates::UNLIMITED,
            impatient: false,
            starts: Cell::new(0),
        }
    }

    /// What the clock shows.
    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.wall()
    }

    /// A process that starts: an engine of its own, with randomness of its own and the same root.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        self.starts.set(self.starts.get() + 1);
        let rng = Arc::new(SeededRng::new(self.starts.get()));
        let roots = roots();
        let store = self.store_port.clone().unwrap_or_else(|| Arc::new(self.store.clone()));
        let rsa_keys = Arc::new(self.rsa_keys.clone());
        let local = || {
            let (rng, rsa_keys) = (Arc::clone(&rng) as _, Arc::clone(&rsa_keys) as _);
            Arc::new(LocalBackend::new(Arc::clone(&roots), rng, rsa_keys, "test".to_owned())) as _
        };
        let clock: Arc<dyn Clock> =
            if self.impatient { Arc::new(self.clock.clone()) } else { Arc::new(PatientClock(self.clock.clone())) };
        let ports = Ports {
            store: Arc::clone(&store),
            backend: self.backend.clone().unwrap_or_else(local),
            resources: self.resources_port.clone().unwrap_or_else(|| Arc::new(self.resources.clone())),
            aliases: Arc::new(self.aliases.clone()),
            audit: self.sink.clone().unwrap_or_else(|| Arc::new(self.audit.clone())),
            reviewer: Arc::clone(&self.reviewer),
            clock,
            rng,
            usage: Arc::new(FakeUsage::default()),
            rsa_keys: Arc::clone(&rsa_keys) as _,
        };
        Arc::new(Engine {
            ports,
            region: Region::default(),
            replica: "test".to_owned(),
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
            usage_since: self.clock.wall(),
            limiter: Limiter::new(self.rates),
        })
    }

    /// A process that starts and follows its store.
    pub(crate) fn start(self) -> World {
        let engine = self.engine();
        let world = World { follower: RefCell::new(follow(&engine)), engine, setup: self };
        world.run(async {});
        world
    }
}

fn follow(engine: &Arc<Engine>) -> LocalBoxFuture<'static, ()> {
    let engine = Arc::clone(engine);
    async move { engine.follow_store(oneshot::channel().0).await }.boxed_local()
}

/// A clock whose time limits are never over, so that a test sees what waits for something that never comes.
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

/// A running installation.
pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) engine: Arc<Engine>,
    follower: RefCell<LocalBoxFuture<'static, ()>>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Setup::new().start()
    }

    /// The process is gone, some time passes, and another one starts.
    pub(crate) fn restart(self) -> Self {
        self.setup.store.restart();
        self.pass(1000);
        self.setup.start()
    }

    pub(crate) fn pass(&self, milliseconds: i64) {
        let now = self.setup.clock.wall();
        self.setup.clock.set(now.plus(Span::from_milliseconds(milliseconds)));
    }

    /// Drives a future beside the follower of the store, and fails where neither can go on.
    pub(crate) fn run<F: Future>(&self, future: F) -> F::Output {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            let ended = future.as_mut().poll(&mut context);
            assert!(self.follower.borrow_mut().as_mut().poll(&mut context).is_pending());
            if let Poll::Ready(output) = ended {
                return output;
            }
            assert!(woken.0.swap(false, Ordering::SeqCst), "a future waits for something that never comes");
        }
    }

    /// A call of the owner of the account.
    pub(crate) fn call(&self, operation: Operation, body: Value) -> (u16, Value) {
        self.call_as(OWNER, operation, body)
    }

    /// A call of the root of an account.
    pub(crate) fn call_as(&self, account: AccountId, operation: Operation, body: Value) -> (u16, Value) {
        self.send(&call(operation, account, body.to_string().as_bytes()))
    }

    /// Any call.
    pub(crate) fn send(&self, call: &Call<'_>) -> (u16, Value) {
        let answer = self.run(self.engine.dispatch(call));
        let body = answer.body.expose();
        (answer.status, if body.is_empty() { Value::Null } else { serde_json::from_slice(body).unwrap() })
    }

    /// A call that must succeed.
    pub(crate) fn ok(&self, operation: Operation, body: Value) -> Value {
        let (status, answer) = self.call(operation, body);
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }

    /// The error of a call that must fail.
    pub(crate) fn refused(&self, operation: Operation, body: Value) -> String {
        let (status, answer) = self.call(operation, body);
        assert_ne!(status, 200, "{operation}: {answer}");
        answer["__type"].as_str().unwrap().to_owned()
    }

    /// Reconciles the resource of this name as it is now.
    pub(crate) fn reconcile(&self, name: &str) -> Result<Option<Settled>, ReconcileError> {
        let resource = self.run(self.engine.ports.resources.get("default", name)).unwrap();
        self.run(self.engine.reconcile("default", name, resource.as_ref()))
    }

    /// A complete key whose resource has this name.
    pub(crate) fn key(&self, name: &str) -> KeyId {
        self.setup.resources.put(named(name));
        let settled = self.reconcile(name).unwrap().expect("there is a resource");
        assert!(settled.complete, "{settled:?}");
        settled.key_id
    }

    pub(crate) fn record(&self, key_id: &KeyId) -> Option<Record> {
        self.run(self.engine.vault.record(key_id)).unwrap().map(|read| read.content)
    }

    /// The state that DescribeKey shows.
    pub(crate) fn state(&self, key_id: &KeyId) -> String {
        let answer = self.ok(Operation::DescribeKey, json!({"KeyId": key_id.to_string()}));
        answer["KeyMetadata"]["KeyState"].as_str().unwrap().to_owned()
    }

    /// The blob of the text `plaintext`, in base64.
    pub(crate) fn encrypt(&self, key_id: &KeyId) -> Value {
        let body = json!({"KeyId": key_id.to_string(), "Plaintext": PLAINTEXT});
        self.ok(Operation::Encrypt, body)["CiphertextBlob"].clone()
    }

    /// Whether a blob of `encrypt` opens.
    pub(crate) fn decrypts(&self, blob: &Value) -> bool {
        let (status, answer) = self.call(Operation::Decrypt, json!({"CiphertextBlob": blob}));
        assert!(status != 200 || answer["Plaintext"] == PLAINTEXT);
        status == 200
    }
}

/// The text `plaintext` in base64.
pub(crate) const PLAINTEXT: &str = "cGxhaW50ZXh0";

/// A resource of this name; equal names have equal uids.
pub(crate) fn named(name: &str) -> Resource {
    let mut uid = [0; 16];
    uid.iter_mut().zip(name.bytes()).for_each(|(byte, letter)| *byte = letter);
    Resource { name: name.to_owned(), uid: ObjectUid::new(uid), ..resource() }
}

/// A call of the root of an account.
pub(crate) fn call(operation: Operation, account: AccountId, body: &[u8]) -> Call<'_> {
    Call {
        request_id: "request",
        operation,
        body,
        principal: Principal::local_root(account),
        source: Some("127.0.0.1"),
        user_agent: Some("test"),
        invocation_id: None,
        seen_revision: None,
    }
}

/// The ARN of a key of the owner.
pub(crate) fn arn(key_id: &KeyId) -> String {
    format!("arn:aws:kms:us-east-1:{OWNER}:key/{key_id}")
}
