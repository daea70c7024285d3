//! What can happen in a key's life, as flows that tests cut, disturb and let stale views confuse.

use serde_json::{Value, json};

use super::import_flows::IMPORT_FLOWS;
use super::support::{OWNER, World, call, named};
use crate::api::aws::operation::Operation;
use crate::api::crd::kms_key::{Deletion, KmsKeySpec, OnConflict, Rotation};
use crate::domain::lifecycle::is_material_whole;
use crate::domain::record::{Lifecycle, OwnerClaim, Record};
use crate::domain::resource::Resource;
use crate::engine::snapshot::binding;
use crate::ports::store::Store as _;
use crate::types::ids::{KeyId, MaterialId, ObjectUid};
use crate::types::key::Origin;
use crate::types::object::{Kind, ObjectName};
use crate::types::time::Timestamp;

pub(super) const DAY: i64 = 86_400_000;

/// Something that happens to the key of the resource `orders`.
pub(super) struct Flow {
    pub(super) name: &'static str,
    /// What was there before.
    pub(super) prepare: fn(&World),
    /// What happens, and happens again where it failed; tells whether it is complete.
    pub(super) act: fn(&World) -> bool,
    pub(super) writes: usize,
}

const FLOWS: &[Flow] = &[
    Flow { name: "create", prepare: |_| {}, act: create, writes: 5 },
    Flow { name: "rotate by call", prepare: make, act: rotate_by_call, writes: 4 },
    Flow { name: "rotate by the calendar", prepare: make_overdue, act: rotate_by_calendar, writes: 4 },
    Flow { name: "rotate by manifest", prepare: make, act: rotate_by_manifest, writes: 5 },
    Flow { name: "disable", prepare: make, act: |world| switch(world, Operation::DisableKey), writes: 1 },
    Flow { name: "enable", prepare: make_disabled, act: |world| switch(world, Operation::EnableKey), writes: 1 },
    Flow { name: "schedule", prepare: make, act: schedule, writes: 1 },
    Flow { name: "cancel", prepare: make_scheduled, act: cancel, writes: 1 },
    Flow { name: "remove", prepare: make, act: remove, writes: 1 },
    Flow { name: "restore", prepare: make_removed, act: restore, writes: 1 },
    Flow { name: "destroy", prepare: make_due, act: destroy, writes: 4 },
    Flow { name: "forget", prepare: make_old_tombstone, act: forget, writes: 2 },
    Flow { name: "replace what is destroyed", prepare: make_destroyed_and_applied, act: create_again, writes: 5 },
    Flow { name: "replace by another key", prepare: make_removed, act: replace_by_another, writes: 5 },
];

/// Every flow.
pub(super) fn flows() -> impl Iterator<Item = &'static Flow> {
    FLOWS.iter().chain(IMPORT_FLOWS)
}

pub(super) fn flow(name: &str) -> &'static Flow {
    flows().find(|flow| flow.name == name).expect("a flow of this name")
}

/// Acts until it is done: a rotation waits for what its own replica shows.
pub(super) fn until_done(world: &World, act: fn(&World) -> bool) -> bool {
    (0..5).any(|_| {
        let done = act(world);
        if !done {
            world.run(async {});
            world.run(world.engine.tick_once());
        }
        done
    })
}

pub(super) fn reconciled(world: &World) -> bool {
    world.reconcile("orders").is_ok_and(|settled| settled.is_none_or(|settled| settled.complete))
}

/// The key that the resource's name is bound to.
pub(super) fn claimed(world: &World) -> Option<KeyId> {
    let claim = world.run(world.engine.vault.claim("default", "orders")).unwrap();
    claim.map(|claim| claim.content.key_id())
}

pub(super) fn record(world: &World) -> Option<Record> {
    claimed(world).and_then(|key_id| world.record(&key_id))
}

fn id(world: &World) -> Value {
    json!({"KeyId": claimed(world).map(|key_id| key_id.to_string())})
}

fn create(world: &World) -> bool {
    world.setup.resources.put(named("orders"));
    reconciled(world)
}

fn make(world: &World) {
    assert!(create(world));
}

fn put_spec(world: &World, spec: KmsKeySpec) {
    world.setup.resources.put(Resource { generation: 2, spec, ..named("orders") });
}

fn make_overdue(world: &World) {
    make(world);
    let rotation = Rotation { automatic: Some(true), period_days: Some(90), on_demand_request: None };
    put_spec(world, KmsKeySpec { rotation: Some(rotation), ..KmsKeySpec::default() });
    assert!(reconciled(world));
    world.pass(300 * DAY);
}

fn is_rotated(world: &World) -> bool {
    record(world).is_some_and(|record| record.current_version() == Some(2))
}

fn rotate_by_call(world: &World) -> bool {
    let body = id(world).to_string();
    let mut rotate = call(Operation::RotateKeyOnDemand, OWNER, body.as_bytes());
    rotate.invocation_id = Some("one invocation");
    world.send(&rotate).0 == 200 && is_rotated(world)
}

fn rotate_by_calendar(world: &World) -> bool {
    world.run(world.engine.tick_once());
    is_rotated(world)
}

fn rotate_by_manifest(world: &World) -> bool {
    let rotation = Rotation { automatic: None, period_days: None, on_demand_request: Some("one".to_owned()) };
    put_spec(world, KmsKeySpec { rotation: Some(rotation), ..KmsKeySpec::default() });
    reconciled(world) && is_rotated(world)
}

fn switch(world: &World, operation: Operation) -> bool {
    world.call(operation, id(world)).0 == 200
}

fn make_disabled(world: &World) {
    make(world);
    assert!(switch(world, Operation::DisableKey));
}

/// Its retries find the key scheduled, which is what was asked for.
fn schedule(world: &World) -> bool {
    let (status, answer) = world.call(Operation::ScheduleKeyDeletion, id(world));
    status == 200 || answer["__type"] == "KMSInvalidStateException"
}

fn make_scheduled(world: &World) {
    make(world);
    assert!(schedule(world));
}

fn cancel(world: &World) -> bool {
    let (status, answer) = world.call(Operation::CancelKeyDeletion, id(world));
    status == 200 || answer["__type"] == "KMSInvalidStateException"
}

fn remove(world: &World) -> bool {
    world.setup.resources.remove("default", "orders");
    reconciled(world)
}

fn make_removed(world: &World) {
    make(world);
    assert!(remove(world));
}

fn restore(world: &World) -> bool {
    world.setup.resources.put(Resource { uid: ObjectUid::new([77; 16]), ..named("orders") });
    reconciled(world)
}

/// A key with two materials whose time has come.
fn make_due(world: &World) {
    make(world);
    assert!(until_done(world, rotate_by_call));
    assert!(remove(world));
    world.pass(31 * DAY);
}

fn destroy(world: &World) -> bool {
    // The timer tries again after a while.
    world.pass(10 * 60_000);
    world.run(world.engine.tick_once());
    record(world).is_some_and(|record| record.lifecycle == Lifecycle::Destroyed)
}

fn make_old_tombstone(world: &World) {
    make_due(world);
    assert!(destroy(world));
    world.pass(366 * DAY);
}

fn forget(world: &World) -> bool {
    world.pass(10 * 60_000);
    world.run(world.engine.tick_once());
    world.run(world.setup.store.list(Kind::Key)).unwrap().is_empty()
}

fn make_destroyed_and_applied(world: &World) {
    make_due(world);
    assert!(destroy(world));
    world.setup.resources.put(Resource { uid: ObjectUid::new([77; 16]), ..named("orders") });
}

fn create_again(world: &World) -> bool {
    reconciled(world) && record(world).is_some_and(|record| record.lifecycle == Lifecycle::Created)
}

fn replace_by_another(world: &World) -> bool {
    let spec = KmsKeySpec {
        key_id: Some(KeyId::new([9; 16], false).to_string()),
        deletion: Some(Deletion { on_conflict: Some(OnConflict::NewKey), ..Deletion::default() }),
        ..KmsKeySpec::default()
    };
    world.setup.resources.put(Resource { uid: ObjectUid::new([78; 16]), spec, ..named("orders") });
    create_again(world)
}

/// What remains of a flow, without what may differ between two runs of it.
#[derive(Debug, PartialEq)]
pub(super) struct EndState {
    names: Vec<String>,
    claims: Vec<OwnerClaim>,
    records: Vec<Record>,
}

pub(super) fn end_state(world: &World) -> EndState {
    let claims = world.run(world.setup.store.list(Kind::Owner)).unwrap();
    let claims =
        claims.into_iter().map(|(name, stored)| world.engine.vault.open::<OwnerClaim>(&name, stored).unwrap().content);
    EndState {
        names: world.setup.store.names(),
        claims: claims.collect(),
        records: records(world).into_iter().map(without_accidents).collect(),
    }
}

/// Every record that there is.
pub(super) fn records(world: &World) -> Vec<Record> {
    let stored = world.run(world.setup.store.list(Kind::Key)).unwrap();
    stored.into_iter().map(|(name, stored)| world.engine.vault.open_record(&name, stored).unwrap().content).collect()
}

fn without_accidents(mut record: Record) -> Record {
    let zero = Timestamp::default();
    let forget = |time: &mut Option<Timestamp>| *time = time.map(|_| zero);
    // Tests try to use keys that wait to be destroyed, and that is noted.
    (record.created_at, record.previous_hash, record.attempt) = (zero, [0; 32], None);
    [&mut record.restored_at, &mut record.destroyed_at, &mut record.vanished_at].into_iter().for_each(forget);
    [&mut record.due.deletion, &mut record.due.rotation].into_iter().for_each(forget);
    record.holds.iter_mut().for_each(|hold| hold.since = zero);
    for material in &mut record.materials {
        (material.material_id, material.created_at) = (MaterialId::new([0; 32]), zero);
        forget(&mut material.activated_at);
    }
    record
}

/// The invariants that hold at any moment, whatever was cut or disturbed (I1, I3, I5).
pub(super) fn assert_invariants(world: &World, what: &str) {
    for record in records(world) {
        let key_id = record.key_id();
        let destroyed = matches!(record.lifecycle, Lifecycle::Destroying | Lifecycle::Destroyed);
        if destroyed {
            assert!(record.due.deletion.is_some_and(|due| due <= world.engine.ports.clock.wall()), "{what}: too early");
        }
        for material in record.materials.iter().filter(|material| material.is_present() && !destroyed) {
            let name = ObjectName::material(&key_id, material.version, material.term);
            let stored = world.run(world.setup.store.get(&name)).unwrap();
            let stored = stored.unwrap_or_else(|| panic!("{what}: the material {name} is lost"));
            let bound = binding(&record, material.version);
            let found = world.run(world.engine.ports.backend.identify(&bound, material.term, &stored.bytes));
            assert_eq!(found, Ok(material.material_id), "{what}: {name} was made again");
        }
        let waiting =
            record.materials.iter().filter(|material| material.rotation.is_some() && material.activated_at.is_none());
        assert!(waiting.count() <= 1, "{what}: two rotations at a time");
        let current = record.current_version().and_then(|version| record.material(version));
        let encrypts = current.is_some_and(|current| current.activated_at.is_some() || current.rotation.is_none());
        let is_whole = is_material_whole(&record, world.engine.ports.clock.wall());
        if record.immutable.origin == Origin::External {
            // Its user says what is here; but nothing that never was here is the current one.
            assert!(encrypts || record.materials.is_empty(), "{what}: no version is the current one");
            continue;
        }
        let has_current = encrypts || record.lifecycle == Lifecycle::Creating;
        assert!(has_current && (is_whole || destroyed || !encrypts), "{what}: no version encrypts");
    }
}

/// A blob of the key as it is now, where it is of use.
pub(super) fn blob(world: &World) -> Option<Value> {
    let key_id = claimed(world)?;
    let (status, answer) =
        world.call(Operation::Encrypt, json!({"KeyId": key_id.to_string(), "Plaintext": "cGxhaW50ZXh0"}));
    (status == 200).then(|| answer["CiphertextBlob"].clone())
}

/// Whether a blob opens, or its key may not be used for a reason that a user gave (I2).
pub(super) fn opens_or_is_held(world: &World, blob: &Value) -> bool {
    let now = world.setup.clock_now();
    let held = |record: &Record| {
        let awaits_import = record.immutable.origin == Origin::External && !is_material_whole(record, now);
        !record.holds.is_empty() || record.due.deletion.is_some() || awaits_import
    };
    world.decrypts(blob) || records(world).iter().any(held) || records(world).is_empty()
}

/// Looks at everything as a process does now and then, and finds nothing to do (I8).
pub(super) fn assert_settled(world: &World, what: &str) {
    world.run(world.engine.sweep()).unwrap();
    world.run(world.engine.tick_once());
    let before = world.setup.store.revision();
    world.run(world.engine.sweep()).unwrap();
    world.run(world.engine.tick_once());
    world.reconcile("orders").unwrap();
    assert_eq!(world.setup.store.revision(), before, "{what}: it is never at rest");
}
