//! Changes that the API makes to a record: brakes that hold and release, never touching the spec.

use super::record::{Hold, HoldCause, Record};
use crate::types::time::Timestamp;

/// What a change comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The record already says so.
    NoOp,
    /// The record to write.
    Write(Box<Record>),
    /// The spec says otherwise, and whoever keeps it must change it.
    SpecForbids,
}

/// `DisableKey`: sets a hold.
#[must_use]
pub fn disable(record: &Record, actor: &str, now: Timestamp) -> Change {
    if record.hold(HoldCause::DisableKey).is_some() {
        return Change::NoOp;
    }
    let mut next = record.clone();
    next.set_hold(Hold { cause: HoldCause::DisableKey, since: now, actor: actor.to_owned() });
    Change::Write(Box::new(next))
}

/// `EnableKey`: lifts the hold. A key that its spec disables is not enabled by lifting holds, so nothing
/// changes and the caller is told who keeps the spec.
#[must_use]
pub fn enable(record: &Record) -> Change {
    if !record.spec.enabled {
        return Change::SpecForbids;
    }
    if record.hold(HoldCause::DisableKey).is_none() {
        return Change::NoOp;
    }
    let mut next = record.clone();
    next.lift_hold(HoldCause::DisableKey);
    Change::Write(Box::new(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reconcile::tests::record_with_material;

    #[test]
    fn a_brake_is_set_once_and_lifted_once() {
        let record = record_with_material();
        let now = Timestamp::from_milliseconds(5);
        assert_eq!(enable(&record), Change::NoOp);
        let Change::Write(disabled) = disable(&record, "root", now) else { panic!("a hold is written") };
        assert_eq!(disable(&disabled, "other", now), Change::NoOp);
        assert_eq!(enable(&disabled), Change::Write(Box::new(record)));
        let mut by_spec = *disabled;
        by_spec.spec.enabled = false;
        assert_eq!(enable(&by_spec), Change::SpecForbids);
    }
}
