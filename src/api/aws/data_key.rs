//! Requests and answers of GenerateDataKey, GenerateDataKeyWithoutPlaintext and GenerateRandom.

use serde::Serialize;

use super::crypto::ENCRYPTION_CONTEXT;
use super::error::AwsError;
use super::key::{GRANT_TOKENS, KEY_ID, KEY_SPEC_WORDS};
use super::key_store::KEY_STORE_ID;
use super::member::{Input, Member, Shape};
use super::reply::Base64;
use super::trial::{DRY_RUN, RECIPIENT};
use crate::types::key::DataKeySpec;
use crate::types::limits::RANDOM_BYTES_MAX;

const NUMBER_OF_BYTES: Member = Member::optional("NumberOfBytes", Shape::Integer { min: 1, max: RANDOM_BYTES_MAX });
// AWS KMS answers a wrong data key spec with the words of key specs, which are none of those it takes.
const KEY_SPEC: Member =
    Member::optional("KeySpec", Shape::OddWord { taken: &["AES_256", "AES_128"], printed: KEY_SPEC_WORDS });

/// Members of GenerateDataKey.
pub const GENERATE_DATA_KEY: &[Member] =
    &[KEY_ID, ENCRYPTION_CONTEXT, NUMBER_OF_BYTES, KEY_SPEC, GRANT_TOKENS, RECIPIENT, DRY_RUN];
/// Members of GenerateDataKeyWithoutPlaintext.
pub const GENERATE_DATA_KEY_WITHOUT_PLAINTEXT: &[Member] =
    &[KEY_ID, ENCRYPTION_CONTEXT, KEY_SPEC, NUMBER_OF_BYTES, GRANT_TOKENS, DRY_RUN];
/// Members of GenerateRandom.
pub const GENERATE_RANDOM: &[Member] =
    &[NUMBER_OF_BYTES, Member::optional("CustomKeyStoreId", KEY_STORE_ID), RECIPIENT];

/// Length of the data key that a request asks for, in bytes.
///
/// # Errors
/// `ValidationException` for neither or both of `KeySpec` and `NumberOfBytes`.
pub fn data_key_length(input: &Input<'_>) -> Result<usize, AwsError> {
    match (input.text("KeySpec").and_then(DataKeySpec::parse), input.length("NumberOfBytes")) {
        (Some(spec), None) => Ok(spec.length()),
        (None, Some(length)) => Ok(length),
        _ => Err(AwsError::validation("Please specify either number of bytes or key spec.")),
    }
}

/// Number of bytes that a GenerateRandom asks for.
///
/// # Errors
/// `ValidationException` where the request names none.
pub fn random_length(input: &Input<'_>) -> Result<usize, AwsError> {
    input.length("NumberOfBytes").ok_or_else(|| AwsError::validation("NumberOfBytes is required."))
}

/// Answer of GenerateDataKey and, without plaintext, of GenerateDataKeyWithoutPlaintext.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataKeyAnswer<'a> {
    /// The data key under the key.
    pub ciphertext_blob: Base64<'a>,
    /// The data key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plaintext: Option<Base64<'a>>,
    /// The key's ARN.
    pub key_id: &'a str,
    /// The material that made the blob.
    pub key_material_id: String,
}

/// Answer of GenerateRandom.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RandomAnswer<'a> {
    /// The random bytes.
    pub plaintext: Base64<'a>,
}
