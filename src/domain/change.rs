//! Changes that the API makes to a record: brakes that hold and release, deletion and rotation, never touching the
//! spec, so that they work under GitOps too.

use super::lifecycle::is_material_whole;
use super::reconcile::kms_key_rotation::{announce, mark_rotating};
use super::record::{Attempt, Hold, HoldCause, Lifecycle, RECORD_SCHEMA, Record, RotationType};
use super::vanished::remember;
use crate::types::ids::MaterialId;
use crate::types::key::Origin;
use crate::types::limits::{ATTEMPT_NOTE_PERIOD, AUTOMATIC_ROTATION_NEAR, ON_DEMAND_ROTATIONS_MAX};
use crate::types::time::{Span, Timestamp};

/// What a change comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The record already says so.
    NoOp,
    /// The record to write.
    Write(Box<Record>),
    /// It cannot be made.
    Refused(ChangeRefusal),
}

/// Why a change cannot be made. What a key's state alone forbids is found before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeRefusal {
    /// The spec says otherwise, and whoever keeps it must change it.
    SpecForbids,
    /// The resource is gone, and only its return lifts that hold.
    ResourceIsGone,
    /// The key's material is being destroyed.
    IsBeingDestroyed,
    /// The key waits to be destroyed already.
    IsPendingDeletion,
    /// The key does not wait to be destroyed.
    IsNotPendingDeletion,
    /// A rotation is on its way, or an automatic one is due soon.
    RotationNear,
    /// The key was rotated on demand as often as it may be.
    RotationLimit,
    /// Imported material: none waits for a rotation.
    NoMaterialToRotate,
    /// A material that waits for its rotation must be rotated to or deleted before another new one comes.
    MaterialWaits {
        /// The new one.
        new: MaterialId,
        /// The one that waits.
        waiting: MaterialId,
    },
    /// Another import is under way.
    ImportInProgress,
    /// The imported material does not fit; how, in words that the key's ARN follows.
    WrongMaterial(&'static str),
    /// The key has no such material.
    NoSuchMaterial(MaterialId),
}

pub(super) fn write(record: &Record, change: impl FnOnce(&mut Record)) -> Change {
    let mut next = record.clone();
    // A record of a newer schema stays one, and is then not written.
    next.schema = next.schema.max(RECORD_SCHEMA);
    change(&mut next);
    Change::Write(Box::new(next))
}

fn hold(cause: HoldCause, actor: &str, now: Timestamp) -> Hold {
    Hold { cause, since: now, actor: actor.to_owned() }
}

/// `DisableKey`: sets a hold.
#[must_use]
pub fn disable(record: &Record, actor: &str, now: Timestamp) -> Change {
    if record.hold(HoldCause::DisableKey).is_some() {
        return Change::NoOp;
    }
    write(record, |next| next.set_hold(hold(HoldCause::DisableKey, actor, now)))
}

/// `EnableKey`: lifts the hold. A key that its spec disables is not enabled by lifting holds, so nothing
/// changes and the caller is told who keeps the spec.
#[must_use]
pub fn enable(record: &Record) -> Change {
    if !record.spec.enabled {
        return Change::Refused(ChangeRefusal::SpecForbids);
    }
    if record.hold(HoldCause::ResourceDeleted).is_some() {
        return Change::Refused(ChangeRefusal::ResourceIsGone);
    }
    if record.hold(HoldCause::DisableKey).is_none() {
        return Change::NoOp;
    }
    write(record, |next| next.lift_hold(HoldCause::DisableKey))
}

/// `EnableKey` of a key whose resource's name is another key's by now: no manifest brings it back, so the hold of its
/// removal is lifted too, and the API alone keeps it from then on.
#[must_use]
pub fn enable_replaced(record: &Record) -> Change {
    let mut freed = record.clone();
    remember(&mut freed);
    freed.lift_hold(HoldCause::ResourceDeleted);
    match enable(&freed) {
        Change::NoOp if freed != *record => Change::Write(Box::new(freed)),
        change => change,
    }
}

/// `ScheduleKeyDeletion`: holds the key and sets the date. No return of a resource calls this off.
#[must_use]
pub fn schedule_deletion(record: &Record, window_days: u32, actor: &str, now: Timestamp) -> Change {
    if record.due.deletion.is_some() {
        return Change::Refused(ChangeRefusal::IsPendingDeletion);
    }
    write(record, |next| {
        next.set_hold(hold(HoldCause::ScheduleKeyDeletion, actor, now));
        next.due.deletion = Some(now.plus(Span::from_days(i64::from(window_days))));
        next.attempt = None;
    })
}

/// `CancelKeyDeletion`: "the key state of the KMS key is Disabled. To enable the KMS key, use EnableKey." Where the
/// resource is gone the key goes on being held for that, without a date.
#[must_use]
pub fn cancel_deletion(record: &Record, actor: &str, now: Timestamp) -> Change {
    if matches!(record.lifecycle, Lifecycle::Destroying | Lifecycle::Destroyed) {
        return Change::Refused(ChangeRefusal::IsBeingDestroyed);
    }
    if record.due.deletion.is_none() {
        return Change::Refused(ChangeRefusal::IsNotPendingDeletion);
    }
    write(record, |next| {
        remember(next);
        next.due.deletion = None;
        next.lift_hold(HoldCause::ScheduleKeyDeletion);
        next.set_hold(hold(HoldCause::DisableKey, actor, now));
    })
}

/// Notes an attempt to use a key that waits to be destroyed, not more often than once in a while; where the spec asks
/// for it, the window begins anew.
#[must_use]
pub fn note_attempt(record: &Record, actor: &str, operation: &str, now: Timestamp) -> Change {
    let recent = record.attempt.as_ref().is_some_and(|attempt| now.since(attempt.at) < ATTEMPT_NOTE_PERIOD);
    let Some(due) = record.due.deletion.filter(|_| !recent && record.lifecycle == Lifecycle::Created) else {
        return Change::NoOp;
    };
    write(record, |next| {
        next.attempt = Some(Attempt { at: now, actor: actor.to_owned(), operation: operation.to_owned() });
        let deletion = next.spec.deletion;
        if deletion.extend_on_use {
            next.due.deletion = Some(due.max(now.plus(Span::from_days(i64::from(deletion.window_days)))));
        }
    })
}

/// `RotateKeyOnDemand`: announces a version, or sends imported material that waits on its way. The same request acts
/// once; without one to compare it acts each time.
#[must_use]
pub fn rotate_on_demand(record: &Record, request: &str, now: Timestamp) -> Change {
    if record.has_seen_request(request) {
        return Change::NoOp;
    }
    let near = record.due.rotation.is_some_and(|due| due.since(now) <= AUTOMATIC_ROTATION_NEAR);
    if near || record.announced_version.is_some() || record.rotating_material().is_some() {
        return Change::Refused(ChangeRefusal::RotationNear);
    }
    if record.on_demand_rotations() >= ON_DEMAND_ROTATIONS_MAX {
        return Change::Refused(ChangeRefusal::RotationLimit);
    }
    if record.immutable.origin == Origin::AwsKms {
        return write(record, |next| announce(next, RotationType::OnDemand, Some(request.to_owned()), now));
    }
    match record.waiting_material().filter(|material| material.is_usable(now)).map(|material| material.version) {
        Some(version) if is_material_whole(record, now) => {
            write(record, |next| mark_rotating(next, version, request.to_owned()))
        }
        _ => Change::Refused(ChangeRefusal::NoMaterialToRotate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reconcile::tests::record_with_material;

    const DAY: i64 = 86_400_000;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_milliseconds(milliseconds)
    }

    fn written(change: Change) -> Record {
        let Change::Write(record) = change else { panic!("{change:?}") };
        *record
    }

    #[test]
    fn a_brake_is_set_once_and_lifted_once() {
        let record = record_with_material();
        assert_eq!(enable(&record), Change::NoOp);
        let disabled = written(disable(&record, "root", at(5)));
        assert_eq!(disable(&disabled, "other", at(5)), Change::NoOp);
        assert_eq!(written(enable(&disabled)), record);
        let mut by_spec = disabled;
        by_spec.spec.enabled = false;
        assert_eq!(enable(&by_spec), Change::Refused(ChangeRefusal::SpecForbids));
    }

    #[test]
    fn a_deletion_is_scheduled_once_and_cancelled_into_disabled() {
        let record = record_with_material();
        let scheduled = written(schedule_deletion(&record, 7, "alice", at(0)));
        assert_eq!(scheduled.due.deletion, Some(at(7 * DAY)));
        let twice = schedule_deletion(&scheduled, 30, "bob", at(0));
        assert_eq!(twice, Change::Refused(ChangeRefusal::IsPendingDeletion));
        let cancelled = written(cancel_deletion(&scheduled, "carol", at(1)));
        assert_eq!(cancelled.due.deletion, None);
        assert!(cancelled.hold(HoldCause::DisableKey).is_some_and(|hold| hold.actor == "carol"));
        assert_eq!(written(enable(&cancelled)), record);
        assert_eq!(cancel_deletion(&record, "x", at(1)), Change::Refused(ChangeRefusal::IsNotPendingDeletion));
        let destroying = Record { lifecycle: Lifecycle::Destroying, ..scheduled };
        assert_eq!(cancel_deletion(&destroying, "x", at(1)), Change::Refused(ChangeRefusal::IsBeingDestroyed));
    }

    #[test]
    fn attempts_are_noted_now_and_then_and_extend_the_window_only_where_asked() {
        let mut record = written(schedule_deletion(&record_with_material(), 7, "alice", at(0)));
        record.spec.deletion.window_days = 10;
        let noted = written(note_attempt(&record, "bob", "Decrypt", at(DAY)));
        assert_eq!(
            (noted.due.deletion, noted.attempt.as_ref().map(|attempt| attempt.at)),
            (Some(at(7 * DAY)), Some(at(DAY)))
        );
        assert_eq!(note_attempt(&noted, "bob", "Decrypt", at(DAY + 1)), Change::NoOp);
        record.spec.deletion.extend_on_use = true;
        assert_eq!(written(note_attempt(&record, "bob", "Decrypt", at(DAY))).due.deletion, Some(at(11 * DAY)));
        assert_eq!(note_attempt(&record_with_material(), "bob", "Decrypt", at(DAY)), Change::NoOp);
    }

    #[test]
    fn a_rotation_on_demand_acts_once_for_each_request_and_25_times() {
        let mut record = record_with_material();
        let announced = written(rotate_on_demand(&record, "one", at(0)));
        assert_eq!(announced.announced_version, Some(2));
        assert_eq!(rotate_on_demand(&announced, "one", at(0)), Change::NoOp);
        assert_eq!(rotate_on_demand(&announced, "two", at(0)), Change::Refused(ChangeRefusal::RotationNear));
        for (due, near) in [(19, true), (20, true), (21, false), (-1, true)] {
            record.due.rotation = Some(at(due * 60_000));
            let refused = rotate_on_demand(&record, "one", at(0)) == Change::Refused(ChangeRefusal::RotationNear);
            assert_eq!(refused, near, "{due}");
        }
        record.due.rotation = None;
        for version in 2..27 {
            let mut next = record.materials[0].clone();
            (next.version, next.rotation, next.activated_at) = (version, Some(RotationType::OnDemand), Some(at(0)));
            record.materials.push(next);
        }
        assert_eq!(rotate_on_demand(&record, "one", at(0)), Change::Refused(ChangeRefusal::RotationLimit));
    }
}
