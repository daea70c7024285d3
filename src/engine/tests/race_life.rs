//! Two leaders at a key's rotation and at its end, interleaved at every access to the store; a paused leader is one of
//! the orders.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::FutureExt as _;
use serde_json::json;

use super::race::{drive, interleave, only_record, replicas, schedules};
use super::support::{OWNER, World, call, named};
use crate::api::aws::operation::Operation;
use crate::api::crd::kms_key::{KmsKeySpec, Rotation};
use crate::domain::record::Lifecycle;
use crate::domain::resource::Resource;
use crate::engine::Engine;
use crate::ports::store::Store as _;
use crate::types::key::{KeySpec, KeyUsage};
use crate::types::object::Kind;

const DAY: i64 = 86_400_000;

fn overdue() -> World {
    let world = World::new();
    world.key("orders");
    let rotation = Rotation { automatic: Some(true), period_days: Some(90), on_demand_request: None };
    let spec = KmsKeySpec { rotation: Some(rotation), ..KmsKeySpec::default() };
    world.setup.resources.put(Resource { generation: 2, spec, ..named("orders") });
    world.reconcile("orders").unwrap();
    world.pass(1000 * DAY);
    world
}

/// Drives something of one replica alone, with what it has seen brought up to date first.
fn alone<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(drive(future.boxed_local()))
}

fn follow(engine: &Arc<Engine>) {
    assert!(engine.follow_store(futures::channel::oneshot::channel().0).boxed_local().now_or_never().is_none());
}

#[test]
fn two_leaders_rotate_a_due_key_once() {
    let template = overdue();
    for schedule in schedules(12) {
        let (setup, [one, two]) = replicas(Some(&template));
        setup.clock.set(template.setup.clock_now());
        let before = only_record(&setup, &one).content;
        let key_id = before.key_id();
        let (first, second) = interleave(&schedule, one.reconcile_key(&key_id), two.reconcile_key(&key_id));
        assert!(first.is_ok() && second.is_ok());
        for engine in [&one, &two] {
            follow(engine);
            alone(engine.reconcile_key(&key_id)).unwrap();
        }
        let after = only_record(&setup, &one).content;
        assert_eq!((after.current_version(), after.materials.len(), after.announced_version), (Some(2), 2, None));
        assert_eq!(after.materials[0].material_id, before.materials[0].material_id);
        assert_eq!(setup.store.list(Kind::Material).now_or_never().unwrap().unwrap().len(), 2, "{schedule:?}");
    }
}

#[test]
fn a_rotation_on_demand_and_one_by_the_calendar_make_two_versions_at_most() {
    let template = overdue();
    for schedule in schedules(12) {
        let (setup, [one, two]) = replicas(Some(&template));
        setup.clock.set(template.setup.clock_now());
        let key_id = only_record(&setup, &one).content.key_id();
        let body = json!({"KeyId": key_id.to_string()}).to_string();
        let rotate = call(Operation::RotateKeyOnDemand, OWNER, body.as_bytes());
        let (reconciled, answer) = interleave(&schedule, one.reconcile_key(&key_id), two.dispatch(&rotate));
        assert!(reconciled.is_ok());
        // The key is overdue, so that a rotation on demand has to wait.
        assert_ne!(answer.status, 500);
        for _ in 0..2 {
            follow(&one);
            alone(one.reconcile_key(&key_id)).unwrap();
        }
        let after = only_record(&setup, &one).content;
        assert!(after.announced_version.is_none() && after.rotating_material().is_none());
        let versions: Vec<u32> = after.materials.iter().map(|material| material.version).collect();
        let expected: Vec<u32> = (1..=u32::try_from(versions.len()).unwrap()).collect();
        assert_eq!((versions, after.current_version()), (expected.clone(), expected.last().copied()));
        assert!(expected.len() <= 3);
    }
}

#[test]
fn a_cancellation_and_a_destruction_at_once_end_in_one_of_the_two() {
    let template = World::new();
    let key_id = template.key("orders");
    template.ok(Operation::ScheduleKeyDeletion, json!({"KeyId": key_id.to_string()}));
    template.pass(31 * DAY);
    let (mut cancelled, mut destroyed) = (0, 0);
    for schedule in schedules(12) {
        let (setup, [one, two]) = replicas(Some(&template));
        setup.clock.set(template.setup.clock_now());
        let body = json!({"KeyId": key_id.to_string()}).to_string();
        let cancel = call(Operation::CancelKeyDeletion, OWNER, body.as_bytes());
        let ((), answer) = interleave(&schedule, one.tick_once(), two.dispatch(&cancel));
        let record = only_record(&setup, &one).content;
        let materials = setup.store.list(Kind::Material).now_or_never().unwrap().unwrap().len();
        if answer.status == 200 {
            // I3: nothing is destroyed after CancelKeyDeletion returned.
            assert_eq!(
                (record.lifecycle, record.due.deletion, materials),
                (Lifecycle::Created, None, 1),
                "{schedule:?}"
            );
            cancelled += 1;
        } else {
            assert_eq!((record.lifecycle, materials), (Lifecycle::Destroyed, 0), "{schedule:?}");
            destroyed += 1;
        }
    }
    assert!(cancelled > 0 && destroyed > 0, "{cancelled} {destroyed}: both orders occur");
}

#[test]
fn one_process_that_hears_of_a_removal_twice_tells_of_it_once() {
    let template = World::new();
    template.key("orders");
    for schedule in schedules(12) {
        let (setup, [replica, _]) = replicas(Some(&template));
        setup.resources.remove("default", "orders");
        let removed = || replica.follow_removal("default", "orders");
        let (first, second) = interleave(&schedule, removed(), removed());
        assert!(first.is_ok() && second.is_ok());
        let records = setup.audit.records();
        let told = records.iter().filter(|record| record.event_name == "ScheduleKeyDeletion").count();
        assert_eq!(told, 1, "{schedule:?}");
    }
}

/// The call that makes the resource, and the reconciler that hears of it.
#[test]
fn one_process_that_is_to_make_an_rsa_key_twice_makes_one_pair() {
    let spec =
        KmsKeySpec { key_spec: Some(KeySpec::Rsa4096), key_usage: Some(KeyUsage::SignVerify), ..KmsKeySpec::default() };
    let resource = Resource { spec, ..named("signs") };
    for schedule in schedules(12) {
        let (setup, [replica, _]) = replicas(None);
        let reconcile = || replica.reconcile("default", "signs", Some(&resource));
        let (first, second) = interleave(&schedule, reconcile(), reconcile());
        assert!(first.unwrap().unwrap().complete && second.unwrap().unwrap().complete);
        assert_eq!(setup.rsa_keys.made.load(Ordering::Relaxed), 1, "{schedule:?}");
    }
}
