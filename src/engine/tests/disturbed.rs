//! Each flow of a key's life under watches that misbehave and reads that are old; and whole namespaces that vanish.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use super::flows::{DAY, assert_invariants, assert_settled, blob, end_state, flows, opens_or_is_held, until_done};
use super::support::{Setup, World, named};
use crate::domain::resource::Resource;
use crate::domain::tests_support::Dice;
use crate::engine::approvals::Approved;
use crate::ports::fake::{Fault, FaultyStore, StaleStore, WatchFault};
use crate::ports::store::Store as _;
use crate::types::ids::{KeyId, ObjectUid};
use crate::types::object::Kind;

const SEEDS: u64 = 20;

fn faulty(seed: u64) -> (World, Fault) {
    let mut setup = Setup::new();
    setup.impatient = true;
    let fault = Fault::none();
    setup.store_port = Some(Arc::new(FaultyStore { store: setup.store.clone(), fault: fault.clone(), seed }));
    (setup.start(), fault)
}

/// All flows under one fault, each with every seed.
fn disturb(kind: WatchFault) {
    for flow in flows() {
        let expected = {
            let (world, _) = faulty(0);
            (flow.prepare)(&world);
            assert!(until_done(&world, flow.act), "{}", flow.name);
            assert_settled(&world, flow.name);
            end_state(&world)
        };
        for seed in 0..SEEDS {
            let what = format!("{} under {kind:?}, seed {seed}", flow.name);
            let (world, fault) = faulty(seed);
            (flow.prepare)(&world);
            let before = blob(&world);
            fault.set(Some(kind));
            // What happens under a fault may fail; it must not harm.
            for _ in 0..=seed % 3 {
                (flow.act)(&world);
                assert_invariants(&world, &what);
            }
            fault.set(None);
            world.run(async {});
            assert!(before.iter().all(|blob| opens_or_is_held(&world, blob)), "{what}");
            assert!(until_done(&world, flow.act), "{what}");
            assert_settled(&world, &what);
            assert_invariants(&world, &what);
            assert_eq!(end_state(&world), expected, "{what}");
        }
    }
    println!("{} runs under {kind:?}, 0 keys lost", flows().count() as u64 * SEEDS);
}

#[test]
fn lost_events_harm_nothing() {
    disturb(WatchFault::Drop);
}

#[test]
fn events_that_come_twice_harm_nothing() {
    disturb(WatchFault::Duplicate);
}

#[test]
fn late_events_harm_nothing() {
    disturb(WatchFault::Delay);
}

#[test]
fn events_that_change_places_harm_nothing() {
    disturb(WatchFault::Reorder);
}

#[test]
fn lists_in_the_place_of_events_harm_nothing() {
    disturb(WatchFault::Gone);
}

#[test]
fn broken_connections_harm_nothing() {
    disturb(WatchFault::Disconnect);
}

#[test]
fn a_watch_that_freezes_harms_nothing() {
    disturb(WatchFault::Freeze);
}

/// Sieve's stale reads: a process that restarts onto an API server which is some writes behind.
#[test]
fn old_reads_harm_nothing() {
    let mut runs = 0;
    for (flow, lag) in flows().flat_map(|flow| (1..=6).map(move |lag| (flow, lag))) {
        let what = format!("{}, {lag} writes behind", flow.name);
        let mut setup = Setup::new();
        setup.impatient = true;
        let behind = Arc::new(Mutex::new(0));
        setup.store_port = Some(Arc::new(StaleStore { store: setup.store.clone(), behind: Arc::clone(&behind) }));
        let world = setup.start();
        (flow.prepare)(&world);
        let before = blob(&world);
        *behind.lock().unwrap() = lag;
        let world = world.restart();
        (flow.act)(&world);
        world.run(world.engine.tick_once());
        *behind.lock().unwrap() = 0;
        assert_invariants(&world, &what);
        assert!(before.iter().all(|blob| opens_or_is_held(&world, blob)), "{what}");
        assert!(until_done(&world, flow.act), "{what}");
        assert_settled(&world, &what);
        assert_invariants(&world, &what);
        runs += 1;
    }
    println!("{runs} runs with old reads, 0 keys lost");
}

/// A namespace vanishes key by key, in some order, and part of it comes back.
#[test]
fn a_namespace_that_vanishes_loses_nothing_before_somebody_says_so() {
    const KEYS: usize = 40;
    for order in 0..5 {
        let dice = Dice::new(order);
        let world = World::new();
        let names: Vec<String> = (0..KEYS).map(|number| format!("key-{number}")).collect();
        let keys: Vec<KeyId> = names.iter().map(|name| world.key(name)).collect();
        let mut shuffled: Vec<usize> = (0..KEYS).collect();
        dice.shuffle(&mut shuffled);
        for number in &shuffled {
            world.setup.resources.remove("default", &names[*number]);
            // Some removals are seen at once, and the others are found by a sweep.
            if dice.below(2) == 0 {
                world.reconcile(&names[*number]).unwrap();
            }
            world.pass(1000);
        }
        world.run(world.engine.sweep()).unwrap();
        world.pass(31 * DAY);
        world.run(world.engine.tick_once());
        assert_eq!(world.run(world.setup.store.list(Kind::Material)).unwrap().len(), KEYS, "order {order}");
        let restored: HashSet<usize> = shuffled.iter().take(KEYS / 2).copied().collect();
        for number in &restored {
            let mut uid = [200; 16];
            uid[0] = u8::try_from(*number).unwrap();
            world.setup.resources.put(Resource { uid: ObjectUid::new(uid), ..named(&names[*number]) });
            world.reconcile(&names[*number]).unwrap();
        }
        let approved = Approved { vanished_until: Some(world.engine.ports.clock.wall()), ..Approved::default() };
        world.run(world.engine.approve(approved)).unwrap();
        world.run(world.engine.tick_once());
        for (number, key_id) in keys.iter().enumerate() {
            let left = world.record(key_id).unwrap().due.deletion.is_none();
            assert_eq!(left, restored.contains(&number), "order {order}, key {number}");
        }
        assert_eq!(world.run(world.setup.store.list(Kind::Material)).unwrap().len(), KEYS / 2);
    }
}
