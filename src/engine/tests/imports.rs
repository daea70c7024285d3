//! Imported material as its users see it: brought, rotated to, deleted, expired and brought again, and everything that
//! is refused.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::flows::DAY;
use super::import_flows::{ONE, TWO, empty_key, id_of, import, parameters, wrap};
use super::support::{Setup, World, arn};
use crate::api::aws::operation::Operation;
use crate::api::blob::Blob;
use crate::api::crd::condition::{ConditionReason, ConditionType};
use crate::crypto::blob;
use crate::domain::import::find;
use crate::domain::resource::Resource;
use crate::engine::execute::ActionResult;
use crate::engine::snapshot::binding;
use crate::ports::audit::Phase;
use crate::ports::fake::{Cut, FakeRemoteBackend};
use crate::ports::resources::Resources as _;
use crate::ports::store::Store as _;
use crate::types::context::EncryptionContext;
use crate::types::ids::KeyId;
use crate::types::limits::IMPORT_ANNOUNCEMENT_MAX;
use crate::types::object::{Kind, ObjectName};
use crate::types::secret::SecretBytes;
use crate::types::time::{Span, Timestamp};

const NEW: &str = "NEW_KEY_MATERIAL";

fn id(key_id: &KeyId) -> Value {
    json!({"KeyId": key_id.to_string()})
}

fn imports(world: &World, key_id: &KeyId, material: &[u8], members: Value) -> Value {
    let (status, answer) = import(world, key_id, material, members);
    assert_eq!(status, 200, "{answer}");
    answer
}

/// The error of an import that must fail, and its message.
fn refuses(world: &World, key_id: &KeyId, material: &[u8], members: Value) -> (String, String) {
    let (status, answer) = import(world, key_id, material, members);
    assert_eq!(status, 400, "{answer}");
    let text = |member: &str| answer[member].as_str().unwrap_or_default().to_owned();
    (text("__type"), text("message"))
}

/// A key with its first material.
fn key(world: &World) -> KeyId {
    let key_id = empty_key(world, "orders");
    imports(world, &key_id, &ONE, json!({}));
    key_id
}

fn deletes(world: &World, key_id: &KeyId, material: &[u8]) {
    let material_id = id_of(key_id, material).to_string();
    let body = json!({"KeyId": key_id.to_string(), "KeyMaterialId": material_id});
    let answer = world.ok(Operation::DeleteImportedKeyMaterial, body);
    assert_eq!((&answer["KeyId"], &answer["KeyMaterialId"]), (&json!(arn(key_id)), &json!(material_id)));
}

/// Each material with its state, whether it is here, and when it expires.
fn listed(world: &World, key_id: &KeyId) -> Vec<(String, String, Value)> {
    let body = json!({"KeyId": key_id.to_string(), "IncludeKeyMaterial": "ALL_KEY_MATERIAL"});
    let rotations = world.ok(Operation::ListKeyRotations, body)["Rotations"].clone();
    let text = |one: &Value, member: &str| one[member].as_str().unwrap().to_owned();
    let rotations = rotations.as_array().unwrap().iter();
    rotations.map(|one| (text(one, "KeyMaterialState"), text(one, "ImportState"), one["ValidTo"].clone())).collect()
}

fn entry(state: &str, import_state: &str) -> (String, String, Value) {
    (state.to_owned(), import_state.to_owned(), Value::Null)
}

pub(super) fn materials(world: &World) -> usize {
    world.run(world.setup.store.list(Kind::Material)).unwrap().len()
}

pub(super) fn seconds(world: &World) -> i64 {
    world.setup.clock_now().milliseconds() / 1000
}

/// A request that would be good, for the key, with these parameters.
pub(super) fn good(key_id: &KeyId, given: &Value) -> Value {
    json!({
        "KeyId": key_id.to_string(),
        "ImportToken": given["ImportToken"],
        "EncryptedKeyMaterial": wrap(&given["PublicKey"], &ONE),
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    })
}

#[test]
fn a_key_waits_for_its_material_and_then_uses_those_very_bytes() {
    let world = World::new();
    let key_id = empty_key(&world, "orders");
    assert_eq!(world.state(&key_id), "PendingImport");
    let waiting = world.refused(Operation::Encrypt, json!({"KeyId": arn(&key_id), "Plaintext": "eA=="}));
    assert_eq!(waiting, "KMSInvalidStateException");
    let before = world.setup.clock_now();
    let given = world.ok(Operation::GetParametersForImport, parameters(&key_id));
    let until = before.plus(Span::from_hours(24));
    assert_eq!((&given["KeyId"], &given["ParametersValidTo"]), (&json!(arn(&key_id)), &json!(until.epoch_seconds())));
    let answer = imports(&world, &key_id, &ONE, json!({"KeyMaterialDescription": "from the safe"}));
    let expected = json!({"KeyId": arn(&key_id), "KeyMaterialId": id_of(&key_id, &ONE).to_string()});
    assert_eq!(answer, expected);
    let metadata = world.ok(Operation::DescribeKey, id(&key_id))["KeyMetadata"].clone();
    assert_eq!((&metadata["KeyState"], &metadata["Origin"]), (&json!("Enabled"), &json!("EXTERNAL")));
    assert_eq!(metadata["ExpirationModel"], "KEY_MATERIAL_DOES_NOT_EXPIRE");
    assert_eq!(metadata["CurrentKeyMaterialId"], expected["KeyMaterialId"]);
    let encrypted = world.encrypt(&key_id);
    assert!(world.decrypts(&encrypted));
    let bytes = STANDARD.decode(encrypted.as_str().unwrap()).unwrap();
    let material = SecretBytes::new(ONE.to_vec());
    let opened = blob::open(&material, &Blob::parse(&bytes).unwrap(), &EncryptionContext::default()).unwrap();
    assert_eq!(opened.expose(), b"plaintext");
    let conditions = world.run(world.setup.resources.reported("default", "orders"));
    let ready = conditions.iter().find(|condition| condition.kind == ConditionType::Ready).unwrap();
    assert_eq!(ready.reason, ConditionReason::AsExpected);
}

#[test]
fn every_wrapping_key_and_algorithm_of_the_vectors_brings_its_material() {
    let vectors: Value = serde_json::from_str(include_str!("../../../e2e/vectors/import.json")).unwrap();
    let world = World::new();
    let mut tried = 0;
    for case in
        vectors["cases"].as_array().unwrap().iter().filter(|case| case["material"].as_str().unwrap().len() == 64)
    {
        let bytes = |member: &str| {
            let text = case[member].as_str().unwrap();
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect::<Vec<u8>>()
        };
        let key_id = empty_key(&world, &format!("orders-{tried}"));
        let body = json!({
            "KeyId": key_id.to_string(), "WrappingAlgorithm": case["algorithm"], "WrappingKeySpec": case["spec"],
        });
        let token = world.ok(Operation::GetParametersForImport, body)["ImportToken"].clone();
        let body = json!({
            "KeyId": key_id.to_string(), "ImportToken": token, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
            "EncryptedKeyMaterial": STANDARD.encode(bytes("wrapped")),
        });
        let answer = world.ok(Operation::ImportKeyMaterial, body);
        assert_eq!(answer["KeyMaterialId"], json!(id_of(&key_id, &bytes("material")).to_string()));
        tried += 1;
    }
    assert_eq!(tried, 12);
}

#[test]
fn a_new_material_waits_for_its_rotation_and_old_blobs_open_as_long_as_every_material_is_here() {
    let world = World::new();
    let key_id = key(&world);
    let first = world.encrypt(&key_id);
    assert_eq!(world.refused(Operation::RotateKeyOnDemand, id(&key_id)), "KMSInvalidStateException");
    imports(&world, &key_id, &TWO, json!({"ImportType": NEW}));
    let expected = [entry("CURRENT", "IMPORTED"), entry("PENDING_ROTATION", "IMPORTED")];
    assert_eq!(listed(&world, &key_id), expected);
    assert_eq!(world.ok(Operation::ListKeyRotations, id(&key_id))["Rotations"], json!([]));
    let (code, message) = refuses(&world, &key_id, &[3; 32], json!({"ImportType": NEW}));
    let (new, two) = (id_of(&key_id, &[3; 32]), id_of(&key_id, &TWO));
    let expected = format!(
        "New key material (id: {new}) cannot be imported into KMS key {key_id}, because another key material (id: \
         {two}) is pending rotation."
    );
    assert_eq!((code.as_str(), message), ("KMSInvalidStateException", expected));
    world.ok(Operation::RotateKeyOnDemand, id(&key_id));
    assert_eq!(listed(&world, &key_id), [entry("NON_CURRENT", "IMPORTED"), entry("CURRENT", "IMPORTED")]);
    let rotations = world.ok(Operation::ListKeyRotations, id(&key_id))["Rotations"].clone();
    assert_eq!((&rotations[0]["RotationType"], rotations.as_array().unwrap().len()), (&json!("ON_DEMAND"), 1));
    assert_eq!(world.refused(Operation::RotateKeyOnDemand, id(&key_id)), "KMSInvalidStateException");
    let second = world.encrypt(&key_id);
    assert!(world.decrypts(&first) && world.decrypts(&second));
    // The older one is needed as much as the current one.
    deletes(&world, &key_id, &ONE);
    assert_eq!(world.state(&key_id), "PendingImport");
    for blob in [&first, &second] {
        assert_eq!(world.refused(Operation::Decrypt, json!({"CiphertextBlob": blob})), "KMSInvalidStateException");
    }
    assert_eq!(listed(&world, &key_id), [entry("NON_CURRENT", "PENDING_IMPORT"), entry("CURRENT", "IMPORTED")]);
    imports(&world, &key_id, &ONE, json!({"KeyMaterialId": id_of(&key_id, &ONE).to_string()}));
    assert!(world.decrypts(&first) && world.decrypts(&second));
}

#[test]
fn only_the_same_material_comes_back() {
    let world = World::new();
    let key_id = key(&world);
    let encrypted = world.encrypt(&key_id);
    let body = world.ok(Operation::DeleteImportedKeyMaterial, id(&key_id));
    assert_eq!(body["KeyMaterialId"], json!(id_of(&key_id, &ONE).to_string()), "the current one where none is named");
    assert_eq!((materials(&world), world.state(&key_id).as_str()), (0, "PendingImport"));
    deletes(&world, &key_id, &ONE);
    let metadata = world.ok(Operation::DescribeKey, id(&key_id))["KeyMetadata"].clone();
    assert!(metadata.get("ExpirationModel").is_none() && metadata.get("ValidTo").is_none());
    for members in [json!({}), json!({"ImportType": "EXISTING_KEY_MATERIAL"})] {
        assert_eq!(refuses(&world, &key_id, &TWO, members).0, "IncorrectKeyMaterialException");
    }
    assert_eq!(refuses(&world, &key_id, &ONE, json!({"ImportType": NEW})).0, "IncorrectKeyMaterialException");
    let another = json!({"KeyMaterialId": id_of(&key_id, &TWO).to_string()});
    assert_eq!(refuses(&world, &key_id, &ONE, another).0, "IncorrectKeyMaterialException");
    imports(&world, &key_id, &ONE, json!({}));
    assert!(world.decrypts(&encrypted));
    let unknown = json!({"KeyId": key_id.to_string(), "KeyMaterialId": id_of(&key_id, &TWO).to_string()});
    assert_eq!(world.refused(Operation::DeleteImportedKeyMaterial, unknown), "NotFoundException");
}

#[test]
fn what_waits_can_be_deleted_and_replaced() {
    let world = World::new();
    let key_id = key(&world);
    imports(&world, &key_id, &TWO, json!({"ImportType": NEW}));
    deletes(&world, &key_id, &TWO);
    assert_eq!((materials(&world), world.state(&key_id).as_str()), (1, "Enabled"));
    assert_eq!(listed(&world, &key_id), [entry("CURRENT", "IMPORTED")]);
    imports(&world, &key_id, &[3; 32], json!({"ImportType": NEW}));
    world.ok(Operation::RotateKeyOnDemand, id(&key_id));
    let record = world.record(&key_id).unwrap();
    assert_eq!(record.current_material().unwrap().material_id, id_of(&key_id, &[3; 32]));
    assert!(world.decrypts(&world.encrypt(&key_id)));
}

#[test]
fn material_expires_by_itself_and_can_be_brought_again() {
    let world = World::new();
    let key_id = empty_key(&world, "orders");
    let valid_to = seconds(&world) + 3600;
    imports(&world, &key_id, &ONE, json!({"ValidTo": valid_to, "KeyMaterialDescription": "for an hour"}));
    let encrypted = world.encrypt(&key_id);
    let metadata = world.ok(Operation::DescribeKey, id(&key_id))["KeyMetadata"].clone();
    assert_eq!(metadata["ExpirationModel"], "KEY_MATERIAL_EXPIRES");
    assert_eq!(metadata["ValidTo"], json!(Timestamp::from_seconds(valid_to).epoch_seconds()));
    world.pass(3_600_000 - 1);
    assert_eq!(world.state(&key_id), "Enabled");
    world.pass(1);
    // At once, before any timer looks.
    assert_eq!((world.state(&key_id).as_str(), materials(&world)), ("PendingImport", 1));
    assert!(!world.decrypts(&encrypted));
    world.run(world.engine.tick_once());
    assert_eq!((world.state(&key_id).as_str(), materials(&world)), ("PendingImport", 0));
    let names: Vec<&str> = world.setup.audit.records().iter().map(|record| record.event_name).collect();
    assert_eq!(names.iter().filter(|name| **name == "DeleteExpiredKeyMaterial").count(), 1);
    imports(&world, &key_id, &ONE, json!({}));
    assert!(world.decrypts(&encrypted));
    let description = find(&world.record(&key_id).unwrap(), id_of(&key_id, &ONE)).unwrap().imported.clone().unwrap();
    assert_eq!((description.description.as_deref(), description.valid_to), (Some("for an hour"), None));
    // What is here changes its end without coming anew.
    let before = world.setup.store.names();
    imports(&world, &key_id, &ONE, json!({"ValidTo": seconds(&world) + 60}));
    assert_eq!(world.setup.store.names(), before);
    world.pass(60_000);
    assert_eq!(world.state(&key_id), "PendingImport");
}

#[test]
fn deleting_works_while_a_key_waits_to_be_destroyed_and_importing_does_not() {
    let world = World::new();
    let key_id = key(&world);
    let token = world.ok(Operation::GetParametersForImport, parameters(&key_id));
    world.ok(Operation::ScheduleKeyDeletion, id(&key_id));
    assert_eq!(refuses(&world, &key_id, &ONE, json!({})).0, "KMSInvalidStateException");
    assert_eq!(world.refused(Operation::ImportKeyMaterial, good(&key_id, &token)), "KMSInvalidStateException");
    deletes(&world, &key_id, &ONE);
    assert_eq!((world.state(&key_id).as_str(), materials(&world)), ("PendingDeletion", 0));
    world.ok(Operation::CancelKeyDeletion, id(&key_id));
    assert_eq!(world.state(&key_id), "PendingImport");
    imports(&world, &key_id, &ONE, json!({}));
    assert_eq!(world.state(&key_id), "Disabled");
}

#[test]
fn an_import_whose_caller_was_lost_blocks_another_for_a_minute_and_the_same_not_at_all() {
    let world = World::new();
    let key_id = empty_key(&world, "orders");
    world.setup.store.cut_at(1, Cut::BeforeWrite);
    assert_eq!(import(&world, &key_id, &ONE, json!({})).0, 500);
    let world = world.restart();
    let (code, message) = refuses(&world, &key_id, &TWO, json!({}));
    assert_eq!(code, "KMSInvalidStateException");
    assert!(message.ends_with("is in progress."), "{message}");
    world.pass(IMPORT_ANNOUNCEMENT_MAX.milliseconds());
    imports(&world, &key_id, &TWO, json!({}));
    assert_eq!(refuses(&world, &key_id, &ONE, json!({})).0, "IncorrectKeyMaterialException");
}

/// A writer that was given up stores its bytes after all, under the number that the next import would take.
#[test]
fn late_bytes_of_an_import_that_was_given_up_harm_nothing() {
    let world = World::new();
    let key_id = key(&world);
    let record = world.record(&key_id).unwrap();
    let late = world.run(world.engine.store_import(&record, 2, &SecretBytes::new([9; 32].to_vec()))).unwrap();
    assert!(late);
    imports(&world, &key_id, &TWO, json!({"ImportType": NEW}));
    let record = world.record(&key_id).unwrap();
    assert_eq!(record.materials.iter().map(|material| material.version).collect::<Vec<_>>(), [1, 3]);
    world.ok(Operation::RotateKeyOnDemand, id(&key_id));
    assert!(world.decrypts(&world.encrypt(&key_id)));
    // The same material under that number is taken as it is.
    let other = empty_key(&world, "others");
    let empty = world.record(&other).unwrap();
    assert!(world.run(world.engine.store_import(&empty, 1, &SecretBytes::new(ONE.to_vec()))).unwrap());
    imports(&world, &other, &ONE, json!({}));
    assert_eq!(world.record(&other).unwrap().materials[0].version, 1);
    // What no record knows goes with its key.
    for key_id in [&key_id, &other] {
        world.ok(Operation::ScheduleKeyDeletion, json!({"KeyId": key_id.to_string(), "PendingWindowInDays": 7}));
    }
    world.pass(8 * DAY);
    world.run(world.engine.tick_once());
    assert_eq!(materials(&world), 0);
}

/// A process that read the deleted material, and wants to remove it only now, meets the one that came back.
#[test]
fn a_late_removal_does_not_remove_what_came_back() {
    let world = World::new();
    let key_id = key(&world);
    let name = ObjectName::material(&key_id, 1, 1);
    let old = world.run(world.setup.store.get(&name)).unwrap().unwrap();
    // Its record is written, and its bytes are not removed yet.
    world.setup.store.cut_at(1, Cut::BeforeWrite);
    assert_eq!(world.call(Operation::DeleteImportedKeyMaterial, id(&key_id)).0, 500);
    let world = world.restart();
    assert_eq!((world.state(&key_id).as_str(), materials(&world)), ("PendingImport", 1));
    imports(&world, &key_id, &ONE, json!({}));
    let record = world.record(&key_id).unwrap();
    assert!(world.run(world.setup.store.delete(&name, &old.version)).is_err());
    let fence = crate::domain::plan::Fence::ImportRemoved { version: 1 };
    let action = crate::domain::plan::Action::DestroyMaterial { stored_name: name.to_string(), fence };
    assert!(matches!(world.run(world.engine.execute(&key_id, &action)), ActionResult::Done(None)));
    let stored = world.run(world.setup.store.get(&name)).unwrap().unwrap();
    let found = world.run(world.engine.ports.backend.identify(&binding(&record, 1), 1, &stored.bytes));
    assert_eq!(found, Ok(id_of(&key_id, &ONE)));
}

#[test]
fn material_of_a_backend_that_keeps_its_keys_elsewhere_is_imported_too() {
    let mut setup = Setup::new();
    setup.backend = Some(Arc::new(FakeRemoteBackend::new(0)));
    let world = setup.start();
    let key_id = key(&world);
    let first = world.encrypt(&key_id);
    imports(&world, &key_id, &TWO, json!({"ImportType": NEW}));
    world.ok(Operation::RotateKeyOnDemand, id(&key_id));
    assert!(world.decrypts(&first) && world.decrypts(&world.encrypt(&key_id)));
}

#[test]
fn no_record_tells_material_token_or_wrapping_key() {
    let world = World::new();
    let key_id = empty_key(&world, "orders");
    let given = world.ok(Operation::GetParametersForImport, parameters(&key_id));
    let body = good(&key_id, &given);
    world.ok(Operation::ImportKeyMaterial, body.clone());
    deletes(&world, &key_id, &ONE);
    let records = world.setup.audit.records();
    let text: String = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    let secrets = [body["ImportToken"].as_str(), body["EncryptedKeyMaterial"].as_str(), given["PublicKey"].as_str()];
    let material = STANDARD.encode(ONE);
    for secret in secrets.into_iter().flatten().chain([material.as_str()]) {
        assert!(!text.contains(&secret[..secret.len().min(40)]), "{text}");
    }
    let changes = [Operation::ImportKeyMaterial, Operation::DeleteImportedKeyMaterial];
    for operation in changes {
        let of_it = records.iter().filter(|record| record.event_name == operation.as_str());
        assert_eq!(of_it.map(|record| record.phase).collect::<Vec<_>>(), [Phase::Intent, Phase::Outcome]);
    }
    assert!(text.contains(&id_of(&key_id, &ONE).to_string()));
}

#[test]
fn a_manifest_rotates_to_what_was_imported() {
    let world = World::new();
    let key_id = key(&world);
    let rotation = crate::api::crd::kms_key::Rotation {
        automatic: None,
        period_days: None,
        on_demand_request: Some("2027".to_owned()),
    };
    let mut resource = super::import_flows::imported("orders");
    resource.spec.rotation = Some(rotation);
    world.setup.resources.put(Resource { generation: 2, ..resource });
    world.reconcile("orders").unwrap();
    let conditions = world.run(world.setup.resources.reported("default", "orders"));
    assert!(conditions.iter().any(|condition| condition.reason == ConditionReason::NoMaterialToRotate));
    imports(&world, &key_id, &TWO, json!({"ImportType": NEW}));
    world.reconcile("orders").unwrap();
    assert_eq!(world.record(&key_id).unwrap().current_version(), Some(2));
}
