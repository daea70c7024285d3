//! What the status of a `KmsKey` tells of its key: a projection of the record, and the only copy of nothing.

use crate::api::crd::kms_key::{HoldStatus, KmsKeyStatus, MaterialStatus};
use crate::domain::lifecycle::{MaterialHealth, effective_state};
use crate::domain::record::{Hold, Material, Record};
use crate::types::limits::STATUS_MATERIALS_MAX;
use crate::types::time::Timestamp;

/// All of the status but conditions and generation.
#[must_use]
pub fn project(record: &Record, health: MaterialHealth, arn: String) -> KmsKeyStatus {
    let newest = record.materials.iter().rev().take(STATUS_MATERIALS_MAX).map(material).collect();
    KmsKeyStatus {
        key_id: Some(record.key_id().to_string()),
        arn: Some(arn),
        key_state: Some(effective_state(record, health)),
        key_manager: Some("CUSTOMER".to_owned()),
        creation_date: Some(record.created_at.to_rfc3339()),
        deletion_date: record.due.deletion.map(Timestamp::to_rfc3339),
        current_key_material_id: record.current_material().map(|material| material.material_id.to_string()),
        material_count: i64::try_from(record.materials.len()).ok(),
        materials: Some(newest).filter(|materials: &Vec<_>| !materials.is_empty()),
        holds: Some(record.holds.iter().map(hold).collect()).filter(|holds: &Vec<_>| !holds.is_empty()),
        observed_generation: None,
        conditions: None,
    }
}

fn material(material: &Material) -> MaterialStatus {
    MaterialStatus {
        version: i64::from(material.version),
        key_material_id: material.material_id.to_string(),
        creation_date: material.created_at.to_rfc3339(),
    }
}

fn hold(hold: &Hold) -> HoldStatus {
    HoldStatus { cause: hold.cause.to_string(), since: hold.since.to_rfc3339(), actor: hold.actor.clone() }
}
