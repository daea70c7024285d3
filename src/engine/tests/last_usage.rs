//! The last use of a key, told over restarts, replicas and failures of the store.

use serde_json::{Value, json};

use super::support::{PLAINTEXT, World};
use crate::api::aws::operation::Operation;
use crate::ports::clock::Clock as _;
use crate::ports::fake::Cut;
use crate::types::ids::KeyId;

fn told(world: &World, key_id: &KeyId) -> Value {
    world.ok(Operation::GetKeyLastUsage, json!({"KeyId": key_id.to_string()}))
}

fn operation(world: &World, key_id: &KeyId) -> Value {
    told(world, key_id)["KeyLastUsage"]["Operation"].clone()
}

#[test]
fn a_key_that_was_not_used_tells_an_empty_use() {
    let world = World::new();
    let key_id = world.key("orders");
    let answer = told(&world, &key_id);
    assert_eq!(answer["KeyLastUsage"], json!({}));
    assert_eq!(answer["TrackingStartDate"], answer["KeyCreationDate"], "the later of the two");
}

#[test]
fn the_last_success_is_told_with_the_ids_of_its_records() {
    let world = World::new();
    let (one, two) = (world.key("one"), world.key("two"));
    let blob = world.encrypt(&one);
    assert_eq!((operation(&world, &one), operation(&world, &two)), (json!("Encrypt"), Value::Null));
    world.pass(5000);
    world.ok(Operation::ReEncrypt, json!({"CiphertextBlob": blob, "DestinationKeyId": two.to_string()}));
    for key_id in [&one, &two] {
        let answer = told(&world, key_id);
        let used = &answer["KeyLastUsage"];
        assert_eq!(used["Operation"], json!("ReEncrypt"), "both of its keys");
        assert_eq!(used["Timestamp"], json!(world.setup.clock.wall().epoch_seconds()));
        let records = world.setup.audit.records();
        let record = records.iter().rfind(|record| record.event_name == "ReEncrypt").unwrap();
        assert_eq!(used["CloudTrailEventId"], json!(record.event_id));
        assert_eq!(used["KmsRequestId"], json!(record.request_id));
    }
    let wrong = json!({"CiphertextBlob": blob, "EncryptionContext": {"a": "b"}});
    world.refused(Operation::Decrypt, wrong);
    world.refused(Operation::Encrypt, json!({"KeyId": one.to_string(), "Plaintext": PLAINTEXT, "DryRun": true}));
    world.ok(Operation::DescribeKey, json!({"KeyId": one.to_string()}));
    assert_eq!(operation(&world, &one), json!("ReEncrypt"), "neither failures nor trials nor looks are uses");
}

#[test]
fn what_was_written_outlives_the_process_and_goes_with_its_key() {
    let world = World::new();
    let (one, two) = (world.key("one"), world.key("two"));
    let since = told(&world, &one)["TrackingStartDate"].clone();
    world.encrypt(&one);
    world.encrypt(&two);
    world.run(world.engine.flush_usage());
    let world = world.restart();
    assert_eq!((operation(&world, &one), operation(&world, &two)), (json!("Encrypt"), json!("Encrypt")));
    assert_eq!(told(&world, &one)["TrackingStartDate"], since);
    super::aliases::destroy(&world, &one);
    assert_eq!(world.refused(Operation::GetKeyLastUsage, json!({"KeyId": one.to_string()})), "NotFoundException");
}

#[test]
fn two_replicas_keep_the_newer_use() {
    let world = World::new();
    let key_id = world.key("orders");
    let other = world.setup.engine();
    let blob = world.encrypt(&key_id);
    let noted = world.engine.ports.usage.last(&key_id).unwrap();
    world.pass(1000);
    world.ok(Operation::Decrypt, json!({"CiphertextBlob": blob}));
    world.run(world.engine.flush_usage());
    other.ports.usage.note_last(noted);
    world.run(other.flush_usage());
    assert_eq!(operation(&world, &key_id), json!("Decrypt"), "an older use that is written later changes nothing");
}

#[test]
fn a_use_that_could_not_be_written_goes_with_the_next() {
    let world = World::new();
    let key_id = world.key("orders");
    world.encrypt(&key_id);
    world.setup.store.cut_at(0, Cut::BeforeWrite);
    world.run(world.engine.flush_usage());
    world.setup.store.restart();
    assert_eq!(operation(&world, &key_id), json!("Encrypt"));
    world.run(world.engine.flush_usage());
    assert!(world.engine.ports.usage.drain_last().is_empty());
    assert_eq!(operation(&world.restart(), &key_id), json!("Encrypt"));
}
