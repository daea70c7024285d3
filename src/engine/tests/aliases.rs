//! Aliases: made, moved, found by every operation that takes them, and the keys of the platform behind theirs.

use serde_json::{Value, json};

use super::support::{OWNER, STRANGER, World, arn, call, named};
use crate::api::aws::operation::Operation;
use crate::domain::alias::AliasClaim;
use crate::ports::fake::{Cut, FakeReviewer};
use crate::ports::resources::Resources as _;
use crate::ports::store::Store as _;
use crate::types::ids::{KeyId, ObjectUid};
use crate::types::object::Kind;

fn make(world: &World, alias: &str, key_id: &KeyId) {
    world.ok(Operation::CreateAlias, json!({"AliasName": alias, "TargetKeyId": key_id.to_string()}));
}

fn alias_arn(alias: &str) -> String {
    format!("arn:aws:kms:us-east-1:{OWNER}:{alias}")
}

fn listed(world: &World, body: Value) -> Vec<(String, String)> {
    let answer = world.ok(Operation::ListAliases, body);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let aliases = answer["Aliases"].as_array().unwrap().iter();
    aliases.map(|alias| (text(&alias["AliasName"]), text(&alias["TargetKeyId"]))).collect()
}

#[test]
fn an_alias_stands_for_its_key_wherever_aws_takes_one() {
    let world = World::new();
    let key_id = world.key("orders");
    make(&world, "alias/orders", &key_id);
    let blob = world.encrypt(&key_id);
    for name in ["alias/orders".to_owned(), alias_arn("alias/orders")] {
        let calls = [
            (Operation::DescribeKey, json!({"KeyId": name})),
            (Operation::Encrypt, json!({"KeyId": name, "Plaintext": "eA=="})),
            (Operation::Decrypt, json!({"KeyId": name, "CiphertextBlob": blob})),
            (Operation::GenerateDataKey, json!({"KeyId": name, "KeySpec": "AES_256"})),
            (Operation::ReEncrypt, json!({"DestinationKeyId": name, "CiphertextBlob": blob})),
        ];
        for (operation, body) in calls {
            let answer = world.ok(operation, body);
            let found = answer["KeyMetadata"]["Arn"].as_str().or(answer["KeyId"].as_str());
            assert_eq!(found, Some(arn(&key_id).as_str()), "{operation} {name}");
        }
        for operation in [Operation::DisableKey, Operation::ScheduleKeyDeletion, Operation::TagResource] {
            let body = json!({"KeyId": name, "Tags": []});
            assert_eq!(world.refused(operation, body), "InvalidArnException", "{operation}");
        }
    }
    // Nobody else's account, and nobody without a right, learns anything of it.
    let (_, answer) = world.call_as(STRANGER, Operation::DescribeKey, json!({"KeyId": alias_arn("alias/orders")}));
    assert_eq!(answer["__type"], "AccessDeniedException");
    let (_, answer) = world.call_as(STRANGER, Operation::DescribeKey, json!({"KeyId": "alias/orders"}));
    assert_eq!(answer["__type"], "NotFoundException");
}

#[test]
fn an_alias_is_made_once_moved_and_deleted() {
    let world = World::new();
    let (one, two) = (world.key("one"), world.key("two"));
    make(&world, "alias/a", &one);
    let again = json!({"AliasName": "alias/a", "TargetKeyId": two.to_string()});
    assert_eq!(world.refused(Operation::CreateAlias, again.clone()), "AlreadyExistsException");
    world.ok(Operation::UpdateAlias, again);
    assert_eq!(listed(&world, json!({})), [("alias/a".to_owned(), two.to_string())]);
    assert_eq!(listed(&world, json!({"KeyId": one.to_string()})), []);
    let missing = json!({"AliasName": "alias/b", "TargetKeyId": two.to_string()});
    assert_eq!(world.refused(Operation::UpdateAlias, missing), "NotFoundException");
    // The old key may be pending deletion, the new one may not.
    world.ok(Operation::ScheduleKeyDeletion, json!({"KeyId": two.to_string()}));
    let back = |key_id: &KeyId| json!({"AliasName": "alias/a", "TargetKeyId": key_id.to_string()});
    world.ok(Operation::UpdateAlias, back(&one));
    assert_eq!(world.refused(Operation::UpdateAlias, back(&two)), "KMSInvalidStateException");
    world.ok(Operation::DeleteAlias, json!({"AliasName": "alias/a"}));
    assert_eq!(world.refused(Operation::DeleteAlias, json!({"AliasName": "alias/a"})), "NotFoundException");
    assert_eq!(world.refused(Operation::DescribeKey, json!({"KeyId": "alias/a"})), "NotFoundException");
}

#[test]
fn an_alias_of_a_destroyed_key_is_seen_and_can_be_deleted() {
    let world = World::new();
    let key_id = world.key("orders");
    make(&world, "alias/a", &key_id);
    world.ok(Operation::ScheduleKeyDeletion, json!({"KeyId": key_id.to_string(), "PendingWindowInDays": 7}));
    world.pass(8 * 86_400_000);
    world.run(world.engine.tick_once());
    assert_eq!(listed(&world, json!({})), [("alias/a".to_owned(), key_id.to_string())]);
    assert_eq!(
        world.refused(Operation::Encrypt, json!({"KeyId": "alias/a", "Plaintext": "eA=="})),
        "NotFoundException"
    );
    world.ok(Operation::DeleteAlias, json!({"AliasName": "alias/a"}));
    assert_eq!(listed(&world, json!({})), []);
}

#[test]
fn names_that_aws_refuses_are_refused() {
    let world = World::new();
    let key_id = world.key("orders");
    let cases = [
        ("a", "ValidationException"),
        ("alias/", "ValidationException"),
        ("alias/a:b", "ValidationException"),
        ("alias/a b", "ValidationException"),
        ("alias/aws/x", "InvalidAliasNameException"),
    ];
    for (alias, error) in cases {
        for operation in [Operation::CreateAlias, Operation::DeleteAlias] {
            let body = json!({"AliasName": alias, "TargetKeyId": key_id.to_string()});
            assert_eq!(world.refused(operation, body), error, "{operation} {alias}");
        }
    }
    let long = format!("alias/{}", "x".repeat(251));
    let body = json!({"AliasName": long, "TargetKeyId": key_id.to_string()});
    assert_eq!(world.refused(Operation::CreateAlias, body), "ValidationException");
    for number in 0..50 {
        make(&world, &format!("alias/{number:02}"), &key_id);
    }
    let more = json!({"AliasName": "alias/more", "TargetKeyId": key_id.to_string()});
    assert_eq!(world.refused(Operation::CreateAlias, more), "LimitExceededException");
    let page = world.ok(Operation::ListAliases, json!({"Limit": 20}));
    assert_eq!(page["Aliases"][19]["AliasName"], "alias/19");
    let rest = world.ok(Operation::ListAliases, json!({"Marker": page["NextMarker"]}));
    assert_eq!((rest["Aliases"].as_array().unwrap().len(), &rest["Truncated"]), (30, &json!(false)));
}

#[test]
fn a_move_that_is_cut_leaves_the_alias_on_one_of_its_keys() {
    for (operation, cut) in [Operation::CreateAlias, Operation::UpdateAlias, Operation::DeleteAlias]
        .into_iter()
        .flat_map(|operation| [Cut::BeforeWrite, Cut::AfterWrite, Cut::AfterAnswer].map(|cut| (operation, cut)))
    {
        let world = World::new();
        let (one, two) = (world.key("one"), world.key("two"));
        if operation != Operation::CreateAlias {
            make(&world, "alias/a", &one);
        }
        let body = json!({"AliasName": "alias/a", "TargetKeyId": two.to_string()});
        world.setup.store.cut_at(0, cut);
        let (status, _) = world.call(operation, body.clone());
        assert_eq!(status == 200, cut == Cut::AfterAnswer, "{operation} {cut:?}");
        let world = world.restart();
        let targets: Vec<String> = listed(&world, json!({})).into_iter().map(|(_, target)| target).collect();
        assert!(
            targets.len() <= 1 && targets.iter().all(|target| [one, two].iter().any(|key| key.to_string() == *target))
        );
        world.call(operation, body);
        let expected =
            if operation == Operation::DeleteAlias { vec![] } else { vec![("alias/a".to_owned(), two.to_string())] };
        assert_eq!(listed(&world, json!({})), expected, "{operation} {cut:?}");
    }
}

#[test]
fn the_first_use_of_a_platform_alias_makes_its_key_and_nothing_else_does() {
    let mut world = World::new();
    let encrypt = |alias: &str| json!({"KeyId": alias, "Plaintext": "eA=="});
    for stranger in ["alias/aws/s3", "alias/envelope", "alias/aws/envelopes"] {
        assert_eq!(world.refused(Operation::Encrypt, encrypt(stranger)), "NotFoundException", "{stranger}");
    }
    assert_eq!(world.ok(Operation::ListKeys, json!({}))["Keys"], json!([]));
    let first = world.ok(Operation::Encrypt, encrypt("alias/aws/envelope"));
    let again = world.ok(Operation::Encrypt, encrypt("alias/aws/envelope"));
    assert_eq!(first["KeyId"], again["KeyId"]);
    let metadata = world.ok(Operation::DescribeKey, json!({"KeyId": "alias/aws/envelope"}))["KeyMetadata"].clone();
    assert_eq!((&metadata["KeyManager"], &metadata["KeyState"]), (&json!("AWS"), &json!("Enabled")));
    let key = json!({"KeyId": metadata["KeyId"]});
    let status = world.ok(Operation::GetKeyRotationStatus, key.clone());
    assert_eq!((&status["KeyRotationEnabled"], &status["RotationPeriodInDays"]), (&json!(true), &json!(365)));
    for operation in [
        Operation::DisableKey,
        Operation::ScheduleKeyDeletion,
        Operation::DisableKeyRotation,
        Operation::RotateKeyOnDemand,
    ] {
        assert_eq!(world.refused(operation, key.clone()), "AccessDeniedException", "{operation}");
    }
    let customers = json!({"AliasName": "alias/mine", "TargetKeyId": metadata["KeyId"]});
    assert_eq!(world.refused(Operation::CreateAlias, customers), "AccessDeniedException");
    // Its resource comes back, and nobody's edit of it counts.
    let found = world.run(world.setup.resources.get("default", "aws.envelope")).unwrap().unwrap();
    world.setup.resources.remove("default", "aws.envelope");
    world.run(world.engine.sweep()).unwrap();
    let mut back = world.run(world.setup.resources.get("default", "aws.envelope")).unwrap().unwrap();
    assert_ne!(back.uid, found.uid);
    back.spec.enabled = Some(false);
    back.generation += 1;
    world.setup.resources.put(back);
    world.run(world.engine.sweep()).unwrap();
    assert_eq!(world.ok(Operation::Encrypt, encrypt("alias/aws/envelope"))["KeyId"], first["KeyId"]);
    // Without a right on the account's keys, no first use.
    world.setup.reviewer = std::sync::Arc::new(FakeReviewer(Ok(false)));
    let world = world.restart();
    let body = encrypt("alias/aws/envelope").to_string();
    let refused = world.send(&call(Operation::Encrypt, STRANGER, body.as_bytes()));
    assert_eq!(refused.1["__type"], "AccessDeniedException");
    assert_eq!(world.run(world.setup.store.list(Kind::Key)).unwrap().len(), 1);
}

#[test]
fn a_namespace_that_was_made_again_may_take_its_old_aliases_over() {
    let world = World::new();
    let key_id = world.key("orders");
    make(&world, "alias/a", &key_id);
    let object = world.engine.alias_object("default", "alias/a");
    let read = world.run(world.engine.vault.read::<AliasClaim>(&object)).unwrap().unwrap();
    let old = AliasClaim { namespace_uid: ObjectUid::new([9; 16]), ..read.content.clone() };
    world.run(world.engine.vault.replace(&object, &read, &old)).unwrap();
    let other = world.key("other");
    make(&world, "alias/a", &other);
    assert_eq!(listed(&world, json!({})), [("alias/a".to_owned(), other.to_string())]);
    assert_eq!(named("orders").namespace_uid, ObjectUid::new([1; 16]));
}
