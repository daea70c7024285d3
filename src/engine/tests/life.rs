//! A key's rotation as its users see it.

use serde_json::{Value, json};

use super::support::{OWNER, World, call, named};
use crate::api::aws::operation::Operation;
use crate::api::crd::kms_key::{KmsKeySpec, Rotation};
use crate::domain::record::{Material, SCHEMA};
use crate::domain::replica::Replica;
use crate::domain::resource::Resource;
use crate::engine::snapshot::binding;
use crate::ports::store::Store as _;
use crate::types::ids::KeyId;
use crate::types::object::ObjectName;

const DAY: i64 = 86_400_000;

fn id(key_id: &KeyId) -> Value {
    json!({"KeyId": key_id.to_string()})
}

fn rotated(automatic: bool, request: Option<&str>) -> KmsKeySpec {
    let rotation =
        Rotation { automatic: Some(automatic), period_days: Some(90), on_demand_request: request.map(str::to_owned) };
    KmsKeySpec { rotation: Some(rotation), ..KmsKeySpec::default() }
}

/// Applies a spec to the resource `orders`, as a next generation.
fn apply(world: &World, generation: u64, spec: KmsKeySpec) {
    world.setup.resources.put(Resource { generation, spec, ..named("orders") });
    world.reconcile("orders").unwrap();
}

fn current(world: &World, key_id: &KeyId) -> u32 {
    world.record(key_id).unwrap().current_version().unwrap()
}

fn tick(world: &World) {
    world.run(world.engine.tick_once());
}

#[test]
fn a_key_rotates_by_the_calendar_and_old_blobs_open_for_ever() {
    let world = World::new();
    let key_id = world.key("orders");
    apply(&world, 2, rotated(true, None));
    let first = world.encrypt(&key_id);
    world.pass(90 * DAY - 1);
    tick(&world);
    assert_eq!(current(&world, &key_id), 1);
    world.pass(1);
    tick(&world);
    assert_eq!(current(&world, &key_id), 2);
    let second = world.encrypt(&key_id);
    // Missed periods collapse into one, and the next one counts from there.
    world.pass(1000 * DAY);
    tick(&world);
    tick(&world);
    assert_eq!(current(&world, &key_id), 3);
    let status = world.ok(Operation::GetKeyRotationStatus, id(&key_id));
    assert_eq!((&status["KeyRotationEnabled"], &status["RotationPeriodInDays"]), (&json!(true), &json!(90)));
    let next = world.engine.ports.clock.wall().plus(crate::types::time::Span::from_days(90));
    assert_eq!(status["NextRotationDate"], json!(next.epoch_seconds()));
    assert!([first, second, world.encrypt(&key_id)].iter().all(|blob| world.decrypts(blob)));
    let rotations = world.ok(Operation::ListKeyRotations, id(&key_id));
    let kinds: Vec<&Value> =
        rotations["Rotations"].as_array().unwrap().iter().map(|one| &one["RotationType"]).collect();
    assert_eq!(kinds, ["AUTOMATIC", "AUTOMATIC"]);
}

#[test]
fn a_disabled_key_waits_with_its_rotation_and_is_overdue_at_once() {
    let world = World::new();
    let key_id = world.key("orders");
    apply(&world, 2, rotated(true, None));
    world.ok(Operation::DisableKey, id(&key_id));
    world.pass(100 * DAY);
    tick(&world);
    assert_eq!(current(&world, &key_id), 1);
    world.ok(Operation::EnableKey, id(&key_id));
    tick(&world);
    assert_eq!(current(&world, &key_id), 2);
}

#[test]
fn no_key_rotates_while_it_waits_to_be_destroyed() {
    let world = World::new();
    let key_id = world.key("orders");
    apply(&world, 2, rotated(true, None));
    world.pass(85 * DAY);
    world.ok(Operation::ScheduleKeyDeletion, id(&key_id));
    world.pass(10 * DAY);
    tick(&world);
    assert_eq!(current(&world, &key_id), 1);
    assert_eq!(world.ok(Operation::GetKeyRotationStatus, id(&key_id))["KeyRotationEnabled"], json!(false));
    world.ok(Operation::CancelKeyDeletion, id(&key_id));
    let status = world.ok(Operation::GetKeyRotationStatus, id(&key_id));
    assert_eq!(status["KeyRotationEnabled"], json!(true));
    assert_eq!(world.state(&key_id), "Disabled");
}

#[test]
fn a_request_in_a_manifest_acts_once_however_often_it_is_applied() {
    let world = World::new();
    let key_id = world.key("orders");
    for (generation, request, version) in [(2, "a", 2), (3, "a", 2), (4, "b", 3), (5, "a", 3), (6, "c", 4)] {
        apply(&world, generation, rotated(false, Some(request)));
        world.reconcile("orders").unwrap();
        assert_eq!(current(&world, &key_id), version, "{request}");
    }
    // A key that is made with a request is not made twice.
    world.setup.resources.put(Resource { spec: rotated(false, Some("first")), ..named("new") });
    let settled = world.reconcile("new").unwrap().unwrap();
    assert_eq!(current(&world, &settled.key_id), 1);
}

#[test]
fn the_same_invocation_rotates_once_and_another_must_wait() {
    let world = World::new();
    let key_id = world.key("orders");
    let body = id(&key_id).to_string();
    let mut rotate = call(Operation::RotateKeyOnDemand, OWNER, body.as_bytes());
    rotate.invocation_id = Some("one");
    for _ in 0..3 {
        assert_eq!(world.send(&rotate).0, 200);
        assert_eq!(current(&world, &key_id), 2);
    }
    rotate.invocation_id = Some("two");
    assert_eq!(world.send(&rotate).0, 200);
    assert_eq!(current(&world, &key_id), 3);
    apply(&world, 2, rotated(true, None));
    world.pass(90 * DAY - 60_000);
    assert_eq!(world.refused(Operation::RotateKeyOnDemand, id(&key_id)), "ConflictException");
}

#[test]
fn an_invocation_that_was_used_for_other_parameters_is_refused() {
    let world = World::new();
    let (one, two) = (world.key("one"), world.key("two"));
    let send = |operation, body: &Value| {
        let body = body.to_string();
        let mut call = call(operation, OWNER, body.as_bytes());
        call.invocation_id = Some("same");
        world.send(&call)
    };
    let (status, first) = send(Operation::CreateKey, &json!({"Description": "a"}));
    assert_eq!(status, 200);
    let (_, again) = send(Operation::CreateKey, &json!({"Description": "a"}));
    assert_eq!(first["KeyMetadata"]["KeyId"], again["KeyMetadata"]["KeyId"]);
    assert_eq!(send(Operation::RotateKeyOnDemand, &id(&one)).0, 200);
    for (operation, body) in
        [(Operation::CreateKey, json!({"Description": "b"})), (Operation::RotateKeyOnDemand, id(&two))]
    {
        let (status, told) = send(operation, &body);
        assert_eq!((status, &told["__type"]), (400, &json!("ValidationException")), "{operation}");
        assert!(told["message"].as_str().unwrap().contains("amz-sdk-invocation-id"));
    }
    assert_eq!((current(&world, &one), current(&world, &two)), (2, 1));
}

#[test]
fn twenty_five_rotations_on_demand_are_the_most() {
    let world = World::new();
    let key_id = world.key("orders");
    let blobs: Vec<Value> = (0..25)
        .map(|_| {
            let blob = world.encrypt(&key_id);
            world.ok(Operation::RotateKeyOnDemand, id(&key_id));
            blob
        })
        .collect();
    assert_eq!(world.refused(Operation::RotateKeyOnDemand, id(&key_id)), "LimitExceededException");
    assert!(blobs.iter().all(|blob| world.decrypts(blob)));
    assert_eq!(current(&world, &key_id), 26);
}

#[test]
fn a_version_encrypts_only_when_every_live_replica_knows_it() {
    let world = World::new();
    let key_id = world.key("orders");
    let name = ObjectName::replica("slow").unwrap();
    let slow = |seen_revision| Replica {
        schema: SCHEMA,
        name: "slow".to_owned(),
        version: "1".to_owned(),
        seen_revision,
        schema_max: 2,
        suite_max: 1,
        beat_at: world.engine.ports.clock.wall(),
    };
    world.run(world.engine.vault.create(&name, &slow(0))).unwrap();
    world.ok(Operation::RotateKeyOnDemand, id(&key_id));
    assert_eq!(world.refused(Operation::RotateKeyOnDemand, id(&key_id)), "ConflictException");
    let status = world.ok(Operation::GetKeyRotationStatus, id(&key_id));
    assert!(status["OnDemandRotationStartDate"].is_number());
    for _ in 0..3 {
        tick(&world);
        assert_eq!(current(&world, &key_id), 1);
    }
    let read = world.run(world.engine.vault.read::<Replica>(&name)).unwrap().unwrap();
    world.run(world.engine.vault.replace(&name, &read, &slow(u64::MAX))).unwrap();
    tick(&world);
    assert_eq!(current(&world, &key_id), 2);
}

#[test]
fn a_rotation_that_waits_for_a_replica_holds_up_nothing_but_the_next_rotation() {
    let world = World::new();
    let key_id = world.key("orders");
    let name = ObjectName::replica("slow").unwrap();
    let slow = |seen_revision| Replica {
        schema: SCHEMA,
        name: "slow".to_owned(),
        version: "1".to_owned(),
        seen_revision,
        schema_max: 2,
        suite_max: 1,
        beat_at: world.engine.ports.clock.wall(),
    };
    world.run(world.engine.vault.create(&name, &slow(0))).unwrap();
    world.ok(Operation::RotateKeyOnDemand, id(&key_id));
    world.ok(Operation::TagResource, json!({"KeyId": key_id.to_string(), "Tags": [{"TagKey": "a", "TagValue": "b"}]}));
    world.ok(Operation::UpdateKeyDescription, json!({"KeyId": key_id.to_string(), "Description": "called"}));
    let spec = KmsKeySpec { description: Some("two".to_owned()), enabled: Some(false), ..rotated(true, Some("x")) };
    apply(&world, 9, spec.clone());
    let record = world.record(&key_id).unwrap();
    assert_eq!((record.spec.description.as_str(), record.owner.generation), ("two", 9));
    assert_eq!(world.state(&key_id), "Disabled");
    apply(&world, 10, KmsKeySpec { enabled: Some(true), ..spec });
    world.pass(90 * DAY);
    let read = world.run(world.engine.vault.read::<Replica>(&name)).unwrap().unwrap();
    world.run(world.engine.vault.replace(&name, &read, &slow(0))).unwrap();
    tick(&world);
    let record = world.record(&key_id).unwrap();
    assert_eq!((record.current_version(), record.materials.len(), record.announced_version), (Some(1), 2, None));
    let read = world.run(world.engine.vault.read::<Replica>(&name)).unwrap().unwrap();
    world.run(world.engine.vault.replace(&name, &read, &slow(u64::MAX))).unwrap();
    world.reconcile("orders").unwrap();
    assert!(current(&world, &key_id) >= 2);
}

/// Each blob names its material, so that Decrypt costs the same however many there are. The ratio is printed and not
/// judged: the machine's speed is no property of the code.
#[test]
fn a_thousand_versions_decrypt_as_one() {
    const VERSIONS: u32 = 1000;
    const CALLS: u32 = 300;
    let world = World::new();
    let (one, many) = (world.key("one"), world.key("many"));
    let (young, old) = (world.encrypt(&one), world.encrypt(&many));
    let read = world.run(world.engine.vault.record(&many)).unwrap().unwrap();
    let mut record = read.content.clone();
    for version in 2..=VERSIONS {
        let made = world.run(world.engine.ports.backend.create_material(&binding(&record, version), 1)).unwrap();
        let name = ObjectName::material(&many, version, 1);
        world.run(world.setup.store.create(&name, made.stored)).unwrap();
        let first = record.materials[0].clone();
        let (material_id, stored_name, activated_at) = (made.material_id, name.to_string(), Some(first.created_at));
        record.materials.push(Material { version, material_id, stored_name, activated_at, ..first });
    }
    record.current_version = Some(VERSIONS);
    world.run(world.engine.vault.replace(&ObjectName::key(&many), &read, &record)).unwrap();
    let world = world.restart();
    assert_eq!(world.record(&many).unwrap().materials.len(), VERSIONS as usize);
    let newest = world.encrypt(&many);
    #[expect(clippy::disallowed_methods, reason = "what is measured is this machine's time")]
    let time = |blob: &Value| {
        let begin = std::time::Instant::now();
        assert!((0..CALLS).all(|_| world.decrypts(blob)));
        begin.elapsed().as_secs_f64()
    };
    let (single, first, last) = (time(&young), time(&old), time(&newest));
    println!("decrypt with 1,000 versions against one: oldest {:.2}, newest {:.2}", first / single, last / single);
}
