//! The plan for one `KmsKey`.
//!
//! Rules are asked in order; the first that has something to say decides the round. After its actions the
//! world is observed again and planned afresh, until no rule has anything to say. What a rule finds broken
//! it reports; nothing that looks lost is ever made again.

use super::kms_key_conditions::conditions;
use crate::api::crd::condition::{Condition, ConditionReason};
use crate::api::crd::kms_key::DeletionPolicy;
use crate::domain::plan::{Action, FoundMaterial, Plan, Reason, Seen};
use crate::domain::record::{DueTimes, Hold, HoldCause, Lifecycle, Material, Owner, OwnerClaim, Record, SCHEMA};
use crate::domain::resource::Resource;
use crate::domain::validate::{SpecError, WantedKey, check_names, wanted_key};
use crate::types::ids::KeyId;
use crate::types::object::ObjectName;
use crate::types::time::{Span, Timestamp};

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRecord {
    /// The record.
    pub record: Record,
    /// Its epoch.
    pub epoch: u64,
    /// SHA-256 of its stored bytes.
    pub digest: [u8; 32],
}

/// Everything that a plan depends on.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The key: from the claim, the spec or the resource's uid.
    pub key_id: KeyId,
    /// The resource, unless it is gone.
    pub resource: Option<&'a Resource>,
    /// The record, where there is one.
    pub read: Option<&'a ReadRecord>,
    /// What else the store holds.
    pub seen: &'a Seen,
    /// The time.
    pub now: Timestamp,
    /// The conditions before.
    pub previous: &'a [Condition],
}

/// What one rule decides.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) because: Reason,
    pub(super) actions: Vec<Action>,
    pub(super) stalled: Option<(ConditionReason, String)>,
}

type Rule = fn(&Case<'_>) -> Option<Step>;

/// First match wins. What refuses stands before what acts.
const RULES: &[Rule] = &[
    refuse_newer_schema,
    ignore_stale_view,
    schedule_deletion,
    refuse_spec,
    refuse_foreign_key,
    refuse_lost_record,
    claim_owner,
    create_record,
    refuse_changed_immutables,
    wait_for_restore_approval,
    refuse_damaged_material,
    create_material,
    list_material,
    confirm_owner,
    adopt_resource,
    follow_spec,
];

/// Input together with what was computed from it once.
pub(super) struct Case<'a> {
    pub(super) input: &'a Input<'a>,
    wanted: Option<Result<WantedKey, SpecError>>,
}

/// Plans one round. Total: whatever the inputs are, there is a plan.
#[must_use]
pub fn plan(input: &Input<'_>) -> Plan {
    let wanted = input
        .resource
        .map(|resource| check_names(&resource.namespace, &resource.name).and_then(|()| wanted_key(&resource.spec)));
    let case = Case { input, wanted };
    let in_sync = Step { because: Reason::InSync, actions: Vec::new(), stalled: None };
    let step = RULES.iter().find_map(|rule| rule(&case)).unwrap_or(in_sync);
    let wake_at = input.read.and_then(|read| read.record.due.deletion);
    Plan { conditions: conditions(input, &step), actions: step.actions, wake_at, because: step.because }
}

impl Case<'_> {
    fn record(&self) -> Option<&Record> {
        self.input.read.map(|read| &read.record)
    }

    fn wanted(&self) -> Option<&WantedKey> {
        self.wanted.as_ref().and_then(|wanted| wanted.as_ref().ok())
    }

    fn found(&self, version: u32) -> FoundMaterial {
        let seen = self.input.seen.materials.iter().find(|material| material.version == version);
        seen.map_or(FoundMaterial::Missing, |material| material.found)
    }

    fn is_same_resource(&self) -> bool {
        let pair = self.input.resource.zip(self.record());
        pair.is_some_and(|(resource, record)| resource.uid == record.owner.resource_uid)
    }

    /// The record that follows the read one, with one change.
    fn replace(&self, because: Reason, change: impl FnOnce(&mut Record)) -> Option<Step> {
        let read = self.input.read?;
        let mut record = Record { previous_hash: read.digest, ..read.record.clone() };
        change(&mut record);
        Some(Step::act(because, Action::ReplaceRecord { epoch: read.epoch, record: Box::new(record) }))
    }
}

impl Step {
    fn act(because: Reason, action: Action) -> Self {
        Self { because, actions: vec![action], stalled: None }
    }

    fn stall(because: Reason, reason: ConditionReason, message: String) -> Option<Self> {
        Some(Self { because, actions: Vec::new(), stalled: Some((reason, message)) })
    }
}

fn refuse_newer_schema(case: &Case<'_>) -> Option<Step> {
    let record = case.record().filter(|record| record.schema > SCHEMA)?;
    let message = format!("the record has schema {}, and this version writes schema {SCHEMA}", record.schema);
    Step::stall(Reason::SchemaTooNew, ConditionReason::SchemaTooNew, message)
}

fn ignore_stale_view(case: &Case<'_>) -> Option<Step> {
    let (resource, record) = case.input.resource.zip(case.record())?;
    let stale = case.is_same_resource() && resource.generation < record.owner.generation;
    stale.then_some(Step { because: Reason::StaleView, actions: Vec::new(), stalled: None })
}

/// The removal of the resource is a wish to delete: the window counts from now, the material stays.
fn schedule_deletion(case: &Case<'_>) -> Option<Step> {
    if case.input.resource.is_some() {
        return None;
    }
    let record = case.record()?;
    let owner = (record.owner.namespace.as_str(), record.owner.name.as_str());
    let claimed = case.input.seen.claim.as_ref();
    // A claim may name a key by a fixed id that another resource was faster to make.
    let is_foreign = claimed.is_some_and(|claim| (claim.namespace.as_str(), claim.name.as_str()) != owner);
    if is_foreign || record.hold(HoldCause::ResourceDeleted).is_some() {
        return Some(Step { because: Reason::InSync, actions: Vec::new(), stalled: None });
    }
    let now = case.input.now;
    let deletion = record.spec.deletion;
    case.replace(Reason::ResourceGone, |record| {
        record.set_hold(Hold { cause: HoldCause::ResourceDeleted, since: now, actor: "coffer".to_owned() });
        if deletion.policy == DeletionPolicy::Schedule {
            record.due.deletion = Some(now.plus(Span::from_days(i64::from(deletion.window_days))));
        }
    })
}

fn refuse_spec(case: &Case<'_>) -> Option<Step> {
    let Some(Err(error)) = &case.wanted else { return None };
    let reason = match error {
        SpecError::NotImplemented { .. } => ConditionReason::NotImplemented,
        _ => ConditionReason::InvalidSpec,
    };
    Step::stall(Reason::SpecRefused, reason, error.to_string())
}

/// A fixed id may name a key that another resource made.
fn refuse_foreign_key(case: &Case<'_>) -> Option<Step> {
    let (resource, record) = case.input.resource.zip(case.record())?;
    let own = record.owner.namespace == resource.namespace && record.owner.name == resource.name;
    if own {
        return None;
    }
    let owner = format!("{}/{}", record.owner.namespace, record.owner.name);
    let message = format!("spec.keyId: the key {} belongs to the KmsKey {owner}", case.input.key_id);
    Step::stall(Reason::KeyIdTaken, ConditionReason::KeyIdTaken, message)
}

fn claim_owner(case: &Case<'_>) -> Option<Step> {
    if case.input.seen.claim.is_some() {
        return None;
    }
    Some(Step::act(Reason::OwnerUnclaimed, Action::ClaimOwner(case.claim(false)?)))
}

impl Case<'_> {
    fn claim(&self, confirmed: bool) -> Option<OwnerClaim> {
        let resource = self.input.resource?;
        Some(OwnerClaim {
            schema: SCHEMA,
            key_bytes: *self.input.key_id.as_bytes(),
            multi_region: self.input.key_id.is_multi_region(),
            namespace: resource.namespace.clone(),
            name: resource.name.clone(),
            confirmed,
        })
    }
}

/// Without a record, a confirmed claim, a material, or a resource that remembers its key is evidence of an
/// earlier life.
fn refuse_lost_record(case: &Case<'_>) -> Option<Step> {
    let confirmed = case.input.seen.claim.as_ref().is_some_and(|claim| claim.confirmed);
    let material = case.input.seen.materials.iter().any(|material| material.found != FoundMaterial::Missing);
    let remembered = case.input.resource.is_some_and(|resource| resource.key_was_made);
    if case.record().is_some() || !(confirmed || material || remembered) {
        return None;
    }
    let message = format!(
        "the record {} is missing although the key was made; restore it from a backup, no new key is made in its place",
        ObjectName::key(&case.input.key_id)
    );
    Step::stall(Reason::RecordLost, ConditionReason::RecordMissing, message)
}

fn create_record(case: &Case<'_>) -> Option<Step> {
    if case.record().is_some() {
        return None;
    }
    let (resource, wanted) = case.input.resource.zip(case.wanted())?;
    let record = Record {
        schema: SCHEMA,
        key_bytes: *case.input.key_id.as_bytes(),
        multi_region: case.input.key_id.is_multi_region(),
        owner: owner(resource),
        immutable: wanted.immutable,
        spec: wanted.mutable.clone(),
        lifecycle: Lifecycle::Creating,
        holds: Vec::new(),
        due: DueTimes::default(),
        materials: Vec::new(),
        announced_version: Some(1),
        policy: None,
        previous_hash: [0; 32],
        primary_epoch: 0,
        created_at: case.input.now,
    };
    Some(Step::act(Reason::RecordAbsent, Action::CreateRecord(Box::new(record))))
}

fn owner(resource: &Resource) -> Owner {
    Owner {
        namespace: resource.namespace.clone(),
        name: resource.name.clone(),
        namespace_uid: resource.namespace_uid,
        resource_uid: resource.uid,
        generation: resource.generation,
    }
}

fn refuse_changed_immutables(case: &Case<'_>) -> Option<Step> {
    let (record, wanted) = case.record().zip(case.wanted())?;
    let key_id_fits = wanted.key_id.is_none_or(|key_id| key_id == record.key_id());
    let field = match (wanted.immutable, record.immutable) {
        (new, old) if new.key_spec != old.key_spec => "keySpec",
        (new, old) if new.key_usage != old.key_usage => "keyUsage",
        (new, old) if new.origin != old.origin => "origin",
        _ if wanted.multi_region != record.multi_region => "multiRegion",
        _ if !key_id_fits => "keyId",
        _ => return None,
    };
    if case.is_same_resource() {
        let message = format!("spec.{field} cannot be changed; a key with another {field} is another key");
        return Step::stall(Reason::SpecRefused, ConditionReason::ImmutableFieldChanged, message);
    }
    let message = format!(
        "the key {} of an earlier KmsKey of this name has another spec.{field}; apply the earlier manifest to restore it",
        record.key_id()
    );
    Step::stall(Reason::SpecRefused, ConditionReason::RestoreConflict, message)
}

/// A namespace that was deleted and made again gets no keys of the old one by accident.
fn wait_for_restore_approval(case: &Case<'_>) -> Option<Step> {
    let (resource, record) = case.input.resource.zip(case.record())?;
    if case.is_same_resource() || resource.namespace_uid == record.owner.namespace_uid {
        return None;
    }
    let message = format!(
        "the key {} belongs to an earlier namespace of this name; an administrator must approve its restore",
        record.key_id()
    );
    Step::stall(Reason::ResourceReplaced, ConditionReason::RestorePendingApproval, message)
}

fn refuse_damaged_material(case: &Case<'_>) -> Option<Step> {
    let record = case.record()?;
    let is_damaged =
        |material: &&Material| case.found(material.version) != FoundMaterial::Present(material.material_id);
    let name = match record.materials.iter().find(is_damaged) {
        Some(material) => material.stored_name.clone(),
        None => {
            let announced = record.announced_version?;
            if case.found(announced) != FoundMaterial::Unreadable {
                return None;
            }
            ObjectName::material(&record.key_id(), announced, case.term_of(announced)).to_string()
        }
    };
    let message =
        format!("the material {name} is missing or does not open; restore it from a backup, it is never made again");
    Step::stall(Reason::MaterialDamaged, ConditionReason::MaterialUnreadable, message)
}

impl Case<'_> {
    fn term_of(&self, version: u32) -> u32 {
        let seen = self.input.seen.materials.iter().find(|material| material.version == version);
        seen.map_or(self.input.seen.active_term, |material| material.term)
    }
}

/// Material is made only for a version that the record announces.
fn create_material(case: &Case<'_>) -> Option<Step> {
    let version = case.record()?.announced_version?;
    let missing = case.found(version) == FoundMaterial::Missing;
    let action = Action::CreateMaterial { version, term: case.input.seen.active_term };
    missing.then(|| Step::act(Reason::MaterialAnnounced, action))
}

fn list_material(case: &Case<'_>) -> Option<Step> {
    let version = case.record()?.announced_version?;
    let FoundMaterial::Present(material_id) = case.found(version) else { return None };
    let (now, term) = (case.input.now, case.term_of(version));
    case.replace(Reason::MaterialMade, |record| {
        let stored_name = ObjectName::material(&record.key_id(), version, term).to_string();
        record.materials.push(Material { version, term, material_id, stored_name, created_at: now });
        record.announced_version = None;
        record.lifecycle = Lifecycle::Created;
    })
}

fn confirm_owner(case: &Case<'_>) -> Option<Step> {
    let claim = case.input.seen.claim.as_ref().filter(|claim| !claim.confirmed)?;
    Some(Step::act(Reason::ClaimUnconfirmed, Action::ConfirmOwner(OwnerClaim { confirmed: true, ..claim.clone() })))
}

/// The same manifest applied again finds its key: the hold of its removal is lifted, others stay.
fn adopt_resource(case: &Case<'_>) -> Option<Step> {
    let (resource, wanted) = case.input.resource.zip(case.wanted())?;
    let held = case.record()?.hold(HoldCause::ResourceDeleted).is_some();
    if case.is_same_resource() && !held {
        return None;
    }
    case.replace(Reason::ResourceReplaced, |record| {
        record.owner = owner(resource);
        record.spec = wanted.mutable.clone();
        record.due.deletion = None;
        record.lift_hold(HoldCause::ResourceDeleted);
    })
}

fn follow_spec(case: &Case<'_>) -> Option<Step> {
    let (resource, wanted) = case.input.resource.zip(case.wanted())?;
    let record = case.record()?;
    if record.spec == wanted.mutable && record.owner.generation == resource.generation {
        return None;
    }
    case.replace(Reason::SpecChanged, |record| {
        record.owner.generation = resource.generation;
        record.spec = wanted.mutable.clone();
    })
}
