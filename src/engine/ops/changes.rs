//! How a call changes a key: its record directly, and its resource's spec where the spec says it.

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::domain::change::{Change, ChangeRefusal};
use crate::domain::plan::Action;
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
    let key_id = key.entry.record.key_id();
    trail.note_response("keyId", &key.arn);
    for _ in 0..CHANGE_ATTEMPTS_MAX {
        let read =
            engine.vault.record(&key_id).await.map_err(|error| internal("the record could not be read", &error))?;
        let read = read.ok_or_else(|| unavailable(&key.arn))?.to_read();
        if read.record.schema > RECORD_SCHEMA {
            return Err(newer_schema(&key.arn));
        }
        let mut record = match change(&read.record) {
            Change::NoOp => {
                // Another call may have written it a moment ago, and this caller too must find what it asked for.
                engine.show_record(&read.record).await;
                return Ok(read.record);
            }
            Change::Refused(refusal) => return Err(refuse(engine, key, &read.record, refusal).await),
            Change::Write(record) => record,
        };
        (record.previous_hash, record.schema) = (read.digest, RECORD_SCHEMA);
        let written = (*record).clone();
        match engine.execute(&key_id, &Action::ReplaceRecord { epoch: read.epoch, record }).await {
            ActionResult::Done(Some(revision)) => {
                engine.show(revision).await;
                return Ok(written);
            }
            ActionResult::Failed(error) => return Err(internal("the record could not be written", &error)),
            ActionResult::Done(None) | ActionResult::Pending { .. } => {}
        }
    }
    Err(AwsError::internal())
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

fn newer_schema(arn: &str) -> AwsError {
    let message = format!("{arn} was written by a later version of Coffer, and this one may not change it.");
    AwsError::new(ErrorCode::KmsInvalidState, message)
}

/// The cause goes to the log; the caller gets AWS's own text.
pub(in crate::engine) fn internal(what: &str, error: &(dyn std::error::Error + 'static)) -> AwsError {
    tracing::error!(error, "{what}");
    AwsError::internal()
}
