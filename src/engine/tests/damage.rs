//! What is lost or damaged is told, harms no other key, and is never made again.

use serde_json::json;

use super::support::{World, arn, named, roots};
use crate::api::aws::operation::Operation;
use crate::api::crd::condition::{ConditionReason, ConditionStatus, ConditionType};
use crate::api::crd::kms_key::KmsKeySpec;
use crate::domain::encoding::{ContentError, decode, encode};
use crate::domain::plan::Reason;
use crate::domain::record::Record;
use crate::domain::resource::Resource;
use crate::engine::vault::claim_name;
use crate::ports::resources::Resources as _;
use crate::ports::store::Store as _;
use crate::types::ids::KeyId;
use crate::types::object::ObjectName;

fn two_keys() -> (World, KeyId, KeyId) {
    let world = World::new();
    let (one, two) = (world.key("one"), world.key("two"));
    (world, one, two)
}

fn material(key_id: &KeyId) -> ObjectName {
    ObjectName::material(key_id, 1, 1)
}

fn bytes(world: &World, name: &ObjectName) -> Option<Vec<u8>> {
    world.run(world.setup.store.get(name)).unwrap().map(|stored| stored.bytes.to_vec())
}

/// Each way to look at the resource, none of which may write.
fn look_at(world: &World, name: &str) -> Option<Reason> {
    let (before, names) = (world.setup.store.revision(), world.setup.store.names());
    let because = world.reconcile(name).ok().flatten().map(|settled| settled.because);
    let settled = world.reconcile(name).ok().flatten().map(|settled| settled.because);
    assert_eq!(because, settled, "looking again changes nothing");
    world.run(world.engine.sweep()).unwrap();
    assert_eq!((world.setup.store.revision(), world.setup.store.names()), (before, names));
    because
}

fn stalled(world: &World, name: &str) -> Option<ConditionReason> {
    let reported = world.run(world.setup.resources.reported("default", name));
    let stalled = reported.into_iter().find(|condition| condition.kind == ConditionType::Stalled)?;
    (stalled.status == ConditionStatus::True).then_some(stalled.reason)
}

fn works(world: &World, key_id: &KeyId) -> bool {
    let blob = world.encrypt(key_id);
    world.decrypts(&blob) && world.state(key_id) == "Enabled"
}

#[test]
fn missing_material_makes_a_key_unavailable_and_is_not_made_again() {
    let (world, lost, other) = two_keys();
    let blob = world.encrypt(&lost);
    let stolen = world.setup.store.steal(&material(&lost)).unwrap();
    let world = world.restart();
    assert_eq!(look_at(&world, "one"), Some(Reason::MaterialDamaged));
    assert_eq!(stalled(&world, "one"), Some(ConditionReason::MaterialUnreadable));
    assert_eq!(world.state(&lost), "Unavailable");
    for (operation, body) in [
        (Operation::Encrypt, json!({"KeyId": arn(&lost), "Plaintext": "AA=="})),
        (Operation::Decrypt, json!({"CiphertextBlob": blob})),
        (Operation::GenerateDataKey, json!({"KeyId": arn(&lost), "KeySpec": "AES_256"})),
        (Operation::DisableKey, json!({"KeyId": arn(&lost)})),
    ] {
        assert_eq!(world.refused(operation, body), "KMSInvalidStateException", "{operation}");
    }
    assert!(works(&world, &other));
    world.setup.store.plant(&material(&lost), stolen.bytes.to_vec());
    let world = world.restart();
    assert!(world.decrypts(&blob), "what comes back from a backup is the key as it was");
    assert_eq!(look_at(&world, "one"), Some(Reason::InSync));
    assert_eq!(stalled(&world, "one"), None);
}

#[test]
fn material_that_vanishes_between_announcement_and_listing_is_made_once_more() {
    // Nobody can have used what no record lists, so that this is a beginning and no loss.
    let world = World::new();
    world.setup.store.cut_at(3, crate::ports::fake::Cut::BeforeWrite);
    world.setup.resources.put(named("one"));
    assert!(world.reconcile("one").is_err());
    let world = world.restart();
    let key_id = world.key("one");
    assert!(works(&world, &key_id));
}

#[test]
fn a_missing_record_is_a_loss_and_no_beginning() {
    for also_material in [false, true] {
        let (world, lost, other) = two_keys();
        let record = world.setup.store.steal(&ObjectName::key(&lost)).unwrap();
        let made = also_material.then(|| world.setup.store.steal(&material(&lost)).unwrap());
        let world = world.restart();
        assert_eq!(look_at(&world, "one"), Some(Reason::RecordLost));
        assert_eq!(stalled(&world, "one"), Some(ConditionReason::RecordMissing));
        assert_eq!(world.refused(Operation::DescribeKey, json!({"KeyId": arn(&lost)})), "NotFoundException");
        assert!(works(&world, &other));
        world.setup.store.plant(&ObjectName::key(&lost), record.bytes.to_vec());
        made.into_iter().for_each(|made| world.setup.store.plant(&material(&lost), made.bytes.to_vec()));
        let world = world.restart();
        assert!(works(&world, &lost));
    }
}

#[test]
fn a_missing_claim_is_claimed_again_for_the_same_key() {
    let (world, one, _) = two_keys();
    world.setup.store.steal(&claim_name("default", "one")).unwrap();
    let world = world.restart();
    assert_eq!(world.key("one"), one);
    assert!(works(&world, &one));
}

#[test]
fn each_changed_byte_of_a_record_is_noticed_and_left_alone() {
    let (world, tampered, other) = two_keys();
    let (name, blob) = (ObjectName::key(&tampered), world.encrypt(&tampered));
    let right = bytes(&world, &name).unwrap();
    let mut world = world;
    for index in (0..right.len()).step_by(7).chain([right.len() - 1]) {
        let mut wrong = right.clone();
        wrong[index] ^= 0x10;
        world.setup.store.plant(&name, wrong.clone());
        world = world.restart();
        assert!(world.reconcile("one").is_err(), "{index}");
        world.run(world.engine.sweep()).unwrap();
        assert_eq!(stalled(&world, "one"), Some(ConditionReason::RecordUnreadable), "{index}");
        assert_eq!(bytes(&world, &name), Some(wrong), "{index}");
        // Whose the key is, cannot be read, so that a blob alone is told nothing of it.
        let by_blob = world.refused(Operation::Decrypt, json!({"CiphertextBlob": blob}));
        assert_eq!(by_blob, "AccessDeniedException", "{index}");
        for operation in [Operation::DescribeKey, Operation::EnableKey] {
            let refused = world.refused(operation, json!({"KeyId": arn(&tampered)}));
            assert_eq!(refused, "KMSInvalidStateException", "{index}");
        }
    }
    assert!(works(&world, &other));
    world.setup.store.plant(&name, right);
    assert!(world.restart().decrypts(&blob));
}

#[test]
fn records_of_two_keys_that_change_places_are_both_refused() {
    let (world, one, two) = two_keys();
    swap(&world, &ObjectName::key(&one), &ObjectName::key(&two));
    let world = world.restart();
    for (name, key_id) in [("one", one), ("two", two)] {
        assert!(world.reconcile(name).is_err());
        assert_eq!(world.refused(Operation::DescribeKey, json!({"KeyId": arn(&key_id)})), "KMSInvalidStateException");
    }
}

#[test]
fn materials_of_two_keys_that_change_places_are_both_refused() {
    let (world, one, two) = two_keys();
    let blobs = [world.encrypt(&one), world.encrypt(&two)];
    swap(&world, &material(&one), &material(&two));
    let world = world.restart();
    for (name, key_id) in [("one", one), ("two", two)] {
        assert_eq!(look_at(&world, name), Some(Reason::MaterialDamaged));
        assert_eq!(world.state(&key_id), "Unavailable");
    }
    assert!(blobs.iter().all(|blob| !world.decrypts(blob)));
}

fn swap(world: &World, one: &ObjectName, two: &ObjectName) {
    let store = &world.setup.store;
    let (first, second) = (store.steal(one).unwrap(), store.steal(two).unwrap());
    store.plant(one, second.bytes.to_vec());
    store.plant(two, first.bytes.to_vec());
}

#[test]
fn an_older_record_that_comes_back_still_opens_and_is_brought_up_to_date() {
    let (world, one, _) = two_keys();
    let older = bytes(&world, &ObjectName::key(&one)).unwrap();
    let spec = KmsKeySpec { description: Some("changed".to_owned()), ..KmsKeySpec::default() };
    world.setup.resources.put(Resource { generation: 2, spec, ..named("one") });
    world.reconcile("one").unwrap();
    world.setup.store.plant(&ObjectName::key(&one), older);
    let world = world.restart();
    world.run(world.engine.sweep()).unwrap();
    assert_eq!(world.record(&one).unwrap().spec.description, "changed");
}

/// A record as a later version could write it: another schema number, and a key that this one does not know.
fn later_version_of(record: Record) -> Vec<u8> {
    let later = Record { schema: 3, ..record };
    assert_eq!(encode(&later), Err(ContentError::NewerSchema(3)), "this version does not write it");
    let mut bytes = minicbor::to_vec(&later).unwrap();
    let [map, ..] = bytes.as_mut_slice() else { panic!("a map") };
    assert_eq!(*map & 0xe0, 0xa0, "a map whose length is in its first byte");
    *map += 1;
    // The key 255 and the text "x".
    bytes.extend_from_slice(&[0x18, 0xff, 0x61, b'x']);
    assert_eq!(decode::<Record>(&bytes), Ok(later));
    bytes
}

#[test]
fn a_record_of_a_later_version_is_used_and_not_changed() {
    let (world, one, _) = two_keys();
    let (name, blob) = (ObjectName::key(&one), world.encrypt(&one));
    let content = later_version_of(world.record(&one).unwrap());
    let sealed = roots().of_term(1).unwrap().seal_object(&name, 9, &content).unwrap();
    world.setup.store.plant(&name, sealed.clone());
    let world = world.restart();
    assert!(world.decrypts(&blob) && works(&world, &one));
    for operation in [Operation::DisableKey, Operation::EnableKey] {
        let (_, answer) = world.call(operation, json!({"KeyId": arn(&one)}));
        assert_eq!(answer["__type"], "KMSInvalidStateException");
        assert!(answer["message"].as_str().unwrap().contains("later version"), "{answer}");
    }
    let spec = KmsKeySpec { description: Some("changed".to_owned()), ..KmsKeySpec::default() };
    world.setup.resources.put(Resource { generation: 2, spec, ..named("one") });
    assert_eq!(look_at(&world, "one"), Some(Reason::SchemaTooNew));
    assert_eq!(stalled(&world, "one"), Some(ConditionReason::SchemaTooNew));
    world.setup.resources.remove("default", "one");
    assert_eq!(look_at(&world, "one"), Some(Reason::SchemaTooNew), "not even a removal is noted");
    assert_eq!(bytes(&world, &name), Some(sealed));
}
