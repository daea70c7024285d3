//! Generated histories of keys, held to the table of states and to the dates of destruction.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::kms_key::{Input, ReadRecord, plan};
use super::tests::resource;
use crate::api::crd::kms_key::{Deletion, DeletionPolicy, KmsKeySpec, Rotation, SpecOrigin};
use crate::domain::change::{self, Change};
use crate::domain::import::{self, Import};
use crate::domain::lifecycle::{MaterialHealth, effective_state};
use crate::domain::plan::{Action, Fence, FoundMaterial, Gates, Seen, SeenMaterial};
use crate::domain::record::{Lifecycle, OwnerClaim, Record};
use crate::domain::resource::Resource;
use crate::domain::transitions::{Event, Transition, transition};
use crate::types::ids::{KeyId, MaterialId, ObjectUid};
use crate::types::import::ImportType;
use crate::types::key::Origin;
use crate::types::limits::IMPORT_ANNOUNCEMENT_MAX;
use crate::types::state::KeyState;
use crate::types::time::{Span, Timestamp};

const KEY_ID: KeyId = KeyId::new([7; 16], false);

/// One key with its store, in miniature.
struct Key {
    resource: Option<Resource>,
    read: Option<ReadRecord>,
    claim: Option<OwnerClaim>,
    stored: BTreeMap<String, MaterialId>,
    made: u8,
    now: Timestamp,
    resources: u8,
    /// When something was destroyed, with the date that it had.
    destroyed: Vec<(Timestamp, Timestamp)>,
}

impl Key {
    fn new(spec: KmsKeySpec) -> Self {
        let mut key = Self {
            resource: Some(Resource { spec, ..resource() }),
            read: None,
            claim: None,
            stored: BTreeMap::new(),
            made: 0,
            now: Timestamp::from_milliseconds(1_000_000),
            resources: 2,
            destroyed: Vec::new(),
        };
        key.settle(None);
        key
    }

    fn record(&self) -> &Record {
        &self.read.as_ref().unwrap().record
    }

    fn state(&self) -> KeyState {
        effective_state(self.record(), MaterialHealth::Complete, self.now)
    }

    fn name(record: &Record, version: u32) -> String {
        crate::types::object::ObjectName::material(&record.key_id(), version, 1).to_string()
    }

    /// Plans and acts until nothing is left to do. Destruction is allowed by this time, where there is one.
    fn settle(&mut self, destroy: Option<Timestamp>) {
        for _ in 0..30 {
            let record = self.read.as_ref().map(|read| &read.record);
            let versions: Vec<u32> = record.map_or_else(
                || vec![1],
                |record| {
                    let listed = record.materials.iter().map(|material| material.version);
                    let announced = record.announced_version.filter(|version| record.material(*version).is_none());
                    listed.chain(announced).collect()
                },
            );
            let find = |version: &u32| {
                let name = record.map(|record| Self::name(record, *version));
                let found = name.and_then(|name| self.stored.get(&name)).copied();
                let found = found.map_or(FoundMaterial::Missing, FoundMaterial::Present);
                SeenMaterial { version: *version, term: 1, found, public_key: None }
            };
            let materials = versions.iter().map(find).collect();
            let claim = self.claim.clone();
            let seen = Seen { active_term: 1, claim, materials, strays: Vec::new(), shown_everywhere: true };
            let made = plan(&Input {
                key_id: KEY_ID,
                new_key_id: None,
                resource: self.resource.as_ref(),
                read: self.read.as_ref(),
                seen: &seen,
                gates: Gates { destroy, ..Gates::default() },
                now: self.now,
                previous: &[],
            });
            if made.actions.is_empty() {
                return;
            }
            made.actions.into_iter().for_each(|action| self.apply(action));
        }
        panic!("never settles");
    }

    fn write(&mut self, record: Record) {
        let epoch = self.read.as_ref().map_or(1, |read| read.epoch + 1);
        self.read = Some(ReadRecord { record, epoch, digest: [1; 32] });
    }

    fn apply(&mut self, action: Action) {
        match action {
            Action::ClaimOwner(claim) | Action::ConfirmOwner(claim) => self.claim = Some(claim),
            Action::CreateRecord(record) | Action::ReplaceRecord { record, .. } => self.write(*record),
            Action::CreateMaterial { version, .. } => {
                self.made += 1;
                let name = Self::name(self.record(), version);
                assert!(self.stored.insert(name, MaterialId::new([self.made; 32])).is_none(), "made again");
            }
            Action::DestroyMaterial { stored_name, fence } => {
                if let Fence::KeyDestroyed { due } = fence {
                    self.destroyed.push((self.now, due));
                }
                assert!(self.stored.remove(&stored_name).is_some());
            }
            Action::MoveOwner { .. } | Action::ForgetRecord { .. } => panic!("{}", action.name()),
        }
    }

    fn change(&mut self, change: Change) -> bool {
        match change {
            Change::Write(record) => {
                self.write(*record);
                true
            }
            Change::NoOp => true,
            Change::Refused(_) => false,
        }
    }

    /// An event, as far as the state allows it; tells whether it was carried out.
    fn happen(&mut self, event: Event) -> bool {
        let (record, now) = (self.record().clone(), self.now);
        match event {
            Event::EnableKey => self.change(change::enable(&record)),
            Event::DisableKey => self.change(change::disable(&record, "x", now)),
            Event::ScheduleKeyDeletion => self.change(change::schedule_deletion(&record, 7, "x", now)),
            Event::CancelKeyDeletion => self.change(change::cancel_deletion(&record, "x", now)),
            Event::ResourceRemoved | Event::ResourceRetained => {
                self.resource = None;
                true
            }
            Event::ResourceRestored => {
                self.resources += 1;
                let uid = ObjectUid::new([self.resources; 16]);
                let spec = spec_of(&record);
                self.resource = Some(Resource { uid, spec, ..resource() });
                true
            }
            Event::Rotated => self.change(change::rotate_on_demand(&record, &format!("{now:?}"), now)),
            Event::ImportKeyMaterial => self.import(&record),
            Event::ImportedMaterialRemoved => self.remove_import(&record),
            _ => false,
        }
    }

    /// What ImportKeyMaterial does: announces, stores, and leaves the rest to the plan. What is gone comes back first.
    fn import(&mut self, record: &Record) -> bool {
        if record.immutable.origin != Origin::External {
            return false;
        }
        let gone = record.materials.iter().find(|material| !material.is_present());
        self.made += 1;
        let material_id = gone.map_or(MaterialId::new([self.made; 32]), |material| material.material_id);
        let import_type = Some(if gone.is_none() { ImportType::New } else { ImportType::Existing });
        let wanted = Import { material_id, import_type, named: None, valid_to: None, description: None, taken: None };
        if !self.change(import::announce(record, &wanted, self.now)) {
            return false;
        }
        let version = import::announced_version(self.record(), material_id).unwrap();
        self.stored.insert(Self::name(record, version), material_id);
        true
    }

    /// What DeleteImportedKeyMaterial does to one of the materials that are here.
    fn remove_import(&mut self, record: &Record) -> bool {
        let mut here = record.materials.iter().filter(|material| material.imported.is_some() && material.is_present());
        let Some(material) = here.next() else { return false };
        self.change(import::delete(record, Some(material.material_id)))
    }
}

fn spec_of(record: &Record) -> KmsKeySpec {
    let imported = record.immutable.origin == Origin::External;
    KmsKeySpec {
        origin: imported.then_some(SpecOrigin::Imported),
        deletion: Some(Deletion { policy: Some(record.spec.deletion.policy), ..Deletion::default() }),
        rotation: record.spec.rotation.automatic.then(|| Rotation { automatic: Some(true), ..Rotation::default() }),
        ..KmsKeySpec::default()
    }
}

fn specs() -> impl Strategy<Value = KmsKeySpec> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(is_imported, retains, rotates)| {
        let deletion = Deletion { policy: retains.then_some(DeletionPolicy::Retain), ..Deletion::default() };
        let rotation = (rotates && !is_imported).then(|| Rotation { automatic: Some(true), ..Rotation::default() });
        let origin = is_imported.then_some(SpecOrigin::Imported);
        KmsKeySpec { origin, deletion: Some(deletion), rotation, ..KmsKeySpec::default() }
    })
}

const EVENTS: [Event; 9] = [
    Event::EnableKey,
    Event::DisableKey,
    Event::ScheduleKeyDeletion,
    Event::CancelKeyDeletion,
    Event::ResourceRemoved,
    Event::ResourceRestored,
    Event::Rotated,
    Event::ImportKeyMaterial,
    Event::ImportedMaterialRemoved,
];

/// The name that the table has for an event of this key: its removal may retain it.
fn named(event: Event, record: &Record) -> Event {
    let retains = record.spec.deletion.policy == DeletionPolicy::Retain;
    if event == Event::ResourceRemoved && retains { Event::ResourceRetained } else { event }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: every change of state is in the table, and nothing is destroyed before its
    /// date or made again.
    #[test]
    fn every_history_keeps_to_the_table_and_to_its_dates(
        spec in specs(),
        history in prop::collection::vec((0_usize..EVENTS.len() + 2, 0_i64..40), 1..30),
    ) {
        let mut key = Key::new(spec);
        for (choice, days) in history {
            let before = key.state();
            match EVENTS.get(choice) {
                Some(event) => {
                    let event = named(*event, key.record());
                    // A removal of what is gone, or a return of what is there, is no event.
                    let is_there = key.resource.is_some();
                    let is_removal = matches!(event, Event::ResourceRemoved | Event::ResourceRetained);
                    if (is_removal && !is_there) || (event == Event::ResourceRestored && is_there) {
                        continue;
                    }
                    let table = transition(before, event);
                    let forbidden = table == Transition::Illegal;
                    let happened = !forbidden && key.happen(event);
                    key.settle(None);
                    let after = key.state();
                    match table {
                        _ if !happened => prop_assert_eq!(before, after, "{} on {} was refused", event, before),
                        Transition::To(states) => {
                            prop_assert!(states.contains(&after) || before == after, "{before} + {event} -> {after}");
                        }
                        Transition::NoOp => prop_assert_eq!(before, after, "{} on {}", event, before),
                        Transition::Illegal | Transition::Gone => {}
                    }
                }
                None if choice == EVENTS.len() => {
                    key.now = key.now.plus(Span::from_days(days));
                    key.settle(None);
                }
                None => key.settle(Some(key.now)),
            }
            if matches!(key.record().lifecycle, Lifecycle::Destroying | Lifecycle::Destroyed) {
                break;
            }
            // I1: what the record says is here is here.
            for material in key.record().materials.iter().filter(|material| material.is_present()) {
                prop_assert_eq!(key.stored.get(&material.stored_name), Some(&material.material_id));
            }
        }
        prop_assert!(key.destroyed.iter().all(|(at, due)| at >= due), "{:?}", key.destroyed);
    }
}

#[test]
fn an_import_that_never_came_is_given_up_and_the_next_one_counts() {
    let mut key = Key::new(KmsKeySpec { origin: Some(SpecOrigin::Imported), ..KmsKeySpec::default() });
    assert_eq!(key.state(), KeyState::PendingImport);
    let record = key.record().clone();
    assert!(key.import(&record));
    key.stored.clear();
    key.settle(None);
    assert_eq!(key.record().announced_version, Some(1));
    key.now = key.now.plus(IMPORT_ANNOUNCEMENT_MAX);
    key.settle(None);
    assert_eq!((key.record().announced_version, key.state()), (None, KeyState::PendingImport));
    let record = key.record().clone();
    assert!(key.import(&record));
    key.settle(None);
    assert_eq!(key.state(), KeyState::Enabled);
}
