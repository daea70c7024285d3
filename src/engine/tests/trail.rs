//! What requests leave in the audit trail, and what happens where it takes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::support::{OWNER, STRANGER, Setup, World, arn, call};
use crate::api::aws::operation::Operation;
use crate::engine::table::{find, implemented};
use crate::ports::audit::{Audit, AuditError, AuditRecord, Parameter, Phase};
use crate::ports::fake::{FakeAudit, FakeReviewer};
use crate::ports::resources::Resources as _;
use crate::ports::store::Store as _;

/// A plaintext that is found wherever it appears, in whatever form.
const SECRET: &[u8] = b"the secret of the orders";

fn forms_of(bytes: &[u8]) -> Vec<String> {
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut forms = vec![hex, format!("{bytes:?}").replace(' ', "")];
    // Base64 of a part begins at one of three places.
    forms
        .extend((0..3).filter_map(|start| bytes.get(start..)).map(|part| STANDARD.encode(&part[..part.len() / 3 * 3])));
    forms.extend(String::from_utf8(bytes.to_vec()));
    forms
}

fn records_as_text(world: &World) -> String {
    serde_json::to_string(&world.setup.audit.records()).unwrap()
}

fn assert_absent(world: &World, base64: &Value) {
    let bytes = STANDARD.decode(base64.as_str().unwrap()).unwrap();
    let records = records_as_text(world);
    for form in forms_of(&bytes) {
        assert!(!records.contains(&form), "{form} is in the audit trail");
    }
}

/// The records since `before`.
fn since(world: &World, before: usize) -> Vec<AuditRecord> {
    world.setup.audit.records().split_off(before)
}

#[test]
fn each_request_leaves_one_outcome_and_each_change_an_intent_before_it() {
    for allowed in [true, false] {
        let mut world = World::new();
        let key_id = world.key("orders");
        let blob = world.encrypt(&key_id);
        world.setup.reviewer = Arc::new(FakeReviewer(Ok(allowed)));
        let world = world.restart();
        let valid = json!({
            "KeyId": arn(&key_id), "Plaintext": STANDARD.encode(SECRET), "CiphertextBlob": blob,
            "DestinationKeyId": arn(&key_id), "NumberOfBytes": 32,
        });
        let bodies = [valid.to_string(), "{}".to_owned(), "[".to_owned(), json!({"KeyId": 1}).to_string()];
        for operation in Operation::ALL {
            for (account, body) in
                [OWNER, STRANGER].into_iter().flat_map(|account| bodies.iter().map(move |body| (account, body)))
            {
                let before = world.setup.audit.records().len();
                let (status, answer) = world.send(&call(*operation, account, body.as_bytes()));
                let mut records = since(&world, before);
                // What follows from a call without being one has records of its own.
                records.retain(|record| record.event_type == "AwsApiCall");
                let (outcome, intents) = records.split_last().expect("an outcome");
                assert_eq!((outcome.phase, outcome.event_name), (Phase::Outcome, operation.as_str()));
                assert_eq!(outcome.error_code.map(|code| json!(code)), answer.get("__type").cloned(), "{operation}");
                assert_eq!(outcome.error_code.is_none(), status == 200);
                assert_eq!(outcome.request_id, "request");
                assert!(
                    intents.iter().all(|intent| intent.phase == Phase::Intent && intent.event_id != outcome.event_id)
                );
                let changed = find(*operation).changes && status == 200;
                assert_eq!(intents.len(), usize::from(changed), "{operation} {body} {answer}");
                assert_eq!(outcome.read_only, !find(*operation).changes);
            }
        }
    }
}

#[test]
fn nothing_secret_is_in_any_record() {
    let world = World::new();
    let key_id = world.key("orders");
    let (key, plaintext) = (arn(&key_id), json!(STANDARD.encode(SECRET)));
    let context = json!({"purpose": "seen by everyone"});
    let body = json!({"KeyId": key, "Plaintext": plaintext, "EncryptionContext": context});
    let blob = world.ok(Operation::Encrypt, body)["CiphertextBlob"].clone();
    world.ok(Operation::Decrypt, json!({"CiphertextBlob": blob, "EncryptionContext": context}));
    world.refused(Operation::Decrypt, json!({"CiphertextBlob": blob}));
    world.refused(Operation::Encrypt, json!({"KeyId": "no-key", "Plaintext": plaintext}));
    world.refused(Operation::Encrypt, json!({"KeyId": key, "Plaintext": plaintext, "EncryptionAlgorithm": "x"}));
    world.refused(Operation::Encrypt, json!({"KeyId": key, "Plaintext": [plaintext]}));
    let moved = json!({"CiphertextBlob": blob, "SourceEncryptionContext": context, "DestinationKeyId": key});
    let moved = world.ok(Operation::ReEncrypt, moved)["CiphertextBlob"].clone();
    let data_key = world.ok(Operation::GenerateDataKey, json!({"KeyId": key, "KeySpec": "AES_256"}));
    let wrapped = world.ok(Operation::GenerateDataKeyWithoutPlaintext, json!({"KeyId": key, "KeySpec": "AES_128"}));
    let random = world.ok(Operation::GenerateRandom, json!({"NumberOfBytes": 32}));
    for secret in [
        &plaintext,
        &blob,
        &moved,
        &data_key["Plaintext"],
        &data_key["CiphertextBlob"],
        &wrapped["CiphertextBlob"],
        &random["Plaintext"],
    ] {
        assert_absent(&world, secret);
    }
    assert!(records_as_text(&world).contains("seen by everyone"), "a context is logged in clear, as AWS does");
}

#[test]
fn a_record_names_the_key_its_material_and_the_caller() {
    let world = World::new();
    let key_id = world.key("orders");
    world.encrypt(&key_id);
    let record = serde_json::to_value(world.setup.audit.records().pop().unwrap()).unwrap();
    let material = world.record(&key_id).unwrap().materials[0].material_id.to_string();
    for (pointer, value) in [
        ("/eventName", json!("Encrypt")),
        ("/resources/0/ARN", json!(arn(&key_id))),
        ("/additionalEventData/keyMaterialId", json!(material)),
        ("/requestParameters/keyId", json!(key_id.to_string())),
        ("/requestParameters/encryptionAlgorithm", json!("SYMMETRIC_DEFAULT")),
        ("/userIdentity/arn", json!(format!("arn:aws:iam::{OWNER}:root"))),
        ("/eventTime", json!("2026-01-01T00:00:00Z")),
        ("/sourceIPAddress", json!("127.0.0.1")),
        ("/requestID", json!("request")),
    ] {
        assert_eq!(record.pointer(pointer), Some(&value), "{pointer} {record}");
    }
    let created = world.ok(Operation::CreateKey, json!({}))["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    let record = world.setup.audit.records().pop().unwrap();
    assert_eq!(record.response_elements, [("keyId", Parameter::Text(created))]);
}

#[test]
fn the_record_of_a_denial_names_what_was_denied() {
    let mut world = World::new();
    let key_id = world.key("orders");
    world.setup.reviewer = Arc::new(FakeReviewer(Ok(false)));
    let world = world.restart();
    world.refused(Operation::DescribeKey, json!({"KeyId": arn(&key_id)}));
    let record = world.setup.audit.records().pop().unwrap();
    assert_eq!(record.error_code, Some("AccessDeniedException"));
    assert_eq!(record.resources[0].arn, arn(&key_id));
}

#[test]
fn nothing_is_answered_or_changed_where_nothing_can_be_recorded() {
    let world = World::new();
    let key_id = world.key("orders");
    let blob = world.encrypt(&key_id);
    let (before, names) = (world.setup.store.revision(), world.setup.store.names());
    let records = world.setup.audit.records().len();
    world.setup.audit.set_full(true);
    let body = json!({
        "KeyId": arn(&key_id), "Plaintext": STANDARD.encode(SECRET), "CiphertextBlob": blob,
        "DestinationKeyId": arn(&key_id), "NumberOfBytes": 32,
    });
    for row in implemented() {
        let (status, answer) = world.call(row.operation, body.clone());
        assert_eq!((status, &answer["__type"]), (500, &json!("KMSInternalException")), "{}", row.operation);
        assert_eq!(answer.as_object().unwrap().len(), 2, "the error and its message: {answer}");
    }
    assert_eq!((world.setup.store.revision(), world.setup.store.names()), (before, names));
    assert_eq!(world.run(world.setup.resources.list()).unwrap().resources.len(), 1, "no resource was made");
    assert_eq!(world.setup.audit.records().len(), records);
    world.setup.audit.set_full(false);
    assert!(world.decrypts(&blob));
}

/// A sink with room for so many records.
struct Room(FakeAudit, AtomicUsize);

#[async_trait]
impl Audit for Room {
    async fn append(&self, record: &AuditRecord) -> Result<(), AuditError> {
        let full = || AuditError { sink: "memory".to_owned(), source: None };
        let left = self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |room| room.checked_sub(1));
        left.map_err(|_| full())?;
        self.0.append(record).await
    }
}

#[test]
fn a_key_whose_outcome_could_not_be_recorded_is_found_by_the_next_try() {
    let mut setup = Setup::new();
    let sink = Arc::new(Room(setup.audit.clone(), AtomicUsize::new(1)));
    setup.sink = Some(Arc::clone(&sink) as _);
    let world = setup.start();
    let mut create = call(Operation::CreateKey, OWNER, b"{}");
    create.invocation_id = Some("one");
    let (status, answer) = world.send(&create);
    assert_eq!((status, &answer["__type"]), (500, &json!("KMSInternalException")));
    assert_eq!(world.setup.audit.records()[0].phase, Phase::Intent);
    assert_eq!(world.setup.store.names().len(), 3, "the change was announced and made");
    sink.1.store(2, Ordering::SeqCst);
    assert_eq!(world.send(&create).0, 200);
    assert_eq!(world.setup.store.names().len(), 3);
}
