//! The conditions of a `KmsKey`: Ready, Reconciling and Stalled, computed from inputs alone.

use super::kms_key::{Input, Step};
use crate::api::crd::condition::{Condition, ConditionReason, ConditionStatus, ConditionType};
use crate::domain::plan::Reason;
use crate::types::time::Timestamp;

/// The whole list, in a fixed order. The time of an unchanged status is kept.
pub(super) fn conditions(input: &Input<'_>, step: &Step) -> Vec<Condition> {
    let generation = input.resource.map_or(0, |resource| i64::try_from(resource.generation).unwrap_or(i64::MAX));
    let busy = !step.actions.is_empty();
    let deleting = input.read.is_some_and(|read| read.record.due.deletion.is_some());
    let fine = (ConditionReason::AsExpected, String::new());
    let (ready, why) = match &step.stalled {
        Some(stalled) => (false, stalled.clone()),
        None if step.because == Reason::StaleView => (false, (ConditionReason::StaleView, STALE.to_owned())),
        None if busy => (false, (ConditionReason::Creating, "the key is being brought to its wanted state".to_owned())),
        None if deleting => (false, (ConditionReason::PendingDeletion, "the key waits to be destroyed".to_owned())),
        None => (true, fine.clone()),
    };
    let stalled = step.stalled.is_some();
    let when = |holds: bool| if holds { why.clone() } else { fine.clone() };
    [
        (ConditionType::Ready, ready, why.clone()),
        (ConditionType::Reconciling, busy, when(busy)),
        (ConditionType::Stalled, stalled, when(stalled)),
    ]
    .into_iter()
    .map(|(kind, holds, (reason, message))| {
        let status = if holds { ConditionStatus::True } else { ConditionStatus::False };
        let last_transition_time = transition_time(input, kind, status);
        Condition { kind, status, reason, message, observed_generation: generation, last_transition_time }
    })
    .collect()
}

const STALE: &str = "the resource is older than what its key follows already; it waits for a newer one";

fn transition_time(input: &Input<'_>, kind: ConditionType, status: ConditionStatus) -> Timestamp {
    let same = |condition: &&Condition| condition.kind == kind && condition.status == status;
    input.previous.iter().find(same).map_or(input.now, |condition| condition.last_transition_time)
}
