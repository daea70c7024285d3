//! GetKeyLastUsage.

use crate::api::aws::error::AwsError;
use crate::api::aws::last_usage::{GetKeyLastUsageAnswer, KeyLastUsage};
use crate::api::aws::reply::encode;
use crate::engine::Engine;
use crate::engine::admit::Admitted;
use crate::types::secret::SecretBytes;

use super::internal;

/// `GetKeyLastUsage`: what this process noted and what all of them wrote, whichever is newer.
///
/// # Errors
/// Those of the API.
pub async fn get_key_last_usage(engine: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    let record = &key.entry.record;
    let read = engine.last_use(&record.key_id()).await;
    let (last, since) = read.map_err(|error| internal("the last use of a key could not be read", &error))?;
    let key_last_usage = last.as_ref().map_or_else(KeyLastUsage::default, |last| KeyLastUsage {
        operation: Some(last.operation),
        timestamp: Some(last.at.epoch_seconds()),
        cloud_trail_event_id: Some(&last.event_id),
        kms_request_id: Some(&last.request_id),
    });
    encode(&GetKeyLastUsageAnswer {
        key_id: &key.arn,
        key_last_usage,
        tracking_start_date: since.max(record.created_at).epoch_seconds(),
        key_creation_date: record.created_at.epoch_seconds(),
    })
}
