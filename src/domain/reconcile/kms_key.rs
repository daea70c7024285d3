//! The plan for one `KmsKey`.
//!
//! Rules are asked in order; the first that has something to say decides the round. After its actions the
//! world is observed again and planned afresh, until no rule has anything to say. What a rule finds broken
//! it reports; nothing that looks lost is ever made again.
//!
//! The rules stand in files of their own, by what they are about: making a key, its resource's removal and return,
//! its rotation, imported material, and its destruction.

use minicbor::bytes::ByteVec;

use super::kms_key_conditions::conditions;
use super::{kms_key_creation, kms_key_destruction, kms_key_import, kms_key_removal, kms_key_rotation};
use crate::api::crd::condition::{Condition, ConditionReason};
use crate::domain::lifecycle::{MaterialHealth, effective_state};
use crate::domain::plan::{Action, FoundMaterial, Gates, Plan, Reason, Seen};
use crate::domain::platform::wanted_platform_key;
use crate::domain::record::{MutableSpec, Owner, OwnerClaim, RECORD_SCHEMA, Record, SCHEMA};
use crate::domain::resource::Resource;
use crate::domain::validate::{SpecError, WantedKey, check_names, wanted_key};
use crate::types::ids::KeyId;
use crate::types::limits::BARRED_LOOK_PERIOD;
use crate::types::state::KeyState;
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
    /// The key that the resource would have if it were new.
    pub new_key_id: Option<KeyId>,
    /// The resource, unless it is gone.
    pub resource: Option<&'a Resource>,
    /// The record, where there is one.
    pub read: Option<&'a ReadRecord>,
    /// What else the store holds.
    pub seen: &'a Seen,
    /// What others allow.
    pub gates: Gates,
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
    kms_key_destruction::forget_tombstone,
    kms_key_destruction::replace_destroyed_key,
    kms_key_destruction::destroy_materials,
    kms_key_removal::note_removal,
    kms_key_removal::note_replacement,
    kms_key_destruction::begin_destruction,
    kms_key_import::expire,
    kms_key_import::remove_material,
    kms_key_import::forget_waiting,
    kms_key_creation::list_material,
    kms_key_import::abandon,
    kms_key_rotation::activate_material,
    rest_without_resource,
    kms_key_creation::refuse_spec,
    kms_key_creation::refuse_foreign_key,
    kms_key_creation::refuse_lost_record,
    kms_key_creation::claim_owner,
    kms_key_creation::create_record,
    kms_key_removal::refuse_changed_immutables,
    kms_key_removal::wait_for_restore_approval,
    kms_key_creation::refuse_damaged_material,
    kms_key_creation::create_material,
    kms_key_creation::confirm_owner,
    kms_key_removal::adopt_resource,
    follow_spec,
    kms_key_rotation::rotate_on_request,
    kms_key_rotation::rotate_when_due,
    kms_key_rotation::wait_until_shown,
];

/// Input together with what was computed from it once.
pub(super) struct Case<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) wanted: Option<Result<WantedKey, SpecError>>,
}

/// Plans one round. Total: whatever the inputs are, there is a plan.
#[must_use]
pub fn plan(input: &Input<'_>) -> Plan {
    let case = Case { input, wanted: input.resource.map(wanted) };
    let step = RULES.iter().find_map(|rule| rule(&case)).unwrap_or_else(|| Step::rest(Reason::InSync));
    Plan { conditions: conditions(&case, &step), actions: step.actions, wake_at: case.wake_at(), because: step.because }
}

/// What a resource wants. The spec of a platform-managed key is fixed, whatever its resource says.
///
/// # Errors
/// What cannot be followed.
pub fn wanted(resource: &Resource) -> Result<WantedKey, SpecError> {
    check_names(&resource.namespace, &resource.name)?;
    wanted_platform_key(&resource.name).unwrap_or_else(|| wanted_key(&resource.spec))
}

impl Case<'_> {
    pub(super) fn record(&self) -> Option<&Record> {
        self.input.read.map(|read| &read.record)
    }

    pub(super) fn wanted(&self) -> Option<&WantedKey> {
        self.wanted.as_ref().and_then(|wanted| wanted.as_ref().ok())
    }

    pub(super) fn found(&self, version: u32) -> FoundMaterial {
        let seen = self.input.seen.materials.iter().find(|material| material.version == version);
        seen.map_or(FoundMaterial::Missing, |material| material.found)
    }

    pub(super) fn public_key(&self, version: u32) -> Option<ByteVec> {
        let seen = self.input.seen.materials.iter().find(|material| material.version == version);
        seen.and_then(|material| material.public_key.clone())
    }

    pub(super) fn term_of(&self, version: u32) -> u32 {
        let seen = self.input.seen.materials.iter().find(|material| material.version == version);
        seen.map_or(self.input.seen.active_term, |material| material.term)
    }

    pub(super) fn is_same_resource(&self) -> bool {
        let pair = self.input.resource.zip(self.record());
        pair.is_some_and(|(resource, record)| resource.uid == record.owner.resource_uid)
    }

    /// The state of the key, where there is one.
    pub(super) fn state(&self) -> Option<KeyState> {
        let record = self.record()?;
        let is_there = |version, material_id| self.found(version) == FoundMaterial::Present(material_id);
        let mut listed = record.materials.iter().filter(|material| material.is_present());
        let complete = listed.all(|material| is_there(material.version, material.material_id));
        let health = if complete { MaterialHealth::Complete } else { MaterialHealth::Damaged };
        Some(effective_state(record, health, self.input.now))
    }

    /// The record that follows the read one, with one change.
    pub(super) fn replace(&self, because: Reason, change: impl FnOnce(&mut Record)) -> Option<Step> {
        let read = self.input.read?;
        let mut record = Record { previous_hash: read.digest, schema: RECORD_SCHEMA, ..read.record.clone() };
        change(&mut record);
        Some(Step::act(because, Action::ReplaceRecord { epoch: read.epoch, record: Box::new(record) }))
    }

    /// The claim of the resource's name on a key.
    pub(super) fn claim_on(&self, key_id: &KeyId) -> Option<OwnerClaim> {
        let resource = self.input.resource?;
        Some(OwnerClaim {
            schema: SCHEMA,
            key_bytes: *key_id.as_bytes(),
            multi_region: key_id.is_multi_region(),
            namespace: resource.namespace.clone(),
            name: resource.name.clone(),
            confirmed: false,
        })
    }

    /// When time alone changes something next.
    fn wake_at(&self) -> Option<Timestamp> {
        let record = self.record()?;
        let now = self.input.now;
        let is_barred = record.due.deletion.is_some_and(|due| due <= now);
        let deletion = if is_barred { Some(now.plus(BARRED_LOOK_PERIOD)) } else { record.due.deletion };
        let times = [
            deletion.filter(|_| record.destroyed_at.is_none()),
            kms_key_destruction::tombstone_ends(record),
            kms_key_rotation::wakes_at(record, self.state(), now),
            kms_key_import::wakes_at(record),
        ];
        times.into_iter().flatten().min()
    }
}

impl Step {
    pub(super) fn act(because: Reason, action: Action) -> Self {
        Self { because, actions: vec![action], stalled: None }
    }

    pub(super) fn rest(because: Reason) -> Self {
        Self { because, actions: Vec::new(), stalled: None }
    }

    pub(super) fn stall(because: Reason, reason: ConditionReason, message: String) -> Option<Self> {
        Some(Self { because, actions: Vec::new(), stalled: Some((reason, message)) })
    }
}

/// What a record remembers of its resource.
pub(super) fn owner(resource: &Resource) -> Owner {
    Owner {
        namespace: resource.namespace.clone(),
        name: resource.name.clone(),
        namespace_uid: resource.namespace_uid,
        resource_uid: resource.uid,
        generation: resource.generation,
    }
}

/// Notes a wanted spec. "The rotation period defines the number of days after you enable automatic key rotation that
/// KMS will rotate your key material", so a change of the rotation begins to count anew.
pub(super) fn note_spec(record: &mut Record, spec: &MutableSpec, now: Timestamp) {
    let (old, new) = (&record.spec.rotation, &spec.rotation);
    let same = (old.automatic, old.period_days) == (new.automatic, new.period_days);
    record.due.rotation = match record.due.rotation {
        _ if !new.automatic => None,
        Some(due) if same => Some(due),
        _ => Some(now.plus(Span::from_days(i64::from(new.period_days)))),
    };
    record.spec = spec.clone();
}

fn refuse_newer_schema(case: &Case<'_>) -> Option<Step> {
    let record = case.record().filter(|record| record.schema > RECORD_SCHEMA)?;
    let message = format!("the record has schema {}, and this version writes schema {RECORD_SCHEMA}", record.schema);
    Step::stall(Reason::SchemaTooNew, ConditionReason::SchemaTooNew, message)
}

fn ignore_stale_view(case: &Case<'_>) -> Option<Step> {
    let (resource, record) = case.input.resource.zip(case.record())?;
    let stale = case.is_same_resource() && resource.generation < record.owner.generation;
    stale.then(|| Step::rest(Reason::StaleView))
}

/// What follows is about what a resource wants, and about the life of a key that calls alone keep.
fn rest_without_resource(case: &Case<'_>) -> Option<Step> {
    let rests = case.input.resource.is_none() && !case.is_kept_by_calls();
    rests.then(|| Step::rest(Reason::InSync))
}

fn follow_spec(case: &Case<'_>) -> Option<Step> {
    let (resource, wanted) = case.input.resource.zip(case.wanted())?;
    let record = case.record()?;
    if record.spec == wanted.mutable && record.owner.generation == resource.generation {
        return None;
    }
    let now = case.input.now;
    case.replace(Reason::SpecChanged, |record| {
        record.owner.generation = resource.generation;
        note_spec(record, &wanted.mutable, now);
    })
}
