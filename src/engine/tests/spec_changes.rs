//! What the API changes of a spec: the resource first, then the key, whatever comes between.

use serde_json::json;

use super::support::{World, arn, named};
use crate::api::aws::operation::Operation;
use crate::domain::resource::{Manager, Resource};
use crate::ports::fake::Cut;
use crate::ports::resources::Resources as _;
use crate::ports::store::Store as _;
use crate::types::ids::KeyId;

const CHANGES: [(Operation, &str); 4] = [
    (Operation::TagResource, r#"{"Tags": [{"TagKey": "team", "TagValue": "blue"}]}"#),
    (Operation::UpdateKeyDescription, r#"{"Description": "new"}"#),
    (Operation::EnableKeyRotation, r#"{"RotationPeriodInDays": 90}"#),
    (Operation::DisableKeyRotation, "{}"),
];

fn body(key_id: &KeyId, members: &str) -> serde_json::Value {
    let mut body: serde_json::Value = serde_json::from_str(members).unwrap();
    body["KeyId"] = json!(key_id.to_string());
    body
}

fn tags(world: &World, key_id: &KeyId) -> Vec<(String, String)> {
    let listed = world.ok(Operation::ListResourceTags, json!({"KeyId": arn(key_id)}));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    listed["Tags"].as_array().unwrap().iter().map(|tag| (text(&tag["TagKey"]), text(&tag["TagValue"]))).collect()
}

#[test]
fn each_change_is_seen_by_its_caller_and_made_once() {
    let world = World::new();
    let key_id = world.key("orders");
    for (operation, members) in CHANGES {
        world.ok(operation, body(&key_id, members));
        let (records, generation) = (world.setup.store.revision(), resource(&world).generation);
        world.ok(operation, body(&key_id, members));
        assert_eq!((world.setup.store.revision(), resource(&world).generation), (records, generation), "{operation}");
    }
    assert_eq!(tags(&world, &key_id), [("team".to_owned(), "blue".to_owned())]);
    let record = world.record(&key_id).unwrap();
    assert_eq!((record.spec.description.as_str(), record.due.rotation), ("new", None));
    world.ok(Operation::UntagResource, json!({"KeyId": arn(&key_id), "TagKeys": ["team", "absent"]}));
    assert!(tags(&world, &key_id).is_empty());
}

fn resource(world: &World) -> Resource {
    world.run(world.setup.resources.get("default", "orders")).unwrap().unwrap()
}

#[test]
fn a_crash_between_resource_and_key_is_made_up_for() {
    for (operation, members) in &CHANGES[..3] {
        for cut in [Cut::BeforeWrite, Cut::AfterWrite] {
            let world = World::new();
            let key_id = world.key("orders");
            world.setup.store.cut_at(0, cut);
            assert_ne!(world.call(*operation, body(&key_id, members)).0, 200, "{operation} {cut:?}");
            let world = world.restart();
            world.run(world.engine.sweep()).unwrap();
            let record = world.record(&key_id).unwrap();
            assert_eq!(record.owner.generation, resource(&world).generation, "{operation} {cut:?}");
            assert_eq!(world.call(*operation, body(&key_id, members)).0, 200);
        }
    }
}

#[test]
fn what_git_keeps_is_refused_and_brakes_work_all_the_same() {
    let world = World::new();
    let mut kept = Resource { manager: Manager::Manifest("argocd".to_owned()), ..named("orders") };
    kept.spec.description = Some("from git".to_owned());
    world.setup.resources.put(kept);
    let key_id = world.reconcile("orders").unwrap().unwrap().key_id;
    let (status, answer) = world.call(Operation::UpdateKeyDescription, body(&key_id, r#"{"Description": "x"}"#));
    assert_eq!((status, answer["__type"].as_str()), (400, Some("KMSInvalidStateException")));
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("spec.description") && message.contains("argocd"), "{message}");
    world.ok(Operation::TagResource, body(&key_id, CHANGES[0].1));
    for operation in [Operation::DisableKey, Operation::ScheduleKeyDeletion] {
        world.ok(operation, json!({"KeyId": arn(&key_id)}));
    }
}

#[test]
fn a_key_whose_resource_is_gone_says_so() {
    let world = World::new();
    let key_id = world.key("orders");
    world.setup.resources.remove("default", "orders");
    let (status, answer) = world.call(Operation::UpdateKeyDescription, body(&key_id, r#"{"Description": "x"}"#));
    assert_eq!(status, 400);
    assert!(answer["message"].as_str().unwrap().contains("apply default/orders again"), "{answer}");
}

#[test]
fn tags_have_their_rules() {
    let world = World::new();
    let key_id = world.key("orders");
    let tag = |count: usize| -> Vec<_> {
        (0..count).map(|number| json!({"TagKey": format!("k{number:02}"), "TagValue": ""})).collect()
    };
    let twice = json!([{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}]);
    for wrong in [json!(tag(51)), twice, json!([{"TagKey": "AWS:x", "TagValue": ""}])] {
        let body = json!({"KeyId": arn(&key_id), "Tags": wrong});
        assert_eq!(world.refused(Operation::TagResource, body), "TagException");
    }
    world.ok(Operation::TagResource, json!({"KeyId": arn(&key_id), "Tags": tag(50)}));
    let more = json!({"KeyId": arn(&key_id), "Tags": [{"TagKey": "one more", "TagValue": ""}]});
    assert_eq!(world.refused(Operation::TagResource, more), "TagException");
    let page = world.ok(Operation::ListResourceTags, json!({"KeyId": arn(&key_id), "Limit": 30}));
    assert_eq!((page["Tags"].as_array().unwrap().len(), &page["Truncated"]), (30, &json!(true)));
    let rest = json!({"KeyId": arn(&key_id), "Limit": 30, "Marker": page["NextMarker"]});
    assert_eq!(world.ok(Operation::ListResourceTags, rest)["Tags"].as_array().unwrap().len(), 20);
}
