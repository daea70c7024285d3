//! How a key's life ends, and how it is taken back: scheduled, removed, restored, destroyed.

use serde_json::{Value, json};

use super::support::{World, arn, named};
use crate::api::aws::operation::Operation;
use crate::api::crd::condition::{ConditionReason, ConditionType};
use crate::api::crd::kms_key::{Deletion, KmsKeySpec, OnConflict};
use crate::domain::plan::Reason;
use crate::domain::record::{HoldCause, Lifecycle};
use crate::domain::resource::Resource;
use crate::engine::approvals::{Approved, RestoreApproval};
use crate::engine::reconcile::ReconcileError;
use crate::ports::resources::Resources as _;
use crate::ports::store::Store as _;
use crate::types::ids::{KeyId, ObjectUid};
use crate::types::key::KeyUsage;
use crate::types::object::Kind;
use crate::types::time::{Span, Timestamp};

const DAY: i64 = 86_400_000;

fn id(key_id: &KeyId) -> Value {
    json!({"KeyId": key_id.to_string()})
}

/// Applies a spec to the resource `orders`, as a next generation.
fn apply(world: &World, generation: u64, spec: KmsKeySpec) {
    world.setup.resources.put(Resource { generation, spec, ..named("orders") });
    world.reconcile("orders").unwrap();
}

fn materials(world: &World) -> usize {
    world.run(world.setup.store.list(Kind::Material)).unwrap().len()
}

fn reason(world: &World, name: &str) -> Option<ConditionReason> {
    let conditions = world.run(world.setup.resources.reported("default", name));
    conditions.iter().find(|condition| condition.kind == ConditionType::Ready).map(|condition| condition.reason)
}

fn tick(world: &World) {
    world.run(world.engine.tick_once());
}

#[test]
fn a_deletion_is_scheduled_cancelled_and_at_last_done() {
    let world = World::new();
    let key_id = world.key("orders");
    let blob = world.encrypt(&key_id);
    let answer = world.ok(Operation::ScheduleKeyDeletion, json!({"KeyId": arn(&key_id), "PendingWindowInDays": 7}));
    assert_eq!((&answer["KeyState"], &answer["PendingWindowInDays"]), (&json!("PendingDeletion"), &json!(7)));
    assert_eq!(world.refused(Operation::ScheduleKeyDeletion, id(&key_id)), "KMSInvalidStateException");
    assert_eq!(world.refused(Operation::Decrypt, json!({"CiphertextBlob": blob})), "KMSInvalidStateException");
    world.ok(Operation::CancelKeyDeletion, id(&key_id));
    assert_eq!(world.state(&key_id), "Disabled");
    assert_eq!(world.refused(Operation::CancelKeyDeletion, id(&key_id)), "KMSInvalidStateException");
    world.ok(Operation::EnableKey, id(&key_id));
    assert!(world.decrypts(&blob));
    world.ok(Operation::ScheduleKeyDeletion, json!({"KeyId": arn(&key_id), "PendingWindowInDays": 7}));
    // No return of the resource calls off what the API scheduled.
    world.reconcile("orders").unwrap();
    assert_eq!(reason(&world, "orders"), Some(ConditionReason::PendingDeletion));
    world.pass(7 * DAY - 1);
    tick(&world);
    assert_eq!(materials(&world), 1);
    world.pass(1);
    tick(&world);
    assert_eq!(materials(&world), 0);
    let tombstone = world.record(&key_id).unwrap();
    assert_eq!((tombstone.lifecycle, tombstone.materials.len()), (Lifecycle::Destroyed, 1));
    for operation in [Operation::DescribeKey, Operation::CancelKeyDeletion, Operation::EnableKey] {
        assert_eq!(world.refused(operation, id(&key_id)), "NotFoundException", "{operation}");
    }
    assert_eq!(world.ok(Operation::ListKeys, json!({}))["Keys"], json!([]));
    assert_eq!(reason(&world, "orders"), Some(ConditionReason::KeyDestroyed));
    let names: Vec<&str> = world.setup.audit.records().iter().map(|record| record.event_name).collect();
    assert_eq!(names.iter().filter(|name| **name == "DeleteKey").count(), 2, "before and after");
}

#[test]
fn a_destroyed_key_never_comes_back_and_its_name_gets_another() {
    let world = World::new();
    let key_id = world.key("orders");
    world.setup.resources.remove("default", "orders");
    world.reconcile("orders").unwrap();
    world.pass(30 * DAY);
    tick(&world);
    assert_eq!(world.record(&key_id).unwrap().lifecycle, Lifecycle::Destroyed);
    world.setup.resources.put(Resource { uid: ObjectUid::new([77; 16]), ..named("orders") });
    let settled = world.reconcile("orders").unwrap().unwrap();
    assert!(settled.complete && settled.key_id != key_id);
    assert_eq!(world.state(&settled.key_id), "Enabled");
    world.pass(366 * DAY);
    tick(&world);
    assert!(world.record(&key_id).is_none(), "the tombstone is forgotten after a year");
    assert_eq!(world.state(&settled.key_id), "Enabled");
}

#[test]
fn use_in_the_window_is_noted_and_extends_it_where_asked() {
    for extends in [false, true] {
        let world = World::new();
        let key_id = world.key("orders");
        let deletion = Deletion { pending_window_days: Some(10), extend_on_use: Some(extends), ..Deletion::default() };
        apply(&world, 2, KmsKeySpec { deletion: Some(deletion), ..KmsKeySpec::default() });
        world.setup.resources.remove("default", "orders");
        world.reconcile("orders").unwrap();
        let due = world.record(&key_id).unwrap().due.deletion.unwrap();
        world.pass(3 * DAY);
        for _ in 0..5 {
            assert_eq!(
                world.refused(Operation::Encrypt, json!({"KeyId": arn(&key_id), "Plaintext": "eA=="})),
                "KMSInvalidStateException"
            );
        }
        let record = world.record(&key_id).unwrap();
        let attempt = record.attempt.unwrap();
        assert_eq!((attempt.operation.as_str(), attempt.at), ("Encrypt", world.engine.ports.clock.wall()));
        let moved = record.due.deletion.unwrap().since(due).milliseconds();
        assert_eq!(moved, if extends { 3 * DAY } else { 0 });
    }
}

#[test]
fn another_key_is_made_in_the_place_of_one_with_other_fields_only_where_asked() {
    let world = World::new();
    let old = world.key("orders");
    world.setup.resources.remove("default", "orders");
    world.reconcile("orders").unwrap();
    let fixed = KeyId::new([9; 16], false);
    let with = |on_conflict| {
        let deletion = Deletion { on_conflict, ..Deletion::default() };
        let spec = KmsKeySpec {
            key_usage: Some(KeyUsage::EncryptDecrypt),
            key_id: Some(fixed.to_string()),
            deletion: Some(deletion),
            ..KmsKeySpec::default()
        };
        Resource { uid: ObjectUid::new([78; 16]), spec, ..named("orders") }
    };
    world.setup.resources.put(with(None));
    world.reconcile("orders").unwrap();
    assert_eq!(reason(&world, "orders"), Some(ConditionReason::RestoreConflict));
    world.setup.resources.put(with(Some(OnConflict::NewKey)));
    let settled = world.reconcile("orders").unwrap().unwrap();
    assert!(settled.complete && settled.key_id == fixed);
    // The old one goes on with its own window, and can be reached by its id.
    assert_eq!(world.state(&old), "PendingDeletion");
    world.ok(Operation::CancelKeyDeletion, id(&old));
    assert_eq!(world.state(&old), "Disabled");
    assert_eq!(world.state(&fixed), "Enabled");
}

#[test]
fn another_namespace_of_the_name_waits_until_somebody_approves() {
    let world = World::new();
    let (one, two) = (world.key("one"), world.key("two"));
    let blob = world.encrypt(&one);
    let stranger = ObjectUid::new([9; 16]);
    for name in ["one", "two"] {
        world.setup.resources.remove("default", name);
        world.reconcile(name).unwrap();
    }
    world.setup.resources.make_namespace_again("default", stranger);
    for name in ["one", "two"] {
        let remade = Resource { uid: ObjectUid::new([name.as_bytes()[0]; 16]), namespace_uid: stranger, ..named(name) };
        world.setup.resources.put(remade);
        world.reconcile(name).unwrap();
        assert_eq!(reason(&world, name), Some(ConditionReason::RestorePendingApproval));
    }
    let listed = || world.ok(Operation::ListKeys, json!({}))["Keys"].as_array().unwrap().len();
    assert_eq!(listed(), 0, "what the earlier namespace had is nothing of the next one's");
    let approval = |name: Option<&str>| RestoreApproval {
        namespace: "default".to_owned(),
        namespace_uid: stranger,
        name: name.map(str::to_owned),
    };
    world.engine.changes.follow(true);
    world.run(world.engine.approve(Approved { restores: vec![approval(Some("one"))], ..Approved::default() })).unwrap();
    let looked_at: Vec<_> = world.run(world.engine.changes.next()).into_iter().collect();
    assert_eq!(
        looked_at,
        [("default".to_owned(), "one".to_owned())],
        "its resource is looked at without any change of it"
    );
    for name in ["one", "two"] {
        world.reconcile(name).unwrap();
    }
    assert_eq!((world.state(&one).as_str(), world.state(&two).as_str()), ("Enabled", "PendingDeletion"));
    assert_eq!((world.decrypts(&blob), listed()), (true, 1));
    world.run(world.engine.approve(Approved { restores: vec![approval(None)], ..Approved::default() })).unwrap();
    world.reconcile("two").unwrap();
    assert_eq!(world.state(&two), "Enabled");
    let records = world.setup.audit.records();
    assert_eq!(records.iter().filter(|record| record.event_name == "ApproveRestore").count(), 2);
}

#[test]
fn keys_that_vanish_together_are_not_destroyed_until_somebody_says_so() {
    let world = World::new();
    let names: Vec<String> = (0..8).map(|number| format!("key-{number}")).collect();
    let keys: Vec<KeyId> = names.iter().map(|name| world.key(name)).collect();
    let called = world.key("called");
    world.ok(Operation::ScheduleKeyDeletion, id(&called));
    for name in &names {
        world.setup.resources.remove("default", name);
        world.reconcile(name).unwrap();
    }
    world.pass(40 * DAY);
    tick(&world);
    assert_eq!(materials(&world), 8, "what the API scheduled goes on, what vanished is frozen");
    assert_eq!(world.record(&called).unwrap().lifecycle, Lifecycle::Destroyed);
    // One comes back, however late.
    world.setup.resources.put(Resource { uid: ObjectUid::new([77; 16]), ..named("key-0") });
    world.reconcile("key-0").unwrap();
    assert_eq!(world.state(&keys[0]), "Enabled");
    let until = Some(world.engine.ports.clock.wall());
    world.run(world.engine.approve(Approved { vanished_until: until, ..Approved::default() })).unwrap();
    tick(&world);
    assert_eq!(materials(&world), 1);
    assert_eq!(world.state(&keys[0]), "Enabled");
}

#[test]
fn a_set_that_vanished_stays_frozen_when_some_of_it_is_rescued() {
    let world = World::new();
    let names: Vec<String> = (0..6).map(|number| format!("key-{number}")).collect();
    let keys: Vec<KeyId> = names.iter().map(|name| world.key(name)).collect();
    for name in &names {
        world.setup.resources.remove("default", name);
        world.reconcile(name).unwrap();
    }
    // One by its manifest, one by a call, and many keys that come later.
    world.setup.resources.put(Resource { uid: ObjectUid::new([77; 16]), ..named("key-0") });
    world.reconcile("key-0").unwrap();
    world.ok(Operation::CancelKeyDeletion, id(&keys[1]));
    world.pass(1);
    for number in 0..60 {
        world.key(&format!("later-{number}"));
    }
    assert_eq!(world.engine.frozen_keys(), keys[2..].iter().copied().collect());
    world.pass(40 * DAY);
    tick(&world);
    assert!(keys.iter().all(|key_id| world.record(key_id).unwrap().lifecycle == Lifecycle::Created));
    // What was approved long ago for all times is about what had vanished then.
    let far = Some(world.engine.ports.clock.wall().plus(Span::from_days(1000)));
    let given_at = Some(world.engine.ports.clock.wall().plus(Span::from_days(-41)));
    world.run(world.engine.approve(Approved { vanished_until: far, given_at, ..Approved::default() })).unwrap();
    assert_eq!(world.engine.frozen_keys().len(), 4);
    world.run(world.engine.approve(Approved::default())).unwrap();
    world.run(world.engine.approve(Approved { vanished_until: far, ..Approved::default() })).unwrap();
    assert_eq!(world.engine.frozen_keys().len(), 0);
    world.pass(2 * DAY);
    for number in 0..10 {
        world.setup.resources.remove("default", &format!("later-{number}"));
        world.reconcile(&format!("later-{number}")).unwrap();
    }
    assert_eq!(world.engine.frozen_keys().len(), 10, "an accident that came after the approval");
}

#[test]
fn a_window_counts_from_the_latest_clock() {
    let world = World::new();
    let (removed, called) = (world.key("removed"), world.key("called"));
    world.run(world.engine.remember_time()).unwrap();
    let now = world.engine.ports.clock.wall();
    world.setup.clock.leap(-60 * DAY);
    world.setup.resources.remove("default", "removed");
    world.reconcile("removed").unwrap();
    world.ok(Operation::ScheduleKeyDeletion, json!({"KeyId": arn(&called), "PendingWindowInDays": 7}));
    assert_eq!(world.record(&removed).unwrap().due.deletion, Some(now.plus(Span::from_days(30))));
    assert_eq!(world.record(&called).unwrap().due.deletion, Some(now.plus(Span::from_days(7))));
}

#[test]
fn a_clock_that_leaps_destroys_nothing() {
    let world = World::new();
    let key_id = world.key("orders");
    world.run(world.engine.remember_time()).unwrap();
    world.ok(Operation::ScheduleKeyDeletion, id(&key_id));
    world.setup.clock.leap(400 * DAY);
    tick(&world);
    assert_eq!(materials(&world), 1);
    // It is of no use meanwhile, and can still be called off.
    assert_eq!(
        world.refused(Operation::Encrypt, json!({"KeyId": arn(&key_id), "Plaintext": "eA=="})),
        "KMSInvalidStateException"
    );
    world.ok(Operation::CancelKeyDeletion, id(&key_id));
    tick(&world);
    assert_eq!(materials(&world), 1);
}

#[test]
fn two_clocks_that_differ_destroy_nothing() {
    let world = World::new();
    let key_id = world.key("orders");
    world.ok(Operation::ScheduleKeyDeletion, id(&key_id));
    world.pass(31 * DAY);
    for apart in [-61_000, 61_000] {
        let outside = world.engine.ports.clock.wall().milliseconds() + apart;
        world.setup.clock.set_outside(Timestamp::from_milliseconds(outside));
        tick(&world);
        assert_eq!(materials(&world), 1);
    }
    world.setup.clock.set_outside(world.engine.ports.clock.wall());
    tick(&world);
    assert_eq!(materials(&world), 0);
}

#[test]
fn nothing_is_destroyed_without_a_record_of_it() {
    let world = World::new();
    let key_id = world.key("orders");
    world.ok(Operation::ScheduleKeyDeletion, id(&key_id));
    world.pass(31 * DAY);
    world.setup.audit.set_full(true);
    tick(&world);
    assert_eq!(materials(&world), 1);
    assert_eq!(world.record(&key_id).unwrap().lifecycle, Lifecycle::Created);
    world.setup.audit.set_full(false);
    world.pass(6 * 60_000);
    tick(&world);
    assert_eq!(materials(&world), 0);
}

#[test]
fn a_deletion_by_call_and_one_by_removal_do_not_undo_each_other() {
    let world = World::new();
    let key_id = world.key("orders");
    world.ok(Operation::ScheduleKeyDeletion, json!({"KeyId": arn(&key_id), "PendingWindowInDays": 7}));
    let due = world.record(&key_id).unwrap().due.deletion;
    world.setup.resources.remove("default", "orders");
    world.reconcile("orders").unwrap();
    assert_eq!(world.record(&key_id).unwrap().due.deletion, due, "the date stays");
    world.setup.resources.put(Resource { uid: ObjectUid::new([77; 16]), ..named("orders") });
    world.reconcile("orders").unwrap();
    let record = world.record(&key_id).unwrap();
    assert_eq!(record.due.deletion, due, "the deletion that the API scheduled goes on");
    assert!(record.hold(HoldCause::ResourceDeleted).is_none());
    // Cancelled while the resource is gone: held, without a date, until the resource comes back.
    world.setup.resources.remove("default", "orders");
    world.reconcile("orders").unwrap();
    world.ok(Operation::CancelKeyDeletion, id(&key_id));
    assert_eq!(world.refused(Operation::EnableKey, id(&key_id)), "KMSInvalidStateException");
    world.pass(400 * DAY);
    tick(&world);
    assert_eq!(materials(&world), 1);
    world.setup.resources.put(Resource { uid: ObjectUid::new([79; 16]), ..named("orders") });
    world.reconcile("orders").unwrap();
    world.ok(Operation::EnableKey, id(&key_id));
    assert_eq!(world.state(&key_id), "Enabled");
}

#[test]
fn a_key_whose_name_another_key_took_is_called_back_and_enabled_by_calls() {
    let world = World::new();
    let old = world.key("orders");
    let blob = world.encrypt(&old);
    world.setup.resources.remove("default", "orders");
    world.reconcile("orders").unwrap();
    let deletion = Deletion { on_conflict: Some(OnConflict::NewKey), ..Deletion::default() };
    let key_id = Some(KeyId::new([9; 16], false).to_string());
    let spec = KmsKeySpec { key_id, deletion: Some(deletion), ..KmsKeySpec::default() };
    world.setup.resources.put(Resource { uid: ObjectUid::new([78; 16]), spec, ..named("orders") });
    let new = world.reconcile("orders").unwrap().unwrap().key_id;
    assert_ne!(new, old);
    world.ok(Operation::CancelKeyDeletion, id(&old));
    world.ok(Operation::EnableKey, id(&old));
    assert!(world.decrypts(&blob));
    // Neither a sweep nor the end of the other key takes it along.
    world.run(world.engine.sweep()).unwrap();
    world.setup.resources.remove("default", "orders");
    world.reconcile("orders").unwrap();
    world.run(world.engine.sweep()).unwrap();
    assert_eq!((world.state(&old).as_str(), world.state(&new).as_str()), ("Enabled", "PendingDeletion"));
}

#[test]
fn a_key_is_not_taken_from_its_resource_by_an_old_view_of_an_earlier_one() {
    let world = World::new();
    let key_id = world.key("orders");
    let earlier = world.run(world.engine.ports.resources.get("default", "orders")).unwrap().unwrap();
    world.setup.resources.put(Resource { uid: ObjectUid::new([77; 16]), ..named("orders") });
    let settled = world.reconcile("orders").unwrap().unwrap();
    assert_eq!(settled.because, Reason::InSync);
    let record = world.record(&key_id).unwrap();
    assert!(record.holds.is_empty() && record.restored_at.is_some());
    let old = world.run(world.engine.reconcile("default", "orders", Some(&earlier)));
    assert!(matches!(old, Err(ReconcileError::StaleResource)));
    assert_eq!(world.record(&key_id).unwrap(), record);
}
