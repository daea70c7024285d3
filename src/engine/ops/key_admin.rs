//! CreateKey, DescribeKey, EnableKey, DisableKey.

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::key::{Algorithms, CreateKey, KeyAnswer, KeyMetadata};
use crate::api::aws::key_store::{check_none_named, not_found};
use crate::api::aws::member::Input;
use crate::api::aws::reply::encode;
use crate::api::crd::kms_key::{KmsKeySpec, SpecOrigin};
use crate::crypto::derive::base32_lower;
use crate::crypto::digest::sha256;
use crate::crypto::rng::random_array;
use crate::domain::change;
use crate::domain::lifecycle::is_material_whole;
use crate::domain::plan::Reason;
use crate::domain::reconcile::kms_key_status::BACKUP_RECOVERABLE;
use crate::domain::record::{HoldCause, Material};
use crate::engine::Engine;
use crate::engine::admit::{Admitted, ResolvedKey, throttled};
use crate::engine::snapshot::{KeyEntry, Known};
use crate::engine::trail::Trail;
use crate::ports::resources::ResourceError;
use crate::types::key::{KeySpec, Origin};
use crate::types::secret::SecretBytes;
use crate::types::state::KeyState;
use crate::types::time::Timestamp;

use super::changes::{change_record, internal};

const EXPIRES: &str = "KEY_MATERIAL_EXPIRES";
const DOES_NOT_EXPIRE: &str = "KEY_MATERIAL_DOES_NOT_EXPIRE";

/// What one member of a CreateKey says against another is checked before anything is done.
///
/// # Errors
/// `ValidationException`, `TagException`, `CustomKeyStoreNotFoundException`, or `UnsupportedOperationException` for what this version cannot
/// make.
pub fn check_create_key(input: &Input<'_>) -> Result<(), AwsError> {
    let request = CreateKey::read(input)?;
    let unsupported = |what: String| {
        let message = format!("{what} is not implemented by this version of Coffer");
        Err(AwsError::new(ErrorCode::UnsupportedOperation, message))
    };
    if !request.spec.is_implemented() {
        return unsupported(format!("the KeySpec {}", request.spec));
    }
    check_key_store(input, request.origin)
}

/// A key of a custom key store needs the store, and there is none.
fn check_key_store(input: &Input<'_>, origin: Origin) -> Result<(), AwsError> {
    check_none_named(input)?;
    if matches!(origin, Origin::AwsCloudHsm | Origin::ExternalKeyStore) {
        return Err(not_found(&format!("There is no custom key store for a KMS key with Origin {origin}.")));
    }
    if input.has("XksKeyId") {
        return Err(AwsError::validation("XksKeyId is valid only for KMS keys with Origin EXTERNAL_KEY_STORE."));
    }
    Ok(())
}

/// `CreateKey`: makes the resource first, then the key, and answers when record and material are durable.
///
/// # Errors
/// Those of the API. After an internal error the SDK tries again with the same invocation id and finds
/// what the first try began.
pub async fn create_key(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Result<SecretBytes, AwsError> {
    let request = CreateKey::read(admitted.input)?;
    let account = admitted.call.principal.account;
    let namespace = engine.accounts.namespace_of(&admitted.call.principal).ok_or_else(AwsError::internal)?;
    let name = resource_name(engine, admitted)?;
    let resource = engine.ports.resources.create(&namespace, &name, wanted_spec(request)).await;
    let resource = resource.map_err(|error| match error {
        ResourceError::AlreadyExists { .. } if admitted.call.invocation_id.is_some() => used_invocation(),
        error => internal("the KmsKey could not be made", &error),
    })?;
    let settled = engine.reconcile(&namespace, &name, Some(&resource)).await;
    let settled = settled.map_err(|error| internal("the key could not be made", &error))?;
    let settled = settled.ok_or_else(AwsError::internal)?;
    if !settled.complete {
        // The resource is there already, and the next try goes on with it.
        let waits = settled.because == Reason::MaterialAnnounced;
        return Err(if waits { throttled() } else { AwsError::internal() });
    }
    let key_id = settled.key_id;
    let known = match engine.snapshots.load().get(&key_id) {
        Some(known) => Some(known),
        None => engine.refresh(&key_id).await.map_err(|error| internal("the key could not be read", &error))?,
    };
    let Some(Known::Key(entry)) = known else { return Err(AwsError::internal()) };
    let arn = engine.place(account).key_arn(&key_id);
    trail.note_key(&arn, account);
    trail.note_response("keyId", &arn);
    encode(&KeyAnswer { key_metadata: metadata(engine, &entry, arn) })
}

/// `DescribeKey`.
///
/// # Errors
/// Those of the API.
pub async fn describe_key(engine: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    encode(&KeyAnswer { key_metadata: metadata(engine, &key.entry, key.arn.clone()) })
}

/// `EnableKey`: lifts the hold that `DisableKey` set.
///
/// # Errors
/// Those of the API.
pub async fn enable_key(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    let enable = if is_replaced(engine, key).await? { change::enable_replaced } else { change::enable };
    change_record(engine, key, trail, enable).await?;
    Ok(SecretBytes::new(Vec::new()))
}

/// Whether the name of a key's resource is another key's by now.
async fn is_replaced(engine: &Engine, key: &ResolvedKey) -> Result<bool, AwsError> {
    let (record, owner) = (&key.entry.record, &key.entry.record.owner);
    if record.hold(HoldCause::ResourceDeleted).is_none() {
        return Ok(false);
    }
    let claim = engine.vault.claim(&owner.namespace, &owner.name).await;
    let claim = claim.map_err(|error| internal("the claim of a key's name could not be read", &error))?;
    Ok(claim.is_some_and(|claim| claim.content.confirmed && claim.content.key_id() != record.key_id()))
}

/// `DisableKey`: sets a hold, and leaves the spec alone.
///
/// # Errors
/// Those of the API.
pub async fn disable_key(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Result<SecretBytes, AwsError> {
    let (actor, now) = (admitted.call.principal.arn(), admitted.now);
    change_record(engine, admitted.key(0)?, trail, |record| change::disable(record, &actor, now)).await?;
    Ok(SecretBytes::new(Vec::new()))
}

/// The name that an invocation's retries share, or a random one.
fn resource_name(engine: &Engine, admitted: &Admitted<'_>) -> Result<String, AwsError> {
    const HASHED_CHARACTERS: usize = 20;
    let principal = &admitted.call.principal;
    let seed = match admitted.call.invocation_id {
        Some(invocation) => {
            let (account, arn) = (principal.account.to_string(), principal.arn());
            sha256(&[account.as_bytes(), &[0], arn.as_bytes(), &[0], invocation.as_bytes()])
        }
        None => random_array(engine.ports.rng.as_ref()).map_err(|_| AwsError::internal())?,
    };
    let hashed: String = base32_lower(&seed).chars().take(HASHED_CHARACTERS).collect();
    Ok(format!("k-{hashed}"))
}

/// An SDK gives each call an id of its own, and only the retries of that call repeat it.
pub(super) fn used_invocation() -> AwsError {
    let message = "the amz-sdk-invocation-id of this request was used for a request with other parameters";
    AwsError::new(ErrorCode::Validation, message)
}

fn wanted_spec(request: CreateKey) -> KmsKeySpec {
    KmsKeySpec {
        description: Some(request.description).filter(|description| !description.is_empty()),
        key_spec: Some(request.spec),
        key_usage: Some(request.usage),
        origin: (request.origin == Origin::External).then_some(SpecOrigin::Imported),
        tags: Some(request.tags.into_iter().collect())
            .filter(|tags: &std::collections::BTreeMap<_, _>| !tags.is_empty()),
        ..KmsKeySpec::default()
    }
}

pub(super) fn metadata(engine: &Engine, entry: &KeyEntry, arn: String) -> KeyMetadata {
    let record = &entry.record;
    let now = engine.ports.clock.wall();
    let state = entry.state(now);
    // "This value is present only for KMS keys whose Origin is EXTERNAL", and only while material is here.
    let imported = record.current_material().filter(|_| is_material_whole(record, now));
    let expires = imported.filter(|material| material.imported.is_some()).map(Material::valid_to);
    // "This value is present for symmetric encryption keys": all others have one material for ever.
    let symmetric = record.immutable.key_spec == KeySpec::SymmetricDefault;
    let rotatable = record.current_material().filter(|_| symmetric);
    KeyMetadata {
        account: engine.accounts.account_of(&record.owner.namespace).to_string(),
        key_id: record.key_id().to_string(),
        arn,
        creation_date: record.created_at.epoch_seconds(),
        enabled: state == KeyState::Enabled,
        description: record.spec.description.clone(),
        key_usage: record.immutable.key_usage,
        key_state: state,
        deletion_date: record.due.deletion.map(Timestamp::epoch_seconds),
        origin: record.immutable.origin,
        key_manager: record.manager().as_str(),
        expiration_model: expires.map(|expires| if expires.is_some() { EXPIRES } else { DOES_NOT_EXPIRE }),
        valid_to: expires.flatten().map(Timestamp::epoch_seconds),
        deletion_assurance: (state == KeyState::PendingDeletion).then_some(BACKUP_RECOVERABLE),
        customer_master_key_spec: record.immutable.key_spec,
        key_spec: record.immutable.key_spec,
        algorithms: Algorithms::of(record.immutable.key_spec, record.immutable.key_usage),
        multi_region: record.multi_region,
        current_key_material_id: rotatable.map(|material| material.material_id.to_string()),
    }
}
