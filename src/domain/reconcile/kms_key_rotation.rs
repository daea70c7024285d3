//! Rules that rotate a key: announce a version, make its material, wait until every live replica knows it, and only
//! then let it encrypt. Earlier versions decrypt for ever.

use super::kms_key::{Case, Step};
use crate::api::crd::condition::ConditionReason;
use crate::domain::plan::Reason;
use crate::domain::record::{Announcement, Record, RotationType};
use crate::types::key::Origin;
use crate::types::limits::{MATERIALS_MAX, ON_DEMAND_ROTATIONS_MAX, ROTATION_LOOK_PERIOD};
use crate::types::state::KeyState;
use crate::types::time::{Span, Timestamp};

/// When the rotation of a key needs a look.
pub(super) fn wakes_at(record: &Record, state: Option<KeyState>, now: Timestamp) -> Option<Timestamp> {
    let on_its_way = record.rotating_material().map(|_| now.plus(ROTATION_LOOK_PERIOD));
    // A key that is not enabled is not rotated, and being enabled is a look of its own.
    on_its_way.or(record.due.rotation.filter(|_| state == Some(KeyState::Enabled)))
}

/// Announces a new version.
pub(crate) fn announce(record: &mut Record, rotation: RotationType, request: Option<String>, now: Timestamp) {
    record.announced_version = Some(record.next_version());
    record.announcement = Some(Announcement { announced_at: now, rotation: Some(rotation), request, import: None });
}

/// Lets the version encrypt that every live replica knows.
pub(super) fn activate_material(case: &Case<'_>) -> Option<Step> {
    let record = case.record()?;
    let rotating = record.rotating_material().filter(|material| material.is_present())?;
    let (version, rotation) = (rotating.version, rotating.rotation);
    if !case.input.seen.shown_everywhere {
        return None;
    }
    let now = case.input.now;
    case.replace(Reason::RotationShown, |record| {
        record.current_version = Some(version);
        let activated = record.materials.iter_mut().filter(|material| material.version == version);
        activated.for_each(|material| material.activated_at = Some(now));
        // However many periods were missed, one rotation makes up for them. One on demand moves nothing.
        if rotation == Some(RotationType::Automatic) && record.spec.rotation.automatic {
            let period = Span::from_days(i64::from(record.spec.rotation.period_days));
            record.due.rotation = Some(now.plus(period));
        }
    })
}

/// Whether no rotation is on its way, and one may begin.
fn is_idle(case: &Case<'_>, record: &Record) -> bool {
    let under_way = record.announced_version.is_some() || record.rotating_material().is_some();
    !under_way && case.state() == Some(KeyState::Enabled)
}

/// While a replica does not know the new version yet, everything else of the key goes on; only the next rotation waits.
pub(super) fn wait_until_shown(case: &Case<'_>) -> Option<Step> {
    let rotating = case.record()?.rotating_material().filter(|material| material.is_present());
    rotating.map(|_| Step::rest(Reason::RotationWaits))
}

/// A request in the resource is acted on once, however often it is applied again.
pub(super) fn rotate_on_request(case: &Case<'_>) -> Option<Step> {
    let record = case.record()?;
    let request = record.spec.rotation.on_demand_request.clone()?;
    if record.has_seen_request(&request) || !is_idle(case, record) {
        return None;
    }
    if record.on_demand_rotations() >= ON_DEMAND_ROTATIONS_MAX {
        let message = format!(
            "spec.rotation.onDemandRequest: the key was rotated on demand {ON_DEMAND_ROTATIONS_MAX} times, which is \
             the most; take the request out, or make another key"
        );
        return Step::stall(Reason::RotationLimit, ConditionReason::RotationLimit, message);
    }
    let now = case.input.now;
    if record.immutable.origin == Origin::AwsKms {
        let announced = |record: &mut Record| announce(record, RotationType::OnDemand, Some(request), now);
        return case.replace(Reason::RotationRequested, announced);
    }
    let Some(version) = record.waiting_material().map(|material| material.version) else {
        let message = "spec.rotation.onDemandRequest: no imported material waits for a rotation; import new key \
                       material with ImportType NEW_KEY_MATERIAL first";
        return Step::stall(Reason::RotationLimit, ConditionReason::NoMaterialToRotate, message.to_owned());
    };
    case.replace(Reason::RotationRequested, |record| mark_rotating(record, version, request))
}

/// Sends imported material that waits on its way.
pub(crate) fn mark_rotating(record: &mut Record, version: u32, request: String) {
    let mut waiting = record.materials.iter_mut().filter(|material| material.version == version);
    if let Some(material) = waiting.next() {
        (material.rotation, material.request) = (Some(RotationType::OnDemand), Some(request));
    }
}

/// "Disabled keys are not rotated"; one that is overdue rotates when it is enabled again.
pub(super) fn rotate_when_due(case: &Case<'_>) -> Option<Step> {
    let record = case.record()?;
    let due = record.due.rotation?;
    let has_room = record.materials.len() < MATERIALS_MAX;
    let rotates =
        due <= case.input.now && is_idle(case, record) && has_room && record.immutable.origin == Origin::AwsKms;
    let now = case.input.now;
    rotates.then(|| case.replace(Reason::RotationDue, |record| announce(record, RotationType::Automatic, None, now)))?
}
