//! CreateKey, DescribeKey, EnableKey, DisableKey.

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::key::{CreateKey, KeyAnswer, KeyMetadata};
use crate::api::aws::member::Input;
use crate::api::aws::reply::encode;
use crate::api::crd::kms_key::KmsKeySpec;
use crate::crypto::derive::base32_lower;
use crate::crypto::digest::sha256;
use crate::crypto::rng::random_array;
use crate::domain::change::{self, Change};
use crate::domain::plan::Action;
use crate::domain::record::{Record, SCHEMA};
use crate::engine::Engine;
use crate::engine::admit::{Admitted, ResolvedKey, unavailable};
use crate::engine::execute::ActionResult;
use crate::engine::snapshot::{KeyEntry, Known};
use crate::engine::trail::Trail;
use crate::types::key::Origin;
use crate::types::limits::CHANGE_ATTEMPTS_MAX;
use crate::types::secret::SecretBytes;
use crate::types::state::KeyState;

/// What one member of a CreateKey says against another is checked before anything is done.
///
/// # Errors
/// `ValidationException`, `TagException`, or `UnsupportedOperationException` for what this version cannot
/// make.
pub fn check_create_key(input: &Input<'_>) -> Result<(), AwsError> {
    let request = CreateKey::read(input)?;
    let unsupported = |what: String| {
        let message = format!("{what} is not implemented by this version of Coffer");
        Err(AwsError::new(ErrorCode::UnsupportedOperation, message))
    };
    if request.spec.material_length().is_none() {
        return unsupported(format!("the KeySpec {}", request.spec));
    }
    if request.origin != Origin::AwsKms {
        return unsupported(format!("the Origin {}", request.origin));
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
    let resource = resource.map_err(|error| internal("the KmsKey could not be made", &error))?;
    let settled = engine.reconcile(&namespace, &name, Some(&resource)).await;
    let settled = settled.map_err(|error| internal("the key could not be made", &error))?;
    let key_id = settled.filter(|settled| settled.complete).ok_or_else(AwsError::internal)?.key_id;
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
    change_record(engine, admitted.key(0)?, trail, change::enable).await
}

/// `DisableKey`: sets a hold, and leaves the spec alone.
///
/// # Errors
/// Those of the API.
pub async fn disable_key(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Result<SecretBytes, AwsError> {
    let (actor, now) = (admitted.call.principal.arn(), admitted.now);
    change_record(engine, admitted.key(0)?, trail, |record| change::disable(record, &actor, now)).await
}

/// Reads the record, changes it and writes it, again where another writer was faster.
async fn change_record(
    engine: &Engine,
    key: &ResolvedKey,
    trail: &mut Trail,
    change: impl Fn(&Record) -> Change,
) -> Result<SecretBytes, AwsError> {
    let key_id = key.entry.record.key_id();
    trail.note_response("keyId", &key.arn);
    for _ in 0..CHANGE_ATTEMPTS_MAX {
        let read =
            engine.vault.record(&key_id).await.map_err(|error| internal("the record could not be read", &error))?;
        let read = read.ok_or_else(|| unavailable(&key.arn))?.to_read();
        if read.record.schema > SCHEMA {
            return Err(newer_schema(&key.arn));
        }
        let mut record = match change(&read.record) {
            Change::NoOp => {
                // Another call may have written it a moment ago, and this caller too must find what it asked for.
                engine.show_record(&read.record).await;
                return Ok(SecretBytes::new(Vec::new()));
            }
            Change::SpecForbids => return Err(spec_forbids(engine, &key.arn, &read.record).await),
            Change::Write(record) => record,
        };
        record.previous_hash = read.digest;
        match engine.execute(&key_id, &Action::ReplaceRecord { epoch: read.epoch, record }).await {
            ActionResult::Done(Some(revision)) => {
                engine.show(revision).await;
                return Ok(SecretBytes::new(Vec::new()));
            }
            ActionResult::Failed(error) => return Err(internal("the record could not be written", &error)),
            ActionResult::Done(None) | ActionResult::Pending { .. } => {}
        }
    }
    Err(AwsError::internal())
}

async fn spec_forbids(engine: &Engine, arn: &str, record: &Record) -> AwsError {
    let owner = &record.owner;
    let resource = engine.ports.resources.get(&owner.namespace, &owner.name).await;
    let manager = resource.ok().flatten().map_or_else(|| "its KmsKey".to_owned(), |found| found.manager.to_string());
    let message = format!(
        "{arn} is disabled by spec.enabled of the KmsKey {}/{}, which {manager} manages; change it there.",
        owner.namespace, owner.name
    );
    AwsError::new(ErrorCode::KmsInvalidState, message)
}

fn newer_schema(arn: &str) -> AwsError {
    let message = format!("{arn} was written by a later version of Coffer, and this one may not change it.");
    AwsError::new(ErrorCode::KmsInvalidState, message)
}

/// The cause goes to the log; the caller gets AWS's own text.
fn internal(what: &str, error: &(dyn std::error::Error + 'static)) -> AwsError {
    tracing::error!(error, "{what}");
    AwsError::internal()
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

fn wanted_spec(request: CreateKey) -> KmsKeySpec {
    KmsKeySpec {
        description: Some(request.description).filter(|description| !description.is_empty()),
        key_spec: Some(request.spec),
        key_usage: Some(request.usage),
        tags: Some(request.tags.into_iter().collect())
            .filter(|tags: &std::collections::BTreeMap<_, _>| !tags.is_empty()),
        ..KmsKeySpec::default()
    }
}

fn metadata(engine: &Engine, entry: &KeyEntry, arn: String) -> KeyMetadata {
    let record = &entry.record;
    let state = entry.state();
    KeyMetadata {
        account: engine.accounts.account_of(&record.owner.namespace).to_string(),
        key_id: record.key_id().to_string(),
        arn,
        creation_date: record.created_at.epoch_seconds(),
        enabled: state == KeyState::Enabled,
        description: record.spec.description.clone(),
        key_usage: record.immutable.key_usage,
        key_state: state,
        deletion_date: record.due.deletion.map(crate::types::time::Timestamp::epoch_seconds),
        origin: record.immutable.origin,
        key_manager: "CUSTOMER",
        customer_master_key_spec: record.immutable.key_spec,
        key_spec: record.immutable.key_spec,
        encryption_algorithms: record.immutable.key_spec.encryption_algorithms(),
        multi_region: record.multi_region,
        current_key_material_id: record.current_material().map(|material| material.material_id.to_string()),
    }
}
