//! Aliases by calls: in every operation, made, moved, listed and refused, and those of platform-managed keys.

use std::sync::Arc;

use serde_json::{Value, json};

use super::pairs;
use super::support::{OWNER, PLAINTEXT, STRANGER, World, arn};
use super::trials::calls;
use crate::api::aws::operation::Operation;
use crate::domain::resource::Resource;
use crate::engine::table::{Row, implemented};
use crate::ports::audit::{Parameter, Phase};
use crate::ports::fake::{Cut, FakeReviewer};
use crate::ports::resources::Resources as _;
use crate::ports::store::Store as _;
use crate::types::ids::{KeyId, ObjectUid};
use crate::types::key::{KeySpec, KeyUsage};
use crate::types::limits::ALIASES_PER_KEY_MAX;
use crate::types::object::Kind;

const DAY: i64 = 86_400_000;

pub(super) fn alias_arn(alias: &str) -> String {
    format!("arn:aws:kms:us-east-1:{OWNER}:{alias}")
}

pub(super) fn make(world: &World, alias: &str, key_id: &KeyId) {
    world.ok(Operation::CreateAlias, json!({"AliasName": alias, "TargetKeyId": key_id.to_string()}));
}

/// The aliases of the caller, each with its key.
pub(super) fn listed(world: &World, body: Value) -> Vec<(String, String)> {
    let answer = world.ok(Operation::ListAliases, body);
    let text = |entry: &Value, member: &str| entry[member].as_str().unwrap().to_owned();
    let entries = answer["Aliases"].as_array().unwrap().iter();
    entries.map(|entry| (text(entry, "AliasName"), text(entry, "TargetKeyId"))).collect()
}

pub(super) fn names(world: &World, body: Value) -> Vec<String> {
    listed(world, body).into_iter().map(|(alias, _)| alias).collect()
}

/// A key whose time is over.
pub(super) fn destroy(world: &World, key_id: &KeyId) {
    world.ok(Operation::ScheduleKeyDeletion, json!({"KeyId": key_id.to_string(), "PendingWindowInDays": 7}));
    // Steps that no clock doubts.
    for _ in 0..8 {
        world.pass(DAY - 1);
        world.run(world.engine.tick_once());
    }
    let record = world.record(key_id).unwrap();
    assert_eq!(record.lifecycle.as_str(), "Destroyed", "{record:?}");
}

#[test]
fn every_operation_that_takes_an_alias_takes_its_name_and_its_arn() {
    let world = World::new();
    let key = json!({"KeyId": world.key("orders").to_string()});
    let mut calls = calls(&world);
    let public_key = json!({"KeyId": pairs::make(&world, KeySpec::EccNistP256, KeyUsage::SignVerify)["KeyId"]});
    calls.extend([(Operation::DescribeKey, key), (Operation::GetPublicKey, public_key)]);
    let takes_alias = |row: &&Row| row.keys.iter().any(|argument| argument.aliases);
    assert_eq!(implemented().filter(takes_alias).count(), calls.len());
    for (number, (operation, body)) in calls.iter().enumerate() {
        let member = if body.get("DestinationKeyId").is_some() { "DestinationKeyId" } else { "KeyId" };
        // A blob names its key itself.
        let Some(key_id) = body.get(member).and_then(|id| KeyId::parse(id.as_str().unwrap())) else { continue };
        let alias = format!("alias/{number}");
        make(&world, &alias, &key_id);
        for name in [alias.clone(), alias_arn(&alias)] {
            let mut body = body.clone();
            body[member] = json!(name);
            let answer = world.ok(*operation, body);
            let named =
                if *operation == Operation::DescribeKey { &answer["KeyMetadata"]["Arn"] } else { &answer["KeyId"] };
            assert_eq!(*named, arn(&key_id), "{operation}");
        }
    }
    let (orders, other) = (world.key("orders"), "alias/0");
    let blob = world.encrypt(&orders);
    let decrypt = json!({"CiphertextBlob": blob, "KeyId": other});
    assert_eq!(world.refused(Operation::Decrypt, decrypt), "IncorrectKeyException", "the alias of another key");
    make(&world, "alias/a", &orders);
    let source = json!({"CiphertextBlob": blob, "SourceKeyId": "alias/a", "DestinationKeyId": other});
    world.ok(Operation::ReEncrypt, source);
    world.ok(Operation::Decrypt, json!({"CiphertextBlob": blob, "KeyId": alias_arn("alias/a")}));
    for row in implemented().filter(|row| row.keys.iter().any(|argument| !argument.aliases)) {
        let body = json!({"KeyId": "alias/a", "AliasName": "alias/b", "TargetKeyId": "alias/a"});
        let error = world.refused(row.operation, body);
        assert!(["InvalidArnException", "ValidationException"].contains(&error.as_str()), "{} {error}", row.operation);
    }
}

#[test]
fn the_audit_trail_shows_what_the_caller_sent_and_what_it_meant() {
    let world = World::new();
    let key_id = world.key("orders");
    make(&world, "alias/a", &key_id);
    world.ok(Operation::Encrypt, json!({"KeyId": "alias/a", "Plaintext": PLAINTEXT}));
    let records = world.setup.audit.records();
    let encrypt = records.last().unwrap();
    assert!(encrypt.request_parameters.contains(&("keyId", Parameter::Text("alias/a".to_owned()))));
    assert_eq!(encrypt.resources[0].arn, arn(&key_id));
    let made: Vec<_> = records.iter().filter(|record| record.event_name == "CreateAlias").collect();
    assert_eq!(made.iter().map(|record| record.phase).collect::<Vec<_>>(), [Phase::Intent, Phase::Outcome]);
    let arns: Vec<&str> = made[1].resources.iter().map(|resource| resource.arn.as_str()).collect();
    assert_eq!(arns, [arn(&key_id), alias_arn("alias/a")]);
}

#[test]
fn an_alias_moves_and_ends_and_the_keys_stay() {
    let world = World::new();
    let (one, two) = (world.key("one"), world.key("two"));
    make(&world, "alias/a", &one);
    let blob =
        world.ok(Operation::Encrypt, json!({"KeyId": "alias/a", "Plaintext": PLAINTEXT}))["CiphertextBlob"].clone();
    world.pass(5000);
    world.ok(Operation::UpdateAlias, json!({"AliasName": "alias/a", "TargetKeyId": arn(&two)}));
    assert_eq!(listed(&world, json!({})), [("alias/a".to_owned(), two.to_string())]);
    let answer = world.ok(Operation::ListAliases, json!({"KeyId": two.to_string()}));
    let entry = &answer["Aliases"][0];
    assert_eq!(entry["AliasArn"], alias_arn("alias/a"));
    let dates = ["LastUpdatedDate", "CreationDate"].map(|member| entry[member].as_f64().unwrap());
    assert!((dates[0] - dates[1] - 5.0).abs() < 1e-6, "{dates:?}");
    assert!(listed(&world, json!({"KeyId": arn(&one)})).is_empty());
    assert!(world.decrypts(&blob), "what the old key encrypted opens");
    let guarded = json!({"CiphertextBlob": blob, "KeyId": "alias/a"});
    assert_eq!(world.refused(Operation::Decrypt, guarded), "IncorrectKeyException");
    world.ok(Operation::DeleteAlias, json!({"AliasName": "alias/a"}));
    let told = world.call(Operation::Encrypt, json!({"KeyId": "alias/a", "Plaintext": PLAINTEXT})).1;
    assert_eq!(told["message"], format!("Alias {} is not found.", alias_arn("alias/a")));
    for operation in [Operation::DeleteAlias, Operation::UpdateAlias] {
        let (_, told) = world.call(operation, json!({"AliasName": "alias/a", "TargetKeyId": one.to_string()}));
        assert_eq!(told["message"], format!("Alias {} is not found.", alias_arn("alias/a")), "{operation}");
    }
    assert_eq!((world.state(&one), world.state(&two)), ("Enabled".to_owned(), "Enabled".to_owned()));
}

#[test]
fn what_aws_refuses_is_refused() {
    let world = World::new();
    let (one, two) = (world.key("one"), world.key("two"));
    make(&world, "alias/a", &one);
    let create = |alias: &str, target: &KeyId| json!({"AliasName": alias, "TargetKeyId": target.to_string()});
    let (_, told) = world.call(Operation::CreateAlias, create("alias/a", &two));
    assert_eq!(told["__type"], "AlreadyExistsException");
    assert_eq!(told["message"], format!("An alias with the name {} already exists", alias_arn("alias/a")));
    for operation in [Operation::CreateAlias, Operation::UpdateAlias, Operation::DeleteAlias] {
        assert_eq!(world.refused(operation, create("alias/aws/envelope", &one)), "NotAuthorizedException");
        assert_eq!(world.refused(operation, create("orders", &one)), "ValidationException");
    }
    assert_eq!(
        world.refused(Operation::CreateAlias, create("alias/b", &KeyId::new([9; 16], false))),
        "NotFoundException"
    );
    // The key that an alias leaves may be on its way out, and the one that it goes to may not.
    world.ok(Operation::ScheduleKeyDeletion, json!({"KeyId": one.to_string()}));
    assert_eq!(world.refused(Operation::CreateAlias, create("alias/b", &one)), "KMSInvalidStateException");
    world.ok(Operation::UpdateAlias, create("alias/a", &two));
    assert_eq!(world.refused(Operation::UpdateAlias, create("alias/a", &one)), "KMSInvalidStateException");
    world.ok(Operation::DisableKey, json!({"KeyId": two.to_string()}));
    world.ok(Operation::UpdateAlias, create("alias/a", &two));
    world.ok(Operation::DeleteAlias, json!({"AliasName": "alias/a"}));
}

#[test]
fn a_key_has_fifty_aliases_and_pages_follow_their_names() {
    let world = World::new();
    let (one, two) = (world.key("one"), world.key("two"));
    for number in 0..ALIASES_PER_KEY_MAX {
        make(&world, &format!("alias/{number:02}"), &one);
    }
    let more = json!({"AliasName": "alias/more", "TargetKeyId": one.to_string()});
    assert_eq!(world.refused(Operation::CreateAlias, more.clone()), "LimitExceededException");
    make(&world, "alias/more", &two);
    assert_eq!(world.refused(Operation::UpdateAlias, more), "LimitExceededException");
    let (mut seen, mut body) = (Vec::new(), json!({"Limit": 7}));
    loop {
        let page = world.ok(Operation::ListAliases, body.clone());
        seen.extend(
            page["Aliases"].as_array().unwrap().iter().map(|entry| entry["AliasName"].as_str().unwrap().to_owned()),
        );
        assert_eq!(page["Truncated"], page.get("NextMarker").is_some());
        let Some(marker) = page.get("NextMarker") else { break };
        body["Marker"] = marker.clone();
    }
    assert!(seen.is_sorted() && seen.len() == ALIASES_PER_KEY_MAX + 1);
    for wrong in
        [json!({"KeyId": "alias/01"}), json!({"Marker": "x"}), json!({"KeyId": KeyId::new([9; 16], false).to_string()})]
    {
        let error = world.refused(Operation::ListAliases, wrong);
        assert!(["InvalidArnException", "InvalidMarkerException", "NotFoundException"].contains(&error.as_str()));
    }
}

#[test]
fn an_alias_outlives_its_key_and_can_be_moved_or_deleted() {
    let world = World::new();
    let (one, two) = (world.key("one"), world.key("two"));
    make(&world, "alias/a", &one);
    make(&world, "alias/b", &one);
    destroy(&world, &one);
    assert_eq!(listed(&world, json!({}))[0], ("alias/a".to_owned(), one.to_string()));
    let told = world.call(Operation::DescribeKey, json!({"KeyId": "alias/a"})).1;
    assert_eq!(told["message"], format!("Key '{}' does not exist", arn(&one)));
    world.ok(Operation::UpdateAlias, json!({"AliasName": "alias/a", "TargetKeyId": two.to_string()}));
    world.ok(Operation::DescribeKey, json!({"KeyId": "alias/a"}));
    world.ok(Operation::DeleteAlias, json!({"AliasName": "alias/b"}));
    assert_eq!(names(&world, json!({})), ["alias/a"]);
}

#[test]
fn who_may_not_use_a_key_does_not_learn_which_alias_names_it_or_whether_any_does() {
    let world = World::new();
    let key_id = world.key("orders");
    make(&world, "alias/aa", &key_id);
    let mut world = world;
    world.setup.reviewer = Arc::new(FakeReviewer(Ok(false)));
    let world = world.restart();
    let refusal = |operation: Operation, alias: &str| {
        let body =
            json!({"KeyId": alias, "AliasName": alias, "TargetKeyId": key_id.to_string(), "Plaintext": PLAINTEXT});
        let (status, told) = world.call(operation, body);
        assert_eq!((status, &told["__type"]), (400, &json!("AccessDeniedException")), "{operation}");
        let text = told.to_string();
        assert!(!text.contains(&key_id.to_string()), "{text}");
        text.replace(alias, "THE ALIAS")
    };
    for operation in [Operation::Encrypt, Operation::DescribeKey, Operation::UpdateAlias, Operation::DeleteAlias] {
        assert_eq!(refusal(operation, "alias/aa"), refusal(operation, "alias/zz"), "{operation}");
    }
    assert!(refusal(Operation::DescribeKey, "alias/aws/envelope").contains("AccessDenied"));
    assert_eq!(world.setup.store.names().iter().filter(|name| name.starts_with("key-")).count(), 1);
}

#[test]
fn accounts_have_aliases_of_their_own() {
    let world = World::new();
    let mine = world.key("orders");
    make(&world, "alias/a", &mine);
    let (_, made) = world.call_as(STRANGER, Operation::CreateKey, json!({}));
    let theirs = made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let foreign = json!({"AliasName": "alias/a", "TargetKeyId": arn(&mine)});
    assert_eq!(world.call_as(STRANGER, Operation::CreateAlias, foreign).1["__type"], "AccessDeniedException");
    let own = json!({"AliasName": "alias/a", "TargetKeyId": theirs});
    assert_eq!(world.call_as(STRANGER, Operation::CreateAlias, own).0, 200);
    let described = |account, name: &str| world.call_as(account, Operation::DescribeKey, json!({"KeyId": name})).1;
    assert_eq!(described(STRANGER, "alias/a")["KeyMetadata"]["KeyId"], theirs);
    assert_eq!(described(OWNER, "alias/a")["KeyMetadata"]["KeyId"], mine.to_string());
    for (name, exists) in [("alias/a", true), ("alias/zz", false)] {
        let told = described(STRANGER, &alias_arn(name));
        assert_eq!(told["__type"], "AccessDeniedException", "{exists}");
        assert!(!told.to_string().contains(&mine.to_string()));
    }
    assert_eq!(listed(&world, json!({})), [("alias/a".to_owned(), mine.to_string())]);
}

#[test]
fn an_alias_that_does_not_open_names_no_key() {
    let world = World::new();
    let key_id = world.key("orders");
    make(&world, "alias/a", &key_id);
    let name = world.run(world.setup.store.list(Kind::Alias)).unwrap().pop().unwrap().0;
    world.setup.store.plant(&name, b"damaged".to_vec());
    let world = world.restart();
    assert_eq!(world.refused(Operation::DescribeKey, json!({"KeyId": "alias/a"})), "NotFoundException");
    assert!(names(&world, json!({})).is_empty());
    assert_eq!(
        world.refused(Operation::CreateAlias, json!({"AliasName": "alias/a", "TargetKeyId": arn(&key_id)})),
        "KMSInternalException"
    );
}

#[test]
fn an_alias_swapped_for_another_names_no_key() {
    let world = World::new();
    let (one, two) = (world.key("one"), world.key("two"));
    make(&world, "alias/a", &one);
    make(&world, "alias/b", &two);
    let objects = world.run(world.setup.store.list(Kind::Alias)).unwrap();
    let bytes = |index: usize| objects[index].1.bytes.to_vec();
    let swapped = [bytes(1), bytes(0)];
    objects.iter().zip(swapped).for_each(|((name, _), bytes)| world.setup.store.plant(name, bytes));
    let world = world.restart();
    for alias in ["alias/a", "alias/b"] {
        assert_eq!(world.refused(Operation::DescribeKey, json!({"KeyId": alias})), "NotFoundException");
    }
}

#[test]
fn the_first_use_of_a_platform_alias_makes_its_key_once() {
    let world = World::new();
    let blob = world.ok(Operation::Encrypt, json!({"KeyId": "alias/aws/envelope", "Plaintext": PLAINTEXT}));
    let metadata = world.ok(Operation::DescribeKey, json!({"KeyId": "alias/aws/envelope"}))["KeyMetadata"].clone();
    assert_eq!((&metadata["KeyManager"], &metadata["KeyState"]), (&json!("AWS"), &json!("Enabled")));
    assert_eq!(blob["KeyId"], metadata["Arn"]);
    assert_eq!(names(&world, json!({})), ["alias/aws/envelope"]);
    for alias in ["alias/aws/other", "alias/aws/", "alias/none"] {
        let body = json!({"KeyId": alias, "Plaintext": PLAINTEXT});
        assert_eq!(world.refused(Operation::Encrypt, body), "NotFoundException");
    }
    let keys = world.ok(Operation::ListKeys, json!({}));
    assert_eq!(keys["Keys"].as_array().unwrap().len(), 1);
    let own = json!({"AliasName": "alias/mine", "TargetKeyId": metadata["KeyId"]});
    assert_eq!(world.refused(Operation::CreateAlias, own), "AccessDeniedException");
    assert_eq!(
        world.refused(Operation::ScheduleKeyDeletion, json!({"KeyId": metadata["KeyId"]})),
        "AccessDeniedException"
    );
    assert!(world.decrypts(&blob["CiphertextBlob"]));
}

#[test]
fn the_resource_of_a_platform_key_comes_back_and_its_spec_means_nothing() {
    let world = World::new();
    let id = |world: &World| {
        world.ok(Operation::DescribeKey, json!({"KeyId": "alias/aws/envelope"}))["KeyMetadata"]["KeyId"].clone()
    };
    let before = id(&world);
    let get = || world.run(world.setup.resources.get("default", "aws.envelope")).unwrap();
    let resource = get().expect("the key has a resource");
    let mut changed = resource.spec.clone();
    (changed.enabled, changed.description) = (Some(false), Some("mine".to_owned()));
    world.setup.resources.put(Resource { generation: 2, spec: changed, ..resource.clone() });
    world.run(world.engine.sweep()).unwrap();
    let metadata = world.ok(Operation::DescribeKey, json!({"KeyId": "alias/aws/envelope"}))["KeyMetadata"].clone();
    assert_eq!((&metadata["Enabled"], &metadata["KeyId"]), (&json!(true), &before));
    assert_ne!(metadata["Description"], "mine");
    for sweeps in [true, false] {
        world.setup.resources.remove("default", "aws.envelope");
        if sweeps {
            world.run(world.engine.sweep()).unwrap();
        } else {
            world.run(world.engine.follow_removal("default", "aws.envelope")).unwrap();
        }
        let again = get().expect("it came back");
        assert_ne!(again.uid, resource.uid);
        assert_eq!((id(&world), world.reconcile("aws.envelope").unwrap().unwrap().complete), (before.clone(), true));
    }
    // A namespace that was made again gets no key of the old one, neither by a sweep nor by a call.
    world.setup.resources.make_namespace_again("default", ObjectUid::new([8; 16]));
    world.run(world.engine.sweep()).unwrap();
    assert_eq!(get(), None);
    assert_eq!(
        world.refused(Operation::DescribeKey, json!({"KeyId": "alias/aws/envelope"})),
        "KMSInvalidStateException"
    );
    assert!(names(&world, json!({})).is_empty());
}

#[test]
fn the_first_use_of_a_platform_alias_survives_a_crash_at_every_write() {
    let mut crashes = 0;
    for write in 0..6 {
        for cut in [Cut::BeforeWrite, Cut::AfterWrite] {
            let world = World::new();
            let describe = |world: &World| world.call(Operation::DescribeKey, json!({"KeyId": "alias/aws/envelope"}));
            world.setup.store.cut_at(write, cut);
            assert_ne!(describe(&world).0, 200, "{write} {cut:?}: nothing was cut");
            let world = world.restart();
            assert_eq!(describe(&world).0, 200, "{write} {cut:?}");
            assert_eq!((names(&world, json!({})).len(), world.setup.store.names().len()), (1, 4));
            crashes += 1;
        }
    }
    assert_eq!(crashes, 12);
}
