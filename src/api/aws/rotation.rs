//! The five operations about rotation.

use serde::Serialize;

use super::key::KEY_ID;
use super::member::{Member, Shape};
use super::page::{LIMIT, MARKER};
use crate::types::limits::{ROTATION_PERIOD_DAYS_MAX, ROTATION_PERIOD_DAYS_MIN};

/// Members of EnableKeyRotation.
pub const ENABLE_KEY_ROTATION: &[Member] = &[
    KEY_ID,
    Member::optional(
        "RotationPeriodInDays",
        Shape::Integer { min: ROTATION_PERIOD_DAYS_MIN as i64, max: ROTATION_PERIOD_DAYS_MAX as i64 },
    ),
];
/// Members of ListKeyRotations.
pub const LIST_KEY_ROTATIONS: &[Member] = &[
    KEY_ID,
    Member::optional("IncludeKeyMaterial", Shape::Word(&["ALL_KEY_MATERIAL", "ROTATIONS_ONLY"])),
    LIMIT,
    MARKER,
];

/// Answer of GetKeyRotationStatus.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationStatusAnswer {
    /// The id.
    pub key_id: String,
    /// Whether the key is rotated by the calendar.
    pub key_rotation_enabled: bool,
    /// When next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_rotation_date: Option<f64>,
    /// When a rotation on demand began that is on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_demand_rotation_start_date: Option<f64>,
    /// The period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_period_in_days: Option<u32>,
}

/// Answer of ListKeyRotations.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListKeyRotationsAnswer {
    /// The page.
    pub rotations: Vec<RotationEntry>,
    /// The marker of the next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// Whether there is a next page.
    pub truncated: bool,
}

/// One rotation, or one material.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationEntry {
    /// The id of the key.
    pub key_id: String,
    /// The id of the material.
    pub key_material_id: String,
    /// What its importer said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_material_description: Option<String>,
    /// Whether imported material is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_state: Option<&'static str>,
    /// `CURRENT`, `NON_CURRENT` or `PENDING_ROTATION`.
    pub key_material_state: &'static str,
    /// Whether imported material expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_model: Option<&'static str>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<f64>,
    /// When the rotation was complete; absent for the first material and for one that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_date: Option<f64>,
    /// What made the rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_type: Option<&'static str>,
}
