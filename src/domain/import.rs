//! What importing a material, and deleting it, does to a record.
//!
//! An import is announced, its material is stored, and the reconciler lists it; a deletion is written first, and the
//! stored bytes go after that. So no crash leaves bytes that a record does not know of, or a record without its bytes.

use super::change::{Change, ChangeRefusal, write};
use super::record::{AnnouncedImport, Announcement, Imported, Lifecycle, Material, Record};
use crate::types::ids::MaterialId;
use crate::types::import::ImportType;
use crate::types::key::KeySpec;
use crate::types::time::Timestamp;

/// A material that is to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its id.
    pub material_id: MaterialId,
    /// New or existing, where the caller says it.
    pub import_type: Option<ImportType>,
    /// The id that the caller expects, where one is named.
    pub named: Option<MaterialId>,
    /// When it expires, where it does.
    pub valid_to: Option<Timestamp>,
    /// In words; where there are none, those of an earlier import stay.
    pub description: Option<String>,
    /// A version under whose name other bytes are stored: those of an import that was given up.
    pub taken: Option<u32>,
}

/// Announces the import. Where the material is here already, only its expiry and its description change.
#[must_use]
pub fn announce(record: &Record, import: &Import, now: Timestamp) -> Change {
    if let Some(refusal) = refusal(record, import) {
        return Change::Refused(refusal);
    }
    let known = find(record, import.material_id);
    let earlier = known.and_then(|material| material.imported.as_ref()).and_then(|earlier| earlier.description.clone());
    let description = import.description.clone().or(earlier);
    let imported = Imported { present: true, valid_to: import.valid_to, description };
    let version = known.map_or_else(|| new_version(record, import), |known| known.version);
    match known.filter(|known| known.is_present()) {
        Some(here) if here.imported.as_ref() == Some(&imported) => Change::NoOp,
        Some(_) => write(record, |next| {
            let same = next.materials.iter_mut().filter(|material| material.version == version);
            same.for_each(|material| material.imported = Some(imported.clone()));
        }),
        None => write(record, |next| {
            let import = Some(AnnouncedImport { material_id: import.material_id, imported });
            next.announced_version = Some(version);
            next.announcement = Some(Announcement { announced_at: now, rotation: None, request: None, import });
        }),
    }
}

/// The version that the record announces, where it announces this material.
#[must_use]
pub fn announced_version(record: &Record, material_id: MaterialId) -> Option<u32> {
    let announced = record.announcement.as_ref().and_then(|announcement| announcement.import.as_ref());
    record.announced_version.filter(|_| announced.is_some_and(|import| import.material_id == material_id))
}

/// Deletes the named material, or else the current one. Its place stays, so that the same material can come back;
/// only one that waits for its rotation is forgotten, once its bytes are gone.
#[must_use]
pub fn delete(record: &Record, named: Option<MaterialId>) -> Change {
    let Some(target) = named.map_or_else(|| record.current_material(), |named| find(record, named)) else {
        return named.map_or(Change::NoOp, |named| Change::Refused(ChangeRefusal::NoSuchMaterial(named)));
    };
    if !target.is_present() {
        return Change::NoOp;
    }
    write(record, |next| {
        let same = next.materials.iter_mut().filter(|material| material.version == target.version);
        same.filter_map(|material| material.imported.as_mut()).for_each(|imported| imported.present = false);
    })
}

/// The material of this id, whether it is here or not.
#[must_use]
pub fn find(record: &Record, material_id: MaterialId) -> Option<&Material> {
    record.materials.iter().find(|material| material.material_id == material_id)
}

fn refusal(record: &Record, import: &Import) -> Option<ChangeRefusal> {
    if matches!(record.lifecycle, Lifecycle::Destroying | Lifecycle::Destroyed) {
        return Some(ChangeRefusal::IsBeingDestroyed);
    }
    if record.due.deletion.is_some() {
        return Some(ChangeRefusal::IsPendingDeletion);
    }
    let default = if record.materials.is_empty() { ImportType::New } else { ImportType::Existing };
    let known = find(record, import.material_id);
    let is_rotatable = record.immutable.key_spec == KeySpec::SymmetricDefault;
    let waiting = record.waiting_material().or_else(|| record.rotating_material());
    match (import.import_type.unwrap_or(default), known) {
        (ImportType::New, Some(_)) => return Some(ChangeRefusal::WrongMaterial("is already associated with")),
        (ImportType::Existing, None) => return Some(ChangeRefusal::WrongMaterial("was never imported into")),
        _ if import.named.is_some_and(|named| known.is_none_or(|known| known.material_id != named)) => {
            return Some(ChangeRefusal::WrongMaterial("is not the one that KeyMaterialId names of"));
        }
        (ImportType::New, None) if !is_rotatable && !record.materials.is_empty() => {
            return Some(ChangeRefusal::WrongMaterial("is not the one that was first imported into"));
        }
        (ImportType::New, None) => {
            if let Some(waiting) = waiting {
                let (new, waiting) = (import.material_id, waiting.material_id);
                return Some(ChangeRefusal::MaterialWaits { new, waiting });
            }
        }
        (ImportType::Existing, Some(_)) => {}
    }
    let own = announced_version(record, import.material_id);
    (own.is_none() && record.announced_version.is_some()).then_some(ChangeRefusal::ImportInProgress)
}

/// An import that is announced already is taken up where it was left.
fn new_version(record: &Record, import: &Import) -> u32 {
    let begun = announced_version(record, import.material_id).filter(|version| import.taken != Some(*version));
    let after_taken = import.taken.map_or(0, |taken| taken.saturating_add(1));
    begun.unwrap_or_else(|| record.next_version().max(after_taken))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reconcile::tests::record_with_material;
    use crate::types::key::Origin;

    const NOW: Timestamp = Timestamp::from_milliseconds(1000);
    const FIRST: MaterialId = MaterialId::new([1; 32]);
    const SECOND: MaterialId = MaterialId::new([2; 32]);

    fn import(material_id: MaterialId, import_type: Option<ImportType>) -> Import {
        Import { material_id, import_type, named: None, valid_to: None, description: None, taken: None }
    }

    /// An imported key with the first material and, where asked for, the second one that waits.
    fn record(waits: bool) -> Record {
        let mut record = record_with_material();
        record.immutable.origin = Origin::External;
        record.current_version = Some(1);
        let imported = Imported { present: true, valid_to: None, description: Some("one".to_owned()) };
        (record.materials[0].material_id, record.materials[0].imported) = (FIRST, Some(imported));
        if waits {
            let second = Material { version: 2, material_id: SECOND, ..record.materials[0].clone() };
            record.materials.push(second);
        }
        record
    }

    fn empty() -> Record {
        let mut record = record(false);
        (record.current_version, record.materials) = (None, Vec::new());
        record
    }

    fn written(change: Change) -> Record {
        let Change::Write(record) = change else { panic!("{change:?}") };
        *record
    }

    #[test]
    fn the_first_import_is_new_and_each_later_one_existing() {
        let announced = written(announce(&empty(), &import(FIRST, None), NOW));
        assert_eq!(announced_version(&announced, FIRST), Some(1));
        let unknown = ChangeRefusal::WrongMaterial("was never imported into");
        assert_eq!(announce(&record(false), &import(SECOND, None), NOW), Change::Refused(unknown));
        assert_eq!(announce(&empty(), &import(FIRST, Some(ImportType::Existing)), NOW), Change::Refused(unknown));
        let again = import(FIRST, Some(ImportType::New));
        let known = ChangeRefusal::WrongMaterial("is already associated with");
        assert_eq!(announce(&record(false), &again, NOW), Change::Refused(known));
    }

    #[test]
    fn one_material_at_a_time_waits_for_its_rotation() {
        let third = MaterialId::new([3; 32]);
        let refused = ChangeRefusal::MaterialWaits { new: third, waiting: SECOND };
        let new = import(third, Some(ImportType::New));
        assert_eq!(announce(&record(true), &new, NOW), Change::Refused(refused));
        let mut rotating = record(true);
        rotating.materials[1].rotation = Some(crate::domain::record::RotationType::OnDemand);
        assert_eq!(announce(&rotating, &new, NOW), Change::Refused(refused));
        (rotating.materials[1].activated_at, rotating.current_version) = (Some(NOW), Some(2));
        assert_eq!(written(announce(&rotating, &new, NOW)).announced_version, Some(3));
    }

    #[test]
    fn what_is_here_changes_its_expiry_and_keeps_its_description() {
        let again = Import { valid_to: Some(NOW), ..import(FIRST, None) };
        let changed = written(announce(&record(false), &again, NOW));
        assert_eq!((changed.announced_version, changed.materials[0].valid_to()), (None, Some(NOW)));
        let description = changed.materials[0].imported.as_ref().unwrap().description.as_deref();
        assert_eq!(description, Some("one"));
        assert_eq!(announce(&changed, &again, NOW), Change::NoOp);
    }

    #[test]
    fn a_deleted_material_comes_back_under_its_version() {
        let deleted = written(delete(&record(true), None));
        assert!(!deleted.materials[0].is_present() && deleted.materials[1].is_present());
        assert_eq!(delete(&deleted, Some(FIRST)), Change::NoOp);
        let announced = written(announce(&deleted, &import(FIRST, None), NOW));
        assert_eq!(announced_version(&announced, FIRST), Some(1));
        let waiting = written(delete(&record(true), Some(SECOND)));
        assert!(waiting.materials[0].is_present() && !waiting.materials[1].is_present());
        let unknown = MaterialId::new([9; 32]);
        let refused = Change::Refused(ChangeRefusal::NoSuchMaterial(unknown));
        assert_eq!(delete(&record(true), Some(unknown)), refused);
        assert_eq!(delete(&empty(), None), Change::NoOp);
    }

    #[test]
    fn a_begun_import_is_taken_up_and_another_one_waits() {
        let begun = written(announce(&empty(), &import(FIRST, None), NOW));
        assert_eq!(announce(&begun, &import(SECOND, None), NOW), Change::Refused(ChangeRefusal::ImportInProgress));
        let later = Timestamp::from_milliseconds(2000);
        let again = written(announce(&begun, &import(FIRST, None), later));
        assert_eq!(again.announced_version, Some(1));
        assert_eq!(again.announcement.map(|announcement| announcement.announced_at), Some(later));
        // Other bytes are stored under its name: the next number is announced.
        for taken in [1, 4] {
            let elsewhere = Import { taken: Some(taken), ..import(FIRST, None) };
            let expected = if taken == 1 { 2 } else { 1 };
            assert_eq!(written(announce(&begun, &elsewhere, NOW)).announced_version, Some(expected));
            assert_eq!(written(announce(&empty(), &elsewhere, NOW)).announced_version, Some(taken + 1));
        }
    }

    #[test]
    fn the_named_material_must_be_the_one_that_came() {
        let named = |named| Import { named: Some(named), ..import(FIRST, None) };
        let refused = Change::Refused(ChangeRefusal::WrongMaterial("is not the one that KeyMaterialId names of"));
        assert_eq!(announce(&record(true), &named(SECOND), NOW), refused);
        assert_eq!(announce(&empty(), &named(FIRST), NOW), refused);
        assert!(matches!(announce(&record(true), &named(FIRST), NOW), Change::Write(_) | Change::NoOp));
    }

    #[test]
    fn nothing_is_imported_into_a_key_that_ends() {
        let mut record = record(false);
        record.due.deletion = Some(NOW);
        let refused = announce(&record, &import(FIRST, None), NOW);
        assert_eq!(refused, Change::Refused(ChangeRefusal::IsPendingDeletion));
        record.lifecycle = Lifecycle::Destroying;
        let refused = announce(&record, &import(FIRST, None), NOW);
        assert_eq!(refused, Change::Refused(ChangeRefusal::IsBeingDestroyed));
        assert!(matches!(delete(&record, None), Change::Write(_)), "deleting works there as in AWS KMS");
    }
}
