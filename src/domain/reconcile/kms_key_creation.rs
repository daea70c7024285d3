//! Rules that make a key: the claim of its name, its record, its material. What looks lost is never made again.

use super::kms_key::{Case, Step, note_spec, owner};
use crate::api::crd::condition::ConditionReason;
use crate::domain::plan::{Action, FoundMaterial, Reason};
use crate::domain::platform;
use crate::domain::record::{DueTimes, Lifecycle, Material, OwnerClaim, RECORD_SCHEMA, Record};
use crate::domain::validate::SpecError;
use crate::types::ids::MaterialId;
use crate::types::key::Origin;
use crate::types::object::ObjectName;
use crate::types::time::Timestamp;

pub(super) fn refuse_spec(case: &Case<'_>) -> Option<Step> {
    let Some(Err(error)) = &case.wanted else { return None };
    let reason = match error {
        SpecError::NotImplemented { .. } => ConditionReason::NotImplemented,
        _ => ConditionReason::InvalidSpec,
    };
    Step::stall(Reason::SpecRefused, reason, error.to_string())
}

/// A fixed id may name a key that another resource made.
pub(super) fn refuse_foreign_key(case: &Case<'_>) -> Option<Step> {
    let (resource, record) = case.input.resource.zip(case.record())?;
    let own = record.owner.namespace == resource.namespace && record.owner.name == resource.name;
    if own {
        return None;
    }
    let owner = format!("{}/{}", record.owner.namespace, record.owner.name);
    let message = format!("spec.keyId: the key {} belongs to the KmsKey {owner}", case.input.key_id);
    Step::stall(Reason::KeyIdTaken, ConditionReason::KeyIdTaken, message)
}

pub(super) fn claim_owner(case: &Case<'_>) -> Option<Step> {
    if case.input.seen.claim.is_some() {
        return None;
    }
    Some(Step::act(Reason::OwnerUnclaimed, Action::ClaimOwner(case.claim_on(&case.input.key_id)?)))
}

/// Without a record, a confirmed claim, a material, or a resource that remembers its key is evidence of an
/// earlier life.
pub(super) fn refuse_lost_record(case: &Case<'_>) -> Option<Step> {
    let confirmed = case.input.seen.claim.as_ref().is_some_and(|claim| claim.confirmed);
    let material = case.input.seen.materials.iter().any(|material| material.found != FoundMaterial::Missing);
    let remembered = case.input.resource.is_some_and(|resource| resource.key_was_made);
    if case.record().is_some() || !(confirmed || material || remembered) {
        return None;
    }
    let message = format!(
        "the record {} is missing although the key was made; restore it from a backup, no new key is made in its place",
        ObjectName::key(&case.input.key_id)
    );
    Step::stall(Reason::RecordLost, ConditionReason::RecordMissing, message)
}

pub(super) fn create_record(case: &Case<'_>) -> Option<Step> {
    if case.record().is_some() {
        return None;
    }
    let (resource, wanted) = case.input.resource.zip(case.wanted())?;
    // Material of a user's own is waited for and never made.
    let is_imported = wanted.immutable.origin == Origin::External;
    let mut record = Record {
        schema: RECORD_SCHEMA,
        key_bytes: *case.input.key_id.as_bytes(),
        multi_region: case.input.key_id.is_multi_region(),
        owner: owner(resource),
        immutable: wanted.immutable,
        spec: wanted.mutable.clone(),
        lifecycle: if is_imported { Lifecycle::Created } else { Lifecycle::Creating },
        holds: Vec::new(),
        due: DueTimes::default(),
        materials: Vec::new(),
        announced_version: (!is_imported).then_some(1),
        policy: None,
        previous_hash: [0; 32],
        primary_epoch: 0,
        created_at: case.input.now,
        current_version: None,
        announcement: None,
        manager: platform::manager_of(&resource.name),
        attempt: None,
        import_epoch: None,
        destroyed_at: None,
        restored_at: None,
        public_key: None,
        vanished_at: None,
    };
    note_spec(&mut record, &wanted.mutable, case.input.now);
    Some(Step::act(Reason::RecordAbsent, Action::CreateRecord(Box::new(record))))
}

pub(super) fn refuse_damaged_material(case: &Case<'_>) -> Option<Step> {
    let record = case.record()?;
    let is_damaged = |material: &&Material| {
        material.is_present() && case.found(material.version) != FoundMaterial::Present(material.material_id)
    };
    let name = match record.materials.iter().find(is_damaged) {
        Some(material) => material.stored_name.clone(),
        None => {
            let announced = record.announced_version?;
            if case.found(announced) != FoundMaterial::Unreadable {
                return None;
            }
            ObjectName::material(&record.key_id(), announced, case.term_of(announced)).to_string()
        }
    };
    let message =
        format!("the material {name} is missing or does not open; restore it from a backup, it is never made again");
    Step::stall(Reason::MaterialDamaged, ConditionReason::MaterialUnreadable, message)
}

/// Material is made only for a version that the record announces, and never in the place of a user's own.
pub(super) fn create_material(case: &Case<'_>) -> Option<Step> {
    let record = case.record()?;
    let version = record.announced_version.filter(|_| record.immutable.origin == Origin::AwsKms)?;
    let missing = case.found(version) == FoundMaterial::Missing;
    let action = Action::CreateMaterial { version, term: case.input.seen.active_term };
    missing.then(|| Step::act(Reason::MaterialAnnounced, action))
}

pub(super) fn list_material(case: &Case<'_>) -> Option<Step> {
    let record = case.record()?;
    let version = record.announced_version?;
    let FoundMaterial::Present(material_id) = case.found(version) else { return None };
    let announced = record.announcement.as_ref().and_then(|announcement| announcement.import.as_ref());
    if announced.is_some_and(|import| import.material_id != material_id) {
        // Bytes of another, abandoned import are stored under this name. They stay where they are, and their
        // number is not used again.
        return None;
    }
    let (now, term) = (case.input.now, case.term_of(version));
    let public_key = case.public_key(version);
    if record.immutable.key_spec.is_pair() && record.public_key.is_none() && public_key.is_none() {
        // The material went while it was looked at. A pair is never listed without its public key.
        return None;
    }
    case.replace(Reason::MaterialMade, |record| {
        put_material(record, version, term, material_id, now);
        // A pair has one material, so its public key never changes.
        record.public_key = record.public_key.take().or(public_key);
        record.announced_version = None;
        record.announcement = None;
        record.lifecycle = Lifecycle::Created;
    })
}

/// Lists a material as its announcement says. The first one is the current one at once.
fn put_material(record: &mut Record, version: u32, term: u32, material_id: MaterialId, now: Timestamp) {
    let stored_name = ObjectName::material(&record.key_id(), version, term).to_string();
    let announcement = record.announcement.take();
    let imported =
        announcement.as_ref().and_then(|announced| announced.import.as_ref()).map(|import| import.imported.clone());
    if let Some(listed) = record.materials.iter_mut().find(|material| material.version == version) {
        // Material that was here before comes back.
        (listed.term, listed.stored_name, listed.imported) = (term, stored_name, imported);
        return;
    }
    let first = record.materials.is_empty();
    let request = match announcement.as_ref() {
        // A wish for a rotation that was there from the beginning is met by the first material.
        _ if first => record.spec.rotation.on_demand_request.clone(),
        announced => announced.and_then(|announced| announced.request.clone()),
    };
    let rotation = announcement.and_then(|announced| announced.rotation);
    record.materials.push(Material {
        version,
        term,
        material_id,
        stored_name,
        created_at: now,
        rotation,
        activated_at: None,
        request,
        imported,
    });
    if first {
        record.current_version = Some(version);
    }
}

pub(super) fn confirm_owner(case: &Case<'_>) -> Option<Step> {
    let claim = case.input.seen.claim.as_ref().filter(|claim| !claim.confirmed)?;
    Some(Step::act(Reason::ClaimUnconfirmed, Action::ConfirmOwner(OwnerClaim { confirmed: true, ..claim.clone() })))
}
