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

/// Ready, Reconciling and Stalled. The time of an unchanged status is kept, so that equal conditions patch
/// nothing.
#[must_use]
pub fn conditions(obstacle: &Obstacle<'_>, generation: i64, previous: &[Condition], now: Timestamp) -> Vec<Condition> {
    let status = |holds: bool| if holds { ConditionStatus::True } else { ConditionStatus::False };
    [
        (ConditionType::Ready, false),
        (ConditionType::Reconciling, !obstacle.stalls),
        (ConditionType::Stalled, obstacle.stalls),
    ]
    .into_iter()
    .map(|(kind, holds)| {
        let status = status(holds);
        let same = |condition: &&Condition| condition.kind == kind && condition.status == status;
        let last_transition_time = previous.iter().find(same).map_or(now, |condition| condition.last_transition_time);
        let speaks = holds || kind == ConditionType::Ready;
        Condition {
            kind,
            status,
            reason: if speaks { obstacle.reason } else { ConditionReason::AsExpected },
            message: if speaks { obstacle.message.to_owned() } else { String::new() },
            observed_generation: generation,
            last_transition_time,
        }
    })
    .collect()
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
