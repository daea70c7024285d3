//! The conditions of a `KmsKey`: Ready, Reconciling and Stalled, computed from inputs alone.
//!
//! What only a person can change stalls: who waits for it with kstatus, as Flux does, is told so at once and does not
//! wait for a month.

use super::kms_key::{Case, Step};
use crate::api::crd::condition::{Condition, ConditionReason, ConditionStatus, ConditionType};
use crate::domain::plan::Reason;
use crate::domain::record::HoldCause;
use crate::types::state::KeyState;
use crate::types::time::Timestamp;

/// The whole list, in a fixed order. The time of an unchanged status is kept.
pub(super) fn conditions(case: &Case<'_>, step: &Step) -> Vec<Condition> {
    let generation = case.input.resource.map_or(0, |resource| i64::try_from(resource.generation).unwrap_or(i64::MAX));
    let busy = !step.actions.is_empty();
    let waiting = || waits_for_somebody(case).filter(|_| !busy);
    let fine = (ConditionReason::AsExpected, String::new());
    let (ready, stalled, why) = match step.stalled.clone().or_else(waiting) {
        Some(stalled) => (false, true, stalled),
        None if step.because == Reason::StaleView => (false, false, (ConditionReason::StaleView, STALE.to_owned())),
        None if busy && !is_rotating(step.because) => {
            (false, false, (ConditionReason::Creating, "the key is being brought to its wanted state".to_owned()))
        }
        None => (true, false, fine.clone()),
    };
    let reconciling = busy && !ready;
    let when = |holds: bool| if holds { why.clone() } else { fine.clone() };
    [
        (ConditionType::Ready, ready, why.clone()),
        (ConditionType::Reconciling, reconciling, when(reconciling)),
        (ConditionType::Stalled, stalled, when(stalled)),
    ]
    .into_iter()
    .map(|(kind, holds, (reason, message))| {
        let status = if holds { ConditionStatus::True } else { ConditionStatus::False };
        let last_transition_time = transition_time(case, kind, status);
        Condition { kind, status, reason, message, observed_generation: generation, last_transition_time }
    })
    .collect()
}

const STALE: &str = "the resource is older than what its key follows already; it waits for a newer one";

/// A key that is rotated goes on being ready.
const fn is_rotating(because: Reason) -> bool {
    matches!(
        because,
        Reason::RotationDue
            | Reason::RotationRequested
            | Reason::RotationWaits
            | Reason::RotationShown
            | Reason::ImportAbandoned
    )
}

/// What the key waits for that no reconciler can bring.
fn waits_for_somebody(case: &Case<'_>) -> Option<(ConditionReason, String)> {
    let record = case.record()?;
    match case.state()? {
        KeyState::PendingDeletion => {
            let date = record.due.deletion.map(Timestamp::to_rfc3339).unwrap_or_default();
            let message = match record.hold(HoldCause::ScheduleKeyDeletion) {
                Some(hold) => format!(
                    "the key is destroyed on {date}, as {} scheduled by ScheduleKeyDeletion; CancelKeyDeletion calls it off",
                    hold.actor
                ),
                None => format!("the key is destroyed on {date}; apply its resource again to call it off"),
            };
            Some((ConditionReason::PendingDeletion, message))
        }
        KeyState::PendingImport => {
            let message = "the key waits for its material; import it with GetParametersForImport and ImportKeyMaterial";
            Some((ConditionReason::PendingImport, message.to_owned()))
        }
        _ => None,
    }
}

fn transition_time(case: &Case<'_>, kind: ConditionType, status: ConditionStatus) -> Timestamp {
    let same = |condition: &&Condition| condition.kind == kind && condition.status == status;
    case.input.previous.iter().find(same).map_or(case.input.now, |condition| condition.last_transition_time)
}
