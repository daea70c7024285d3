//! Operations about rotation that touch no spec: its status, its history, and rotating on demand.

use crate::api::aws::deletion::KeyIdAnswer;
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::page::{Page, PageRequest};
use crate::api::aws::reply::encode;
use crate::api::aws::rotation::{ListKeyRotationsAnswer, RotationEntry, RotationStatusAnswer};
use crate::crypto::derive::base32_lower;
use crate::crypto::digest::sha256;
use crate::crypto::rng::random_array;
use crate::domain::change;
use crate::domain::lifecycle::rotates_automatically;
use crate::domain::reconcile::kms_key_status::{import_state, material_state};
use crate::domain::record::{Material, Record, RotationType};
use crate::engine::Engine;
use crate::engine::admit::{Admitted, ResolvedKey};
use crate::engine::trail::Trail;
use crate::types::key::{KeySpec, Origin};
use crate::types::secret::SecretBytes;
use crate::types::time::Timestamp;

use super::changes::{change_record, internal};
use super::key_admin::used_invocation;

/// `GetKeyRotationStatus`. Terraform asks it of every key, and a key that no calendar rotates is answered as one whose
/// rotation is off.
///
/// # Errors
/// Those of the API.
pub async fn get_key_rotation_status(_: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let record = &admitted.key(0)?.entry.record;
    let enabled = rotates_automatically(record);
    encode(&RotationStatusAnswer {
        key_id: record.key_id().to_string(),
        key_rotation_enabled: enabled,
        next_rotation_date: record.due.rotation.filter(|_| enabled).map(Timestamp::epoch_seconds),
        on_demand_rotation_start_date: on_demand_since(record).map(Timestamp::epoch_seconds),
        rotation_period_in_days: enabled.then_some(record.spec.rotation.period_days),
    })
}

/// When a rotation on demand began that is on its way.
fn on_demand_since(record: &Record) -> Option<Timestamp> {
    let on_demand = |rotation: Option<RotationType>| rotation == Some(RotationType::OnDemand);
    let announced = record.announcement.as_ref().filter(|announced| on_demand(announced.rotation));
    let rotating = record.rotating_material().filter(|material| on_demand(material.rotation));
    announced.map(|announced| announced.announced_at).or(rotating.map(|material| material.created_at))
}

/// `ListKeyRotations`: completed rotations, or all materials.
///
/// # Errors
/// Those of the API.
pub async fn list_key_rotations(_: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    check_rotatable(key)?;
    let page = PageRequest::<u32>::read(admitted.input)?;
    let record = &key.entry.record;
    let all = admitted.input.text("IncludeKeyMaterial") == Some("ALL_KEY_MATERIAL");
    let listed = record.materials.iter().filter(|material| all || material.activated_at.is_some());
    let entries = listed.map(|material| (material.version, entry(record, material, admitted.now)));
    let Page { items, next_marker } = page.cut(entries);
    let truncated = next_marker.is_some();
    encode(&ListKeyRotationsAnswer { rotations: items, next_marker, truncated })
}

fn entry(record: &Record, material: &Material, now: Timestamp) -> RotationEntry {
    let imported = material.imported.as_ref();
    RotationEntry {
        key_id: record.key_id().to_string(),
        key_material_id: material.material_id.to_string(),
        key_material_description: imported.and_then(|imported| imported.description.clone()),
        import_state: import_state(material, now),
        key_material_state: material_state(record, material),
        expiration_model: imported.map(|imported| match imported.valid_to {
            Some(_) => "KEY_MATERIAL_EXPIRES",
            None => "KEY_MATERIAL_DOES_NOT_EXPIRE",
        }),
        valid_to: material.valid_to().map(Timestamp::epoch_seconds),
        rotation_date: material.activated_at.map(Timestamp::epoch_seconds),
        rotation_type: material.rotation.filter(|_| material.activated_at.is_some()).map(RotationType::as_str),
    }
}

/// `RotateKeyOnDemand`: answers when the new version is announced; it encrypts as soon as every live replica knows it.
///
/// # Errors
/// Those of the API.
pub async fn rotate_key_on_demand(
    engine: &Engine,
    admitted: &Admitted<'_>,
    trail: &mut Trail,
) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    check_rotatable(key)?;
    let (request, now) = (request_name(engine, admitted)?, admitted.now);
    let key_id = key.entry.record.key_id();
    let is_anothers = |record: &Record| record.key_id() != key_id && record.has_seen_request(&request);
    if admitted.call.invocation_id.is_some() && engine.snapshots.load().keys().any(|entry| is_anothers(&entry.record)) {
        return Err(used_invocation());
    }
    change_record(engine, key, trail, |record| change::rotate_on_demand(record, &request, now)).await?;
    // What is announced is never lost: where this fails, the leader goes on with it.
    let settled = engine.reconcile_key(&key_id).await;
    settled.map_err(|error| internal("a rotation could not go on at once", &error)).ok();
    encode(&KeyIdAnswer { key_id: &key_id.to_string() })
}

/// "You can perform on-demand rotation only on symmetric encryption KMS keys" that are not in a custom key store. AWS
/// says no more than the code.
///
/// # Errors
/// `UnsupportedOperationException`.
pub(super) fn check_rotatable(key: &ResolvedKey) -> Result<(), AwsError> {
    let spec = key.entry.record.immutable;
    let rotatable =
        spec.key_spec == KeySpec::SymmetricDefault && matches!(spec.origin, Origin::AwsKms | Origin::External);
    rotatable.then_some(()).ok_or_else(|| AwsError::silent(ErrorCode::UnsupportedOperation))
}

/// The name that an invocation's retries share, so that they rotate once, or a random one.
fn request_name(engine: &Engine, admitted: &Admitted<'_>) -> Result<String, AwsError> {
    let principal = &admitted.call.principal;
    let seed = match admitted.call.invocation_id {
        Some(invocation) => {
            let (account, arn) = (principal.account.to_string(), principal.arn());
            sha256(&[b"rotate", &[0], account.as_bytes(), &[0], arn.as_bytes(), &[0], invocation.as_bytes()])
        }
        None => random_array(engine.ports.rng.as_ref()).map_err(|_| AwsError::internal())?,
    };
    Ok(format!("api/{}", base32_lower(&seed)))
}
