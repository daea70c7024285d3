//! Trials: everything is checked, and nothing is answered, counted or changed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::pairs::make;
use super::support::{PLAINTEXT, Setup, World};
use crate::api::aws::operation::Operation;
use crate::types::key::{KeySpec, KeyUsage};

fn trial(mut body: Value) -> Value {
    body["DryRun"] = json!(true);
    body
}

/// A good call of each operation that has trials.
pub(super) fn calls(world: &World) -> Vec<(Operation, Value)> {
    let key = |spec, usage| make(world, spec, usage)["KeyId"].clone();
    let symmetric = world.key("symmetric").to_string();
    let signs = key(KeySpec::EccNistP256, KeyUsage::SignVerify);
    let macs = key(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac);
    let agrees = key(KeySpec::EccNistP256, KeyUsage::KeyAgreement);
    let encapsulates = key(KeySpec::MlKem768, KeyUsage::EncapsulateDecapsulate);
    let blob =
        world.ok(Operation::Encrypt, json!({"KeyId": symmetric, "Plaintext": PLAINTEXT}))["CiphertextBlob"].clone();
    let sign = json!({"KeyId": signs, "Message": PLAINTEXT, "SigningAlgorithm": "ECDSA_SHA_256"});
    let mut verify = sign.clone();
    verify["Signature"] = world.ok(Operation::Sign, sign.clone())["Signature"].clone();
    let mac = json!({"KeyId": macs, "Message": PLAINTEXT, "MacAlgorithm": "HMAC_SHA_256"});
    let mut verify_mac = mac.clone();
    verify_mac["Mac"] = world.ok(Operation::GenerateMac, mac.clone())["Mac"].clone();
    let peer = world.ok(Operation::GetPublicKey, json!({"KeyId": agrees}))["PublicKey"].clone();
    let encapsulate = json!({"KeyId": encapsulates, "EncapsulationAlgorithm": "ML_KEM"});
    let mut decapsulate = encapsulate.clone();
    decapsulate["SharedSecretCiphertextBlob"] =
        world.ok(Operation::Encapsulate, encapsulate.clone())["SharedSecretCiphertextBlob"].clone();
    let pair = json!({"KeyId": symmetric, "KeyPairSpec": "ECC_NIST_P256"});
    vec![
        (Operation::Encrypt, json!({"KeyId": symmetric, "Plaintext": PLAINTEXT})),
        (Operation::Decrypt, json!({"CiphertextBlob": blob})),
        (Operation::ReEncrypt, json!({"CiphertextBlob": blob, "DestinationKeyId": symmetric})),
        (Operation::GenerateDataKey, json!({"KeyId": symmetric, "KeySpec": "AES_256"})),
        (Operation::GenerateDataKeyWithoutPlaintext, json!({"KeyId": symmetric, "KeySpec": "AES_256"})),
        (Operation::GenerateDataKeyPair, pair.clone()),
        (Operation::GenerateDataKeyPairWithoutPlaintext, pair),
        (Operation::Sign, sign),
        (Operation::Verify, verify),
        (Operation::GenerateMac, mac),
        (Operation::VerifyMac, verify_mac),
        (Operation::DeriveSharedSecret, json!({"KeyId": agrees, "KeyAgreementAlgorithm": "ECDH", "PublicKey": peer})),
        (Operation::Encapsulate, encapsulate),
        (Operation::Decapsulate, decapsulate),
    ]
}

#[test]
fn a_trial_of_each_operation_is_told_that_it_would_succeed_and_counts_as_no_use() {
    let world = World::new();
    let calls = calls(&world);
    world.engine.ports.usage.drain();
    for (operation, body) in calls {
        let (status, answer) = world.call(operation, trial(body.clone()));
        let words = "The request would have succeeded, but the DryRun option is set.";
        let expected = json!({"__type": "DryRunOperationException", "message": words});
        assert_eq!((status, answer), (400, expected), "{operation}");
        assert!(world.engine.ports.usage.drain().is_empty(), "{operation}");
        world.ok(operation, body);
        assert!(!world.engine.ports.usage.drain().is_empty(), "{operation}");
    }
}

/// An RSA pair takes long to make, and whoever has it made for nothing takes it from those who need one.
#[test]
fn a_trial_of_a_pair_has_none_made() {
    let mut setup = Setup::new();
    setup.rsa_keys.busy = true;
    let world = setup.start();
    let body = json!({"KeyId": world.key("symmetric").to_string(), "KeyPairSpec": "RSA_4096"});
    for operation in [Operation::GenerateDataKeyPair, Operation::GenerateDataKeyPairWithoutPlaintext] {
        assert_eq!(world.refused(operation, body.clone()), "ThrottlingException", "{operation}: it needs one");
        assert_eq!(world.refused(operation, trial(body.clone())), "DryRunOperationException", "{operation}");
    }
}

#[test]
fn a_trial_that_would_fail_fails_as_the_call_would() {
    let world = World::new();
    for (operation, body) in calls(&world) {
        let mut missing = body.clone();
        let member = if body.get("DestinationKeyId").is_some() { "DestinationKeyId" } else { "KeyId" };
        missing[member] = json!("11111111-2222-4333-8444-555555555555");
        let (status, call) = world.call(operation, missing.clone());
        assert_eq!((status, call.clone()), world.call(operation, trial(missing)), "{operation}");
        assert_ne!(call["__type"], json!("DryRunOperationException"));
    }
}

#[test]
fn a_trial_without_a_ciphertext_needs_its_modifier_and_a_key() {
    let world = World::new();
    let key = world.key("symmetric").to_string();
    let answer = |operation, body: Value| world.call(operation, body).1["__type"].clone();
    let ignoring = |mut body: Value| {
        body["DryRunModifiers"] = json!(["IGNORE_CIPHERTEXT"]);
        body
    };
    let body = json!({"KeyId": key});
    assert_eq!(answer(Operation::Decrypt, trial(body.clone())), json!("ValidationException"));
    assert_eq!(answer(Operation::Decrypt, ignoring(body.clone())), json!("ValidationException"), "no trial");
    assert_eq!(answer(Operation::Decrypt, ignoring(trial(body))), json!("DryRunOperationException"));
    assert_eq!(answer(Operation::Decrypt, ignoring(trial(json!({})))), json!("ValidationException"));
    let moved = json!({"SourceKeyId": key, "DestinationKeyId": key});
    assert_eq!(answer(Operation::ReEncrypt, ignoring(trial(moved))), json!("DryRunOperationException"));
    let mut unknown = trial(json!({"KeyId": key}));
    unknown["DryRunModifiers"] = json!(["IGNORE_KEY"]);
    let (_, refused) = world.call(Operation::Decrypt, unknown);
    let words = "1 validation error detected: Value '[IGNORE_KEY]' at 'dryRunModifiers' failed to satisfy constraint: \
                 Member must satisfy constraint: [Member must satisfy enum value set: [IGNORE_CIPHERTEXT]]";
    assert_eq!(refused["message"], json!(words));
}

#[test]
fn no_attestation_document_is_a_good_one() {
    let world = World::new();
    let key = world.key("symmetric").to_string();
    let document = STANDARD.encode(b"no document");
    let recipient = json!({"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": document});
    for (operation, mut body) in [
        (Operation::GenerateDataKey, json!({"KeyId": key, "KeySpec": "AES_256"})),
        (Operation::GenerateDataKeyPair, json!({"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"})),
        (Operation::GenerateRandom, json!({"NumberOfBytes": 1})),
    ] {
        body["Recipient"] = recipient.clone();
        let (status, answer) = world.call(operation, body.clone());
        assert_eq!((status, &answer["__type"]), (400, &json!("ValidationException")), "{operation}");
        assert!(answer.get("Plaintext").is_none() && answer.get("PrivateKeyPlaintext").is_none());
        body["Recipient"]["KeyEncryptionAlgorithm"] = json!("RSAES_PKCS1");
        let (_, answer) = world.call(operation, body);
        let words = "1 validation error detected: Value 'RSAES_PKCS1' at 'recipient.keyEncryptionAlgorithm' failed to \
                     satisfy constraint: Member must satisfy enum value set: [RSAES_OAEP_SHA_256]";
        assert_eq!(answer["message"], json!(words), "{operation}");
    }
}
