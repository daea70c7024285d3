//! Every write is done and asked for once more: it is recognised as its own, and a call answers as if nothing was.

use std::sync::Arc;

use serde_json::json;

use super::aliases::{listed, names};
use super::flows::{assert_invariants, assert_settled, end_state, flows, until_done};
use super::support::{Setup, World};
use crate::api::aws::operation::Operation;
use crate::ports::fake::TwiceStore;

fn asked_twice() -> World {
    let mut setup = Setup::new();
    setup.store_port = Some(Arc::new(TwiceStore(setup.store.clone())));
    setup.start()
}

#[test]
fn every_flow_ends_as_it_does_where_each_write_is_asked_for_once() {
    for flow in flows() {
        let [expected, found] = [World::new(), asked_twice()].map(|world| {
            (flow.prepare)(&world);
            assert!(until_done(&world, flow.act), "{}", flow.name);
            assert_settled(&world, flow.name);
            assert_invariants(&world, flow.name);
            // What was done is also told as done.
            let events: Vec<&str> = world.setup.audit.records().iter().map(|record| record.event_name).collect();
            (end_state(&world), events)
        });
        assert_eq!(found, expected, "{}", flow.name);
    }
}

#[test]
fn a_call_that_changes_a_key_answers_its_first_try() {
    let world = asked_twice();
    let key_id = json!({"KeyId": world.key("orders").to_string()});
    for (operation, state) in [
        (Operation::DisableKey, "Disabled"),
        (Operation::EnableKey, "Enabled"),
        (Operation::ScheduleKeyDeletion, "PendingDeletion"),
        (Operation::CancelKeyDeletion, "Disabled"),
        (Operation::EnableKey, "Enabled"),
        (Operation::RotateKeyOnDemand, "Enabled"),
    ] {
        world.ok(operation, key_id.clone());
        assert_eq!(world.ok(Operation::DescribeKey, key_id.clone())["KeyMetadata"]["KeyState"], state, "{operation}");
    }
    world.run(world.engine.tick_once());
    let listed = world.ok(Operation::ListKeyRotations, key_id);
    assert_eq!(listed["Rotations"].as_array().map(Vec::len), Some(1), "it rotated once: {listed}");
}

#[test]
fn a_call_that_changes_an_alias_answers_its_first_try() {
    let world = asked_twice();
    let [one, two] = ["one", "two"].map(|name| world.key(name).to_string());
    let body = |key_id: &str| json!({"AliasName": "alias/a", "TargetKeyId": key_id});
    world.ok(Operation::CreateAlias, body(&one));
    world.ok(Operation::UpdateAlias, body(&two));
    assert_eq!(listed(&world, json!({})), [("alias/a".to_owned(), two)]);
    world.ok(Operation::DeleteAlias, json!({"AliasName": "alias/a"}));
    assert!(names(&world, json!({})).is_empty());
    // Who comes later is told as ever.
    assert_eq!(world.refused(Operation::DeleteAlias, json!({"AliasName": "alias/a"})), "NotFoundException");
    world.ok(Operation::CreateAlias, body(&one));
    assert_eq!(world.refused(Operation::CreateAlias, body(&one)), "AlreadyExistsException");
}
