//! Looking at everything: what no event brought is found, and what is in step is left alone.

use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;

use serde_json::json;

use super::import_flows::{ONE, TWO, empty_key, id_of, import};
use super::support::{Setup, World, named};
use crate::api::aws::operation::Operation;
use crate::api::crd::condition::{Condition, ConditionReason};
use crate::api::crd::kms_key::KmsKeySpec;
use crate::domain::plan::Reason;
use crate::domain::record::{Lifecycle, Record};
use crate::domain::resource::Resource;
use crate::domain::spec_change::SpecChange;
use crate::engine::snapshot::Known;
use crate::ports::fake::{Cut, FakeResources};
use crate::ports::resources::{Listing, Report, ResourceError, Resources};
use crate::ports::store::Store as _;
use crate::types::ids::ObjectUid;
use crate::types::revision::Revision;

#[test]
fn a_sweep_of_what_is_in_step_writes_nothing_and_a_removal_is_noted_once() {
    let world = World::new();
    let key_id = world.key("orders");
    let before = world.setup.store.revision();
    world.run(world.engine.sweep()).unwrap();
    assert_eq!(world.setup.store.revision(), before);
    world.setup.resources.remove("default", "orders");
    for _ in 0..2 {
        world.run(world.engine.sweep()).unwrap();
        assert_eq!(world.setup.store.revision(), Revision(before.0 + 1));
        assert_eq!(world.state(&key_id), "PendingDeletion");
    }
    world.setup.resources.put(named("orders"));
    world.run(world.engine.sweep()).unwrap();
    assert_eq!(world.state(&key_id), "Enabled");
    assert_eq!(world.reconcile("orders").unwrap().unwrap().because, Reason::InSync);
}

#[test]
fn a_resource_that_cannot_be_followed_keeps_no_other_from_its_turn() {
    let world = World::new();
    let window = crate::api::crd::kms_key::Deletion { pending_window_days: Some(1), ..Default::default() };
    let spec = KmsKeySpec { deletion: Some(window), ..KmsKeySpec::default() };
    world.setup.resources.put(Resource { spec, ..named("a-wrong-one") });
    world.setup.resources.put(named("z-right-one"));
    world.run(world.engine.sweep()).unwrap();
    assert_eq!(world.reconcile("a-wrong-one").unwrap().unwrap().because, Reason::SpecRefused);
    assert_eq!(world.engine.snapshots.load().keys().count(), 1);
}

#[test]
fn a_sweep_whose_writes_fail_says_so_and_the_next_one_goes_on() {
    let world = World::new();
    world.setup.resources.put(named("orders"));
    world.setup.store.cut_at(2, Cut::BeforeWrite);
    world.run(world.engine.sweep()).unwrap();
    let reported = world.run(world.setup.resources.reported("default", "orders"));
    assert!(reported.iter().any(|condition| condition.message.contains("CreateMaterial")), "{reported:?}");
    world.setup.store.restart();
    world.run(world.engine.sweep()).unwrap();
    assert_eq!(world.reconcile("orders").unwrap().unwrap().because, Reason::InSync);
}

#[test]
fn what_is_told_without_any_reading_is_what_reading_tells_of_a_key_whose_earlier_material_is_gone() {
    let world = World::new();
    let key_id = empty_key(&world, "orders");
    for (material, members) in [(&ONE, json!({})), (&TWO, json!({"ImportType": "NEW_KEY_MATERIAL"}))] {
        assert_eq!(import(&world, &key_id, material, members).0, 200);
    }
    world.ok(Operation::RotateKeyOnDemand, json!({"KeyId": key_id.to_string()}));
    world.reconcile("orders").unwrap();
    let gone = json!({"KeyId": key_id.to_string(), "KeyMaterialId": id_of(&key_id, &ONE).to_string()});
    world.ok(Operation::DeleteImportedKeyMaterial, gone);
    world.reconcile("orders").unwrap();
    let reported = || world.run(world.setup.resources.reported("default", "orders"));
    let read = reported();
    assert!(read.iter().any(|condition| condition.reason == ConditionReason::PendingImport), "{read:?}");
    let resource = world.run(world.setup.resources.get("default", "orders")).unwrap().unwrap();
    world.run(world.engine.follow_resource(&resource)).unwrap();
    assert_eq!(reported(), read);
}

/// Resources whose list takes long: what it gives is what there was when it began.
struct SlowList(FakeResources);

#[async_trait]
impl Resources for SlowList {
    async fn list(&self) -> Result<Listing, ResourceError> {
        let listed = self.0.list().await;
        let mut waited = false;
        let wait = |context: &mut std::task::Context<'_>| {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
        };
        futures::future::poll_fn(wait).await;
        listed
    }

    async fn get(&self, namespace: &str, name: &str) -> Result<Option<Resource>, ResourceError> {
        self.0.get(namespace, name).await
    }

    async fn create(&self, namespace: &str, name: &str, spec: KmsKeySpec) -> Result<Resource, ResourceError> {
        self.0.create(namespace, name, spec).await
    }

    async fn change(&self, resource: &Resource, change: &SpecChange) -> Result<Resource, ResourceError> {
        self.0.change(resource, change).await
    }

    async fn remember_key(&self, namespace: &str, name: &str) -> Result<(), ResourceError> {
        self.0.remember_key(namespace, name).await
    }

    async fn report(&self, resource: &Resource, report: Report) {
        self.0.report(resource, report).await;
    }

    async fn report_left(&self, record: &Record, happened: &[Reason]) {
        self.0.report_left(record, happened).await;
    }

    async fn reported(&self, namespace: &str, name: &str) -> Vec<Condition> {
        self.0.reported(namespace, name).await
    }

    fn namespace_uid(&self, namespace: &str) -> Option<ObjectUid> {
        self.0.namespace_uid(namespace)
    }
}

fn slow_world() -> World {
    let mut setup = Setup::new();
    setup.resources_port = Some(Arc::new(SlowList(setup.resources.clone())));
    setup.start()
}

#[test]
fn a_key_that_is_made_while_a_sweep_lists_the_resources_is_not_taken_for_removed() {
    let world = slow_world();
    let mut sweep = std::pin::pin!(world.engine.sweep());
    assert!(world.run(async { futures::poll!(sweep.as_mut()) }).is_pending(), "the list was read");
    let key_id = world.key("orders");
    world.run(sweep).unwrap();
    assert_eq!(world.state(&key_id), "Enabled");
}

#[test]
fn a_resource_that_comes_back_while_a_sweep_lists_the_resources_is_not_taken_for_removed() {
    let world = slow_world();
    let key_id = world.key("orders");
    world.setup.resources.remove("default", "orders");
    let mut sweep = std::pin::pin!(world.engine.sweep());
    assert!(world.run(async { futures::poll!(sweep.as_mut()) }).is_pending(), "the list was read");
    world.setup.resources.put(named("orders"));
    world.run(sweep).unwrap();
    assert_eq!(world.state(&key_id), "Enabled");
}

/// A key that another replica has just completed, while the snapshot of this one still shows it being made.
#[test]
fn a_key_that_is_complete_elsewhere_is_of_use_before_the_snapshot_shows_it() {
    use crate::ports::fake::{Fault, FaultyStore, WatchFault};
    let mut setup = Setup::new();
    setup.impatient = true;
    let fault = Fault::none();
    setup.store_port = Some(Arc::new(FaultyStore { store: setup.store.clone(), fault: fault.clone(), seed: 1 }));
    let world = setup.start();
    world.setup.store.cut_at(2, Cut::BeforeWrite);
    world.setup.resources.put(named("orders"));
    assert!(world.reconcile("orders").is_err(), "the record is there and announces a material");
    world.setup.store.restart();
    world.run(async {});
    fault.set(Some(WatchFault::Freeze));
    let key_id = world.reconcile("orders").unwrap().unwrap().key_id;
    let shown = world.engine.snapshots.load().get(&key_id);
    assert!(matches!(shown, Some(Known::Key(entry)) if entry.record.lifecycle == Lifecycle::Creating));
    let (status, answer) =
        world.call(Operation::Encrypt, serde_json::json!({"KeyId": key_id.to_string(), "Plaintext": "eA=="}));
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn a_sweep_that_could_not_note_a_removal_says_so_and_the_next_one_notes_it() {
    let world = World::new();
    let key_id = world.key("orders");
    world.setup.resources.remove("default", "orders");
    world.setup.store.cut_at(0, Cut::BeforeWrite);
    assert!(world.run(world.engine.follow_removal("default", "orders")).is_err());
    world.setup.store.restart();
    world.setup.store.cut_at(0, Cut::BeforeWrite);
    assert!(world.run(world.engine.sweep()).is_err());
    world.setup.store.restart();
    world.run(world.engine.sweep()).unwrap();
    assert_eq!(world.state(&key_id), "PendingDeletion");
}
