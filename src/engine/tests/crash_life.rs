//! Each flow of a key's life, cut at each write in three places, alone and in pairs.

use super::flows::{EndState, Flow, assert_invariants, assert_settled, blob, end_state, flow, flows, opens_or_is_held};
use super::support::World;
use crate::ports::fake::Cut;
use crate::ports::store::Store as _;

/// The flows that are cut twice.
const PAIRED: [&str; 7] = [
    "create",
    "rotate by call",
    "rotate by the calendar",
    "destroy",
    "import another",
    "delete what waits",
    "import again",
];

const CUTS: [Cut; 3] = [Cut::BeforeWrite, Cut::AfterWrite, Cut::AfterAnswer];

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
    assert_settled(&world, flow.name);
    end_state(&world)
}

/// Acts with a cut at one write. One that comes after the last write leaves nothing undone.
fn cut(world: &World, flow: &Flow, write: usize, cut: Cut) {
    world.setup.store.cut_at(write, cut);
    let complete = (flow.act)(world);
    let may_end = cut != Cut::BeforeWrite && write + 1 == flow.writes;
    assert!(!complete || may_end, "{} {write} {cut:?}: nothing was cut", flow.name);
}

/// What the next process makes of it.
fn take_up(world: World, flow: &Flow, expected: &EndState, what: &str) {
    assert_invariants(&world, what);
    assert!((flow.act)(&world), "{what}");
    assert_settled(&world, what);
    assert_invariants(&world, what);
    assert_eq!(end_state(&world), *expected, "{what}");
}

#[test]
fn every_flow_survives_a_crash_at_every_write() {
    let mut crashes = 0;
    for flow in flows() {
        let expected = uncut(flow);
        for (write, kind) in (0..flow.writes).flat_map(|write| CUTS.map(|cut| (write, cut))) {
            let what = format!("{} {write} {kind:?}", flow.name);
            let world = prepared(flow);
            let blobs: Vec<_> = blob(&world).into_iter().collect();
            cut(&world, flow, write, kind);
            let world = world.restart();
            assert!(blobs.iter().all(|blob| opens_or_is_held(&world, blob)), "{what}");
            take_up(world, flow, &expected, &what);
            crashes += 1;
        }
    }
    let writes: usize = flows().map(|flow| flow.writes).sum();
    assert_eq!(crashes, 3 * writes);
    println!("{crashes} crashes, 0 keys lost");
}

#[test]
fn what_matters_most_survives_two_crashes() {
    let mut crashes = 0;
    for flow in PAIRED.map(flow) {
        let expected = uncut(flow);
        for (first, first_cut) in (0..flow.writes).flat_map(|write| CUTS.map(|cut| (write, cut))) {
            for (second, second_cut) in (0..flow.writes).flat_map(|write| CUTS.map(|cut| (write, cut))) {
                let what = format!("{} {first} {first_cut:?}, then {second} {second_cut:?}", flow.name);
                let world = prepared(flow);
                cut(&world, flow, first, first_cut);
                let world = world.restart();
                // Where the first crash left less to write than the second one waits for, nothing is cut.
                world.setup.store.cut_at(second, second_cut);
                (flow.act)(&world);
                take_up(world.restart(), flow, &expected, &what);
                crashes += 1;
            }
        }
    }
    println!("{crashes} pairs of crashes, 0 keys lost");
}
