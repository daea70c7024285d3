//! `KeyAlias` resources, and every change of an alias cut at its write, and in namespaces that were made again.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::aliases::{destroy, listed, make, names};
use super::support::{OWNER, STRANGER, Setup, World, named};
use crate::api::aws::operation::Operation;
use crate::api::crd::condition::{ConditionReason, ConditionType};
use crate::api::crd::key_alias::KeyAliasSpec;
use crate::api::crd::reference::KeyReference;
use crate::domain::alias::AliasClaim;
use crate::domain::resource::{AliasResource, Manager, Resource};
use crate::engine::accounts::Accounts;
use crate::ports::fake::{Cut, Fault, FaultyStore, StaleStore, WatchFault};
use crate::ports::store::Store as _;
use crate::types::ids::{KeyId, ObjectUid};
use crate::types::time::Timestamp;

fn claim(world: &World, alias: &str) -> Option<AliasClaim> {
    world.run(world.engine.read_alias("default", alias)).unwrap().map(|read| read.content)
}

/// A `KeyAlias` of the namespace `default`.
fn resource(name: &str, alias: &str, key: &str) -> AliasResource {
    AliasResource {
        namespace: "default".to_owned(),
        namespace_uid: named("x").namespace_uid,
        name: name.to_owned(),
        created_at: Timestamp::default(),
        generation: 1,
        manager: Manager::Manifest("aliases.yaml".to_owned()),
        spec: KeyAliasSpec { alias_name: alias.to_owned(), key_ref: KeyReference { name: key.to_owned() } },
    }
}

/// Follows a resource and tells the reason of its readiness.
fn follow(world: &World, resource: AliasResource) -> ConditionReason {
    world.setup.aliases.put(resource.clone());
    world.run(world.engine.follow_alias(&resource)).unwrap();
    told(world, &resource.name).0
}

fn told(world: &World, name: &str) -> (ConditionReason, String, Option<String>) {
    let report = world.setup.aliases.last_report("default", name).unwrap();
    let ready = report.conditions.iter().find(|condition| condition.kind == ConditionType::Ready).unwrap();
    (ready.reason, ready.message.clone(), report.target_key_id)
}

#[test]
fn a_key_alias_binds_moves_and_gives_up_and_the_api_leaves_it_alone() {
    let world = World::new();
    let (one, two) = (world.key("one"), world.key("two"));
    assert_eq!(follow(&world, resource("main", "alias/a", "one")), ConditionReason::AsExpected);
    assert_eq!(told(&world, "main").2, Some(one.to_string()));
    let before = world.setup.store.revision();
    assert_eq!(follow(&world, resource("main", "alias/a", "one")), ConditionReason::AsExpected);
    assert_eq!(world.setup.store.revision(), before, "what is in step is left alone");
    for operation in [Operation::UpdateAlias, Operation::DeleteAlias] {
        let (_, told) = world.call(operation, json!({"AliasName": "alias/a", "TargetKeyId": two.to_string()}));
        assert_eq!(told["__type"], "KMSInvalidStateException");
        let message = told["message"].as_str().unwrap();
        assert!(message.contains("KeyAlias default/main") && message.contains("aliases.yaml"), "{message}");
    }
    let moved = AliasResource { generation: 2, ..resource("main", "alias/a", "two") };
    assert_eq!(follow(&world, moved), ConditionReason::AsExpected);
    assert_eq!(listed(&world, json!({})), [("alias/a".to_owned(), two.to_string())]);
    let events: Vec<&str> = world.setup.audit.records().iter().map(|record| record.event_name).collect();
    assert!(events.contains(&"CreateAlias") && events.contains(&"UpdateAlias"));
    // The same name with another alias is another resource: it gives up the alias of the one before.
    assert_eq!(follow(&world, resource("main", "alias/b", "two")), ConditionReason::AsExpected);
    assert_eq!(names(&world, json!({})), ["alias/b"]);
    world.setup.aliases.remove("default", "main");
    world.run(world.engine.follow_alias_removal("default", "main")).unwrap();
    assert!(names(&world, json!({})).is_empty());
}

#[test]
fn two_that_want_one_alias_are_told_who_has_it() {
    let world = World::new();
    let (one, two) = (world.key("one"), world.key("two"));
    make(&world, "alias/api", &one);
    assert_eq!(follow(&world, resource("late", "alias/api", "two")), ConditionReason::AliasConflict);
    assert!(told(&world, "late").1.contains(&one.to_string()));
    assert_eq!(follow(&world, resource("late", "alias/api", "one")), ConditionReason::AsExpected, "it is adopted");
    assert_eq!(claim(&world, "alias/api").unwrap().owner.as_deref(), Some("late"));
    assert_eq!(follow(&world, resource("other", "alias/api", "one")), ConditionReason::AliasConflict);
    assert!(told(&world, "other").1.contains("KeyAlias default/late"));
    assert_eq!(told(&world, "other").2, None);
    // The one that lost gives up nothing of the other's.
    world.setup.aliases.remove("default", "other");
    world.run(world.engine.follow_alias_removal("default", "other")).unwrap();
    assert_eq!(names(&world, json!({})), ["alias/api"]);
    let body = json!({"AliasName": "alias/api", "TargetKeyId": two.to_string()});
    assert_eq!(world.refused(Operation::CreateAlias, body), "AlreadyExistsException");
}

#[test]
fn an_alias_waits_for_its_key_and_tells_when_that_ends() {
    let world = World::new();
    assert_eq!(follow(&world, resource("main", "alias/a", "orders")), ConditionReason::TargetMissing);
    let key_id = world.key("orders");
    assert_eq!(follow(&world, resource("main", "alias/a", "orders")), ConditionReason::AsExpected);
    world.ok(Operation::ScheduleKeyDeletion, json!({"KeyId": key_id.to_string(), "PendingWindowInDays": 7}));
    assert_eq!(follow(&world, resource("main", "alias/a", "orders")), ConditionReason::PendingDeletion);
    assert_eq!(told(&world, "main").2, Some(key_id.to_string()), "it stays bound");
    world.ok(Operation::CancelKeyDeletion, json!({"KeyId": key_id.to_string()}));
    assert_eq!(follow(&world, resource("main", "alias/a", "orders")), ConditionReason::AsExpected);
    destroy(&world, &key_id);
    assert_eq!(follow(&world, resource("main", "alias/a", "orders")), ConditionReason::TargetMissing);
    assert_eq!(names(&world, json!({})), ["alias/a"], "it dangles");
    let platform = world.ok(Operation::DescribeKey, json!({"KeyId": "alias/aws/envelope"}));
    assert_eq!(platform["KeyMetadata"]["KeyManager"], "AWS");
    assert_eq!(follow(&world, resource("mine", "alias/mine", "aws.envelope")), ConditionReason::TargetIncompatible);
}

#[test]
fn an_alias_is_given_up_whose_resource_goes_before_its_claim_is_seen() {
    let mut setup = Setup::new();
    let fault = Fault::none();
    setup.impatient = true;
    setup.store_port = Some(Arc::new(FaultyStore { store: setup.store.clone(), fault: fault.clone(), seed: 0 }));
    let world = setup.start();
    world.key("orders");
    fault.set(Some(WatchFault::Freeze));
    assert_eq!(follow(&world, resource("main", "alias/a", "orders")), ConditionReason::AsExpected);
    // Made again with another alias: it keeps that and no other.
    assert_eq!(follow(&world, resource("main", "alias/b", "orders")), ConditionReason::AsExpected);
    assert!(claim(&world, "alias/a").is_none() && claim(&world, "alias/b").is_some());
    world.setup.aliases.remove("default", "main");
    world.run(world.engine.follow_alias_removal("default", "main")).unwrap();
    assert!(claim(&world, "alias/b").is_none());
}

#[test]
fn a_removal_that_another_writer_forestalls_is_not_taken_for_done() {
    let mut setup = Setup::new();
    let behind = Arc::new(Mutex::new(0));
    setup.store_port = Some(Arc::new(StaleStore { store: setup.store.clone(), behind: Arc::clone(&behind) }));
    let world = setup.start();
    two_keys(&world);
    assert!(follows(&world, "one") && follows(&world, "two"));
    world.setup.aliases.remove("default", "main");
    *behind.lock().unwrap() = 1;
    assert!(world.run(world.engine.follow_alias_removal("default", "main")).is_err());
    *behind.lock().unwrap() = 0;
    assert!(claim(&world, "alias/a").is_some());
    world.run(world.engine.follow_alias_removal("default", "main")).unwrap();
    assert!(claim(&world, "alias/a").is_none());
}

#[test]
fn a_sweep_finds_removals_and_only_a_complete_list_shows_one() {
    let world = World::new();
    world.key("orders");
    for name in ["kept", "gone"] {
        follow(&world, resource(name, &format!("alias/{name}"), "orders"));
    }
    world.setup.aliases.remove("default", "gone");
    world.setup.aliases.set_broken(true);
    assert!(world.run(world.engine.sweep_aliases()).is_err());
    assert!(world.run(world.engine.follow_alias_removal("default", "gone")).is_err());
    assert_eq!(names(&world, json!({})).len(), 2);
    world.setup.aliases.set_broken(false);
    let world = world.restart();
    world.run(world.engine.sweep_aliases()).unwrap();
    assert_eq!(names(&world, json!({})), ["alias/kept"]);
    let before = world.setup.store.revision();
    world.run(world.engine.sweep_aliases()).unwrap();
    assert_eq!(world.setup.store.revision(), before);
}

#[test]
fn changes_of_keys_and_claims_are_told_to_who_follows_aliases() {
    use futures::FutureExt as _;
    let world = World::new();
    let key_id = world.key("orders");
    world.engine.alias_changes.follow(true);
    make(&world, "alias/a", &key_id);
    world.ok(Operation::DisableKey, json!({"KeyId": key_id.to_string()}));
    let told = world.engine.alias_changes.next().now_or_never().unwrap();
    let names: Vec<&str> = told.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["alias/a", "orders"]);
}

#[test]
fn a_namespace_that_was_made_again_has_none_of_the_old_aliases_and_may_use_their_names() {
    let world = World::new();
    let old = world.key("orders");
    make(&world, "alias/api", &old);
    follow(&world, resource("main", "alias/kept", "orders"));
    let uid = ObjectUid::new([8; 16]);
    world.setup.resources.make_namespace_again("default", uid);
    world.setup.aliases.remove("default", "main");
    let new = Resource { namespace_uid: uid, uid: ObjectUid::new([88; 16]), ..named("fresh") };
    world.setup.resources.put(new);
    let fresh = world.reconcile("fresh").unwrap().unwrap().key_id;
    for alias in ["alias/api", "alias/kept"] {
        assert_eq!(world.refused(Operation::DescribeKey, json!({"KeyId": alias})), "NotFoundException");
        assert_eq!(world.refused(Operation::DeleteAlias, json!({"AliasName": alias})), "NotFoundException");
    }
    assert!(names(&world, json!({})).is_empty());
    make(&world, "alias/api", &fresh);
    let again = AliasResource { namespace_uid: uid, ..resource("other", "alias/kept", "fresh") };
    assert_eq!(follow(&world, again), ConditionReason::AsExpected);
    let all = [("alias/api".to_owned(), fresh.to_string()), ("alias/kept".to_owned(), fresh.to_string())];
    assert_eq!(listed(&world, json!({})), all);
    // The old key under its old name waits for its restore to be approved, and no alias leads to it.
    let old_name = AliasResource { namespace_uid: uid, ..resource("third", "alias/third", "orders") };
    assert_eq!(follow(&world, old_name), ConditionReason::TargetMissing);
}

#[test]
fn in_a_cluster_each_namespace_has_aliases_of_its_own() {
    let scope = |namespace| Accounts::Namespaces.alias_scope(namespace);
    assert_eq!((scope("shop"), scope("mall")), ("shop".to_owned(), "mall".to_owned()));
    let shared = Accounts::Shared(OWNER);
    assert_eq!(shared.alias_scope("shop"), OWNER.to_string());
    assert_eq!(shared.alias_scope("account-444455556666"), STRANGER.to_string());
}

/// What is done to an alias, and done again where it failed; tells whether it succeeded.
type Flow = (&'static str, fn(&World), fn(&World) -> bool);

fn alias_of(world: &World, name: &str) -> String {
    claim(world, name).map(|claim| format!("{} {:?}", claim.key_id(), claim.owner)).unwrap_or_default()
}

fn two_keys(world: &World) {
    world.key("one");
    world.key("two");
}

fn follows(world: &World, key: &str) -> bool {
    let resource = resource("main", "alias/a", key);
    world.setup.aliases.put(resource.clone());
    world.run(world.engine.follow_alias(&resource)).is_ok()
}

fn key_of(world: &World, name: &str) -> KeyId {
    world.reconcile(name).unwrap().unwrap().key_id
}

fn calls(world: &World, operation: Operation, key: &str) -> bool {
    let body = json!({"AliasName": "alias/a", "TargetKeyId": key_of(world, key).to_string()});
    let (status, answer) = world.call(operation, body);
    // A call that did its work before the crash is answered by what it left.
    status == 200 || ["AlreadyExistsException", "NotFoundException"].contains(&answer["__type"].as_str().unwrap())
}

const FLOWS: &[Flow] = &[
    ("create by call", two_keys, |world| calls(world, Operation::CreateAlias, "one")),
    (
        "move by call",
        |world| {
            two_keys(world);
            assert!(calls(world, Operation::CreateAlias, "one"));
        },
        |world| calls(world, Operation::UpdateAlias, "two"),
    ),
    (
        "delete by call",
        |world| {
            two_keys(world);
            assert!(calls(world, Operation::CreateAlias, "one"));
        },
        |world| calls(world, Operation::DeleteAlias, "one"),
    ),
    ("bind", two_keys, |world| follows(world, "one")),
    (
        "move",
        |world| {
            two_keys(world);
            assert!(follows(world, "one"));
        },
        |world| follows(world, "two"),
    ),
    (
        "give up",
        |world| {
            two_keys(world);
            assert!(follows(world, "one"));
        },
        |world| {
            world.setup.aliases.remove("default", "main");
            world.run(world.engine.follow_alias_removal("default", "main")).is_ok()
        },
    ),
];

#[test]
fn every_change_of_an_alias_survives_a_crash_on_either_side_of_its_write() {
    for (name, prepare, act) in FLOWS {
        let world = World::new();
        prepare(&world);
        let before = world.setup.store.revision().0;
        assert!(act(&world), "{name}");
        assert_eq!(world.setup.store.revision().0 - before, 1, "{name}: one write");
        let expected = alias_of(&world, "alias/a");
        for cut in [Cut::BeforeWrite, Cut::AfterWrite] {
            let world = World::new();
            prepare(&world);
            world.setup.store.cut_at(0, cut);
            assert!(!act(&world), "{name} {cut:?}: nothing was cut");
            let world = world.restart();
            assert!(act(&world), "{name} {cut:?}");
            assert_eq!(alias_of(&world, "alias/a"), expected, "{name} {cut:?}");
        }
    }
}

#[test]
fn of_two_that_want_a_free_alias_the_eldest_gets_it_whichever_is_looked_at_first() {
    let world = World::new();
    world.key("orders");
    let at = Timestamp::from_milliseconds;
    let elder = AliasResource { created_at: at(1), ..resource("z-elder", "alias/a", "orders") };
    let younger = AliasResource { created_at: at(2), ..resource("a-younger", "alias/a", "orders") };
    world.setup.aliases.put(elder.clone());
    assert_eq!(follow(&world, younger.clone()), ConditionReason::AliasConflict);
    assert!(told(&world, "a-younger").1.contains("default/z-elder, which is older"));
    assert_eq!(follow(&world, elder), ConditionReason::AsExpected);
    assert_eq!(follow(&world, younger.clone()), ConditionReason::AliasConflict);
    // Whoever keeps it goes on keeping it, whatever appears later and however old that claims to be.
    world.setup.aliases.remove("default", "z-elder");
    world.run(world.engine.follow_alias_removal("default", "z-elder")).unwrap();
    assert_eq!(follow(&world, younger.clone()), ConditionReason::AsExpected);
    let old = AliasResource { created_at: at(0), ..resource("old", "alias/a", "orders") };
    assert_eq!(follow(&world, old), ConditionReason::AliasConflict);
    assert_eq!(follow(&world, younger), ConditionReason::AsExpected);
}

#[test]
fn a_removal_whose_release_failed_is_known_until_it_is_done_and_holds_up_no_other() {
    let world = World::new();
    world.key("orders");
    for name in ["one", "two"] {
        follow(&world, resource(name, &format!("alias/{name}"), "orders"));
        world.setup.aliases.remove("default", name);
    }
    let keepers = || world.engine.alias_keepers().into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    world.setup.aliases.set_broken(true);
    assert!(world.run(world.engine.follow_alias_removal("default", "one")).is_err());
    world.setup.aliases.set_broken(false);
    assert_eq!(keepers(), ["one", "two"]);
    world.setup.aliases.set_unreadable(Some("one"));
    assert!(world.run(world.engine.sweep_aliases()).is_err());
    assert_eq!(keepers(), ["one"]);
    world.setup.aliases.set_unreadable(None);
    world.run(world.engine.sweep_aliases()).unwrap();
    assert!(keepers().is_empty());
}

#[test]
fn an_alias_that_is_being_deleted_says_so() {
    let world = World::new();
    let key_id = world.key("orders");
    let leaving = resource("main", "alias/a", "orders");
    follow(&world, leaving.clone());
    assert_eq!(told(&world, "main").2, Some(key_id.to_string()));
    world.setup.aliases.remove("default", "main");
    world.run(world.engine.follow_alias_removal("default", "main")).unwrap();
    world.run(world.engine.report_leaving_alias(&leaving));
    assert_eq!((told(&world, "main").0, told(&world, "main").2), (ConditionReason::PendingDeletion, None));
}
