//! What is told of a key's end: which key, when, and the way back.

use serde_json::json;

use super::support::{World, named};
use crate::api::aws::operation::Operation;
use crate::api::crd::condition::{ConditionReason, ConditionStatus, ConditionType};
use crate::api::crd::kms_key::{Deletion, DeletionPolicy, KmsKeySpec};
use crate::domain::resource::Resource;
use crate::engine::destruction::name_keys;
use crate::ports::resources::Resources as _;
use crate::types::ids::{KeyId, ObjectUid};
use crate::types::state::KeyState;
use crate::types::time::Timestamp;

#[test]
fn a_removal_is_told_with_the_key_its_date_and_the_way_back() {
    let world = World::new();
    let keys = ["removed", "called"].map(|name| world.key(name));
    let deletion = Deletion { policy: Some(DeletionPolicy::Retain), ..Deletion::default() };
    let spec = KmsKeySpec { deletion: Some(deletion), ..KmsKeySpec::default() };
    world.setup.resources.put(Resource { spec, ..named("kept") });
    let kept = world.reconcile("kept").unwrap().unwrap().key_id;
    world.ok(Operation::ScheduleKeyDeletion, json!({"KeyId": keys[1].to_string()}));
    let ways = ["apply the same manifest again", "CancelKeyDeletion calls it off", "apply the same manifest again"];
    for ((name, key_id), way) in ["removed", "called", "kept"].into_iter().zip([keys[0], keys[1], kept]).zip(ways) {
        world.setup.resources.remove("default", name);
        world.reconcile(name).unwrap();
        let told = world.setup.resources.left().pop().unwrap();
        let date = world.record(&key_id).unwrap().due.deletion.map(Timestamp::to_rfc3339).unwrap_or_default();
        assert!(told.contains(&key_id.to_string()) && told.contains(&date) && told.contains(way), "{told}");
    }
    assert_eq!(world.setup.resources.left().len(), 3, "each once");
}

#[test]
fn of_many_keys_ten_are_named_and_the_rest_is_counted() {
    let keys = |count: u8| (0..count).map(|number| KeyId::new([number; 16], false));
    assert_eq!(name_keys(keys(1)), KeyId::new([0; 16], false).to_string());
    assert_eq!(name_keys(keys(10)).split(", ").count(), 10);
    let named = name_keys(keys(13));
    assert!(named.ends_with(" and 3 more") && named.split(", ").count() == 10, "{named}");
}

#[test]
fn a_resource_that_is_being_deleted_tells_what_becomes_of_its_key() {
    let world = World::new();
    let key_id = world.key("orders");
    let leaving = named("orders");
    // A resource that is being deleted is none to a reconciler.
    world.setup.resources.remove("default", "orders");
    world.run(world.engine.follow_removal("default", "orders")).unwrap();
    world.run(world.engine.report_leaving(&leaving)).unwrap();
    let conditions = world.run(world.setup.resources.reported("default", "orders"));
    let ready = conditions.iter().find(|condition| condition.kind == ConditionType::Ready).unwrap();
    assert_eq!((ready.status, ready.reason), (ConditionStatus::False, ConditionReason::PendingDeletion));
    assert!(ready.message.contains(&key_id.to_string()));
    let key = world.setup.resources.last_key("default", "orders").unwrap();
    assert_eq!(key.key_state, Some(KeyState::PendingDeletion));
    // Of another resource of the name nothing is told that is not its own.
    let other = Resource { uid: ObjectUid::new([77; 16]), generation: 9, ..leaving };
    world.run(world.engine.report_leaving(&other)).unwrap();
    let again = world.run(world.setup.resources.reported("default", "orders"));
    assert_eq!(again, conditions);
}
