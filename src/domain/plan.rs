//! A plan: named actions as data, and why.

use minicbor::bytes::ByteVec;

use super::record::{OwnerClaim, Record};
use crate::api::crd::condition::Condition;
use crate::types::ids::{KeyId, MaterialId};
use crate::types::time::Timestamp;

/// What a reconcile is about to do. The executor makes no choices of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In this order; the first that is not done ends the round.
    pub actions: Vec<Action>,
    /// The whole status, computed from inputs alone.
    pub conditions: Vec<Condition>,
    /// When to look again even if nothing happens.
    pub wake_at: Option<Timestamp>,
    /// Why the plan is as it is.
    pub because: Reason,
}

/// One step. Each is idempotent and carries its own precondition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Bind a resource's name to a key. Precondition: no claim exists.
    ClaimOwner(OwnerClaim),
    /// Note that the claimed key is complete. Precondition: the claim is the unconfirmed one.
    ConfirmOwner(OwnerClaim),
    /// Bind a resource's name to another key than before. Precondition: it is still bound to the one before.
    MoveOwner {
        /// The key that it was bound to.
        from: KeyId,
        /// The claim to write.
        claim: OwnerClaim,
    },
    /// Create the record. Precondition: none exists.
    CreateRecord(Box<Record>),
    /// Replace the record. Precondition: its epoch is still this one.
    ReplaceRecord {
        /// The epoch that the plan was made from.
        epoch: u64,
        /// The next record.
        record: Box<Record>,
    },
    /// Make the material of a version and store it. Precondition: none is stored under its name.
    CreateMaterial {
        /// The version, which the record announces.
        version: u32,
        /// The root term to seal under.
        term: u32,
    },
    /// Destroy a stored material for ever. Precondition: the fence, against a fresh read of the record.
    DestroyMaterial {
        /// The object that stores it.
        stored_name: String,
        /// What must still hold.
        fence: Fence,
    },
    /// Forget a tombstone. Precondition: its epoch is still this one.
    ForgetRecord {
        /// The epoch that the plan was made from.
        epoch: u64,
    },
}

/// What must hold, in a record that is read right before, for a material to be destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// The whole key is being destroyed, and its time has come by every clock.
    KeyDestroyed {
        /// The due time that the plan saw.
        due: Timestamp,
    },
    /// The record says that this imported material is gone.
    ImportRemoved {
        /// The version.
        version: u32,
    },
}

impl Action {
    /// The action's name, for logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ClaimOwner(_) => "ClaimOwner",
            Self::ConfirmOwner(_) => "ConfirmOwner",
            Self::CreateRecord(_) => "CreateRecord",
            Self::ReplaceRecord { .. } => "ReplaceRecord",
            Self::MoveOwner { .. } => "MoveOwner",
            Self::CreateMaterial { .. } => "CreateMaterial",
            Self::DestroyMaterial { .. } => "DestroyMaterial",
            Self::ForgetRecord { .. } => "ForgetRecord",
        }
    }
}

/// What a store holds for a key besides the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The term that new material is sealed under.
    pub active_term: u32,
    /// The claim of the resource's name.
    pub claim: Option<OwnerClaim>,
    /// The materials that the record lists or announces; version 1 where there is no record.
    pub materials: Vec<SeenMaterial>,
    /// Names of stored materials of the key that its record neither lists nor announces; looked for only where the
    /// key is being destroyed.
    pub strays: Vec<String>,
    /// Whether every live replica shows the record as it was read, so that all of them know the material that
    /// waits to become the current one.
    pub shown_everywhere: bool,
}

/// What others must allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    /// Whether a key may go to a namespace that was made again under the name of its own.
    pub restore: bool,
    /// The time that may destroy; none where nothing may be destroyed.
    pub destroy: Option<Timestamp>,
    /// The latest time that a clock shows: a window that began by a clock which is behind would be over too soon.
    pub latest: Timestamp,
}

/// One material as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenMaterial {
    /// The version.
    pub version: u32,
    /// The term that it is, or would be, sealed under.
    pub term: u32,
    /// What was found.
    pub found: FoundMaterial,
    /// The public key of a pair that its record does not list yet.
    pub public_key: Option<ByteVec>,
}

/// What was found under a material's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundMaterial {
    /// Nothing.
    Missing,
    /// Bytes that do not open as this material.
    Unreadable,
    /// The material with this id.
    Present(MaterialId),
}

/// Why a plan is as it is, for logs and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is left to do.
    InSync,
    /// The resource is new.
    OwnerUnclaimed,
    /// The claim has no record yet.
    RecordAbsent,
    /// A confirmed claim has no record, or material exists without one.
    RecordLost,
    /// A material is announced and not made.
    MaterialAnnounced,
    /// An announced material is made and not listed.
    MaterialMade,
    /// A material that should be there is not, or does not open.
    MaterialDamaged,
    /// The key is complete and its claim does not say so.
    ClaimUnconfirmed,
    /// The spec changed.
    SpecChanged,
    /// The resource was re-created.
    ResourceReplaced,
    /// The resource is gone.
    ResourceGone,
    /// The resource is older than what was planned from.
    StaleView,
    /// The spec cannot be followed.
    SpecRefused,
    /// The key's id belongs to another resource.
    KeyIdTaken,
    /// The record was written by a later version.
    SchemaTooNew,
    /// The resource is gone for good: its time has come.
    DeletionDue,
    /// The key's material is being destroyed.
    Destroying,
    /// The key is destroyed.
    Destroyed,
    /// The tombstone is old enough.
    TombstoneOld,
    /// A resource takes the place of one whose key is destroyed.
    KeyDestroyedBefore,
    /// A resource takes the place of one with other immutable fields, as it asks for.
    KeyReplaced,
    /// The material is rotated by the calendar.
    RotationDue,
    /// The material is rotated because the resource asks for it.
    RotationRequested,
    /// A rotation waits until every live replica shows its material.
    RotationWaits,
    /// A rotation is complete.
    RotationShown,
    /// No more rotations on demand are possible.
    RotationLimit,
    /// The key waits for its material to be imported.
    ImportAwaited,
    /// Imported material was announced and never came.
    ImportAbandoned,
    /// Imported material expired.
    ImportExpired,
    /// Imported material that is gone by the record is still stored.
    ImportRemoved,
    /// Imported material that waited for its rotation is gone.
    ImportForgotten,
}
