//! Answer of GetKeyLastUsage.

use serde::Serialize;

use super::operation::Operation;

/// Answer of GetKeyLastUsage.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetKeyLastUsageAnswer<'a> {
    /// The key's ARN.
    pub key_id: &'a str,
    /// The last use, empty where none is known.
    pub key_last_usage: KeyLastUsage<'a>,
    /// Since when uses of the key are noted, in seconds since 1970-01-01 UTC.
    pub tracking_start_date: f64,
    /// When the key was made.
    pub key_creation_date: f64,
}

/// The last use of a key.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyLastUsage<'a> {
    /// The operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// When it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<f64>,
    /// The id of its audit record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_trail_event_id: Option<&'a str>,
    /// The id that its answer carried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_request_id: Option<&'a str>,
}
