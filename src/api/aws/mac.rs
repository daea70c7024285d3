//! Requests and answers of GenerateMac and VerifyMac.

use serde::Serialize;

use super::key::{GRANT_TOKENS, KEY_ID};
use super::member::{Input, Member, Shape};
use super::reply::Base64;
use super::signature::MESSAGE;
use super::trial::DRY_RUN;
use crate::api::aws::error::AwsError;
use crate::types::algorithm::MacAlgorithm;
use crate::types::limits::CIPHERTEXT_MAX;

const MAC_ALGORITHM: Member = Member::required("MacAlgorithm", Shape::Word(MacAlgorithm::WORDS));
const MAC: Member = Member::required("Mac", Shape::Blob { min: 1, max: CIPHERTEXT_MAX, sensitive: false });

/// Members of GenerateMac.
pub const GENERATE_MAC: &[Member] = &[MESSAGE, KEY_ID, MAC_ALGORITHM, GRANT_TOKENS, DRY_RUN];
/// Members of VerifyMac.
pub const VERIFY_MAC: &[Member] = &[MESSAGE, KEY_ID, MAC_ALGORITHM, MAC, GRANT_TOKENS, DRY_RUN];

/// The algorithm that a request names.
///
/// # Errors
/// `KMSInternalException`, which no request that was read can cause.
pub fn mac_algorithm(input: &Input<'_>) -> Result<MacAlgorithm, AwsError> {
    input.text("MacAlgorithm").and_then(MacAlgorithm::parse).ok_or_else(AwsError::internal)
}

/// Answer of GenerateMac.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateMacAnswer<'a> {
    /// The code.
    pub mac: Base64<'a>,
    /// The algorithm.
    pub mac_algorithm: MacAlgorithm,
    /// The key's ARN.
    pub key_id: &'a str,
}

/// Answer of VerifyMac, which is never given for a wrong code.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifyMacAnswer<'a> {
    /// The key's ARN.
    pub key_id: &'a str,
    /// True.
    pub mac_valid: bool,
    /// The algorithm.
    pub mac_algorithm: MacAlgorithm,
}
