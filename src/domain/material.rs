//! One version of a key's material, as its record lists or announces it.

use minicbor::{Decode, Encode};

use crate::types::ids::MaterialId;
use crate::types::time::Timestamp;
use crate::types::wire_enum;

wire_enum! {
    /// What made a version of the material the current one.
    pub enum RotationType {
        Automatic = "AUTOMATIC",
        OnDemand = "ON_DEMAND",
    }
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
    /// What made, or will make, it the current one; absent for the first one and for imported material that waits.
    #[n(6)]
    pub rotation: Option<RotationType>,
    /// When it became the current one; absent while it waits.
    #[n(7)]
    pub activated_at: Option<Timestamp>,
    /// What asked for it.
    #[n(8)]
    pub request: Option<String>,
    /// What only imported material has.
    #[n(9)]
    pub imported: Option<Imported>,
}

/// Why and how a version of the material is made.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Announcement {
    /// When it was announced.
    #[n(1)]
    pub announced_at: Timestamp,
    /// What makes it the current one; absent for imported material, which waits for a rotation.
    #[n(2)]
    pub rotation: Option<RotationType>,
    /// What asked for it, so that the same request acts once.
    #[n(3)]
    pub request: Option<String>,
    /// The material that is being imported; absent where Coffer makes it.
    #[n(4)]
    pub import: Option<AnnouncedImport>,
}

/// Imported material that is announced.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AnnouncedImport {
    /// Its id.
    #[n(1)]
    pub material_id: MaterialId,
    /// What is known of it.
    #[n(2)]
    pub imported: Imported,
}

/// What only imported material has.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Imported {
    /// Whether it is here, or was deleted or expired and may be imported again.
    #[n(1)]
    pub present: bool,
    /// When it expires; absent where it does not.
    #[n(2)]
    pub valid_to: Option<Timestamp>,
    /// In words.
    #[n(3)]
    pub description: Option<String>,
}

impl Material {
    /// Whether the material is where its name says, as far as the record knows: imported material can be deleted
    /// and imported again.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.imported.as_ref().is_none_or(|imported| imported.present)
    }

    /// When it expires.
    #[must_use]
    pub fn valid_to(&self) -> Option<Timestamp> {
        self.imported.as_ref().and_then(|imported| imported.valid_to)
    }

    /// Whether it is there and has not expired.
    #[must_use]
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.is_present() && self.valid_to().is_none_or(|valid_to| now < valid_to)
    }
}
