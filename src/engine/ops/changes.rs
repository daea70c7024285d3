//! How a call changes a key: its record directly, and its resource's spec where the spec says it.

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::domain::change::{Change, ChangeRefusal};
use crate::domain::plan::Action;
use crate::domain::reconcile::kms_key::ReadRecord;
use crate::domain::record::{RECORD_SCHEMA, Record};
use crate::engine::Engine;
use crate::engine::admit::{ResolvedKey, unavailable};
use crate::engine::execute::ActionResult;
use crate::engine::trail::Trail;
use crate::types::limits::{CHANGE_ATTEMPTS_MAX, ON_DEMAND_ROTATIONS_MAX};

/// Reads the record, changes it and writes it, again where another writer was faster.
///
/// # Errors
/// Those of the API.
pub(super) async fn change_record(
    engine: &Engine,
    key: &ResolvedKey,
    trail: &mut Trail,
    change: impl Fn(&Record) -> Change,
) -> Result<Record, AwsError> {
    trail.note_response("keyId", &key.arn);
    for _ in 0..CHANGE_ATTEMPTS_MAX {
        let read = read_record(engine, key).await?;
        let change = change(&read.record);
        if let Some(written) = write_change(engine, key, &read, change).await? {
            return Ok(written);
        }
    }
    Err(AwsError::internal())
}

/// Reads the record that is about to be changed.
///
/// # Errors
/// Those of the API.
pub(super) async fn read_record(engine: &Engine, key: &ResolvedKey) -> Result<ReadRecord, AwsError> {
    let read = engine.vault.record(&key.entry.record.key_id()).await;
    let read = read.map_err(|error| internal("the record could not be read", &error))?;
    let read = read.ok_or_else(|| unavailable(&key.arn))?.to_read();
    if read.record.schema > RECORD_SCHEMA {
        return Err(newer_schema(&key.arn));
    }
    Ok(read)
}

/// Writes a change of the record as it was read; none, where another writer was faster.
///
/// # Errors
/// Those of the API.
pub(super) async fn write_change(
    engine: &Engine,
    key: &ResolvedKey,
    read: &ReadRecord,
    change: Change,
) -> Result<Option<Record>, AwsError> {
    let mut record = match change {
        Change::NoOp => {
            // Another call may have written it a moment ago, and this caller too must find what it asked for.
            engine.show_record(&read.record).await;
            return Ok(Some(read.record.clone()));
        }
        Change::Refused(refusal) => return Err(refuse(engine, key, &read.record, refusal).await),
        Change::Write(record) => record,
    };
    (record.previous_hash, record.schema) = (read.digest, RECORD_SCHEMA);
    let written = (*record).clone();
    let action = Action::ReplaceRecord { epoch: read.epoch, record };
    match engine.execute(&written.key_id(), &action).await {
        ActionResult::Done(Some(revision)) => {
            engine.show(revision).await;
            Ok(Some(written))
        }
        ActionResult::Failed(error) => Err(internal("the record could not be written", &error)),
        ActionResult::Done(None) | ActionResult::Pending { .. } => Ok(None),
    }
}

/// What a caller is told of a change that cannot be made.
async fn refuse(engine: &Engine, key: &ResolvedKey, record: &Record, refusal: ChangeRefusal) -> AwsError {
    let arn = &key.arn;
    let invalid = |words: String| AwsError::new(ErrorCode::KmsInvalidState, words);
    match refusal {
        ChangeRefusal::SpecForbids => spec_forbids(engine, arn, record).await,
        ChangeRefusal::ResourceIsGone => {
            let owner = format!("{}/{}", record.owner.namespace, record.owner.name);
            invalid(format!(
                "{arn} is disabled because its KmsKey {owner} was deleted; apply it again to enable the key."
            ))
        }
        ChangeRefusal::IsBeingDestroyed => invalid(format!("{arn} is being destroyed.")),
        ChangeRefusal::IsPendingDeletion => invalid(format!("{arn} is pending deletion.")),
        ChangeRefusal::IsNotPendingDeletion => invalid(format!("{arn} is not pending deletion.")),
        ChangeRefusal::RotationNear => {
            let message = format!("A rotation of {arn} is in progress or scheduled within 20 minutes.");
            AwsError::new(ErrorCode::Conflict, message)
        }
        ChangeRefusal::RotationLimit => {
            debug_assert!(record.on_demand_rotations() >= ON_DEMAND_ROTATIONS_MAX);
            let message = format!(
                "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be \
                 performed for this key: {arn}"
            );
            AwsError::new(ErrorCode::LimitExceeded, message)
        }
        ChangeRefusal::NoMaterialToRotate => {
            invalid(format!("No available key material pending rotation for the key: {arn}."))
        }
        ChangeRefusal::MaterialWaits { new, waiting } => invalid(format!(
            "New key material (id: {new}) cannot be imported into KMS key {}, because another key material (id: \
             {waiting}) is pending rotation.",
            record.key_id()
        )),
        ChangeRefusal::ImportInProgress => {
            invalid(format!("Another import of key material into {arn} is in progress."))
        }
        ChangeRefusal::WrongMaterial(words) => {
            AwsError::new(ErrorCode::IncorrectKeyMaterial, format!("The key material {words} {arn}."))
        }
        ChangeRefusal::NoSuchMaterial(material_id) => {
            AwsError::new(ErrorCode::NotFound, format!("Key material '{material_id}' of {arn} does not exist"))
        }
    }
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

pub(super) fn newer_schema(arn: &str) -> AwsError {
    let message = format!("{arn} was written by a later version of Coffer, and this one may not change it.");
    AwsError::new(ErrorCode::KmsInvalidState, message)
}

/// The cause goes to the log; the caller gets AWS's own text.
pub(in crate::engine) fn internal(what: &str, error: &(dyn std::error::Error + 'static)) -> AwsError {
    tracing::error!(error, "{what}");
    AwsError::internal()
}
