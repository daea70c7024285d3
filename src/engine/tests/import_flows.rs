//! What can happen to imported material, as flows; and importing as a user does it, with a wrap of its own.

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::flows::{DAY, Flow, claimed, reconciled, record, until_done};
use super::support::{OWNER, World, call, named};
use crate::api::aws::operation::Operation;
use crate::api::crd::kms_key::{KmsKeySpec, SpecOrigin};
use crate::crypto::derive;
use crate::domain::import;
use crate::domain::record::Material;
use crate::domain::resource::Resource;
use crate::ports::store::Store as _;
use crate::types::ids::{KeyId, MaterialId};
use crate::types::object::Kind;

pub(super) const ONE: [u8; 32] = [0x11; 32];
pub(super) const TWO: [u8; 32] = [0x22; 32];

pub(super) const IMPORT_FLOWS: &[Flow] = &[
    Flow { name: "import", prepare: make, act: import_one, writes: 3 },
    Flow { name: "import another", prepare: make_with_one, act: import_two, writes: 3 },
    Flow { name: "rotate to what waits", prepare: make_with_two, act: rotate, writes: 2 },
    Flow { name: "change an expiry", prepare: make_with_one, act: change_expiry, writes: 1 },
    Flow { name: "delete material", prepare: make_with_one, act: |world| delete(world, &ONE), writes: 2 },
    Flow { name: "delete an older material", prepare: make_rotated, act: |world| delete(world, &ONE), writes: 2 },
    Flow { name: "delete what waits", prepare: make_with_two, act: |world| delete(world, &TWO), writes: 3 },
    Flow { name: "import again", prepare: make_deleted, act: import_one, writes: 3 },
    Flow { name: "expire", prepare: make_expired, act: expire, writes: 2 },
    Flow { name: "import what expired", prepare: make_expired_and_removed, act: import_one, writes: 3 },
    Flow { name: "expire while waiting", prepare: make_expired_while_waiting, act: expire, writes: 3 },
];

/// A resource of this name whose material its user brings.
pub(super) fn imported(name: &str) -> Resource {
    let spec = KmsKeySpec { origin: Some(SpecOrigin::Imported), ..KmsKeySpec::default() };
    Resource { spec, ..named(name) }
}

/// A key that waits for its material.
pub(super) fn empty_key(world: &World, name: &str) -> KeyId {
    world.setup.resources.put(imported(name));
    let settled = world.reconcile(name).unwrap().expect("there is a resource");
    assert!(settled.complete, "{settled:?}");
    settled.key_id
}

/// The id of a material of a key.
pub(super) fn id_of(key_id: &KeyId, material: &[u8]) -> MaterialId {
    derive::material_id(key_id, material)
}

/// Bytes under a public key, by RSA-OAEP with SHA-256.
pub(super) fn wrap(public_key: &Value, material: &[u8]) -> String {
    let public_key = STANDARD.decode(public_key.as_str().unwrap()).unwrap();
    let public_key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&public_key).unwrap()).unwrap();
    let mut wrapped = vec![0; public_key.ciphertext_size()];
    public_key.encrypt(&OAEP_SHA256_MGF1SHA256, material, &mut wrapped, None).unwrap();
    STANDARD.encode(wrapped)
}

/// Parameters for `wrap`.
pub(super) fn parameters(key_id: &KeyId) -> Value {
    json!({
        "KeyId": key_id.to_string(), "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048",
    })
}

/// Imports a material, with these members besides.
pub(super) fn import(world: &World, key_id: &KeyId, material: &[u8], members: Value) -> (u16, Value) {
    let (status, parameters) = world.call(Operation::GetParametersForImport, parameters(key_id));
    if status != 200 {
        return (status, parameters);
    }
    let mut body = json!({
        "KeyId": key_id.to_string(),
        "ImportToken": parameters["ImportToken"],
        "EncryptedKeyMaterial": wrap(&parameters["PublicKey"], material),
    });
    if members.get("ValidTo").is_none() {
        body["ExpirationModel"] = json!("KEY_MATERIAL_DOES_NOT_EXPIRE");
    }
    let Value::Object(members) = members else { panic!("members") };
    body.as_object_mut().unwrap().extend(members);
    world.call(Operation::ImportKeyMaterial, body)
}

/// Whether the key of `orders` has a material, and has it here.
fn is_here(world: &World, material: &[u8]) -> Option<bool> {
    let record = record(world)?;
    import::find(&record, id_of(&record.key_id(), material)).map(Material::is_present)
}

fn stored(world: &World) -> usize {
    world.run(world.setup.store.list(Kind::Material)).unwrap().len()
}

fn make(world: &World) {
    empty_key(world, "orders");
}

fn import_one(world: &World) -> bool {
    claimed(world).is_some_and(|key_id| import(world, &key_id, &ONE, json!({})).0 == 200)
}

/// What is new cannot be imported as new again, so a call that came to its end is not made again.
fn import_two(world: &World) -> bool {
    let new = json!({"ImportType": "NEW_KEY_MATERIAL"});
    is_here(world, &TWO) == Some(true)
        || claimed(world).is_some_and(|key_id| import(world, &key_id, &TWO, new).0 == 200)
}

fn make_with_one(world: &World) {
    make(world);
    assert!(import_one(world));
}

fn make_with_two(world: &World) {
    make_with_one(world);
    assert!(import_two(world));
}

fn rotate(world: &World) -> bool {
    let body = json!({"KeyId": claimed(world).map(|key_id| key_id.to_string())}).to_string();
    let mut rotate = call(Operation::RotateKeyOnDemand, OWNER, body.as_bytes());
    rotate.invocation_id = Some("one invocation");
    let answered = world.send(&rotate).0 == 200;
    answered && record(world).is_some_and(|record| record.current_version() == Some(2))
}

fn make_rotated(world: &World) {
    make_with_two(world);
    assert!(until_done(world, rotate));
}

fn change_expiry(world: &World) -> bool {
    let in_2026 = json!({"ValidTo": 1_790_000_000});
    claimed(world).is_some_and(|key_id| import(world, &key_id, &ONE, in_2026).0 == 200)
}

/// Its retries find that what was to be deleted is forgotten.
fn delete(world: &World, material: &[u8]) -> bool {
    let Some(key_id) = claimed(world) else { return false };
    let body = json!({"KeyId": key_id.to_string(), "KeyMaterialId": id_of(&key_id, material).to_string()});
    let (status, answer) = world.call(Operation::DeleteImportedKeyMaterial, body);
    let is_gone = answer["__type"] == "NotFoundException" && is_here(world, material).is_none();
    status == 200 || is_gone
}

fn make_deleted(world: &World) {
    make_with_one(world);
    assert!(delete(world, &ONE));
}

fn import_for_an_hour(world: &World, material: &[u8], import_type: &str) {
    let valid_to = world.setup.clock_now().milliseconds() / 1000 + 3600;
    let members = json!({"ValidTo": valid_to, "ImportType": import_type});
    assert_eq!(import(world, &claimed(world).unwrap(), material, members).0, 200);
}

fn make_expired(world: &World) {
    make(world);
    import_for_an_hour(world, &ONE, "NEW_KEY_MATERIAL");
    world.pass(DAY);
}

fn make_expired_and_removed(world: &World) {
    make_expired(world);
    assert!(expire(world));
}

fn make_expired_while_waiting(world: &World) {
    make_with_one(world);
    import_for_an_hour(world, &TWO, "NEW_KEY_MATERIAL");
    world.pass(DAY);
}

/// The timer tries again after a while.
fn expire(world: &World) -> bool {
    world.pass(10 * 60_000);
    world.run(world.engine.tick_once());
    let Some(record) = record(world) else { return false };
    let here = record.materials.iter().filter(|material| material.is_present());
    let now = world.setup.clock_now();
    let is_over = here.clone().all(|material| material.is_usable(now)) && stored(world) == here.count();
    is_over && !record.materials.iter().any(|material| record.is_forgotten(material)) && reconciled(world)
}
