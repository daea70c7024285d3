//! A key's life on the real API server, by a clock that a test moves: rotation after its period, destruction after the
//! window, a tombstone for a year.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::channel::oneshot;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::Mutex;

use super::cluster::{alone_with_resources, clients, definitions, namespace};
use super::resources::open as open_resources;
use crate::adapters::kube::resources::KubeResources;
use crate::adapters::kube::store::SecretStore;
use crate::adapters::system::SystemClock;
use crate::api::crd::kms_key::{Deletion, KmsKey, KmsKeySpec, Rotation};
use crate::domain::record::{Lifecycle, Record};
use crate::engine::Engine;
use crate::engine::tests::support::Setup;
use crate::ports::clock::Clock;
use crate::ports::fake::FakeClock;
use crate::ports::resources::Resources as _;
use crate::ports::store::{Event, Store, StoreError, Stored, Version};
use crate::types::ids::KeyId;
use crate::types::object::{Kind, ObjectName};
use crate::types::revision::Revision;
use crate::types::time::{Span, Timestamp};

const DAY: i64 = 86_400_000;

/// An engine over one namespace of Secrets and one of resources.
struct Home {
    engine: Arc<Engine>,
    clock: FakeClock,
    resources: Arc<KubeResources>,
    namespace: String,
    secrets: Api<Secret>,
    keys: Api<KmsKey>,
    _following: tokio::task::JoinHandle<()>,
}

impl Home {
    async fn new(client: &Client, meddle: bool) -> (Self, Arc<Meddled>) {
        definitions(client).await;
        let (sealed, namespace) = (namespace(client).await, namespace(client).await);
        let clock = FakeClock::default();
        // The API server's clock and the machine's agree, and both go where the test moves them.
        clock.set(SystemClock::new(Timestamp::default()).wall());
        clock.set_outside(clock.wall());
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &sealed);
        let inner = SecretStore::new(client.clone(), &sealed, Arc::new(clock.clone()));
        let store = Arc::new(Meddled {
            inner,
            secrets: secrets.clone(),
            armed: AtomicBool::new(meddle),
            seen: Mutex::default(),
        });
        let resources = open_resources(client).await;
        let mut setup = Setup::new();
        setup.clock = clock.clone();
        setup.impatient = true;
        setup.store_port = Some(Arc::clone(&store) as _);
        setup.resources_port = Some(Arc::clone(&resources) as _);
        let engine = setup.engine();
        let (ready, is_ready) = oneshot::channel();
        let follower = Arc::clone(&engine);
        let following = tokio::spawn(async move { follower.follow_store(ready).await });
        is_ready.await.unwrap();
        let keys = Api::namespaced(client.clone(), &namespace);
        (Self { engine, clock, resources, namespace, secrets, keys, _following: following }, store)
    }

    /// Makes a key whose resource has this spec.
    async fn make(&self, name: &str, spec: KmsKeySpec) -> KeyId {
        self.keys.create(&PostParams::default(), &KmsKey::new(name, spec)).await.unwrap();
        let settled = self.reconcile(name).await;
        self.shown(&settled).await;
        settled
    }

    async fn reconcile(&self, name: &str) -> KeyId {
        let resource = self.resources.get(&self.namespace, name).await.unwrap();
        let settled = self.engine.reconcile(&self.namespace, name, resource.as_ref()).await.unwrap().unwrap();
        settled.key_id
    }

    async fn remove(&self, name: &str) {
        self.keys.delete(name, &DeleteParams::default()).await.unwrap();
        let key_id = self.reconcile(name).await;
        self.shown(&key_id).await;
    }

    async fn record(&self, key_id: &KeyId) -> Option<Record> {
        self.engine.vault.record(key_id).await.unwrap().map(|read| read.content)
    }

    /// Waits until the snapshot, from which timers tell what is due, shows the record as it is stored.
    async fn shown(&self, key_id: &KeyId) {
        let stored = self.record(key_id).await;
        let is_shown = || {
            let snapshot = self.engine.snapshots.load();
            let shown =
                snapshot.keys().find(|entry| entry.record.key_id() == *key_id).map(|entry| entry.record.clone());
            shown == stored
        };
        while !is_shown() {
            let next = Revision(self.engine.snapshots.load().revision.0 + 1);
            self.engine.snapshots.wait_for(next).await;
        }
    }

    fn pass(&self, milliseconds: i64) {
        self.clock.set(self.clock.wall().plus(Span::from_milliseconds(milliseconds)));
    }

    /// Ticks until something holds of a record; what waits for the snapshot needs more than one.
    async fn tick_until(&self, key_id: &KeyId, holds: impl Fn(Option<&Record>) -> bool) {
        while !holds(self.record(key_id).await.as_ref()) {
            self.engine.tick_once().await;
        }
        self.shown(key_id).await;
    }

    /// Every Secret but heartbeats, by name and uid.
    async fn secrets(&self) -> Vec<(String, String)> {
        let listed = self.secrets.list(&ListParams::default()).await.unwrap();
        let named = |secret: &Secret| (secret.name_any(), secret.uid().unwrap());
        let mut all: Vec<_> = listed.iter().map(named).collect();
        all.retain(|(name, _)| !name.starts_with("kube-"));
        all.sort();
        all
    }

    async fn end(self) {
        self.keys.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    }
}

/// The store of Secrets, and a hand that puts another Secret of the same name and content in the place of the one that
/// is about to be deleted, once.
struct Meddled {
    inner: SecretStore,
    secrets: Api<Secret>,
    armed: AtomicBool,
    seen: Mutex<Vec<(bool, Option<String>, String)>>,
}

impl Meddled {
    /// The uid of the Secret that stands there now.
    async fn swap(&self, name: &ObjectName) -> String {
        let old = self.secrets.get(name.as_str()).await.unwrap();
        self.secrets.delete(name.as_str(), &DeleteParams::default()).await.unwrap();
        let mut new = Secret { data: old.data, type_: old.type_, immutable: old.immutable, ..Secret::default() };
        (new.metadata.name, new.metadata.labels) = (old.metadata.name, old.metadata.labels);
        self.secrets.create(&PostParams::default(), &new).await.unwrap().uid().unwrap()
    }
}

#[async_trait]
impl Store for Meddled {
    async fn get(&self, name: &ObjectName) -> Result<Option<Stored>, StoreError> {
        self.inner.get(name).await
    }

    async fn list(&self, kind: Kind) -> Result<Vec<(ObjectName, Stored)>, StoreError> {
        self.inner.list(kind).await
    }

    async fn create(&self, name: &ObjectName, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        self.inner.create(name, bytes).await
    }

    async fn replace(&self, name: &ObjectName, expected: &Version, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        self.inner.replace(name, expected, bytes).await
    }

    async fn delete(&self, name: &ObjectName, expected: &Version) -> Result<Revision, StoreError> {
        if name.kind() != Kind::Material || !self.armed.swap(false, Ordering::SeqCst) {
            return self.inner.delete(name, expected).await;
        }
        let made = self.swap(name).await;
        let answer = self.inner.delete(name, expected).await;
        let there = self.secrets.get_opt(name.as_str()).await.unwrap().and_then(|secret| secret.uid());
        self.seen.lock().await.push((matches!(answer, Err(StoreError::Conflict(_))), there, made));
        answer
    }

    fn watch(&self, kinds: &'static [Kind]) -> BoxStream<'static, Event> {
        self.inner.watch(kinds)
    }

    fn revision(&self) -> Revision {
        self.inner.revision()
    }

    async fn wait_for(&self, revision: Revision) {
        self.inner.wait_for(revision).await;
    }
}

fn rotating() -> KmsKeySpec {
    let rotation = Rotation { automatic: Some(true), period_days: Some(90), on_demand_request: None };
    KmsKeySpec { rotation: Some(rotation), ..KmsKeySpec::default() }
}

fn is_of(key_id: &KeyId, name: &str) -> bool {
    name.starts_with(&format!("material-{key_id}-"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_rotated_by_the_calendar_destroyed_after_its_window_and_forgotten_after_a_year() {
    let clients = clients().await;
    let _alone = alone_with_resources().await;
    let (home, _) = Home::new(&clients.patient, false).await;
    let doomed = home.make("doomed", rotating()).await;
    let other = home.make("other", KmsKeySpec::default()).await;
    home.pass(90 * DAY - 1);
    home.engine.tick_once().await;
    assert_eq!(home.record(&doomed).await.unwrap().materials.len(), 1, "not a moment early");
    home.pass(1);
    home.tick_until(&doomed, |record| record.is_some_and(|record| record.current_version() == Some(2))).await;

    home.remove("doomed").await;
    let due = home.record(&doomed).await.unwrap().due.deletion.unwrap();
    assert_eq!(due, home.clock.wall().plus(Span::from_days(30)));
    let before = home.secrets().await;
    assert_eq!(before.iter().filter(|(name, _)| is_of(&doomed, name)).count(), 2);
    home.pass(30 * DAY - 1);
    home.engine.tick_once().await;
    assert_eq!(home.secrets().await, before, "not a moment early");
    home.pass(1);
    home.tick_until(&doomed, |record| record.is_some_and(|record| record.lifecycle == Lifecycle::Destroyed)).await;
    let after = home.secrets().await;
    let kept: Vec<_> = before.into_iter().filter(|(name, _)| !is_of(&doomed, name)).collect();
    assert_eq!(after, kept, "exactly its materials are gone, and every other Secret is the same object");
    assert_eq!(home.record(&doomed).await.unwrap().materials.len(), 2, "the tombstone tells what there was");

    home.pass(365 * DAY - 1);
    home.engine.tick_once().await;
    assert!(home.record(&doomed).await.is_some());
    home.pass(1);
    home.tick_until(&doomed, |record| record.is_none()).await;
    let left = home.secrets().await;
    assert!(left.iter().all(|(name, _)| !name.contains(&doomed.to_string())));
    assert!(home.record(&other).await.is_some_and(|record| record.lifecycle == Lifecycle::Created));
    assert!(left.iter().any(|(name, _)| is_of(&other, name)));
    home.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_somebody_made_again_meanwhile_is_not_what_is_deleted() {
    let clients = clients().await;
    let _alone = alone_with_resources().await;
    let (home, store) = Home::new(&clients.patient, true).await;
    let deletion = Deletion { pending_window_days: Some(7), ..Deletion::default() };
    let key_id = home.make("doomed", KmsKeySpec { deletion: Some(deletion), ..KmsKeySpec::default() }).await;
    home.remove("doomed").await;
    home.pass(7 * DAY);
    home.tick_until(&key_id, |record| record.is_some_and(|record| record.lifecycle == Lifecycle::Destroyed)).await;
    let seen = store.seen.lock().await.clone();
    let [(conflict, there, made)] = seen.as_slice() else { panic!("one delete met the hand: {seen:?}") };
    assert!(conflict, "what was read is not what is there");
    assert_eq!(there.as_deref(), Some(made.as_str()), "the other Secret still stood");
    assert!(!home.secrets().await.iter().any(|(name, _)| is_of(&key_id, name)), "it went after it was read itself");
    home.end().await;
}
