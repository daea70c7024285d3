//! Imports that are refused, each with its error.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::flows::DAY;
use super::import_flows::{ONE, empty_key, import, parameters, wrap};
use super::imports::{good, materials, seconds};
use super::support::{OWNER, STRANGER, Setup, World, arn, call};
use crate::api::aws::operation::Operation;
use crate::domain::record::Record;
use crate::ports::audit::Phase;
use crate::ports::store::Store as _;
use crate::types::ids::KeyId;
use crate::types::object::ObjectName;
use crate::types::principal::{Principal, PrincipalKind};

fn id(key_id: &KeyId) -> Value {
    json!({"KeyId": key_id.to_string()})
}

#[test]
fn a_key_that_coffer_made_takes_no_material() {
    let world = World::new();
    let key_id = world.key("generated");
    let message = format!("{} origin is AWS_KMS which is not valid for this operation.", arn(&key_id));
    let expected = json!({"__type": "UnsupportedOperationException", "message": message});
    let given = json!({"ImportToken": "AA==", "EncryptedKeyMaterial": "AA==", "ValidTo": 1});
    let mut bodies = [parameters(&key_id), given, id(&key_id)];
    bodies[1]["KeyId"] = json!(key_id.to_string());
    let operations =
        [Operation::GetParametersForImport, Operation::ImportKeyMaterial, Operation::DeleteImportedKeyMaterial];
    for (operation, body) in operations.into_iter().zip(bodies) {
        assert_eq!(world.call(operation, body), (400, expected.clone()), "{operation}");
    }
    assert!(world.setup.audit.records().iter().all(|record| record.phase == Phase::Outcome), "nothing was begun");
}

#[test]
fn a_key_without_material_has_nothing_to_delete() {
    let world = World::new();
    let key_id = empty_key(&world, "orders");
    let before = world.setup.store.revision();
    assert_eq!(world.ok(Operation::DeleteImportedKeyMaterial, id(&key_id)), json!({"KeyId": arn(&key_id)}));
    assert_eq!(world.setup.store.revision(), before);
}

#[test]
fn what_coffer_does_not_have_is_refused_by_name() {
    let world = World::new();
    let key_id = empty_key(&world, "orders");
    for (member, word) in
        [("WrappingAlgorithm", "RSAES_PKCS1_V1_5"), ("WrappingAlgorithm", "SM2PKE"), ("WrappingKeySpec", "SM2")]
    {
        let mut body = parameters(&key_id);
        body[member] = json!(word);
        let (status, answer) = world.call(Operation::GetParametersForImport, body);
        assert_eq!((status, &answer["__type"]), (400, &json!("UnsupportedOperationException")));
        assert!(answer["message"].as_str().unwrap().contains(word));
    }
}

fn error_of(world: &World, body: &Value) -> Value {
    let (status, answer) = world.call(Operation::ImportKeyMaterial, body.clone());
    assert_eq!(status, 400, "{answer}");
    answer
}

#[test]
fn a_token_is_of_one_key_one_caller_and_one_day() {
    let world = World::new();
    let (key_id, other) = (empty_key(&world, "orders"), empty_key(&world, "others"));
    let given = world.ok(Operation::GetParametersForImport, parameters(&key_id));
    let body = good(&key_id, &given);
    let elsewhere = world.ok(Operation::GetParametersForImport, parameters(&other));
    let mut tokens = vec![elsewhere["ImportToken"].clone(), json!("AA=="), given["PublicKey"].clone()];
    let bytes = STANDARD.decode(given["ImportToken"].as_str().unwrap()).unwrap();
    for at in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        tokens.extend([json!(STANDARD.encode(flipped)), json!(STANDARD.encode(&bytes[..at.max(1)]))]);
    }
    for token in tokens {
        let mut body = body.clone();
        body["ImportToken"] = token;
        assert_eq!(error_of(&world, &body)["__type"], "InvalidImportTokenException");
    }
    // Another principal of the same account, which may import, has no use for it.
    let text = body.to_string();
    let alice = Principal { kind: PrincipalKind::User, name: "alice".to_owned(), ..Principal::local_root(OWNER) };
    let as_alice = |operation, text: &str| {
        let mut call = call(operation, OWNER, text.as_bytes());
        call.principal.clone_from(&alice);
        world.send(&call)
    };
    let (status, answer) = as_alice(Operation::ImportKeyMaterial, &text);
    assert_eq!((status, &answer["__type"]), (400, &json!("InvalidImportTokenException")), "{answer}");
    let own = as_alice(Operation::GetParametersForImport, &parameters(&key_id).to_string()).1;
    assert_eq!(error_of(&world, &good(&key_id, &own))["__type"], "InvalidImportTokenException");
    assert_ne!(world.call_as(STRANGER, Operation::ImportKeyMaterial, body.clone()).0, 200);
    world.pass(DAY - 1);
    assert_eq!(as_alice(Operation::ImportKeyMaterial, &good(&key_id, &own).to_string()).0, 200);
    world.pass(1);
    assert_eq!(error_of(&world, &body)["__type"], "ExpiredImportTokenException");
}

#[test]
fn who_asks_for_too_many_wrapping_keys_at_a_time_comes_again() {
    let mut setup = Setup::new();
    setup.rsa_keys.busy = true;
    let world = setup.start();
    let key_id = empty_key(&world, "orders");
    assert_eq!(world.refused(Operation::GetParametersForImport, parameters(&key_id)), "ThrottlingException");
}

/// A raised epoch of the key voids what was given out before.
#[test]
fn a_token_of_an_earlier_epoch_is_void() {
    let world = World::new();
    let key_id = empty_key(&world, "orders");
    let given = world.ok(Operation::GetParametersForImport, parameters(&key_id));
    let read = world.run(world.engine.vault.record(&key_id)).unwrap().unwrap();
    let raised = Record { import_epoch: Some(1), ..read.content.clone() };
    world.run(world.engine.vault.replace(&ObjectName::key(&key_id), &read, &raised)).unwrap();
    world.run(async {});
    assert_eq!(error_of(&world, &good(&key_id, &given))["__type"], "InvalidImportTokenException");
    assert_eq!(import(&world, &key_id, &ONE, json!({})).0, 200);
}

/// Whoever learns why unwrapping failed can ask until the answers tell the material.
#[test]
fn whatever_is_wrong_with_the_wrapped_bytes_the_answer_is_the_same() {
    let world = World::new();
    let key_id = empty_key(&world, "orders");
    let given = world.ok(Operation::GetParametersForImport, parameters(&key_id));
    let mut body = good(&key_id, &given);
    let bytes = STANDARD.decode(body["EncryptedKeyMaterial"].as_str().unwrap()).unwrap();
    let mut larger = parameters(&key_id);
    larger["WrappingKeySpec"] = json!("RSA_3072");
    let larger = world.ok(Operation::GetParametersForImport, larger);
    let mut wrapped = vec![wrap(&larger["PublicKey"], &ONE), STANDARD.encode([0; 256]), STANDARD.encode([255; 256])];
    wrapped.extend([0, 16, 31, 33, 64].map(|length| wrap(&given["PublicKey"], &vec![7; length])));
    wrapped.extend([1, 100, 255].map(|length| STANDARD.encode(&bytes[..length])));
    wrapped.push(STANDARD.encode([bytes.as_slice(), &[0]].concat()));
    for at in (0..256).step_by(17) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x80;
        wrapped.push(STANDARD.encode(flipped));
    }
    for wrapped in &wrapped {
        body["EncryptedKeyMaterial"] = json!(wrapped);
        assert_eq!(error_of(&world, &body), json!({"__type": "InvalidCiphertextException"}));
    }
    for algorithm in ["RSAES_OAEP_SHA_1", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"] {
        let mut other = parameters(&key_id);
        other["WrappingAlgorithm"] = json!(algorithm);
        let other = good(&key_id, &world.ok(Operation::GetParametersForImport, other));
        assert_eq!(error_of(&world, &other), json!({"__type": "InvalidCiphertextException"}), "{algorithm}");
    }
    assert_eq!((world.state(&key_id).as_str(), materials(&world)), ("PendingImport", 0));
}

#[test]
fn an_end_must_be_in_the_next_365_days() {
    let world = World::new();
    let key_id = empty_key(&world, "orders");
    for (offset, ends) in [(0, false), (-1, false), (366 * 86_400, false), (365 * 86_400 + 1, false), (1, true)] {
        let members = json!({"ValidTo": seconds(&world) + offset});
        let (status, answer) = import(&world, &key_id, &ONE, members);
        assert_eq!(status == 200, ends, "{offset} {answer}");
        assert!(ends || answer["__type"] == "ValidationException");
    }
}
