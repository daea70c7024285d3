//! The read model: every key with its sealed materials, and every alias, immutable, replaced as a whole.
//!
//! Requests are answered from it alone. It follows the store's events, one after the other, and tells how
//! far it has come, so that whoever wrote can wait until it shows the write.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::channel::oneshot;

use super::Engine;
use super::alias_index::AliasIndex;
use super::vault::{Vault, VaultError};
use crate::api::aws::page::Position;
use crate::crypto::seal::MaterialBinding;
use crate::domain::lifecycle::{MaterialHealth, effective_state};
use crate::domain::record::{Lifecycle, Material, Record};
use crate::ports::kept::Kept;
use crate::ports::key_backend::{KeyBackend, KeyHandle};
use crate::ports::store::{Event, Stored};
use crate::types::ids::KeyId;
use crate::types::object::{Kind, ObjectName};
use crate::types::revision::Revision;
use crate::types::state::KeyState;
use crate::types::time::Timestamp;

/// The kinds that decide about requests.
pub const WATCHED: &[Kind] = &[Kind::Root, Kind::Key, Kind::Material, Kind::Alias];

const SHARDS: usize = 256;

/// One key as requests see it.
#[derive(Debug)]
pub struct KeyEntry {
    /// The record.
    pub record: Record,
    /// Whether its materials are there and open.
    pub health: MaterialHealth,
    /// One handle for each material that is there, by version.
    pub handles: Vec<KeyHandle>,
}

impl KeyEntry {
    /// The state that a caller sees.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> KeyState {
        effective_state(&self.record, self.health, now)
    }

    /// The material that Encrypt uses.
    #[must_use]
    pub fn current_handle(&self) -> Option<&KeyHandle> {
        let current = self.record.current_version()?;
        self.handles.iter().find(|handle| handle.binding.version == current)
    }

    /// Where the key stands in lists.
    #[must_use]
    pub const fn position(&self) -> Position {
        Position { created_at: self.record.created_at, key_id: self.record.key_id() }
    }
}

/// What is known of one key id.
#[derive(Clone, Debug)]
pub enum Known {
    /// A key.
    Key(Arc<KeyEntry>),
    /// A record that does not open or cannot be understood.
    Unreadable,
}

#[derive(Clone, Default)]
struct Slot {
    record: Option<Stored>,
    materials: BTreeMap<String, Arc<[u8]>>,
    known: Option<Known>,
}

type Shard = HashMap<[u8; 16], Slot>;

/// The keys at one point in the store's history.
#[derive(Clone)]
pub struct Snapshot {
    shards: Vec<Arc<Shard>>,
    /// The aliases.
    pub aliases: AliasIndex,
    /// The stored root that seals, as it was when this process read it.
    root: Option<Arc<[u8]>>,
    /// Whether it is gone, or another one is in its place. What is sealed from then on could never be opened again
    /// after a restart.
    pub root_is_lost: bool,
    /// The point.
    pub revision: Revision,
}

impl Snapshot {
    pub(super) fn empty() -> Self {
        let (shards, aliases) = (vec![Arc::default(); SHARDS], AliasIndex::default());
        Self { shards, aliases, root: None, root_is_lost: false, revision: Revision::default() }
    }

    /// What is known of a key id.
    #[must_use]
    pub fn get(&self, key_id: &KeyId) -> Option<Known> {
        // The multi-Region flag is part of the id: with the other one it is the id of no key.
        self.get_with_either_flag(key_id).filter(|known| match known {
            Known::Key(entry) => entry.record.key_id() == *key_id,
            Known::Unreadable => true,
        })
    }

    /// What is known of the 128 bits of a key id, whatever its multi-Region flag says. For blobs, where the
    /// flag is a bit that anyone can flip.
    #[must_use]
    pub fn get_with_either_flag(&self, key_id: &KeyId) -> Option<Known> {
        self.shards.get(shard_of(key_id)).and_then(|shard| shard.get(key_id.as_bytes()))?.known.clone()
    }

    /// The names of the stored materials of a key, whether its record knows them or not.
    #[must_use]
    pub fn material_names(&self, key_id: &KeyId) -> Vec<String> {
        let slot = self.shards.get(shard_of(key_id)).and_then(|shard| shard.get(key_id.as_bytes()));
        slot.map_or_else(Vec::new, |slot| slot.materials.keys().cloned().collect())
    }

    /// All keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<KeyEntry>> {
        self.shards.iter().flat_map(|shard| shard.values()).filter_map(|slot| match &slot.known {
            Some(Known::Key(entry)) => Some(entry),
            _ => None,
        })
    }

    fn slot(&mut self, key_id: &KeyId) -> Option<&mut Slot> {
        let shard = self.shards.get_mut(shard_of(key_id))?;
        Some(Arc::make_mut(shard).entry(*key_id.as_bytes()).or_default())
    }
}

fn shard_of(key_id: &KeyId) -> usize {
    let [first, ..] = key_id.as_bytes();
    usize::from(*first) % SHARDS
}

impl Engine {
    /// Follows the store for as long as it has events. The process runs this beside the data plane;
    /// `ready` is told when the first snapshot is complete.
    pub async fn follow_store(&self, ready: oneshot::Sender<()>) {
        let mut ready = Some(ready);
        let mut events = self.ports.store.watch(WATCHED);
        while let Some(event) = events.next().await {
            self.apply(event).await;
            if let Some(ready) = ready.take() {
                let _ = ready.send(());
            }
        }
    }

    async fn apply(&self, event: Event) {
        let before = self.snapshots.load();
        let mut next = match &event {
            Event::Reset(..) => Snapshot::empty(),
            _ => before.as_ref().clone(),
        };
        self.look_at_root(&event, &before, &mut next);
        if next.root_is_lost && !before.root_is_lost {
            tracing::error!(
                "the root is gone from the store, or another is in its place; nothing new is sealed until it is back from a backup"
            );
        }
        match event {
            Event::Reset(objects, revision) => {
                let mut changed: Vec<KeyId> = Vec::new();
                for (name, stored) in objects {
                    self.put_alias(&mut next, &name, Some(&stored));
                    changed.extend(put(&mut next, &name, Some(stored)).filter(|_| name.kind() == Kind::Key));
                }
                for key_id in changed {
                    self.rebuild(&mut next, &key_id).await;
                }
                self.note_differences(&next);
                next.revision = revision;
            }
            Event::Applied(name, stored, revision) => self.change(&mut next, &name, Some(stored), revision).await,
            Event::Deleted(name, revision) => self.change(&mut next, &name, None, revision).await,
        }
        self.snapshots.store(next);
    }

    /// The first list comes right after the root was opened; whatever differs from it later is not that root.
    fn look_at_root(&self, event: &Event, before: &Snapshot, next: &mut Snapshot) {
        let root = ObjectName::root(self.vault.roots.active_term());
        let found = match event {
            Event::Reset(objects, _) => objects.iter().find(|(name, _)| *name == root).map(|(_, stored)| stored),
            Event::Applied(name, stored, _) if *name == root => Some(stored),
            Event::Deleted(name, _) if *name == root => None,
            Event::Applied(..) | Event::Deleted(..) => return,
        };
        let found = found.map(|stored| Arc::clone(&stored.bytes));
        next.root_is_lost = before.root.is_some() && before.root != found;
        next.root = before.root.clone().or(found);
    }

    async fn change(&self, next: &mut Snapshot, name: &ObjectName, stored: Option<Stored>, revision: Revision) {
        self.put_alias(next, name, stored.as_ref()).iter().for_each(|alias| self.note_alias(alias));
        if let Some(key_id) = put(next, name, stored) {
            self.rebuild(next, &key_id).await;
            // Where a record cannot be read any more, the last one that could be tells whose it is.
            let before = self.snapshots.load().get(&key_id);
            [before, next.get(&key_id)].iter().flatten().for_each(|known| self.note_owner(known));
        }
        next.revision = next.revision.max(revision);
    }

    fn note_owner(&self, known: &Known) {
        if let Known::Key(entry) = known {
            let owner = &entry.record.owner;
            self.changes.note(&owner.namespace, &owner.name);
            self.alias_changes.note(&owner.namespace, &owner.name);
        }
    }

    /// What became different while events were lost.
    fn note_differences(&self, next: &Snapshot) {
        let before = self.snapshots.load();
        let same = |entry: &KeyEntry, other: Option<Known>| match other {
            Some(Known::Key(other)) => other.record == entry.record && other.health == entry.health,
            _ => false,
        };
        let (old, new) = (before.keys(), next.keys());
        let gone = old.filter(|entry| !same(entry, next.get(&entry.record.key_id())));
        let come = new.filter(|entry| !same(entry, before.get(&entry.record.key_id())));
        gone.chain(come).for_each(|entry| self.note_owner(&Known::Key(Arc::clone(entry))));
        next.aliases.differences(&before.aliases).for_each(|alias| self.note_alias(alias));
    }

    /// Reads one key from the store's medium, past the snapshot and without changing it. For what the snapshot
    /// does not know yet.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn refresh(&self, key_id: &KeyId) -> Result<Option<Known>, VaultError> {
        let Some(record) = self.vault.record(key_id).await? else { return Ok(None) };
        let mut materials = BTreeMap::new();
        for material in record.content.materials.iter().filter(|material| material.is_present()) {
            let name = ObjectName::parse(Kind::Material, &material.stored_name);
            if let Some(name) = name
                && let Some(stored) = self.ports.store.get(&name).await?
            {
                materials.insert(name.to_string(), stored.bytes);
            }
        }
        let entry = entry(self.ports.backend.as_ref(), record.content, &materials).await;
        Ok(Some(Known::Key(Arc::new(entry))))
    }

    async fn rebuild(&self, next: &mut Snapshot, key_id: &KeyId) {
        let Some(slot) = next.slot(key_id) else { return };
        slot.known = match slot.record.clone() {
            None => None,
            Some(stored) => {
                Some(known(&self.vault, self.ports.backend.as_ref(), key_id, stored, &slot.materials).await)
            }
        };
    }
}

async fn known(
    vault: &Vault,
    backend: &dyn KeyBackend,
    key_id: &KeyId,
    stored: Stored,
    materials: &BTreeMap<String, Arc<[u8]>>,
) -> Known {
    match vault.open_record(&ObjectName::key(key_id), stored) {
        Ok(opened) => Known::Key(Arc::new(entry(backend, opened.content, materials).await)),
        Err(error) => {
            tracing::error!(%key_id, %error, "a record is unreadable");
            Known::Unreadable
        }
    }
}

async fn entry(backend: &dyn KeyBackend, record: Record, materials: &BTreeMap<String, Arc<[u8]>>) -> KeyEntry {
    let mut handles = Vec::with_capacity(record.materials.len());
    for material in record.materials.iter().filter(|material| material.is_present()) {
        let Some(stored) = materials.get(&material.stored_name) else { continue };
        let binding = binding(&record, material.version);
        let found = backend.identify(&binding, material.term, stored).await;
        if found == Ok(material.material_id) {
            handles.push(handle(binding, material, stored));
        }
    }
    let complete = handles.len() == record.materials.iter().filter(|material| material.is_present()).count();
    // A key that is being destroyed loses its material on purpose.
    let must_be_complete = !matches!(record.lifecycle, Lifecycle::Destroying | Lifecycle::Destroyed);
    if !complete && must_be_complete {
        tracing::error!(key_id = %record.key_id(), "material is missing or does not open");
    }
    let health = if complete { MaterialHealth::Complete } else { MaterialHealth::Damaged };
    KeyEntry { record, health, handles }
}

fn handle(binding: MaterialBinding, material: &Material, stored: &Arc<[u8]>) -> KeyHandle {
    let (stored, kept) = (Arc::clone(stored), Kept::default());
    KeyHandle { binding, term: material.term, material_id: material.material_id, stored, kept }
}

/// What a version of a key's material is bound to.
#[must_use]
pub fn binding(record: &Record, version: u32) -> MaterialBinding {
    MaterialBinding {
        key_id: record.key_id(),
        version,
        spec: record.immutable.key_spec,
        origin: record.immutable.origin,
    }
}

/// Puts an object into its key's slot, or takes it out, and tells which key that is.
fn put(next: &mut Snapshot, name: &ObjectName, stored: Option<Stored>) -> Option<KeyId> {
    let key_id = name.key_id()?;
    let slot = next.slot(&key_id)?;
    match (name.kind(), stored) {
        (Kind::Key, stored) => slot.record = stored,
        (_, Some(stored)) => {
            slot.materials.insert(name.to_string(), stored.bytes);
        }
        (_, None) => {
            slot.materials.remove(name.as_str());
        }
    }
    Some(key_id)
}
