use super::*;
use crate::api::crd::condition::{ConditionStatus, ConditionType};
use crate::api::crd::key_alias::KeyAliasSpec;
use crate::api::crd::reference::KeyReference;
use crate::domain::resource::Manager;
use crate::types::ids::ObjectUid;
use crate::types::key::{KeySpec, KeyUsage, Origin};

const SYMMETRIC: ImmutableSpec =
    ImmutableSpec { key_spec: KeySpec::SymmetricDefault, key_usage: KeyUsage::EncryptDecrypt, origin: Origin::AwsKms };
const SIGNING: ImmutableSpec =
    ImmutableSpec { key_spec: KeySpec::Rsa2048, key_usage: KeyUsage::SignVerify, origin: Origin::AwsKms };

fn resource(alias: &str) -> AliasResource {
    AliasResource {
        namespace: "shop".to_owned(),
        namespace_uid: ObjectUid::new([1; 16]),
        name: "main".to_owned(),
        created_at: Timestamp::default(),
        generation: 3,
        manager: Manager::Api,
        spec: KeyAliasSpec { alias_name: alias.to_owned(), key_ref: KeyReference { name: "orders".to_owned() } },
    }
}

fn key(number: u8) -> TargetKey {
    TargetKey {
        key_id: KeyId::new([number; 16], false),
        owner: Owner {
            namespace: "shop".to_owned(),
            name: "orders".to_owned(),
            namespace_uid: ObjectUid::new([1; 16]),
            resource_uid: ObjectUid::new([2; 16]),
            generation: 1,
        },
        immutable: SYMMETRIC,
        manager: KeyManager::Customer,
        state: KeyState::Enabled,
        deletion: None,
        aliases: 0,
    }
}

/// A claim on `alias/a` for a key, kept by a `KeyAlias` or by none.
fn claim(number: u8, owner: Option<&str>) -> ReadClaim {
    let target = key(number);
    let made = AliasClaim::new("alias/a", &target.key_id, &target.owner, Timestamp::from_milliseconds(1));
    ReadClaim { claim: AliasClaim { owner: owner.map(str::to_owned), ..made }, epoch: 4 }
}

fn planned(alias: &str, read: Option<&ReadClaim>, target: &Target, bound: Option<ImmutableSpec>) -> Plan {
    let resource = resource(alias);
    let now = Timestamp::from_milliseconds(9);
    plan(&Input { resource: &resource, read, target, bound, elder: None, now, previous: &[] })
}

/// Why, whether it is ready or stalled, and the first words of what is told.
fn told(plan: &Plan) -> (ConditionReason, bool, bool) {
    let of = |kind| plan.conditions.iter().find(|condition| condition.kind == kind).unwrap();
    let holds = |kind| of(kind).status == ConditionStatus::True;
    (of(ConditionType::Ready).reason, holds(ConditionType::Ready), holds(ConditionType::Stalled))
}

#[test]
fn an_alias_is_bound_once_and_then_left_alone() {
    let target = Target::Key(key(1));
    let first = planned("alias/a", None, &target, None);
    let Some(AliasAction::Create(made)) = &first.action else { panic!("{first:?}") };
    assert_eq!((made.owner.as_deref(), made.key_id()), (Some("main"), key(1).key_id));
    let again = planned("alias/a", Some(&claim(1, Some("main"))), &target, Some(SYMMETRIC));
    assert_eq!((again.action.clone(), again.because), (None, AliasReason::InSync));
    assert_eq!(told(&again), (ConditionReason::AsExpected, true, false));
}

#[test]
fn what_cannot_be_followed_is_refused() {
    use ConditionReason::{AliasConflict, InvalidSpec, PendingDeletion, TargetIncompatible, TargetMissing};
    let target = Target::Key(key(1));
    let ending = |state| Target::Key(TargetKey { state, deletion: Some(Timestamp::default()), ..key(1) });
    let platform = Target::Key(TargetKey { manager: KeyManager::Aws, ..key(1) });
    let crowded = Target::Key(TargetKey { aliases: ALIASES_PER_KEY_MAX, ..key(1) });
    let signing = Target::Key(TargetKey { immutable: SIGNING, ..key(2) });
    let own = claim(1, Some("main"));
    let mut elsewhere = claim(1, Some("main"));
    elsewhere.claim.namespace = "mall".to_owned();
    let cases = [
        ("alias/aws/x", None, &target, InvalidSpec, true),
        ("alias/a:b", None, &target, InvalidSpec, true),
        ("alias/a", Some(claim(1, Some("other"))), &target, AliasConflict, true),
        ("alias/a", Some(elsewhere), &target, AliasConflict, true),
        ("alias/a", Some(claim(2, None)), &target, AliasConflict, true),
        ("alias/a", None, &Target::Missing, TargetMissing, false),
        ("alias/a", Some(own.clone()), &Target::Missing, TargetMissing, false),
        ("alias/a", Some(own.clone()), &Target::Destroyed, TargetMissing, true),
        ("alias/a", None, &ending(KeyState::PendingDeletion), PendingDeletion, true),
        ("alias/a", Some(own.clone()), &ending(KeyState::PendingReplicaDeletion), PendingDeletion, true),
        ("alias/a", None, &platform, TargetIncompatible, true),
        ("alias/a", None, &crowded, TargetIncompatible, true),
        ("alias/a", Some(own), &signing, TargetIncompatible, true),
    ];
    for (alias, read, target, reason, stalls) in cases {
        let plan = planned(alias, read.as_ref(), target, Some(SYMMETRIC));
        assert_eq!((plan.action.clone(), told(&plan)), (None, (reason, false, stalls)), "{alias} {read:?} {target:?}");
    }
}

#[test]
fn an_alias_moves_is_adopted_and_replaces_one_of_an_earlier_namespace() {
    let owner = |plan: &Plan| match &plan.action {
        Some(AliasAction::Replace { epoch: 4, claim }) => (claim.key_id(), claim.owner.clone(), claim.created_at),
        other => panic!("{other:?}"),
    };
    let (main, early) = (Some("main".to_owned()), Timestamp::from_milliseconds(1));
    for bound in [Some(SYMMETRIC), None] {
        let moved = planned("alias/a", Some(&claim(1, Some("main"))), &Target::Key(key(2)), bound);
        assert_eq!((moved.because, owner(&moved)), (AliasReason::Moved, (key(2).key_id, main.clone(), early)));
    }
    let adopted = planned("alias/a", Some(&claim(1, None)), &Target::Key(key(1)), Some(SYMMETRIC));
    assert_eq!((adopted.because, owner(&adopted)), (AliasReason::Adopted, (key(1).key_id, main.clone(), early)));
    let mut void = claim(1, Some("other"));
    void.claim.namespace_uid = ObjectUid::new([7; 16]);
    let bound = planned("alias/a", Some(&void), &Target::Key(key(2)), Some(SIGNING));
    let now = Timestamp::from_milliseconds(9);
    assert_eq!((bound.because, owner(&bound)), (AliasReason::Unbound, (key(2).key_id, main, now)));
}

#[test]
fn a_removed_resource_gives_up_its_own_alias_alone() {
    assert!(matches!(release("shop", "main", &claim(1, Some("main"))), Some(AliasAction::Release { epoch: 4, .. })));
    for (namespace, name, owner) in [("mall", "main", Some("main")), ("shop", "x", Some("main")), ("shop", "x", None)] {
        assert_eq!(release(namespace, name, &claim(1, owner)), None);
    }
}
