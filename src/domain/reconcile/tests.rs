//! Tables of plans, and the builders that other tests use too.

use super::kms_key::{Input, ReadRecord, plan};
use crate::api::crd::condition::{ConditionReason, ConditionStatus, ConditionType};
use crate::api::crd::kms_key::{Deletion, DeletionPolicy, KmsKeySpec, SpecOrigin};
use crate::domain::plan::{Action, FoundMaterial, Gates, Plan, Reason, Seen, SeenMaterial};
use crate::domain::record::{HoldCause, Lifecycle, OwnerClaim, RECORD_SCHEMA, Record};
use crate::domain::resource::{Manager, Resource};
use crate::types::ids::{KeyId, MaterialId, ObjectUid};
use crate::types::time::Timestamp;

const NOW: Timestamp = Timestamp::from_milliseconds(1_000_000);
const KEY_ID: KeyId = KeyId::new([7; 16], false);
const MATERIAL_ID: MaterialId = MaterialId::new([9; 32]);

/// A resource with an empty spec.
pub(crate) fn resource() -> Resource {
    Resource {
        namespace: "default".to_owned(),
        namespace_uid: ObjectUid::new([1; 16]),
        name: "orders".to_owned(),
        uid: ObjectUid::new([2; 16]),
        generation: 1,
        manager: Manager::Api,
        key_was_made: false,
        spec: KmsKeySpec::default(),
    }
}

/// A complete key with one material.
pub(crate) fn record_with_material() -> Record {
    let world = World::settled();
    world.read.map(|read| read.record).unwrap()
}

/// What a plan sees, with the executor's effects in miniature.
#[derive(Clone)]
struct World {
    resource: Option<Resource>,
    read: Option<ReadRecord>,
    claim: Option<OwnerClaim>,
    found: FoundMaterial,
}

impl World {
    fn new() -> Self {
        Self { resource: Some(resource()), read: None, claim: None, found: FoundMaterial::Missing }
    }

    fn settled() -> Self {
        let mut world = Self::new();
        world.settle();
        world
    }

    fn plan(&self) -> Plan {
        let materials = vec![SeenMaterial { version: 1, term: 1, found: self.found, public_key: None }];
        let claim = self.claim.clone();
        let seen = Seen { active_term: 1, claim, materials, strays: Vec::new(), shown_everywhere: true };
        plan(&Input {
            key_id: KEY_ID,
            new_key_id: Some(KeyId::new([6; 16], false)),
            resource: self.resource.as_ref(),
            read: self.read.as_ref(),
            seen: &seen,
            gates: Gates::default(),
            now: NOW,
            previous: &[],
        })
    }

    fn apply(&mut self, action: Action) {
        match action {
            Action::ClaimOwner(claim) | Action::ConfirmOwner(claim) => self.claim = Some(claim),
            Action::CreateRecord(record) => self.read = Some(ReadRecord { record: *record, epoch: 1, digest: [1; 32] }),
            Action::ReplaceRecord { epoch, record } => {
                self.read = Some(ReadRecord { record: *record, epoch: epoch + 1, digest: [2; 32] });
            }
            Action::CreateMaterial { .. } => self.found = FoundMaterial::Present(MATERIAL_ID),
            other => panic!("{}", other.name()),
        }
    }

    /// Plans and acts until nothing is left to do, and tells why each round acted.
    fn settle(&mut self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for _ in 0..20 {
            let plan = self.plan();
            reasons.push(plan.because);
            if plan.actions.is_empty() {
                return reasons;
            }
            plan.actions.into_iter().for_each(|action| self.apply(action));
        }
        panic!("never settles: {reasons:?}");
    }

    fn record(&mut self) -> &mut Record {
        &mut self.read.as_mut().unwrap().record
    }

    fn reason(&self) -> ConditionReason {
        let plan = self.plan();
        assert!(plan.actions.is_empty(), "{:?}", plan.because);
        plan.conditions[0].reason
    }
}

#[test]
fn a_new_resource_becomes_a_key_with_the_record_first() {
    let mut world = World::new();
    let reasons = [
        Reason::OwnerUnclaimed,
        Reason::RecordAbsent,
        Reason::MaterialAnnounced,
        Reason::MaterialMade,
        Reason::ClaimUnconfirmed,
        Reason::InSync,
    ];
    assert_eq!(world.settle(), reasons);
    assert_eq!(world.record().lifecycle, Lifecycle::Created);
    assert_eq!(world.record().materials.len(), 1);
    let ready = world.plan().conditions.into_iter().find(|condition| condition.kind == ConditionType::Ready).unwrap();
    assert_eq!(ready.status, ConditionStatus::True);
}

#[test]
fn the_spec_is_followed_and_an_older_view_is_not() {
    let mut world = World::settled();
    let newer = world.resource.as_mut().unwrap();
    newer.generation = 2;
    newer.spec.description = Some("two".to_owned());
    assert_eq!(world.settle(), [Reason::SpecChanged, Reason::InSync]);
    assert_eq!(world.record().spec.description, "two");
    world.resource = Some(resource());
    assert_eq!(world.plan().because, Reason::StaleView);
    assert_eq!(world.reason(), ConditionReason::StaleView);
}

#[test]
fn a_removed_resource_starts_the_window_and_comes_back_to_the_same_key() {
    let mut world = World::settled();
    let before = world.record().clone();
    world.resource = None;
    assert_eq!(world.settle(), [Reason::ResourceGone, Reason::InSync]);
    let window = i64::from(before.spec.deletion.window_days) * 86_400_000;
    assert_eq!(world.record().due.deletion, Some(Timestamp::from_milliseconds(NOW.milliseconds() + window)));
    world.resource = Some(Resource { uid: ObjectUid::new([3; 16]), ..resource() });
    assert_eq!(world.settle(), [Reason::ResourceReplaced, Reason::InSync]);
    assert_eq!((world.record().due.deletion, world.record().holds.len()), (None, 0));
    assert_eq!(world.record().materials, before.materials);
}

#[test]
fn a_resource_that_was_replaced_unseen_was_removed_first() {
    let another = || Resource { uid: ObjectUid::new([3; 16]), ..resource() };
    let mut same = World::settled();
    same.resource = Some(another());
    assert_eq!(same.settle(), [Reason::ResourceGone, Reason::ResourceReplaced, Reason::InSync]);
    assert_eq!((same.record().due.deletion, same.record().holds.len()), (None, 0));
    assert_eq!(same.record().restored_at, Some(NOW));
    let spec = KmsKeySpec { origin: Some(SpecOrigin::Imported), ..KmsKeySpec::default() };
    let invalid = KmsKeySpec { key_id: Some("none".to_owned()), ..KmsKeySpec::default() };
    let strangers = [
        (Resource { spec, ..another() }, ConditionReason::RestoreConflict),
        (Resource { spec: invalid, ..another() }, ConditionReason::InvalidSpec),
        (Resource { namespace_uid: ObjectUid::new([4; 16]), ..another() }, ConditionReason::RestorePendingApproval),
    ];
    for (stranger, reason) in strangers {
        let mut world = World::settled();
        world.resource = Some(stranger);
        assert_eq!(world.settle()[0], Reason::ResourceGone, "{reason:?}");
        assert!(world.record().due.deletion.is_some(), "{reason:?}");
        assert_eq!(world.reason(), reason);
    }
}

#[test]
fn a_retained_key_is_held_and_never_due() {
    let mut world = World::new();
    let deletion = Deletion { policy: Some(DeletionPolicy::Retain), ..Deletion::default() };
    world.resource.as_mut().unwrap().spec.deletion = Some(deletion);
    world.settle();
    world.resource = None;
    world.settle();
    assert!(world.record().hold(HoldCause::ResourceDeleted).is_some());
    assert_eq!(world.record().due.deletion, None);
}

#[test]
fn another_namespace_of_the_same_name_waits_for_approval() {
    let mut world = World::settled();
    world.resource = None;
    world.settle();
    let stranger = Resource { uid: ObjectUid::new([3; 16]), namespace_uid: ObjectUid::new([4; 16]), ..resource() };
    world.resource = Some(stranger);
    assert_eq!(world.reason(), ConditionReason::RestorePendingApproval);
}

#[test]
fn what_is_lost_is_reported_and_never_made_again() {
    let lost_material = {
        let mut world = World::settled();
        world.found = FoundMaterial::Missing;
        world
    };
    assert_eq!(lost_material.reason(), ConditionReason::MaterialUnreadable);
    let other_material = {
        let mut world = World::settled();
        world.found = FoundMaterial::Present(MaterialId::new([8; 32]));
        world
    };
    assert_eq!(other_material.reason(), ConditionReason::MaterialUnreadable);
    let mut lost_record = World::settled();
    lost_record.read = None;
    assert_eq!(lost_record.reason(), ConditionReason::RecordMissing);
    lost_record.found = FoundMaterial::Missing;
    assert_eq!(lost_record.reason(), ConditionReason::RecordMissing);
    lost_record.claim = None;
    lost_record.found = FoundMaterial::Unreadable;
    assert_eq!(lost_record.reason(), ConditionReason::RecordMissing);
    lost_record.found = FoundMaterial::Missing;
    lost_record.resource.as_mut().unwrap().key_was_made = true;
    assert_eq!(lost_record.reason(), ConditionReason::RecordMissing);
}

#[test]
fn what_cannot_be_followed_changes_nothing() {
    let mut invalid = World::settled();
    let window = Deletion { pending_window_days: Some(6), ..Deletion::default() };
    let spec = KmsKeySpec { deletion: Some(window), ..KmsKeySpec::default() };
    invalid.resource = Some(Resource { generation: 2, spec, ..resource() });
    assert_eq!(invalid.reason(), ConditionReason::InvalidSpec);
    let mut fixed = World::settled();
    let spec = KmsKeySpec { key_id: Some(KeyId::new([8; 16], false).to_string()), ..KmsKeySpec::default() };
    fixed.resource = Some(Resource { generation: 2, spec: spec.clone(), ..resource() });
    assert_eq!(fixed.reason(), ConditionReason::ImmutableFieldChanged);
    fixed.resource = Some(Resource { uid: ObjectUid::new([3; 16]), spec, ..resource() });
    fixed.settle();
    assert_eq!(fixed.reason(), ConditionReason::RestoreConflict);
    let mut foreign = World::settled();
    foreign.record().owner.name = "other".to_owned();
    assert_eq!(foreign.reason(), ConditionReason::KeyIdTaken);
    let mut newer = World::settled();
    newer.record().schema = RECORD_SCHEMA + 1;
    assert_eq!(newer.reason(), ConditionReason::SchemaTooNew);
}

#[test]
fn no_plan_destroys_or_mints_twice() {
    let mut world = World::settled();
    world.record().announced_version = Some(1);
    world.record().lifecycle = Lifecycle::Creating;
    world.record().materials.clear();
    assert_eq!(world.settle(), [Reason::MaterialMade, Reason::InSync]);
}
