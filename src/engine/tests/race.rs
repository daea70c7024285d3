//! Two replicas at the same work, interleaved at every access to the store.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use futures::stream::BoxStream;
use serde_json::json;

use super::support::{OWNER, Setup, World, call, named};
use crate::api::aws::operation::Operation;
use crate::api::crd::kms_key::KmsKeySpec;
use crate::crypto::digest::sha256;
use crate::crypto::rng::{SeededRng, random_array};
use crate::domain::plan::Reason;
use crate::domain::record::{HoldCause, OwnerClaim, Record};
use crate::domain::resource::Resource;
use crate::engine::Engine;
use crate::engine::reconcile::ReconcileError;
use crate::engine::snapshot::binding;
use crate::engine::vault::Opened;
use crate::ports::fake::FakeStore;
use crate::ports::store::{Event, Store, StoreError, Stored, Version};
use crate::types::object::{Kind, ObjectName};
use crate::types::revision::Revision;

/// A store at a distance: another replica may come between before each access.
struct DistantStore(FakeStore);

async fn others_first() {
    let mut waited = false;
    futures::future::poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

#[async_trait]
impl Store for DistantStore {
    async fn get(&self, name: &ObjectName) -> Result<Option<Stored>, StoreError> {
        others_first().await;
        self.0.get(name).await
    }

    async fn list(&self, kind: Kind) -> Result<Vec<(ObjectName, Stored)>, StoreError> {
        others_first().await;
        self.0.list(kind).await
    }

    async fn create(&self, name: &ObjectName, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        others_first().await;
        self.0.create(name, bytes).await
    }

    async fn replace(&self, name: &ObjectName, expected: &Version, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        others_first().await;
        self.0.replace(name, expected, bytes).await
    }

    async fn delete(&self, name: &ObjectName, expected: &Version) -> Result<Revision, StoreError> {
        others_first().await;
        self.0.delete(name, expected).await
    }

    fn watch(&self, kinds: &'static [Kind]) -> BoxStream<'static, Event> {
        self.0.watch(kinds)
    }

    fn revision(&self) -> Revision {
        self.0.revision()
    }

    async fn wait_for(&self, revision: Revision) {
        self.0.wait_for(revision).await;
    }
}

/// In which order two replicas go on: `true` is the first one's turn. After its end they take turns.
pub(super) type Schedule = Vec<bool>;

/// Accesses after which either replica has surely ended when it runs alone.
const LONGEST: usize = 40;

/// Every schedule in which `begins` goes on for a while, the other comes between, and `begins` ends first.
fn interruptions(begins: bool, longest: usize) -> impl Iterator<Item = Schedule> {
    let pairs = (0..longest).flat_map(move |first| (1..longest).map(move |second| (first, second)));
    pairs.map(move |(first, second)| [vec![begins; first], vec![!begins; second], vec![begins; LONGEST]].concat())
}

fn random_schedules(count: usize) -> impl Iterator<Item = Schedule> {
    let rng = SeededRng::new(2026);
    (0..count).map(move |_| {
        let bits: [u8; 16] = random_array(&rng).unwrap();
        bits.iter().flat_map(|byte| (0..8).map(move |bit| (byte >> bit) & 1 == 1)).collect()
    })
}

/// Both kinds of schedules, for two replicas that do different things.
pub(super) fn schedules(longest: usize) -> impl Iterator<Item = Schedule> {
    interruptions(true, longest).chain(interruptions(false, longest)).chain(random_schedules(200))
}

/// Runs two futures in the order of a schedule.
pub(super) fn interleave<A, B>(
    schedule: &[bool],
    one: impl Future<Output = A>,
    two: impl Future<Output = B>,
) -> (A, B) {
    let (mut one, mut two) = (one.boxed_local().fuse(), two.boxed_local().fuse());
    let (mut first, mut second) = (None, None);
    let mut context = Context::from_waker(Waker::noop());
    for step in 0..1000 {
        let turn = schedule.get(step).copied().unwrap_or(step % 2 == 0);
        if (turn || second.is_some()) && first.is_none() {
            if let Poll::Ready(output) = one.poll_unpin(&mut context) {
                first = Some(output);
            }
        } else if let Poll::Ready(output) = two.poll_unpin(&mut context) {
            second = Some(output);
        }
        if first.is_some() && second.is_some() {
            break;
        }
    }
    first.zip(second).expect("both end within a thousand accesses")
}

/// Two replicas over one store that holds what `template` holds, each with what it has seen so far.
pub(super) fn replicas(template: Option<&World>) -> (Setup, [Arc<Engine>; 2]) {
    let mut setup = Setup::new();
    setup.impatient = true;
    if let Some(template) = template {
        copy(&template.setup.store, &setup.store);
        setup.resources = template.setup.resources.clone();
    }
    setup.store_port = Some(Arc::new(DistantStore(setup.store.clone())));
    let engines = [setup.engine(), setup.engine()];
    for engine in &engines {
        let follower: LocalBoxFuture<'_, ()> =
            engine.follow_store(futures::channel::oneshot::channel().0).boxed_local();
        assert!(follower.now_or_never().is_none());
    }
    (setup, engines)
}

fn copy(from: &FakeStore, to: &FakeStore) {
    for kind in Kind::ALL {
        for (name, stored) in from.list(*kind).now_or_never().unwrap().unwrap() {
            to.create(&name, stored.bytes.to_vec()).now_or_never().unwrap().unwrap();
        }
    }
}

/// The only record, in whatever engine opens it.
pub(super) fn only_record(setup: &Setup, engine: &Engine) -> Opened<Record> {
    let records = setup.store.list(Kind::Key).now_or_never().unwrap().unwrap();
    let [(name, stored)] = records.as_slice() else { panic!("{} records", records.len()) };
    engine.vault.open_record(name, stored.clone()).unwrap()
}

fn meet_a_new_resource(schedule: &[bool]) {
    let (setup, [one, two]) = replicas(None);
    let resource = named("orders");
    let reconcile = |engine: &Arc<Engine>| {
        let (engine, resource) = (Arc::clone(engine), resource.clone());
        async move { engine.reconcile("default", "orders", Some(&resource)).await.unwrap().unwrap() }
    };
    let (first, second) = interleave(schedule, reconcile(&one), reconcile(&two));
    assert_eq!(first.key_id, second.key_id);
    for settled in [&first, &second] {
        assert!(settled.complete && settled.because == Reason::InSync, "{settled:?} {schedule:?}");
    }
    let record = only_record(&setup, &one).content;
    assert_eq!((record.materials.len(), setup.store.names().len()), (1, 3), "{schedule:?}");
    let name = ObjectName::material(&first.key_id, 1, 1);
    let stored = setup.store.get(&name).now_or_never().unwrap().unwrap().expect("a material");
    let identified = two.ports.backend.identify(&binding(&record, 1), 1, &stored.bytes).now_or_never();
    assert_eq!(identified, Some(Ok(record.materials[0].material_id)), "{schedule:?}");
    let claim = two.vault.claim("default", "orders").boxed_local();
    let claim: Opened<OwnerClaim> = futures::executor::block_on(drive(claim)).unwrap().unwrap();
    assert!(claim.content.confirmed);
}

#[test]
fn two_replicas_that_meet_a_new_resource_make_one_key_wherever_one_interrupts_the_other() {
    // The replicas do the same, so that it does not matter which of them begins.
    interruptions(true, 28).for_each(|schedule| meet_a_new_resource(&schedule));
}

#[test]
fn two_replicas_that_meet_a_new_resource_make_one_key_in_any_order() {
    random_schedules(2000).for_each(|schedule| meet_a_new_resource(&schedule));
}

/// Drives a future over the distant store, whose pauses wake nobody.
pub(super) async fn drive<F: Future + Unpin>(mut future: F) -> F::Output {
    futures::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        future.poll_unpin(context)
    })
    .await
}

fn template(disabled: bool) -> World {
    let world = World::new();
    let key_id = world.key("orders");
    if disabled {
        world.ok(Operation::DisableKey, json!({"KeyId": key_id.to_string()}));
    }
    world
}

/// Records that were written after `before`, and whether each names the one before it.
fn assert_chain(engine: &Engine, before: &Opened<Record>, history: BoxStream<'static, Event>) -> u64 {
    let (mut epoch, mut digest) = (before.epoch, sha256(&[&before.stored.bytes]));
    let events = futures::StreamExt::collect::<Vec<Event>>(ready_only(history)).now_or_never().unwrap();
    for event in events {
        let Event::Applied(name, stored, _) = event else { continue };
        let opened = engine.vault.open_record(&name, stored).unwrap();
        assert_eq!((opened.epoch, opened.content.previous_hash), (epoch + 1, digest));
        (epoch, digest) = (opened.epoch, sha256(&[&opened.stored.bytes]));
    }
    epoch
}

/// The events that have come, and then the end.
fn ready_only(mut events: BoxStream<'static, Event>) -> BoxStream<'static, Event> {
    use futures::StreamExt as _;
    futures::stream::poll_fn(move |context| match events.poll_next_unpin(context) {
        Poll::Pending => Poll::Ready(None),
        Poll::Ready(event) => Poll::Ready(event),
    })
    .boxed()
}

#[test]
fn enabling_and_disabling_at_once_end_in_one_of_the_two() {
    let template = template(true);
    let mut ends = std::collections::BTreeMap::new();
    for schedule in schedules(10) {
        let (setup, [one, two]) = replicas(Some(&template));
        let before = only_record(&setup, &one);
        let history = setup.store.watch(&[Kind::Key]);
        let body = json!({"KeyId": before.content.key_id().to_string()}).to_string();
        let enable = call(Operation::EnableKey, OWNER, body.as_bytes());
        let disable = call(Operation::DisableKey, OWNER, body.as_bytes());
        let (enabled, disabled) = interleave(&schedule, one.dispatch(&enable), two.dispatch(&disable));
        assert_eq!((enabled.status, disabled.status), (200, 200));
        let epoch = assert_chain(&one, &before, history);
        let after = only_record(&setup, &one);
        assert!(epoch > before.epoch && after.epoch == epoch);
        *ends.entry((after.content.holds.len(), epoch - before.epoch)).or_insert(0) += 1;
    }
    // Disabling what is disabled writes nothing; else it writes once more than enabling did.
    assert_eq!(ends.keys().copied().collect::<Vec<_>>(), [(0, 1), (1, 2)], "{ends:?}");
}

#[test]
fn a_change_of_the_spec_and_a_call_lose_nothing_of_each_other() {
    let template = template(false);
    let spec = KmsKeySpec { description: Some("changed".to_owned()), ..KmsKeySpec::default() };
    let resource = Resource { generation: 2, spec, ..named("orders") };
    for schedule in schedules(14) {
        let (setup, [one, two]) = replicas(Some(&template));
        let before = only_record(&setup, &one);
        let history = setup.store.watch(&[Kind::Key]);
        let body = json!({"KeyId": before.content.key_id().to_string()}).to_string();
        let disable = call(Operation::DisableKey, OWNER, body.as_bytes());
        let reconciled = one.reconcile("default", "orders", Some(&resource));
        let (settled, disabled) = interleave(&schedule, reconciled, two.dispatch(&disable));
        assert_eq!((settled.unwrap().unwrap().because, disabled.status), (Reason::InSync, 200));
        assert_eq!(assert_chain(&one, &before, history), before.epoch + 2);
        let after = only_record(&setup, &one).content;
        assert!(after.hold(HoldCause::DisableKey).is_some() && after.spec.description == "changed");
    }
}

/// A removal that is noted late, when the resource is there again and its key follows it, would take the key away.
#[test]
fn a_removal_and_a_restore_at_once_leave_a_key_that_is_in_step_with_its_resource() {
    let template = template(false);
    let again = Resource { uid: crate::types::ids::ObjectUid::new([77; 16]), ..named("orders") };
    let mut noted = 0;
    for schedule in schedules(14) {
        let (setup, [one, two]) = replicas(Some(&template));
        setup.resources.remove("default", "orders");
        let removed = one.reconcile("default", "orders", None);
        let restored = async {
            setup.resources.put(again.clone());
            two.reconcile("default", "orders", Some(&again)).await
        };
        let (removed, restored) = interleave(&schedule, removed, restored);
        assert_eq!(restored.unwrap().unwrap().because, Reason::InSync);
        match removed {
            Ok(settled) => noted += usize::from(settled.unwrap().complete),
            Err(error) => assert!(matches!(error, ReconcileError::StaleResource), "{error}"),
        }
        let record = only_record(&setup, &one).content;
        assert!(record.holds.is_empty() && record.due.deletion.is_none());
        assert_eq!(record.owner.resource_uid, again.uid);
    }
    assert!(noted > 0);
}

#[test]
fn changes_of_the_spec_by_two_replicas_at_once_are_both_made() {
    let template = template(false);
    for schedule in schedules(14) {
        let (setup, [one, two]) = replicas(Some(&template));
        setup.resources.put(named("orders"));
        let before = only_record(&setup, &one);
        let history = setup.store.watch(&[Kind::Key]);
        let key_id = before.content.key_id().to_string();
        let body = |key: &str| json!({"KeyId": key_id, "Tags": [{"TagKey": key, "TagValue": ""}]}).to_string();
        let (blue, red) = (body("blue"), body("red"));
        let first = call(Operation::TagResource, OWNER, blue.as_bytes());
        let second = call(Operation::TagResource, OWNER, red.as_bytes());
        let (first, second) = interleave(&schedule, one.dispatch(&first), two.dispatch(&second));
        assert_eq!((first.status, second.status), (200, 200), "{schedule:?}");
        assert_chain(&one, &before, history);
        let after = only_record(&setup, &one).content;
        assert_eq!(after.spec.tags.keys().collect::<Vec<_>>(), ["blue", "red"], "{schedule:?}");
        // The other replica shows nothing of it yet, and takes away what it does not show.
        let body = json!({"KeyId": key_id, "TagKeys": ["blue"]}).to_string();
        let untag = call(Operation::UntagResource, OWNER, body.as_bytes());
        let untagged = futures::executor::block_on(drive(two.dispatch(&untag).boxed_local()));
        assert_eq!(untagged.status, 200);
        let after = only_record(&setup, &one).content;
        assert_eq!(after.spec.tags.keys().collect::<Vec<_>>(), ["red"], "{schedule:?}");
    }
}

#[test]
fn two_that_make_the_same_alias_at_once_leave_it_to_one_of_them() {
    let template = template(false);
    let other = template.key("invoices");
    let key_id = template.reconcile("orders").unwrap().unwrap().key_id;
    let mut winners = std::collections::BTreeSet::new();
    for schedule in schedules(8) {
        let (setup, [one, two]) = replicas(Some(&template));
        let body = |key_id: &crate::types::ids::KeyId| {
            json!({"AliasName": "alias/a", "TargetKeyId": key_id.to_string()}).to_string()
        };
        let (first, second) = (body(&key_id), body(&other));
        let first = call(Operation::CreateAlias, OWNER, first.as_bytes());
        let second = call(Operation::CreateAlias, OWNER, second.as_bytes());
        let (first, second) = interleave(&schedule, one.dispatch(&first), two.dispatch(&second));
        let mut statuses = [first.status, second.status];
        let claims = setup.store.list(Kind::Alias).now_or_never().unwrap().unwrap();
        let [(name, stored)] = claims.as_slice() else { panic!("{} claims", claims.len()) };
        let claim = one.vault.open::<crate::domain::alias::AliasClaim>(name, stored.clone()).unwrap().content;
        assert_eq!(claim.key_id(), if first.status == 200 { key_id } else { other });
        winners.insert(first.status);
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400], "{schedule:?}");
    }
    assert_eq!(winners.len(), 2, "either may win");
}

#[test]
fn two_first_uses_of_a_platform_alias_make_one_key() {
    let body = json!({"KeyId": "alias/aws/envelope"}).to_string();
    for schedule in interruptions(true, 30).chain(random_schedules(300)) {
        let (setup, [one, two]) = replicas(None);
        let describe = call(Operation::DescribeKey, OWNER, body.as_bytes());
        let (first, second) = interleave(&schedule, one.dispatch(&describe), two.dispatch(&describe));
        let (first, second) = (first.body.expose(), second.body.expose());
        let key_id = |bytes: &[u8]| {
            let answer: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            answer["KeyMetadata"]["KeyId"].as_str().map(str::to_owned)
        };
        assert_eq!(key_id(first), key_id(second), "{schedule:?}");
        assert!(key_id(first).is_some() && setup.store.names().len() == 4, "{schedule:?}");
    }
}
