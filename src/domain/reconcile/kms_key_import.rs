//! Rules about material that a user imports: what was announced comes or is given up, and what expired is removed.

use super::kms_key::{Case, Step};
use crate::domain::plan::{Action, Fence, FoundMaterial, Reason};
use crate::domain::record::{Material, Record};
use crate::types::limits::IMPORT_ANNOUNCEMENT_MAX;
use crate::types::time::Timestamp;

/// When imported material needs a look.
pub(super) fn wakes_at(record: &Record) -> Option<Timestamp> {
    let present = record.materials.iter().filter(|material| material.is_present());
    present.filter_map(Material::valid_to).chain(abandoned_at(record)).min()
}

fn abandoned_at(record: &Record) -> Option<Timestamp> {
    let announcement = record.announcement.as_ref().filter(|announcement| announcement.import.is_some())?;
    Some(announcement.announced_at.plus(IMPORT_ANNOUNCEMENT_MAX))
}

/// An import whose caller was lost between announcing and storing is given up; the caller may import again.
pub(super) fn abandon(case: &Case<'_>) -> Option<Step> {
    let given_up = abandoned_at(case.record()?).is_some_and(|at| at <= case.input.now);
    given_up.then(|| {
        case.replace(Reason::ImportAbandoned, |record| {
            (record.announced_version, record.announcement) = (None, None);
        })
    })?
}

/// Expired material is unusable at once, whether this has run or not. The record says so before anything is removed.
pub(super) fn expire(case: &Case<'_>) -> Option<Step> {
    let now = case.input.now;
    let has_expired = |valid_to: Option<Timestamp>| valid_to.is_some_and(|valid_to| valid_to <= now);
    let expired = |record: &Record| {
        record.materials.iter().any(|material| material.is_present() && has_expired(material.valid_to()))
    };
    expired(case.record()?).then(|| {
        case.replace(Reason::ImportExpired, |record| {
            let imported = record.materials.iter_mut().filter_map(|material| material.imported.as_mut());
            imported.filter(|imported| has_expired(imported.valid_to)).for_each(|imported| imported.present = false);
        })
    })?
}

/// Removes what the record says is gone, but for a version that is just being imported again.
pub(super) fn remove_material(case: &Case<'_>) -> Option<Step> {
    let record = case.record()?;
    let gone = record.materials.iter().find(|material| {
        let announced = record.announced_version == Some(material.version);
        !material.is_present() && !announced && case.found(material.version) != FoundMaterial::Missing
    })?;
    let (stored_name, fence) = (gone.stored_name.clone(), Fence::ImportRemoved { version: gone.version });
    Some(Step::act(Reason::ImportRemoved, Action::DestroyMaterial { stored_name, fence }))
}

/// Material that never was the current one is forgotten once its bytes are gone, so that another can come in its
/// place. Nothing was ever encrypted under it.
pub(super) fn forget_waiting(case: &Case<'_>) -> Option<Step> {
    let record = case.record()?;
    let version = record.materials.iter().find(|material| record.is_forgotten(material))?.version;
    let is_gone = case.found(version) == FoundMaterial::Missing;
    is_gone.then(|| {
        case.replace(Reason::ImportForgotten, |record| record.materials.retain(|material| material.version != version))
    })?
}
