//! The conditions of a resource that cannot be followed, for whatever reason. Silence would look like success.

use crate::api::crd::condition::{Condition, ConditionReason, ConditionStatus, ConditionType};
use crate::types::time::Timestamp;

/// Why a resource cannot be followed.
pub struct Obstacle<'a> {
    /// For programs.
    pub reason: ConditionReason,
    /// For people.
    pub message: &'a str,
    /// Whether somebody must do something; otherwise it is tried again.
    pub stalls: bool,
}

/// The conditions of a resource that is followed and needs nothing.
#[must_use]
pub fn well(generation: i64, previous: &[Condition], now: Timestamp) -> Vec<Condition> {
    let fine = (ConditionReason::AsExpected, "");
    list([(true, fine), (false, fine), (false, fine)], generation, previous, now)
}

/// Ready, Reconciling and Stalled. The time of an unchanged status is kept, so that equal conditions patch
/// nothing.
#[must_use]
pub fn conditions(obstacle: &Obstacle<'_>, generation: i64, previous: &[Condition], now: Timestamp) -> Vec<Condition> {
    let (why, fine) = ((obstacle.reason, obstacle.message), (ConditionReason::AsExpected, ""));
    let when = |holds: bool| (holds, if holds { why } else { fine });
    list([(false, why), when(!obstacle.stalls), when(obstacle.stalls)], generation, previous, now)
}

fn list(
    [ready, reconciling, stalled]: [(bool, (ConditionReason, &str)); 3],
    generation: i64,
    previous: &[Condition],
    now: Timestamp,
) -> Vec<Condition> {
    let condition = |kind, (holds, (reason, message)): (bool, (ConditionReason, &str))| {
        let status = if holds { ConditionStatus::True } else { ConditionStatus::False };
        let same = |condition: &&Condition| condition.kind == kind && condition.status == status;
        let last_transition_time = previous.iter().find(same).map_or(now, |condition| condition.last_transition_time);
        let (message, observed_generation) = (message.to_owned(), generation);
        Condition { kind, status, reason, message, observed_generation, last_transition_time }
    };
    vec![
        condition(ConditionType::Ready, ready),
        condition(ConditionType::Reconciling, reconciling),
        condition(ConditionType::Stalled, stalled),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_obstacle_is_told_and_does_not_flap() {
        let (early, late) = (Timestamp::from_milliseconds(1), Timestamp::from_milliseconds(2));
        let obstacle = Obstacle { reason: ConditionReason::NotImplemented, message: "no", stalls: true };
        let first = conditions(&obstacle, 1, &[], early);
        let of = |kind| first.iter().find(|condition| condition.kind == kind).unwrap();
        assert_eq!(of(ConditionType::Ready).status, ConditionStatus::False);
        assert_eq!(of(ConditionType::Stalled).status, ConditionStatus::True);
        assert_eq!(of(ConditionType::Reconciling).reason, ConditionReason::AsExpected);
        assert_eq!(conditions(&obstacle, 1, &first, late), first);
        let retried = conditions(&Obstacle { stalls: false, ..obstacle }, 1, &first, late);
        let times: Vec<Timestamp> = retried.iter().map(|condition| condition.last_transition_time).collect();
        assert_eq!(times, [early, late, late]);
    }
}
