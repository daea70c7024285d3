//! Which refusal comes first, and what refusals tell.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::support::{OWNER, PLAINTEXT, STRANGER, Setup, World, arn, call};
use crate::api::aws::operation::Operation;
use crate::domain::authorize::Verb;
use crate::engine::table::NOT_IMPLEMENTED;
use crate::ports::fake::FakeReviewer;
use crate::ports::reviewer::{ReviewError, Reviewer, Scope};
use crate::types::ids::KeyId;
use crate::types::principal::Principal;

/// RBAC that allows these verbs, in the whole namespace or for keys of these names only.
struct Allows {
    verbs: &'static [&'static str],
    names: Option<&'static [&'static str]>,
}

#[async_trait]
impl Reviewer for Allows {
    async fn review(&self, _: &Principal, verb: Verb, scope: &Scope<'_>) -> Result<bool, ReviewError> {
        let named = self.names.is_none_or(|names| scope.name.is_some_and(|name| names.contains(&name)));
        Ok(scope.namespace == "default" && named && self.verbs.contains(&verb.0))
    }
}

/// An enabled key, a disabled one, and a blob of each.
struct Keys {
    enabled: KeyId,
    disabled: KeyId,
    blob: Value,
    disabled_blob: Value,
}

/// The world restarted under another reviewer, so that its keys could be made first.
fn under(reviewer: impl Reviewer + 'static) -> (World, Keys) {
    let world = World::new();
    let (enabled, disabled) = (world.key("enabled"), world.key("disabled"));
    let (blob, disabled_blob) = (world.encrypt(&enabled), world.encrypt(&disabled));
    world.ok(Operation::DisableKey, json!({"KeyId": arn(&disabled)}));
    let mut world = world;
    world.setup.reviewer = Arc::new(reviewer);
    (world.restart(), Keys { enabled, disabled, blob, disabled_blob })
}

const MISSING: KeyId = KeyId::new([0x5a; 16], false);

/// An operation, its body, and the error where RBAC allows everything; where it allows nothing, `check` says.
type Fault = (Operation, Value, &'static str);

/// Each row has two faults or more, and the first in the order of the contract is answered. What comes
/// before authorisation is the same for those who are allowed and those who are not.
fn check(cases: fn(&Keys) -> (Vec<Fault>, Vec<Fault>)) {
    for allowed in [true, false] {
        let (world, keys) = under(FakeReviewer(Ok(allowed)));
        let (before, after) = cases(&keys);
        let denied = |(operation, body, _): Fault| (operation, body, "AccessDeniedException");
        let after: Vec<Fault> = if allowed { after } else { after.into_iter().map(denied).collect() };
        for (operation, body, expected) in before.into_iter().chain(after) {
            assert_eq!(world.refused(operation, body.clone()), expected, "{operation} {body} {allowed}");
        }
    }
}

#[test]
fn the_first_fault_of_a_request_is_answered() {
    use Operation::{DisableKey, Encrypt, GenerateDataKey};
    check(|keys| {
        let (enabled, disabled, missing) = (arn(&keys.enabled), arn(&keys.disabled), arn(&MISSING));
        let encrypt = |key: &str| json!({"KeyId": key, "Plaintext": PLAINTEXT});
        let odd = |key: &str| json!({"KeyId": key, "Plaintext": PLAINTEXT, "EncryptionAlgorithm": "SM2PKE"});
        let trial = json!({"KeyId": disabled, "Plaintext": PLAINTEXT, "DryRun": true});
        let before = vec![
            (Encrypt, json!({"KeyId": 1}), "SerializationException"),
            (Encrypt, json!({"KeyId": missing}), "ValidationException"),
            (Encrypt, encrypt(""), "ValidationException"),
            (Encrypt, encrypt("no-key"), "NotFoundException"),
            (DisableKey, json!({"KeyId": "alias/a"}), "InvalidArnException"),
        ];
        let after = vec![
            (Encrypt, encrypt(&missing), "NotFoundException"),
            (Encrypt, encrypt("alias/a"), "NotFoundException"),
            (GenerateDataKey, json!({"KeyId": missing}), "NotFoundException"),
            (GenerateDataKey, json!({"KeyId": disabled}), "ValidationException"),
            (Encrypt, encrypt(&disabled), "DisabledException"),
            (Encrypt, trial, "DisabledException"),
            (Encrypt, odd(&disabled), "DisabledException"),
            (Encrypt, odd(&enabled), "InvalidKeyUsageException"),
        ];
        (before, after)
    });
}

#[test]
fn the_first_fault_of_a_request_with_a_blob_is_answered() {
    use Operation::{Decrypt, ReEncrypt};
    check(|keys| {
        let (disabled, missing) = (arn(&keys.disabled), arn(&MISSING));
        let decrypt = |blob: &Value, key: &str| json!({"CiphertextBlob": blob, "KeyId": key});
        let wrong_context = json!({"CiphertextBlob": keys.disabled_blob, "EncryptionContext": {"wrong": "context"}});
        let lost = json!({"CiphertextBlob": keys.disabled_blob, "DestinationKeyId": missing});
        let other = json!({"CiphertextBlob": keys.blob, "SourceKeyId": disabled, "DestinationKeyId": missing});
        let before = vec![(Decrypt, decrypt(&json!(PLAINTEXT), &missing), "InvalidCiphertextException")];
        let after = vec![
            (Decrypt, decrypt(&keys.blob, &missing), "NotFoundException"),
            (Decrypt, decrypt(&keys.blob, &disabled), "IncorrectKeyException"),
            (Decrypt, wrong_context, "DisabledException"),
            (ReEncrypt, lost, "NotFoundException"),
            (ReEncrypt, other, "IncorrectKeyException"),
        ];
        (before, after)
    });
}

#[test]
fn what_is_wrong_with_a_request_is_told_before_that_its_operation_is_not_implemented() {
    let (world, _) = under(FakeReviewer(Ok(false)));
    assert_eq!(NOT_IMPLEMENTED.len(), 6);
    let right = json!({"KeyId": "x", "GrantId": "x", "Operations": [], "Policy": "{}"});
    for operation in NOT_IMPLEMENTED {
        let (status, answer) = world.call(*operation, right.clone());
        assert_eq!((status, &answer["__type"]), (400, &json!("UnsupportedOperationException")), "{operation}");
        assert!(answer["message"].as_str().unwrap().contains(operation.as_str()));
        let (status, answer) = world.call(*operation, json!({"KeyId": "", "RetiringPrincipal": ""}));
        assert_eq!((status, &answer["__type"]), (400, &json!("ValidationException")), "{operation}");
        let (status, answer) = world.send(&call(*operation, OWNER, b"no json"));
        assert_eq!((status, &answer["__type"]), (400, &json!("SerializationException")), "{operation}");
    }
}

#[test]
fn what_is_no_json_object_is_a_serialization_error() {
    let (world, _) = under(FakeReviewer(Ok(false)));
    for body in [b"".as_slice(), b"[]", b"{", b"null", b"{}x", b"\xff", b"{\"KeyId\": \"\xff\"}"] {
        for operation in [Operation::Encrypt, Operation::CreateKey, Operation::ListKeys] {
            let (status, answer) = world.send(&call(operation, OWNER, body));
            assert_eq!((status, &answer["__type"]), (400, &json!("SerializationException")), "{operation} {body:?}");
        }
    }
}

/// A refusal with the id that the request named taken out.
fn refusal(world: &World, operation: Operation, key_id: &KeyId, body: &Value) -> String {
    let (status, answer) = world.call(operation, body.clone());
    let expected = [(400, json!("AccessDeniedException")), (503, json!("DependencyTimeoutException"))];
    assert!(expected.contains(&(status, answer["__type"].clone())), "{answer}");
    answer.to_string().replace(&key_id.to_string(), "THE KEY")
}

#[test]
fn a_denial_does_not_tell_whether_the_key_exists() {
    for reviewer in [FakeReviewer(Ok(false)), FakeReviewer(Err(ReviewError))] {
        let (world, keys) = under(reviewer);
        for operation in [Operation::DescribeKey, Operation::EnableKey, Operation::DisableKey] {
            let texts = [keys.enabled, keys.disabled, MISSING].map(|key_id| {
                let by_id = refusal(&world, operation, &key_id, &json!({"KeyId": key_id.to_string()}));
                (by_id, refusal(&world, operation, &key_id, &json!({"KeyId": arn(&key_id)})))
            });
            assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
        }
        let blobs = [(keys.enabled, keys.blob.clone()), (MISSING, renamed(&keys.blob, &MISSING))];
        let texts =
            blobs.map(|(key_id, blob)| refusal(&world, Operation::Decrypt, &key_id, &json!({"CiphertextBlob": blob})));
        assert_eq!(texts[0], texts[1]);
    }
}

#[test]
fn a_review_that_could_not_be_asked_is_no_missing_right() {
    let (world, keys) = under(FakeReviewer(Err(ReviewError)));
    for (operation, body) in [
        (Operation::Encrypt, json!({"KeyId": keys.enabled.to_string(), "Plaintext": "eA=="})),
        (Operation::ListKeys, json!({})),
    ] {
        let (status, answer) = world.call(operation, body);
        assert_eq!((status, &answer["__type"]), (503, &json!("DependencyTimeoutException")), "{operation}");
    }
    let (status, answer) = world.call(Operation::Decrypt, json!({"CiphertextBlob": keys.blob}));
    assert_eq!((status, &answer["__type"]), (400, &json!("AccessDeniedException")), "a blob alone is told nothing");
}

/// The same blob with another key's id in its header.
fn renamed(blob: &Value, key_id: &KeyId) -> Value {
    use base64::Engine as _;
    let base64 = &base64::engine::general_purpose::STANDARD;
    let mut bytes = base64.decode(blob.as_str().unwrap()).unwrap();
    bytes[8..24].copy_from_slice(key_id.as_bytes());
    json!(base64.encode(bytes))
}

#[test]
fn a_denial_does_not_tell_whether_a_key_is_damaged() {
    let (world, keys) = under(FakeReviewer(Ok(false)));
    world.setup.store.plant(&crate::types::object::ObjectName::key(&keys.enabled), b"damaged".to_vec());
    let world = world.restart();
    let text = |key_id: KeyId| refusal(&world, Operation::DescribeKey, &key_id, &json!({"KeyId": arn(&key_id)}));
    assert_eq!(text(keys.enabled), text(MISSING));
}

#[test]
fn another_account_is_denied_and_learns_nothing() {
    let (world, keys) = under(FakeReviewer(Ok(true)));
    let ask = |operation: Operation, key_id: &KeyId, body: Value| {
        let (status, answer) = world.call_as(STRANGER, operation, body);
        let text = answer.to_string().replace(&key_id.to_string(), "THE KEY");
        (status, answer["__type"].as_str().unwrap_or_default().to_owned(), text)
    };
    for operation in [Operation::DescribeKey, Operation::DisableKey] {
        // By ARN a key of another account is named, by id one of the caller's own account.
        let [by_arn, of_missing] = [keys.enabled, MISSING].map(|id| ask(operation, &id, json!({"KeyId": arn(&id)})));
        assert_eq!((by_arn.0, by_arn.1.as_str()), (400, "AccessDeniedException"));
        assert_eq!(by_arn, of_missing);
        let [by_id, of_missing] =
            [keys.enabled, MISSING].map(|id| ask(operation, &id, json!({"KeyId": id.to_string()})));
        assert_eq!((by_id.0, by_id.1.as_str()), (400, "NotFoundException"));
        assert_eq!(by_id, of_missing, "not even the account of the key is told");
        let wrong = |id: KeyId| json!({"KeyId": arn(&id).replace(&OWNER.to_string(), "999988887777")});
        let [by_arn, of_missing] = [keys.enabled, MISSING].map(|id| ask(operation, &id, wrong(id)));
        assert_eq!(by_arn, of_missing, "nor where a third account is named");
    }
    for key_id in [keys.enabled, MISSING] {
        let blob = renamed(&keys.blob, &key_id);
        let by_blob = ask(Operation::Decrypt, &key_id, json!({"CiphertextBlob": blob}));
        assert_eq!(by_blob.1, "AccessDeniedException");
    }
}

#[test]
fn another_account_does_not_learn_of_damage_either() {
    let (world, keys) = under(FakeReviewer(Ok(true)));
    world.setup.store.plant(&crate::types::object::ObjectName::key(&keys.enabled), b"damaged".to_vec());
    let world = world.restart();
    let body = json!({"KeyId": arn(&keys.enabled)});
    assert_eq!(world.refused(Operation::DescribeKey, body.clone()), "KMSInvalidStateException");
    let (_, answer) = world.call_as(STRANGER, Operation::DescribeKey, body);
    assert_eq!(answer["__type"], "AccessDeniedException");
}

#[test]
fn the_key_of_a_blob_and_the_key_of_the_request_must_agree() {
    let (world, keys) = under(FakeReviewer(Ok(true)));
    let other = world.key("other");
    let decrypt =
        |key_id: &KeyId| world.call(Operation::Decrypt, json!({"CiphertextBlob": keys.blob, "KeyId": arn(key_id)}));
    assert_eq!(decrypt(&keys.enabled).0, 200);
    let (status, answer) = decrypt(&other);
    assert_eq!((status, &answer["__type"]), (400, &json!("IncorrectKeyException")));
    let body = json!({"CiphertextBlob": keys.blob, "SourceKeyId": arn(&other), "DestinationKeyId": arn(&other)});
    assert_eq!(world.refused(Operation::ReEncrypt, body), "IncorrectKeyException");
}

#[test]
fn re_encrypt_needs_both_permissions() {
    for (verbs, allowed) in [
        (["reencryptfrom", "reencryptto"].as_slice(), true),
        (&["reencryptfrom"], false),
        (&["reencryptto"], false),
        (&["encrypt", "decrypt"], false),
    ] {
        let (world, keys) = under(Allows { verbs, names: None });
        let body = json!({"CiphertextBlob": keys.blob, "DestinationKeyId": arn(&keys.enabled)});
        let (status, answer) = world.call(Operation::ReEncrypt, body);
        assert_eq!(status == 200, allowed, "{verbs:?} {answer}");
        assert!(allowed || answer["__type"] == "AccessDeniedException");
    }
}

#[test]
fn a_permission_for_one_key_is_for_that_key_alone() {
    let (world, keys) = under(Allows { verbs: &["get"], names: Some(&["enabled"]) });
    let describe = |key_id: &KeyId| world.call(Operation::DescribeKey, json!({"KeyId": arn(key_id)}));
    assert_eq!(describe(&keys.enabled).0, 200);
    for other in [&keys.disabled, &MISSING] {
        assert_eq!(describe(other).1["__type"], "AccessDeniedException");
    }
    let (_, answer) = world.call(Operation::ListKeys, json!({}));
    assert_eq!(answer["__type"], "AccessDeniedException");
}

#[test]
fn a_name_of_another_region_or_partition_is_not_found() {
    let world = Setup::new().start();
    let key_id = world.key("orders");
    for wrong in [arn(&key_id).replace("us-east-1", "eu-west-1"), arn(&key_id).replace("aws:kms", "aws:s3")] {
        assert_eq!(world.refused(Operation::DescribeKey, json!({"KeyId": wrong})), "NotFoundException");
    }
    let flagged = format!("mrk-{}", key_id.to_string().replace('-', ""));
    assert_eq!(world.refused(Operation::DescribeKey, json!({"KeyId": flagged})), "NotFoundException");
}
