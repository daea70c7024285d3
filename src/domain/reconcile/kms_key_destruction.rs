//! Rules that end a key: when its time has come by every clock, its material is destroyed, and a tombstone stays.

use super::kms_key::{Case, Step};
use crate::api::crd::condition::ConditionReason;
use crate::domain::plan::{Action, Fence, FoundMaterial, Reason};
use crate::domain::record::{Lifecycle, Record};
use crate::types::limits::TOMBSTONE_KEPT;
use crate::types::object::ObjectName;
use crate::types::time::Timestamp;

/// When a tombstone is forgotten.
pub(super) fn tombstone_ends(record: &Record) -> Option<Timestamp> {
    record.destroyed_at.map(|destroyed_at| destroyed_at.plus(TOMBSTONE_KEPT))
}

pub(super) fn forget_tombstone(case: &Case<'_>) -> Option<Step> {
    let read = case.input.read.filter(|read| read.record.lifecycle == Lifecycle::Destroyed)?;
    let ended = tombstone_ends(&read.record).is_some_and(|ends| ends <= case.input.now);
    let unowned = case.input.resource.is_none();
    (ended && unowned).then(|| Step::act(Reason::TombstoneOld, Action::ForgetRecord { epoch: read.epoch }))
}

/// A key that is destroyed does not come back. A resource that was made again gets a new one.
pub(super) fn replace_destroyed_key(case: &Case<'_>) -> Option<Step> {
    let record = case.record().filter(|record| record.lifecycle == Lifecycle::Destroyed)?;
    if case.input.resource.is_none() {
        return Some(Step::rest(Reason::Destroyed));
    }
    if !case.is_same_resource() {
        return case.move_owner(Reason::KeyDestroyedBefore);
    }
    let message = format!(
        "the key {} was destroyed at the end of its waiting period; delete this resource and apply it again to make a \
         new key, which cannot decrypt what the old one encrypted",
        record.key_id()
    );
    Step::stall(Reason::Destroyed, ConditionReason::KeyDestroyed, message)
}

/// The point of no return: what follows from it must not be undone by a clock that goes back. A resource that came back
/// is restored first, however long its date is past.
pub(super) fn begin_destruction(case: &Case<'_>) -> Option<Step> {
    let record = case.record().filter(|record| record.lifecycle != Lifecycle::Destroyed)?;
    let due = record.due.deletion?;
    let has_come = case.input.gates.destroy.is_some_and(|now| due <= now);
    if !has_come || record.lifecycle == Lifecycle::Destroying || case.is_claimed() {
        return None;
    }
    case.replace(Reason::DeletionDue, |record| record.lifecycle = Lifecycle::Destroying)
}

/// Destroys every material, then writes the tombstone.
pub(super) fn destroy_materials(case: &Case<'_>) -> Option<Step> {
    let record = case.record().filter(|record| record.lifecycle == Lifecycle::Destroying)?;
    let due = record.due.deletion?;
    if case.input.gates.destroy.is_none() {
        return Some(Step::rest(Reason::Destroying));
    }
    let there = case.input.seen.materials.iter().filter(|seen| seen.found != FoundMaterial::Missing);
    let listed = there.map(|seen| ObjectName::material(&record.key_id(), seen.version, seen.term).to_string());
    let destroy = |stored_name| Action::DestroyMaterial { stored_name, fence: Fence::KeyDestroyed { due } };
    let actions: Vec<Action> = listed.chain(case.input.seen.strays.iter().cloned()).map(destroy).collect();
    if !actions.is_empty() {
        return Some(Step { because: Reason::Destroying, actions, stalled: None });
    }
    let now = case.input.now;
    case.replace(Reason::Destroyed, |record| {
        record.lifecycle = Lifecycle::Destroyed;
        record.destroyed_at = Some(now);
        (record.announced_version, record.announcement) = (None, None);
    })
}
