//! Each flow, cut at each write on either side, and taken up by the next process.

use futures::{FutureExt as _, StreamExt as _};
use serde_json::json;

use super::support::{OWNER, World, call, named};
use crate::api::aws::operation::Operation;
use crate::api::crd::kms_key::KmsKeySpec;
use crate::crypto::digest::sha256;
use crate::domain::plan::Reason;
use crate::domain::record::{OwnerClaim, Record};
use crate::domain::resource::Resource;
use crate::engine::snapshot::binding;
use crate::ports::fake::Cut;
use crate::ports::resources::Resources as _;
use crate::ports::store::{Event, Store as _};
use crate::types::ids::{MaterialId, ObjectUid};
use crate::types::object::{Kind, ObjectName};
use crate::types::time::Timestamp;

const CUTS: [Cut; 2] = [Cut::BeforeWrite, Cut::AfterWrite];

/// Something that a user does, as the process and its successors go about it.
struct Flow {
    name: &'static str,
    /// What was there before.
    prepare: fn(&World),
    /// What the user does, and does again where it failed; tells whether it succeeded.
    act: fn(&World) -> bool,
    writes: usize,
}

const FLOWS: &[Flow] = &[
    Flow { name: "create by resource", prepare: |_| {}, act: create_by_resource, writes: 5 },
    Flow { name: "create by call", prepare: |_| {}, act: create_by_call, writes: 5 },
    Flow { name: "disable", prepare: make, act: |world| switch(world, Operation::DisableKey), writes: 1 },
    Flow { name: "enable", prepare: make_disabled, act: |world| switch(world, Operation::EnableKey), writes: 1 },
    Flow { name: "change the spec", prepare: make, act: change_spec, writes: 1 },
    Flow { name: "remove the resource", prepare: make, act: remove, writes: 1 },
    Flow { name: "restore", prepare: make_removed, act: restore, writes: 1 },
    Flow { name: "restore a disabled key", prepare: make_disabled_and_removed, act: restore, writes: 1 },
];

fn reconciled(world: &World) -> bool {
    let name = only_resource(world).map_or_else(|| "orders".to_owned(), |resource| resource.name);
    world.reconcile(&name).is_ok_and(|settled| settled.is_none_or(|settled| settled.complete))
}

fn only_resource(world: &World) -> Option<Resource> {
    let mut all = world.run(world.setup.resources.list()).unwrap().resources;
    assert!(all.len() <= 1);
    all.pop()
}

fn create_by_resource(world: &World) -> bool {
    world.setup.resources.put(named("orders"));
    reconciled(world)
}

fn create_by_call(world: &World) -> bool {
    let mut create = call(Operation::CreateKey, OWNER, b"{}");
    create.invocation_id = Some("one invocation");
    world.send(&create).0 == 200
}

fn make(world: &World) {
    assert!(create_by_resource(world));
}

fn make_disabled(world: &World) {
    make(world);
    assert!(switch(world, Operation::DisableKey));
}

fn make_removed(world: &World) {
    make(world);
    assert!(remove(world));
}

fn make_disabled_and_removed(world: &World) {
    make_disabled(world);
    assert!(remove(world));
}

fn switch(world: &World, operation: Operation) -> bool {
    let key_id = claim(world).key_id();
    world.call(operation, json!({"KeyId": key_id.to_string()})).0 == 200
}

fn change_spec(world: &World) -> bool {
    let spec = KmsKeySpec { description: Some("changed".to_owned()), ..KmsKeySpec::default() };
    world.setup.resources.put(Resource { generation: 2, spec, ..named("orders") });
    reconciled(world)
}

fn remove(world: &World) -> bool {
    world.setup.resources.remove("default", "orders");
    reconciled(world)
}

fn restore(world: &World) -> bool {
    world.setup.resources.put(Resource { uid: ObjectUid::new([77; 16]), ..named("orders") });
    reconciled(world)
}

/// What remains of a flow, without what may differ between two runs of it.
#[derive(Debug, PartialEq)]
struct EndState {
    names: Vec<String>,
    claim: OwnerClaim,
    record: Record,
}

fn claim(world: &World) -> OwnerClaim {
    let claims = world.run(world.setup.store.list(Kind::Owner)).unwrap();
    let [(name, stored)] = claims.as_slice() else { panic!("{} claims", claims.len()) };
    world.engine.vault.open::<OwnerClaim>(name, stored.clone()).unwrap().content
}

fn end_state(world: &World) -> EndState {
    let claim = claim(world);
    let record = world.record(&claim.key_id()).expect("a claimed key has a record");
    let [material] = record.materials.as_slice() else { panic!("{:?}", record.materials) };
    let name = ObjectName::material(&claim.key_id(), 1, 1);
    assert_eq!(material.stored_name, name.as_str());
    let stored = world.run(world.setup.store.get(&name)).unwrap().expect("the material is stored");
    let found = world.run(world.engine.ports.backend.identify(&binding(&record, 1), 1, &stored.bytes));
    assert_eq!(found, Ok(material.material_id));
    EndState { names: world.setup.store.names(), claim, record: without_accidents(record) }
}

fn without_accidents(mut record: Record) -> Record {
    record.created_at = Timestamp::default();
    record.restored_at = record.restored_at.map(|_| Timestamp::default());
    record.vanished_at = record.vanished_at.map(|_| Timestamp::default());
    record.previous_hash = [0; 32];
    record.due.deletion = record.due.deletion.map(|_| Timestamp::default());
    record.holds.iter_mut().for_each(|hold| hold.since = Timestamp::default());
    for material in &mut record.materials {
        (material.material_id, material.created_at) = (MaterialId::new([0; 32]), Timestamp::default());
    }
    record
}

/// Planning again finds nothing to do, and nothing is written.
fn assert_settled(world: &World) {
    let before = world.setup.store.revision();
    let name = only_resource(world).map_or_else(|| "orders".to_owned(), |resource| resource.name);
    let settled = world.reconcile(&name).unwrap().unwrap();
    assert!(settled.complete && settled.because == Reason::InSync, "{settled:?}");
    assert_eq!(world.setup.store.revision(), before);
    assert!(end_state(world).claim.confirmed);
}

/// Epochs count writes, and each record names the bytes before it.
fn assert_chain(world: &World, history: impl futures::Stream<Item = Event>) {
    let mut history = std::pin::pin!(history);
    let (mut epoch, mut digest) = (0, [0; 32]);
    while let Some(Some(event)) = history.next().now_or_never() {
        let Event::Applied(name, stored, _) = event else { continue };
        let opened = world.engine.vault.open_record(&name, stored).unwrap();
        assert_eq!((opened.epoch, opened.content.previous_hash), (epoch + 1, digest));
        (epoch, digest) = (opened.epoch, sha256(&[&opened.stored.bytes]));
    }
    assert!(epoch > 0);
}

fn prepared(flow: &Flow) -> World {
    let world = World::new();
    (flow.prepare)(&world);
    world
}

fn uncut(flow: &Flow) -> EndState {
    let world = prepared(flow);
    let before = world.setup.store.revision().0;
    assert!((flow.act)(&world), "{}", flow.name);
    let writes = world.setup.store.revision().0 - before;
    assert_eq!(writes, flow.writes as u64, "{}: the number of writes", flow.name);
    assert_settled(&world);
    end_state(&world)
}

/// Cuts at one write, and tells that the flow noticed.
fn cut(world: &World, flow: &Flow, write: usize, cut: Cut) {
    world.setup.store.cut_at(write, cut);
    assert!(!(flow.act)(world), "{} {write} {cut:?}: nothing was cut", flow.name);
}

#[test]
fn every_flow_survives_a_crash_at_every_write() {
    let mut crashes = 0;
    for flow in FLOWS {
        let expected = uncut(flow);
        for (write, kind) in (0..flow.writes).flat_map(|write| CUTS.map(|cut| (write, cut))) {
            let world = World::new();
            let history = world.setup.store.watch(&[Kind::Key]);
            (flow.prepare)(&world);
            cut(&world, flow, write, kind);
            let world = world.restart();
            assert!((flow.act)(&world), "{} {write} {kind:?}", flow.name);
            assert!(reconciled(&world));
            assert_settled(&world);
            assert_eq!(end_state(&world), expected, "{} {write} {kind:?}", flow.name);
            assert_chain(&world, history);
            crashes += 1;
        }
    }
    assert_eq!(crashes, 2 * (5 + 5 + 6));
}

#[test]
fn creation_survives_two_crashes() {
    let flow = &FLOWS[0];
    let expected = uncut(flow);
    let mut crashes = 0;
    for (first, first_cut) in (0..flow.writes).flat_map(|write| CUTS.map(|cut| (write, cut))) {
        let done = first + usize::from(first_cut == Cut::AfterWrite);
        for (second, second_cut) in (0..flow.writes - done).flat_map(|write| CUTS.map(|cut| (write, cut))) {
            let world = prepared(flow);
            cut(&world, flow, first, first_cut);
            let world = world.restart();
            cut(&world, flow, second, second_cut);
            let world = world.restart();
            assert!((flow.act)(&world));
            assert_settled(&world);
            assert_eq!(end_state(&world), expected);
            crashes += 1;
        }
    }
    // After the first crash there are five writes to go or fewer, and each can be cut on either side.
    assert_eq!(crashes, 2 * (5 + 4 + 4 + 3 + 3 + 2 + 2 + 1 + 1));
}

#[test]
fn a_key_that_was_used_after_a_crash_keeps_its_blobs() {
    for cut_kind in CUTS {
        let world = World::new();
        make(&world);
        let blob = world.encrypt(&claim(&world).key_id());
        cut(&world, &FLOWS[4], 0, cut_kind);
        let world = world.restart();
        assert!(world.decrypts(&blob));
    }
}

#[test]
fn a_sweep_finds_what_a_crash_left() {
    for flow in FLOWS.iter().filter(|flow| !flow.name.starts_with("create by call")) {
        if ["disable", "enable"].contains(&flow.name) {
            continue;
        }
        let expected = uncut(flow);
        for (write, kind) in (0..flow.writes).flat_map(|write| CUTS.map(|cut| (write, cut))) {
            let world = prepared(flow);
            cut(&world, flow, write, kind);
            let world = world.restart();
            world.run(world.engine.sweep()).unwrap();
            assert_eq!(end_state(&world), expected, "{} {write} {kind:?}", flow.name);
        }
    }
}
