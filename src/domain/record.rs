//! The record: the sealed, authoritative state of one key.

use std::collections::BTreeMap;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

pub use super::claim::{AccountEntry, OwnerClaim};
pub use super::material::{AnnouncedImport, Announcement, Imported, Material, RotationType};

use crate::api::crd::kms_key::{DeletionPolicy, OnConflict, PolicyDefault};
use crate::types::ids::{KeyId, ObjectUid};
use crate::types::key::{KeySpec, KeyUsage, Origin};
use crate::types::time::Timestamp;
use crate::types::wire_enum;

/// The newest schema of records that this version reads, and the one that it writes.
pub const RECORD_SCHEMA: u32 = 2;
/// The same of claims, entries, heartbeats and every other content.
pub const SCHEMA: u32 = 1;

wire_enum! {
    /// How far a key has come in its life.
    pub enum Lifecycle {
        Creating = "Creating",
        Created = "Created",
        /// Its material is being destroyed. There is no way back.
        Destroying = "Destroying",
        /// Its material is gone; the record is a tombstone.
        Destroyed = "Destroyed",
    }
}

wire_enum! {
    /// Why a key may not be used. Each cause has its own way to be lifted.
    pub enum HoldCause {
        DisableKey = "DisableKey",
        ResourceDeleted = "ResourceDeleted",
        ScheduleKeyDeletion = "ScheduleKeyDeletion",
    }
}

wire_enum! {
    /// Who manages a key.
    pub enum KeyManager {
        Customer = "CUSTOMER",
        /// Coffer, for an integration: the tenant sees and uses it, and cannot change it.
        Aws = "AWS",
        /// Coffer, for itself: nobody else sees it.
        Owned = "OWNED",
    }
}

/// The state of one key. Encoded as the manual's page of formats says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Record {
    /// The schema that the writer knew.
    #[n(1)]
    pub schema: u32,
    /// The bytes of the key id.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub key_bytes: [u8; 16],
    /// The multi-Region flag of the key id.
    #[n(3)]
    pub multi_region: bool,
    /// The resource that owns the key.
    #[n(4)]
    pub owner: Owner,
    /// What can never change.
    #[n(5)]
    pub immutable: ImmutableSpec,
    /// What was wanted when the record was last planned.
    #[n(6)]
    pub spec: MutableSpec,
    /// How far the key has come.
    #[n(7)]
    pub lifecycle: Lifecycle,
    /// Why the key may not be used, at most one for each cause, sorted by cause.
    #[n(8)]
    pub holds: Vec<Hold>,
    /// What happens when.
    #[n(9)]
    pub due: DueTimes,
    /// The materials, by version.
    #[n(10)]
    pub materials: Vec<Material>,
    /// The version that is being made. Material is minted only for a version announced here.
    #[n(11)]
    pub announced_version: Option<u32>,
    /// The accepted policy, or the default one.
    #[n(12)]
    pub policy: Option<AcceptedPolicy>,
    /// SHA-256 of the stored bytes before these, zeros at first.
    #[n(13)]
    #[cbor(with = "minicbor::bytes")]
    pub previous_hash: [u8; 32],
    /// Which primary of a multi-Region key wrote this; 0 outside them.
    #[n(14)]
    pub primary_epoch: u64,
    /// When the key was created.
    #[n(15)]
    pub created_at: Timestamp,
    /// The version that encrypts. Absent in schema 1, where the newest does.
    #[n(16)]
    pub current_version: Option<u32>,
    /// Why and how the announced version is made. Absent for the first one.
    #[n(17)]
    pub announcement: Option<Announcement>,
    /// Who manages the key; absent for a customer.
    #[n(18)]
    pub manager: Option<KeyManager>,
    /// The last attempt to use the key while it waited to be destroyed.
    #[n(19)]
    pub attempt: Option<Attempt>,
    /// Import tokens of another epoch are void; absent for 0.
    #[n(20)]
    pub import_epoch: Option<u32>,
    /// When the material was destroyed.
    #[n(21)]
    pub destroyed_at: Option<Timestamp>,
    /// When the resource came back and the deletion that its removal meant was called off.
    #[n(22)]
    pub restored_at: Option<Timestamp>,
    /// The public key of a pair, X.509 SubjectPublicKeyInfo DER, from when its material is listed.
    #[n(23)]
    pub public_key: Option<ByteVec>,
    /// When the resource vanished that meant a deletion: the first time, or the last one that was called off. It counts
    /// with what vanished then, whatever became of the key since.
    #[n(24)]
    pub vanished_at: Option<Timestamp>,
}

/// An attempt to use a key that waits to be destroyed: a sign that the deletion is a mistake.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Attempt {
    /// When.
    #[n(1)]
    pub at: Timestamp,
    /// The ARN of who tried.
    #[n(2)]
    pub actor: String,
    /// What they tried, in AWS's word.
    #[n(3)]
    pub operation: String,
}

/// The resource that owns a key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Owner {
    /// Its namespace.
    #[n(1)]
    pub namespace: String,
    /// Its name.
    #[n(2)]
    pub name: String,
    /// The uid of its namespace.
    #[n(3)]
    pub namespace_uid: ObjectUid,
    /// Its uid.
    #[n(4)]
    pub resource_uid: ObjectUid,
    /// The generation that was last planned from.
    #[n(5)]
    pub generation: u64,
}

/// What can never change about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ImmutableSpec {
    /// Type of the material.
    #[n(1)]
    pub key_spec: KeySpec,
    /// What the key is used for.
    #[n(2)]
    pub key_usage: KeyUsage,
    /// Where the material comes from.
    #[n(3)]
    pub origin: Origin,
}

/// What a user may change about a key, every default filled in.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct MutableSpec {
    /// In words.
    #[n(1)]
    pub description: String,
    /// Whether the user wants the key to be usable.
    #[n(2)]
    pub enabled: bool,
    /// Tags.
    #[n(3)]
    #[cbor(with = "crate::domain::encoding::pairs")]
    pub tags: BTreeMap<String, String>,
    /// Which policy applies where none was accepted.
    #[n(4)]
    pub policy: PolicyDefault,
    /// What removing the resource does.
    #[n(5)]
    pub deletion: DeletionSpec,
    /// When new material is made.
    #[n(6)]
    pub rotation: RotationSpec,
}

/// What removing the resource does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DeletionSpec {
    /// Whether the key is ever destroyed.
    #[n(1)]
    pub policy: DeletionPolicy,
    /// Days between removal and destruction.
    #[n(2)]
    pub window_days: u32,
    /// What happens where the resource comes back with other immutable fields.
    #[n(3)]
    pub on_conflict: OnConflict,
    /// Whether the cluster refuses the removal.
    #[n(4)]
    pub protection: bool,
    /// Whether an attempt to use the key while it waits to be destroyed begins a whole window anew.
    #[n(5)]
    #[cbor(skip_if = "is_false")]
    pub extend_on_use: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape is minicbor's")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// When new material is made.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RotationSpec {
    /// By the calendar.
    #[n(1)]
    pub automatic: bool,
    /// Days between two rotations.
    #[n(2)]
    pub period_days: u32,
    /// A value that is acted on once.
    #[n(3)]
    pub on_demand_request: Option<String>,
}

/// A reason why the key may not be used.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Hold {
    /// Which reason.
    #[n(1)]
    pub cause: HoldCause,
    /// Since when.
    #[n(2)]
    pub since: Timestamp,
    /// Who caused it.
    #[n(3)]
    pub actor: String,
}

/// What happens when. Due times are absolute, so that no restart loses one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DueTimes {
    /// When the key is destroyed.
    #[n(1)]
    pub deletion: Option<Timestamp>,
    /// When the next automatic rotation is due.
    #[n(2)]
    pub rotation: Option<Timestamp>,
}

/// The policy that decides about the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AcceptedPolicy {
    /// Its number.
    #[n(1)]
    pub number: u32,
    /// SHA-256 of its content.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub digest: [u8; 32],
}

impl Record {
    /// The key id.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        KeyId::new(self.key_bytes, self.multi_region)
    }

    /// The hold of this cause.
    #[must_use]
    pub fn hold(&self, cause: HoldCause) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.cause == cause)
    }

    /// Adds a hold, or leaves the one there is.
    pub fn set_hold(&mut self, hold: Hold) {
        if self.hold(hold.cause).is_none() {
            self.holds.push(hold);
            self.holds.sort_by_key(|hold| hold.cause.as_str());
        }
    }

    /// Takes a hold away.
    pub fn lift_hold(&mut self, cause: HoldCause) {
        self.holds.retain(|hold| hold.cause != cause);
    }

    /// The version that Encrypt uses, whether its material is there or not.
    #[must_use]
    pub fn current_version(&self) -> Option<u32> {
        self.current_version.or_else(|| self.materials.last().map(|material| material.version))
    }

    /// The material that Encrypt uses.
    #[must_use]
    pub fn current_material(&self) -> Option<&Material> {
        self.material(self.current_version()?)
    }

    /// The material of a version.
    #[must_use]
    pub fn material(&self, version: u32) -> Option<&Material> {
        self.materials.iter().find(|material| material.version == version)
    }

    /// A version that no material of this key has or had.
    #[must_use]
    pub fn next_version(&self) -> u32 {
        let newest = self.materials.last().map_or(0, |material| material.version);
        newest.max(self.announced_version.unwrap_or(0)).saturating_add(1)
    }

    /// A material that was made and waits to become the current one: a rotation on its way.
    #[must_use]
    pub fn rotating_material(&self) -> Option<&Material> {
        self.materials.iter().find(|material| material.rotation.is_some() && material.activated_at.is_none())
    }

    /// Imported material that waits for a rotation on demand.
    #[must_use]
    pub fn waiting_material(&self) -> Option<&Material> {
        self.materials.iter().find(|material| self.is_ahead(material) && material.rotation.is_none())
    }

    /// Whether a material was imported and never was the current one. It is not yet associated with the key for ever.
    #[must_use]
    pub fn is_ahead(&self, material: &Material) -> bool {
        let is_later = self.current_version().is_some_and(|current| material.version > current);
        material.imported.is_some() && material.activated_at.is_none() && is_later
    }

    /// Whether a material is gone whose place need not be kept.
    #[must_use]
    pub fn is_forgotten(&self, material: &Material) -> bool {
        self.is_ahead(material) && !material.is_present() && self.announced_version != Some(material.version)
    }

    /// Whether a request for a rotation was acted on already.
    #[must_use]
    pub fn has_seen_request(&self, request: &str) -> bool {
        let announced = self.announcement.as_ref().and_then(|announcement| announcement.request.as_deref());
        announced == Some(request) || self.materials.iter().any(|material| material.request.as_deref() == Some(request))
    }

    /// Rotations on demand so far, those on their way among them.
    #[must_use]
    pub fn on_demand_rotations(&self) -> usize {
        let of_kind = |rotation: Option<RotationType>| rotation == Some(RotationType::OnDemand);
        let announced = self.announcement.as_ref().is_some_and(|announced| of_kind(announced.rotation));
        self.materials.iter().filter(|material| of_kind(material.rotation)).count() + usize::from(announced)
    }

    /// Who manages the key.
    #[must_use]
    pub fn manager(&self) -> KeyManager {
        self.manager.unwrap_or(KeyManager::Customer)
    }
}
