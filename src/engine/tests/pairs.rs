//! Keys of every spec and usage: made, shown, used, and refused for what they do not do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::support::{OWNER, PLAINTEXT, Setup, World, named};
use crate::api::aws::operation::Operation;
use crate::api::crd::condition::{ConditionReason, ConditionStatus, ConditionType};
use crate::api::crd::kms_key::KmsKeySpec;
use crate::crypto::key;
use crate::domain::resource::Resource;
use crate::types::algorithm::{MessageType, SigningAlgorithm};
use crate::types::ids::KeyId;
use crate::types::key::{KeySpec, KeyUsage};
use crate::types::limits::RSA_KEYS_POLL_PERIOD;

pub(super) fn make(world: &World, spec: KeySpec, usage: KeyUsage) -> Value {
    world.ok(Operation::CreateKey, json!({"KeySpec": spec, "KeyUsage": usage}))["KeyMetadata"].clone()
}

pub(super) fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn refusal(world: &World, operation: Operation, body: Value) -> (String, Option<String>) {
    let (status, answer) = world.call(operation, body);
    assert_eq!(status, 400, "{operation}: {answer}");
    let text = |member: &str| answer.get(member).map(|text| text.as_str().unwrap().to_owned());
    (text("__type").unwrap(), text("message"))
}

fn flipped(bytes: &[u8]) -> String {
    let mut other = bytes.to_vec();
    *other.last_mut().unwrap() ^= 1;
    STANDARD.encode(other)
}

fn specs() -> impl Iterator<Item = KeySpec> {
    KeySpec::ALL.iter().copied().filter(|spec| spec.is_implemented())
}

fn specs_of(usage: KeyUsage) -> impl Iterator<Item = KeySpec> {
    specs().filter(move |spec| spec.usages().contains(&usage))
}

#[test]
fn a_key_of_each_spec_and_usage_shows_its_algorithms_and_its_public_key() {
    const LISTS: [(KeyUsage, &str); 5] = [
        (KeyUsage::EncryptDecrypt, "EncryptionAlgorithms"),
        (KeyUsage::SignVerify, "SigningAlgorithms"),
        (KeyUsage::GenerateVerifyMac, "MacAlgorithms"),
        (KeyUsage::KeyAgreement, "KeyAgreementAlgorithms"),
        (KeyUsage::EncapsulateDecapsulate, "EncapsulationAlgorithms"),
    ];
    let world = World::new();
    for spec in specs() {
        for usage in spec.usages() {
            let metadata = make(&world, spec, *usage);
            let lists: Vec<&str> =
                LISTS.iter().map(|(_, list)| *list).filter(|list| metadata.get(list).is_some()).collect();
            let (_, own) = LISTS.iter().find(|(known, _)| known == usage).unwrap();
            assert_eq!(lists, [*own], "{spec} {usage}");
            let symmetric = spec == KeySpec::SymmetricDefault;
            assert_eq!(metadata.get("CurrentKeyMaterialId").is_some(), symmetric, "{spec}");
            let key = json!({"KeyId": metadata["KeyId"]});
            let record = world.record(&KeyId::parse(metadata["KeyId"].as_str().unwrap()).unwrap()).unwrap();
            if spec.is_pair() {
                let answer = world.ok(Operation::GetPublicKey, key);
                assert_eq!((&answer["KeySpec"], &answer["KeyUsage"]), (&json!(spec), &json!(usage)));
                assert_eq!(answer[*own], metadata[*own], "{spec}");
                assert_eq!(record.public_key.unwrap().as_slice(), bytes(&answer["PublicKey"]));
            } else {
                assert!(record.public_key.is_none());
                assert_eq!(refusal(&world, Operation::GetPublicKey, key).0, "UnsupportedOperationException");
            }
        }
    }
}

#[test]
fn what_is_signed_verifies_and_nothing_else_does() {
    let world = World::new();
    for spec in specs_of(KeyUsage::SignVerify) {
        let key_id = make(&world, spec, KeyUsage::SignVerify)["KeyId"].clone();
        let public = bytes(&world.ok(Operation::GetPublicKey, json!({"KeyId": key_id}))["PublicKey"]);
        for algorithm in spec.signing_algorithms() {
            for kind in algorithm.message_types() {
                let message = vec![0xa5; algorithm.message_length(*kind).unwrap_or(100)];
                let body = json!({
                    "KeyId": key_id, "Message": STANDARD.encode(&message),
                    "MessageType": kind, "SigningAlgorithm": algorithm,
                });
                let signature = bytes(&world.ok(Operation::Sign, body.clone())["Signature"]);
                key::verify(spec, &public, *algorithm, *kind, &message, &signature).unwrap();
                let with = |signature: String, message: String| {
                    let mut body = body.clone();
                    (body["Signature"], body["Message"]) = (json!(signature), json!(message));
                    body
                };
                let (good, same) = (STANDARD.encode(&signature), STANDARD.encode(&message));
                let verified = world.ok(Operation::Verify, with(good.clone(), same.clone()));
                assert_eq!(verified["SignatureValid"], json!(true));
                let silent = ("KMSInvalidSignatureException".to_owned(), None);
                let wrong = [with(flipped(&signature), same), with(good, flipped(&message))];
                for wrong in wrong {
                    assert_eq!(refusal(&world, Operation::Verify, wrong), silent, "{algorithm} {kind}");
                }
            }
        }
    }
}

#[test]
fn a_message_that_an_algorithm_does_not_sign_is_refused_with_awss_words() {
    let world = World::new();
    let make = |spec| make(&world, spec, KeyUsage::SignVerify)["KeyId"].clone();
    let (curve, edwards) = (make(KeySpec::EccNistP256), make(KeySpec::EccNistEdwards25519));
    let sign = |key: &Value, algorithm: SigningAlgorithm, kind: MessageType, length: usize| {
        let message = STANDARD.encode(vec![1; length]);
        let body = json!({"KeyId": key, "Message": message, "MessageType": kind, "SigningAlgorithm": algorithm});
        refusal(&world, Operation::Sign, body)
    };
    let digest = sign(&curve, SigningAlgorithm::EcdsaSha256, MessageType::Digest, 31);
    let words = Some("Digest is invalid length for algorithm ECDSA_SHA_256.".to_owned());
    assert_eq!(digest, ("ValidationException".to_owned(), words));
    let other = sign(&curve, SigningAlgorithm::EcdsaSha384, MessageType::Raw, 31);
    let words = Some("Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256.".to_owned());
    assert_eq!(other, ("InvalidKeyUsageException".to_owned(), words));
    for (algorithm, kind) in [
        (SigningAlgorithm::Ed25519Sha512, MessageType::Digest),
        (SigningAlgorithm::Ed25519PhSha512, MessageType::Raw),
        (SigningAlgorithm::Ed25519Sha512, MessageType::ExternalMu),
    ] {
        assert_eq!(sign(&edwards, algorithm, kind, 64).0, "ValidationException", "{algorithm} {kind}");
    }
}

#[test]
fn a_code_is_checked_whole() {
    let world = World::new();
    for spec in specs_of(KeyUsage::GenerateVerifyMac) {
        let key_id = make(&world, spec, KeyUsage::GenerateVerifyMac)["KeyId"].clone();
        let algorithm = spec.mac_algorithms()[0];
        let body = json!({"KeyId": key_id, "Message": PLAINTEXT, "MacAlgorithm": algorithm});
        let mac = bytes(&world.ok(Operation::GenerateMac, body.clone())["Mac"]);
        assert_eq!(mac.len(), algorithm.length());
        let with = |mac: String| {
            let mut body = body.clone();
            body["Mac"] = json!(mac);
            body
        };
        assert_eq!(world.ok(Operation::VerifyMac, with(STANDARD.encode(&mac)))["MacValid"], json!(true));
        let silent = ("KMSInvalidMacException".to_owned(), None);
        for wrong in [flipped(&mac), STANDARD.encode(&mac[..16])] {
            assert_eq!(refusal(&world, Operation::VerifyMac, with(wrong)), silent, "{spec}");
        }
    }
}

#[test]
fn a_plaintext_goes_from_a_symmetric_key_to_a_pair_and_back() {
    let world = World::new();
    let symmetric = world.key("symmetric").to_string();
    for spec in specs_of(KeyUsage::EncryptDecrypt).filter(|spec| spec.rsa_size().is_some()) {
        let pair = make(&world, spec, KeyUsage::EncryptDecrypt)["KeyId"].clone();
        for algorithm in spec.encryption_algorithms() {
            let blob = world.ok(Operation::Encrypt, json!({"KeyId": symmetric, "Plaintext": PLAINTEXT}));
            let there = json!({
                "CiphertextBlob": blob["CiphertextBlob"], "DestinationKeyId": pair,
                "DestinationEncryptionAlgorithm": algorithm,
            });
            let moved = world.ok(Operation::ReEncrypt, there);
            assert!(moved.get("DestinationKeyMaterialId").is_none() && moved.get("SourceKeyMaterialId").is_some());
            let decrypt = json!({
                "CiphertextBlob": moved["CiphertextBlob"], "KeyId": pair, "EncryptionAlgorithm": algorithm,
            });
            let opened = world.ok(Operation::Decrypt, decrypt.clone());
            assert_eq!((&opened["Plaintext"], opened.get("KeyMaterialId")), (&json!(PLAINTEXT), None), "{spec}");
            let mut damaged = decrypt.clone();
            damaged["CiphertextBlob"] = json!(flipped(&bytes(&moved["CiphertextBlob"])));
            let silent = ("InvalidCiphertextException".to_owned(), None);
            assert_eq!(refusal(&world, Operation::Decrypt, damaged), silent);
            let back = json!({
                "CiphertextBlob": moved["CiphertextBlob"], "SourceKeyId": pair,
                "SourceEncryptionAlgorithm": algorithm, "DestinationKeyId": symmetric,
            });
            let back = world.ok(Operation::ReEncrypt, back);
            let opened = world.ok(Operation::Decrypt, json!({"CiphertextBlob": back["CiphertextBlob"]}));
            assert_eq!(opened["Plaintext"], json!(PLAINTEXT));
            let mut anonymous = decrypt.clone();
            anonymous.as_object_mut().unwrap().remove("KeyId");
            assert_eq!(refusal(&world, Operation::Decrypt, anonymous).0, "ValidationException");
            let mut bound = decrypt;
            bound["EncryptionContext"] = json!({"a": "b"});
            assert_eq!(refusal(&world, Operation::Decrypt, bound).0, "ValidationException");
        }
    }
}

#[test]
fn a_plaintext_that_does_not_fit_is_refused_with_awss_words() {
    let world = World::new();
    let pair = make(&world, KeySpec::Rsa2048, KeyUsage::EncryptDecrypt)["KeyId"].clone();
    let encrypt = |length: usize, algorithm: &str| {
        let plaintext = STANDARD.encode(vec![1; length]);
        world.call(Operation::Encrypt, json!({"KeyId": pair, "Plaintext": plaintext, "EncryptionAlgorithm": algorithm}))
    };
    for (max, algorithm) in [(190, "RSAES_OAEP_SHA_256"), (214, "RSAES_OAEP_SHA_1")] {
        assert_eq!(encrypt(max, algorithm).0, 200);
        let (status, answer) = encrypt(max + 1, algorithm);
        let words = format!("Algorithm {algorithm} and key spec RSA_2048 cannot encrypt data larger than {max} bytes.");
        assert_eq!((status, &answer["message"]), (400, &json!(words)));
    }
    let (_, answer) = encrypt(1, "SYMMETRIC_DEFAULT");
    assert_eq!(answer["__type"], json!("InvalidKeyUsageException"));
}

#[test]
fn two_keys_agree_on_one_secret_and_on_none_with_another_curve() {
    let world = World::new();
    for spec in specs_of(KeyUsage::KeyAgreement) {
        let [one, two] = [(), ()].map(|()| make(&world, spec, KeyUsage::KeyAgreement)["KeyId"].clone());
        let public = |key: &Value| world.ok(Operation::GetPublicKey, json!({"KeyId": key}))["PublicKey"].clone();
        let derive = |key: &Value, peer: &Value| {
            let body = json!({"KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": peer});
            world.call(Operation::DeriveSharedSecret, body)
        };
        let (_, first) = derive(&one, &public(&two));
        let (_, second) = derive(&two, &public(&one));
        assert_eq!(first["SharedSecret"], second["SharedSecret"], "{spec}");
        assert_eq!((&first["KeyOrigin"], &first["KeyId"]), (&json!("AWS_KMS"), &first["KeyId"]));
        for other in specs_of(KeyUsage::KeyAgreement).filter(|other| *other != spec) {
            let stranger = make(&world, other, KeyUsage::KeyAgreement)["KeyId"].clone();
            let (status, answer) = derive(&one, &public(&stranger));
            assert_eq!((status, &answer["__type"]), (400, &json!("ValidationException")), "{spec} {other}");
        }
        let (_, garbage) = derive(&one, &json!(PLAINTEXT));
        assert_eq!(garbage["__type"], json!("ValidationException"));
    }
}

#[test]
fn an_encapsulated_secret_is_rejected_without_a_word() {
    let world = World::new();
    for spec in specs_of(KeyUsage::EncapsulateDecapsulate) {
        let key_id = make(&world, spec, KeyUsage::EncapsulateDecapsulate)["KeyId"].clone();
        let made = world.ok(Operation::Encapsulate, json!({"KeyId": key_id, "EncapsulationAlgorithm": "ML_KEM"}));
        let ciphertext = bytes(&made["SharedSecretCiphertextBlob"]);
        let open = |ciphertext: String| {
            let body =
                json!({"KeyId": key_id, "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": ciphertext});
            world.call(Operation::Decapsulate, body)
        };
        assert_eq!(open(STANDARD.encode(&ciphertext)).1["SharedSecret"], made["SharedSecret"], "{spec}");
        let (status, other) = open(flipped(&ciphertext));
        assert_eq!((status, bytes(&other["SharedSecret"]).len()), (200, 32));
        assert_ne!(other["SharedSecret"], made["SharedSecret"]);
        assert_eq!(open(flipped(&ciphertext)).1, other, "the same wrong ciphertext gives the same bytes");
        let (status, short) = open(STANDARD.encode(&ciphertext[1..]));
        assert_eq!((status, &short["__type"]), (400, &json!("InvalidCiphertextException")), "{spec}");
    }
}

#[test]
fn a_data_key_pair_is_opened_by_its_key_alone() {
    let world = World::new();
    let key_id = world.key("symmetric").to_string();
    for spec in [
        "RSA_2048",
        "RSA_3072",
        "RSA_4096",
        "ECC_NIST_P256",
        "ECC_NIST_P384",
        "ECC_NIST_P521",
        "ECC_SECG_P256K1",
        "ECC_NIST_EDWARDS25519",
        "ML_KEM_512",
        "ML_KEM_768",
        "ML_KEM_1024",
    ] {
        let context = json!({"purpose": spec});
        let body = json!({"KeyId": key_id, "KeyPairSpec": spec, "EncryptionContext": context});
        let made = world.ok(Operation::GenerateDataKeyPair, body.clone());
        let blob = made["PrivateKeyCiphertextBlob"].clone();
        let opened = world.ok(Operation::Decrypt, json!({"CiphertextBlob": blob, "EncryptionContext": context}));
        assert_eq!(opened["Plaintext"], made["PrivateKeyPlaintext"], "{spec}");
        assert_eq!(
            refusal(&world, Operation::Decrypt, json!({"CiphertextBlob": blob})).0,
            "InvalidCiphertextException"
        );
        let parsed = KeySpec::parse(spec).unwrap();
        let material =
            key::import(parsed, &crate::types::secret::SecretBytes::new(bytes(&opened["Plaintext"]))).unwrap();
        let public = key::PrivateKey::open(parsed, &material).unwrap().public_key().unwrap();
        assert_eq!(public, bytes(&made["PublicKey"]), "{spec}");
        let without = world.ok(Operation::GenerateDataKeyPairWithoutPlaintext, body);
        assert!(without.get("PrivateKeyPlaintext").is_none() && without["KeyPairSpec"] == json!(spec));
    }
    let sm2 = json!({"KeyId": key_id, "KeyPairSpec": "SM2"});
    if !KeySpec::Sm2.is_implemented() {
        assert_eq!(refusal(&world, Operation::GenerateDataKeyPair, sm2).0, "UnsupportedOperationException");
    }
}

#[test]
fn a_key_does_nothing_but_its_usage() {
    let world = World::new();
    let encrypts = make(&world, KeySpec::Rsa2048, KeyUsage::EncryptDecrypt)["Arn"].clone();
    let body = json!({"KeyId": encrypts, "Message": PLAINTEXT, "SigningAlgorithm": "RSASSA_PSS_SHA_256"});
    let words = format!("{} key usage is ENCRYPT_DECRYPT which is not valid for Sign.", encrypts.as_str().unwrap());
    assert_eq!(refusal(&world, Operation::Sign, body), ("InvalidKeyUsageException".to_owned(), Some(words)));
    let macs = make(&world, KeySpec::Hmac224, KeyUsage::GenerateVerifyMac)["KeyId"].clone();
    let body = json!({"KeyId": macs, "Message": PLAINTEXT, "MacAlgorithm": "HMAC_SHA_256"});
    let words = "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_224.".to_owned();
    let expected = ("InvalidKeyUsageException".to_owned(), Some(words));
    assert_eq!(refusal(&world, Operation::GenerateMac, body), expected);
    for (operation, body) in [
        (Operation::Encrypt, json!({"KeyId": macs, "Plaintext": PLAINTEXT})),
        (Operation::GenerateDataKey, json!({"KeyId": macs, "KeySpec": "AES_256"})),
        (Operation::GenerateDataKeyPair, json!({"KeyId": macs, "KeyPairSpec": "ECC_NIST_P256"})),
    ] {
        assert_eq!(refusal(&world, operation, body).0, "InvalidKeyUsageException", "{operation}");
    }
    for (operation, body) in [
        (Operation::GenerateDataKey, json!({"KeyId": encrypts, "KeySpec": "AES_256"})),
        (Operation::GenerateDataKeyWithoutPlaintext, json!({"KeyId": encrypts, "KeySpec": "AES_256"})),
        (Operation::GenerateDataKeyPair, json!({"KeyId": encrypts, "KeyPairSpec": "ECC_NIST_P256"})),
        (Operation::GenerateDataKeyPairWithoutPlaintext, json!({"KeyId": encrypts, "KeyPairSpec": "ECC_NIST_P256"})),
    ] {
        let words = "You cannot generate a data key with an asymmetric CMK".to_owned();
        let expected = ("InvalidKeyUsageException".to_owned(), Some(words));
        assert_eq!(refusal(&world, operation, body.clone()), expected, "{operation}: nobody could open its blob");
        let mut trial = body;
        trial["DryRun"] = json!(true);
        assert_eq!(refusal(&world, operation, trial), expected, "{operation}");
    }
    let disabled = make(&world, KeySpec::EccNistP256, KeyUsage::SignVerify)["KeyId"].clone();
    world.ok(Operation::DisableKey, json!({"KeyId": disabled}));
    let sign = json!({"KeyId": disabled, "Message": PLAINTEXT, "SigningAlgorithm": "ECDSA_SHA_256"});
    assert_eq!(refusal(&world, Operation::Sign, sign).0, "DisabledException");
    world.ok(Operation::GetPublicKey, json!({"KeyId": disabled}));
    let (status, answer) = world.call_as(super::support::STRANGER, Operation::GetPublicKey, json!({"KeyId": encrypts}));
    assert_eq!((status, &answer["__type"]), (400, &json!("AccessDeniedException")), "{OWNER}");
}

/// A client tries again after that; after an internal error, somebody would look for a fault.
#[test]
fn who_asks_for_too_many_keys_at_a_time_comes_again() {
    let mut setup = Setup::new();
    setup.rsa_keys.busy = true;
    let world = setup.start();
    let body = json!({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"});
    assert_eq!(world.refused(Operation::CreateKey, body), "ThrottlingException");
    let body = json!({"KeyId": world.key("symmetric").to_string(), "KeyPairSpec": "RSA_2048"});
    assert_eq!(world.refused(Operation::GenerateDataKeyPair, body), "ThrottlingException");
}

/// Nothing failed, and nobody is to be called for it.
#[test]
fn a_resource_whose_rsa_key_finds_no_place_waits_for_one() {
    let mut setup = Setup::new();
    setup.rsa_keys.busy = true;
    let mut world = setup.start();
    let spec =
        KmsKeySpec { key_spec: Some(KeySpec::Rsa4096), key_usage: Some(KeyUsage::SignVerify), ..KmsKeySpec::default() };
    let resource = Resource { spec, ..named("signs") };
    world.setup.resources.put(resource.clone());
    let wake_at = world.run(world.engine.reconcile_or_report(&resource)).unwrap();
    assert_eq!(wake_at, world.setup.clock_now().plus(RSA_KEYS_POLL_PERIOD));
    let told = world.run(world.engine.ports.resources.reported("default", "signs"));
    let holds = |kind| told.iter().find(|told| told.kind == kind).map(|told| (told.status, told.reason)).unwrap();
    assert_eq!(holds(ConditionType::Ready), (ConditionStatus::False, ConditionReason::Creating));
    assert_eq!(holds(ConditionType::Reconciling), (ConditionStatus::True, ConditionReason::Creating));
    assert_eq!(holds(ConditionType::Stalled), (ConditionStatus::False, ConditionReason::AsExpected));
    world.setup.rsa_keys.busy = false;
    let world = world.restart();
    assert!(world.reconcile("signs").unwrap().unwrap().complete);
}
