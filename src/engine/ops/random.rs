//! GenerateRandom.

use crate::api::aws::data_key::{RandomAnswer, random_length};
use crate::api::aws::error::AwsError;
use crate::api::aws::key_store::check_none_named;
use crate::api::aws::member::Input;
use crate::api::aws::reply::{Base64, encode};
use crate::engine::Engine;
use crate::engine::admit::Admitted;
use crate::types::secret::SecretBytes;

use super::backend_error;

/// The number of bytes must be there, and no custom key store named.
///
/// # Errors
/// `ValidationException` and `CustomKeyStoreNotFoundException`.
pub fn check_length(input: &Input<'_>) -> Result<(), AwsError> {
    random_length(input)?;
    check_none_named(input)
}

/// `GenerateRandom`.
///
/// # Errors
/// Those of the API.
pub async fn generate_random(engine: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let length = random_length(admitted.input)?;
    let random = engine.ports.backend.random(length).await.map_err(|error| backend_error("GenerateRandom", error))?;
    encode(&RandomAnswer { plaintext: Base64(random.expose()) })
}
