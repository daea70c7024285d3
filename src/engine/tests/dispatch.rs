//! What the operations answer when all is well.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::{OWNER, PLAINTEXT, STRANGER, Setup, World, arn, call};
use crate::api::aws::operation::Operation;
use crate::ports::clock::Clock as _;
use crate::ports::fake::Cut;
use crate::ports::store::Store as _;
use crate::types::ids::KeyId;
use crate::types::revision::Revision;
use crate::types::state::KeyState;

fn created(world: &World, body: Value) -> Value {
    world.ok(Operation::CreateKey, body)["KeyMetadata"].clone()
}

/// A CreateKey of an account, with the id that an SDK sends again when it tries again.
fn create(world: &World, account: crate::types::account::AccountId, invocation: Option<&str>) -> (u16, Value) {
    let mut create = call(Operation::CreateKey, account, b"{}");
    create.invocation_id = invocation;
    world.send(&create)
}

#[test]
fn a_created_key_is_described_as_it_was_answered() {
    let world = World::new();
    let tags = json!([{"TagKey": "team", "TagValue": "orders"}]);
    let metadata = created(&world, json!({"Description": "of orders", "Tags": tags}));
    let key_id = KeyId::parse(metadata["KeyId"].as_str().unwrap()).unwrap();
    let described = world.ok(Operation::DescribeKey, json!({"KeyId": metadata["KeyId"]}));
    assert_eq!(described["KeyMetadata"], metadata);
    let record = world.record(&key_id).unwrap();
    assert_eq!(record.spec.tags, [("team".to_owned(), "orders".to_owned())].into());
    let material = record.materials[0].material_id.to_string();
    let expected = json!({
        "AWSAccountId": OWNER.to_string(),
        "KeyId": key_id.to_string(),
        "Arn": arn(&key_id),
        "CreationDate": 1_767_225_600.0,
        "Enabled": true,
        "Description": "of orders",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": false,
        "CurrentKeyMaterialId": material,
    });
    assert_eq!(metadata, expected);
}

#[test]
fn answers_carry_the_material_where_awss_do() {
    let world = World::new();
    let metadata = created(&world, json!({}));
    let (key, material) = (metadata["Arn"].clone(), metadata["CurrentKeyMaterialId"].clone());
    let encrypted = world.ok(Operation::Encrypt, json!({"KeyId": key, "Plaintext": PLAINTEXT}));
    let blob = encrypted["CiphertextBlob"].clone();
    let names = |answer: &Value| answer.as_object().unwrap().keys().cloned().collect::<BTreeSet<String>>();
    assert_eq!(names(&encrypted), ["CiphertextBlob", "EncryptionAlgorithm", "KeyId"].map(str::to_owned).into());
    let decrypted = world.ok(Operation::Decrypt, json!({"CiphertextBlob": blob}));
    let expected = json!({"KeyId": key, "Plaintext": PLAINTEXT, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "KeyMaterialId": material});
    assert_eq!(decrypted, expected);
    let moved = world.ok(Operation::ReEncrypt, json!({"CiphertextBlob": blob, "DestinationKeyId": key}));
    for (member, value) in [
        ("SourceKeyId", &key),
        ("KeyId", &key),
        ("SourceKeyMaterialId", &material),
        ("DestinationKeyMaterialId", &material),
        ("SourceEncryptionAlgorithm", &json!("SYMMETRIC_DEFAULT")),
        ("DestinationEncryptionAlgorithm", &json!("SYMMETRIC_DEFAULT")),
    ] {
        assert_eq!(&moved[member], value, "{member}");
    }
    assert!(moved["CiphertextBlob"] != blob && moved.get("Plaintext").is_none());
    for (operation, plaintext) in
        [(Operation::GenerateDataKey, true), (Operation::GenerateDataKeyWithoutPlaintext, false)]
    {
        let answer = world.ok(operation, json!({"KeyId": key, "NumberOfBytes": 24}));
        assert_eq!((&answer["KeyMaterialId"], &answer["KeyId"]), (&material, &key));
        assert_eq!(answer.get("Plaintext").is_some(), plaintext, "{operation}");
        let opened = world.ok(Operation::Decrypt, json!({"CiphertextBlob": answer["CiphertextBlob"]}));
        assert_eq!(opened["Plaintext"].as_str().unwrap().len(), 32, "24 bytes in base64");
        assert!(!plaintext || opened["Plaintext"] == answer["Plaintext"]);
    }
}

#[test]
fn a_key_may_be_named_by_id_or_arn_and_a_context_binds() {
    let world = World::new();
    let key_id = world.key("orders");
    for name in [key_id.to_string(), arn(&key_id)] {
        let body = json!({"KeyId": name, "Plaintext": PLAINTEXT, "EncryptionContext": {"a": "b"}});
        let encrypted = world.ok(Operation::Encrypt, body);
        assert_eq!(encrypted["KeyId"], arn(&key_id));
        let blob = encrypted["CiphertextBlob"].clone();
        let open = |context: Value| {
            world.call(Operation::Decrypt, json!({"CiphertextBlob": blob, "EncryptionContext": context}))
        };
        assert_eq!(open(json!({"a": "b"})).1["Plaintext"], PLAINTEXT);
        for wrong in [json!({}), json!({"a": "B"}), json!({"a": "b", "c": "d"})] {
            let (status, answer) = open(wrong);
            assert_eq!((status, answer), (400, json!({"__type": "InvalidCiphertextException"})));
        }
    }
}

#[test]
fn random_bytes_have_the_length_that_was_asked_for_and_differ() {
    let world = World::new();
    let random = || world.ok(Operation::GenerateRandom, json!({"NumberOfBytes": 30}))["Plaintext"].clone();
    let (one, two) = (random(), random());
    assert!(one != two && one.as_str().unwrap().len() == 40);
}

#[test]
fn a_brake_holds_until_it_is_released() {
    let world = World::new();
    let key_id = world.key("orders");
    let (blob, body) = (world.encrypt(&key_id), json!({"KeyId": arn(&key_id)}));
    for _ in 0..2 {
        assert_eq!(world.ok(Operation::DisableKey, body.clone()), Value::Null);
        assert_eq!(world.state(&key_id), KeyState::Disabled.as_str());
        assert!(!world.decrypts(&blob));
    }
    let before = world.setup.store.revision();
    world.reconcile("orders").unwrap();
    assert_eq!((world.setup.store.revision(), world.state(&key_id)), (before, "Disabled".to_owned()));
    for _ in 0..2 {
        assert_eq!(world.ok(Operation::EnableKey, body.clone()), Value::Null);
        assert_eq!(world.state(&key_id), KeyState::Enabled.as_str());
        assert!(world.decrypts(&blob));
    }
}

#[test]
fn a_key_whose_spec_disables_it_is_not_enabled_by_a_call() {
    let world = World::new();
    let key_id = world.key("orders");
    let mut resource = super::support::named("orders");
    (resource.generation, resource.spec.enabled) = (2, Some(false));
    world.setup.resources.put(resource);
    world.reconcile("orders").unwrap();
    let (status, answer) = world.call(Operation::EnableKey, json!({"KeyId": arn(&key_id)}));
    assert_eq!((status, &answer["__type"]), (400, &json!("KMSInvalidStateException")));
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("default/orders") && message.contains("coffer-api"), "{message}");
    assert_eq!(world.state(&key_id), "Disabled");
}

/// Creates keys, two of them at the same time, and gives them in the order of ListKeys.
fn seven_keys(world: &World) -> Vec<String> {
    let mut made: Vec<(i64, String)> = Vec::new();
    for number in 0..7_i64 {
        world.pass(if number == 3 { 0 } else { 10 });
        let now = world.setup.clock.wall().milliseconds();
        made.push((now, created(world, json!({}))["KeyId"].as_str().unwrap().to_owned()));
    }
    made.sort();
    made.into_iter().map(|(_, key_id)| key_id).collect()
}

fn page(world: &World, body: Value) -> (Vec<String>, Value) {
    let answer = world.ok(Operation::ListKeys, body);
    let keys = answer["Keys"].as_array().unwrap().iter().map(|key| {
        let key_id = key["KeyId"].as_str().unwrap().to_owned();
        assert_eq!(key["KeyArn"], arn(&KeyId::parse(&key_id).unwrap()));
        key_id
    });
    assert_eq!(answer["Truncated"], json!(answer.get("NextMarker").is_some()));
    (keys.collect(), answer["NextMarker"].clone())
}

#[test]
fn keys_are_listed_in_the_order_of_their_creation_page_by_page() {
    let world = World::new();
    let expected = seven_keys(&world);
    assert_eq!(create(&world, STRANGER, None).0, 200, "another account's key is in no list of ours");
    assert_eq!(page(&world, json!({})), (expected.clone(), Value::Null));
    for limit in [1, 2, 3, 6, 7, 8] {
        let (mut all, mut marker, mut pages) = (Vec::new(), Value::Null, 0);
        loop {
            let (keys, next) = page(&world, json!({"Limit": limit, "Marker": marker}));
            assert!(keys.len() <= limit && !keys.is_empty() && pages < 7, "{limit}");
            (marker, pages) = (next, pages + 1);
            all.extend(keys);
            if marker.is_null() {
                break;
            }
        }
        assert_eq!((&all, pages), (&expected, 7_usize.div_ceil(limit)), "{limit}");
    }
}

#[test]
fn a_key_made_between_two_pages_is_on_a_later_one() {
    let world = World::new();
    let expected = seven_keys(&world);
    let (first, marker) = page(&world, json!({"Limit": 4}));
    world.pass(10);
    let later = created(&world, json!({}))["KeyId"].as_str().unwrap().to_owned();
    let (rest, _) = page(&world, json!({"Marker": marker}));
    let all: Vec<String> = first.into_iter().chain(rest).collect();
    assert_eq!(all, expected.into_iter().chain([later]).collect::<Vec<String>>());
}

#[test]
fn one_invocation_makes_one_key_however_often_it_is_tried() {
    let world = World::new();
    let key_id = |(status, answer): (u16, Value)| {
        assert_eq!(status, 200, "{answer}");
        answer["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    };
    let first = key_id(create(&world, OWNER, Some("one")));
    assert_eq!(key_id(create(&world, OWNER, Some("one"))), first);
    let others = [(OWNER, Some("two")), (OWNER, None), (OWNER, None), (STRANGER, Some("one"))];
    let mut all: BTreeSet<String> = others.map(|(account, id)| key_id(create(&world, account, id))).into();
    all.insert(first.clone());
    assert_eq!(all.len(), 5);
    let world = world.restart();
    assert_eq!(key_id(create(&world, OWNER, Some("one"))), first);
}

#[test]
fn an_invocation_that_failed_half_way_is_finished_by_the_next_try() {
    for write in 0..5 {
        let world = World::new();
        world.setup.store.cut_at(write, Cut::AfterWrite);
        assert_eq!(create(&world, OWNER, Some("one")).0, 500);
        world.setup.store.restart();
        let (status, answer) = create(&world, OWNER, Some("one"));
        assert_eq!((status, &answer["KeyMetadata"]["KeyState"]), (200, &json!("Enabled")));
        assert_eq!(world.setup.store.names().len(), 3);
    }
}

#[test]
fn an_answer_tells_how_far_it_has_seen_and_a_later_revision_is_not_waited_for_for_ever() {
    let mut setup = Setup::new();
    setup.impatient = true;
    let world = setup.start();
    let key_id = world.key("orders");
    let body = json!({"KeyId": key_id.to_string()}).to_string();
    let mut describe = call(Operation::DescribeKey, OWNER, body.as_bytes());
    for seen in [None, Some(Revision(1)), Some(Revision(u64::MAX))] {
        describe.seen_revision = seen;
        let answer = world.run(world.engine.dispatch(&describe));
        assert_eq!((answer.status, answer.revision), (200, world.engine.snapshots.load().revision));
    }
}
