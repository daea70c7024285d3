//! The record: the sealed, authoritative state of one key.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::api::crd::kms_key::{DeletionPolicy, OnConflict, PolicyDefault};
use crate::types::ids::{KeyId, MaterialId, ObjectUid};
use crate::types::key::{KeySpec, KeyUsage, Origin};
use crate::types::time::Timestamp;
use crate::types::wire_enum;

/// The schema that this version writes.
pub const SCHEMA: u32 = 1;

wire_enum! {
    /// How far a key has come in its life.
    pub enum Lifecycle {
        Creating = "Creating",
        Created = "Created",
    }
}

wire_enum! {
    /// Why a key may not be used. Each cause has its own way to be lifted.
    pub enum HoldCause {
        DisableKey = "DisableKey",
        ResourceDeleted = "ResourceDeleted",
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
}

/// One version of the material.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Material {
    /// From 1.
    #[n(1)]
    pub version: u32,
    /// The root term that it is sealed under.
    #[n(2)]
    pub term: u32,
    /// Its id.
    #[n(3)]
    pub material_id: MaterialId,
    /// The object that stores it.
    #[n(4)]
    pub stored_name: String,
    /// When it was made.
    #[n(5)]
    pub created_at: Timestamp,
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

    /// The material that Encrypt uses.
    #[must_use]
    pub fn current_material(&self) -> Option<&Material> {
        self.materials.last()
    }
}

/// Binds a resource's name to a key: made before the record, read whenever a resource appears.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OwnerClaim {
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
    /// The resource's namespace.
    #[n(4)]
    pub namespace: String,
    /// The resource's name.
    #[n(5)]
    pub name: String,
    /// Whether the key was ever complete. A confirmed claim without a record is a loss, never a beginning.
    #[n(6)]
    pub confirmed: bool,
}

impl OwnerClaim {
    /// The key id.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        KeyId::new(self.key_bytes, self.multi_region)
    }
}

/// Binds an account to a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AccountEntry {
    /// The schema that the writer knew.
    #[n(1)]
    pub schema: u32,
    /// The namespace's name.
    #[n(2)]
    pub namespace: String,
    /// The namespace's uid.
    #[n(3)]
    pub namespace_uid: ObjectUid,
}
