//! A resource that came back while nobody looked: its key is restored, however long its date is past.

use serde_json::json;

use super::support::{World, named};
use crate::api::aws::operation::Operation;
use crate::api::crd::condition::{ConditionReason, ConditionType};
use crate::api::crd::kms_key::{Deletion, KmsKeySpec, OnConflict, Rotation};
use crate::domain::record::Lifecycle;
use crate::domain::resource::Resource;
use crate::ports::resources::Resources as _;
use crate::ports::store::Store as _;
use crate::types::ids::{KeyId, ObjectUid};
use crate::types::object::Kind;

const DAY: i64 = 86_400_000;

fn back(spec: KmsKeySpec) -> Resource {
    Resource { uid: ObjectUid::new([77; 16]), spec, ..named("orders") }
}

fn materials(world: &World) -> usize {
    world.run(world.setup.store.list(Kind::Material)).unwrap().len()
}

fn reason(world: &World) -> Option<ConditionReason> {
    let conditions = world.run(world.setup.resources.reported("default", "orders"));
    conditions.iter().find(|condition| condition.kind == ConditionType::Ready).map(|condition| condition.reason)
}

/// A key whose resource was removed, and a process that starts after the window, with what came back meanwhile.
fn away(back: Option<Resource>) -> (World, KeyId) {
    let world = World::new();
    let key_id = world.key("orders");
    world.setup.resources.remove("default", "orders");
    world.reconcile("orders").unwrap();
    world.pass(31 * DAY);
    back.into_iter().for_each(|resource| world.setup.resources.put(resource));
    (world.restart(), key_id)
}

#[test]
fn a_key_whose_resource_came_back_past_its_date_is_restored_by_whoever_looks_first() {
    for by_timer in [true, false] {
        let (world, key_id) = away(Some(back(KmsKeySpec::default())));
        if by_timer {
            world.run(world.engine.tick_once());
        } else {
            world.run(world.engine.sweep()).unwrap();
        }
        world.run(world.engine.tick_once());
        assert_eq!(materials(&world), 1, "by timer: {by_timer}");
        assert_eq!(world.state(&key_id), "Enabled");
        assert_eq!(world.reconcile("orders").unwrap().unwrap().key_id, key_id);
        let names: Vec<&str> = world.setup.audit.records().iter().map(|record| record.event_name).collect();
        assert!(names.contains(&"RestoreKey") && !names.contains(&"DeleteKey"), "{names:?}");
    }
}

#[test]
fn a_resource_that_cannot_be_followed_keeps_its_key_all_the_same() {
    let window = Deletion { pending_window_days: Some(6), ..Deletion::default() };
    let invalid = KmsKeySpec { deletion: Some(window), ..KmsKeySpec::default() };
    let other = KmsKeySpec { key_id: Some(KeyId::new([9; 16], false).to_string()), ..KmsKeySpec::default() };
    for (spec, told) in [(invalid, ConditionReason::InvalidSpec), (other, ConditionReason::RestoreConflict)] {
        let (world, key_id) = away(Some(back(spec)));
        for _ in 0..3 {
            world.run(world.engine.tick_once());
            world.pass(DAY);
        }
        assert_eq!((materials(&world), reason(&world)), (1, Some(told)));
        // Once it is mended, the key is back.
        world.setup.resources.put(back(KmsKeySpec::default()));
        world.reconcile("orders").unwrap();
        assert_eq!(world.state(&key_id), "Enabled");
    }
}

#[test]
fn what_nobody_claims_is_destroyed_at_its_date() {
    let (world, key_id) = away(None);
    world.run(world.engine.tick_once());
    assert_eq!(world.record(&key_id).unwrap().lifecycle, Lifecycle::Destroyed);
    // Nor does a resource that asks for another key claim the earlier one.
    let deletion = Deletion { on_conflict: Some(OnConflict::NewKey), ..Deletion::default() };
    let key_id = Some(KeyId::new([9; 16], false).to_string());
    let (world, old) = away(Some(back(KmsKeySpec { key_id, deletion: Some(deletion), ..KmsKeySpec::default() })));
    world.run(world.engine.tick_once());
    world.run(world.engine.tick_once());
    assert_eq!(world.record(&old).unwrap().lifecycle, Lifecycle::Destroyed);
    assert_eq!(world.state(&KeyId::new([9; 16], false)), "Enabled");
}

#[test]
fn a_key_waits_as_long_as_its_restore_waits_for_approval() {
    let again = Resource { namespace_uid: ObjectUid::new([9; 16]), ..back(KmsKeySpec::default()) };
    let (world, key_id) = away(Some(again));
    for _ in 0..3 {
        world.run(world.engine.tick_once());
        world.pass(DAY);
    }
    assert_eq!((materials(&world), reason(&world)), (1, Some(ConditionReason::RestorePendingApproval)));
    assert_eq!(world.state(&key_id), "PendingDeletion", "and nobody uses it meanwhile");
    world.setup.resources.remove("default", "orders");
    world.run(world.engine.tick_once());
    assert_eq!(world.record(&key_id).unwrap().lifecycle, Lifecycle::Destroyed, "once nothing asks for it any more");
}

#[test]
fn a_deletion_by_call_goes_on_whatever_is_applied() {
    let world = World::new();
    let key_id = world.key("orders");
    world.ok(Operation::ScheduleKeyDeletion, json!({"KeyId": key_id.to_string(), "PendingWindowInDays": 7}));
    world.setup.resources.remove("default", "orders");
    world.reconcile("orders").unwrap();
    world.pass(8 * DAY);
    world.setup.resources.put(back(KmsKeySpec::default()));
    let world = world.restart();
    world.run(world.engine.tick_once());
    assert_eq!(world.record(&key_id).unwrap().lifecycle, Lifecycle::Destroyed);
}

#[test]
fn a_resource_that_comes_back_while_its_key_is_looked_at_is_found_before_anything_is_destroyed() {
    let (world, key_id) = away(None);
    // What a look that was too early saw is believed for what it notes, and not for what it would destroy.
    world.setup.resources.put(back(KmsKeySpec::default()));
    let early = world.engine.destruction.activate();
    assert!(world.run(world.engine.reconcile("default", "orders", None)).is_err());
    drop(early);
    assert_eq!(world.record(&key_id).unwrap().lifecycle, Lifecycle::Created);
    world.run(world.engine.tick_once());
    assert_eq!(world.state(&key_id), "Enabled");
}

#[test]
fn a_key_that_was_called_back_from_a_name_that_is_anothers_lives_on_by_itself() {
    let world = World::new();
    let old = world.key("orders");
    let rotation = Rotation { automatic: Some(true), period_days: Some(90), on_demand_request: None };
    let spec = KmsKeySpec { rotation: Some(rotation), ..KmsKeySpec::default() };
    world.setup.resources.put(Resource { generation: 2, spec, ..named("orders") });
    world.reconcile("orders").unwrap();
    let blob = world.encrypt(&old);
    world.setup.resources.remove("default", "orders");
    world.reconcile("orders").unwrap();
    let deletion = Deletion { on_conflict: Some(OnConflict::NewKey), ..Deletion::default() };
    let key_id = Some(KeyId::new([9; 16], false).to_string());
    world.setup.resources.put(back(KmsKeySpec { key_id, deletion: Some(deletion), ..KmsKeySpec::default() }));
    let new = world.reconcile("orders").unwrap().unwrap().key_id;
    world.ok(Operation::CancelKeyDeletion, json!({"KeyId": old.to_string()}));
    world.ok(Operation::EnableKey, json!({"KeyId": old.to_string()}));
    let current = || world.record(&old).unwrap().current_version();
    world.ok(Operation::RotateKeyOnDemand, json!({"KeyId": old.to_string()}));
    world.run(world.engine.tick_once());
    assert_eq!((current(), world.state(&old).as_str()), (Some(2), "Enabled"));
    world.pass(91 * DAY);
    world.run(world.engine.tick_once());
    world.run(world.engine.sweep()).unwrap();
    assert_eq!((current(), world.state(&old).as_str()), (Some(3), "Enabled"));
    assert!(world.decrypts(&blob));
    // The end of the other key is not its own.
    world.setup.resources.remove("default", "orders");
    world.run(world.engine.sweep()).unwrap();
    world.run(world.engine.reconcile_key(&old)).unwrap();
    assert_eq!((world.state(&old).as_str(), world.state(&new).as_str()), ("Enabled", "PendingDeletion"));
}
