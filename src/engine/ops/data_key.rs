//! GenerateDataKey and GenerateDataKeyWithoutPlaintext.

use crate::api::aws::data_key::{DataKeyAnswer, data_key_length};
use crate::api::aws::error::AwsError;
use crate::api::aws::member::Input;
use crate::api::aws::reply::{Base64, encode};
use crate::engine::Engine;
use crate::engine::admit::Admitted;
use crate::engine::trail::Trail;
use crate::types::secret::SecretBytes;

use super::backend_error;
use super::blob::{Sealed, seal};

/// Exactly one of `KeySpec` and `NumberOfBytes` must be there.
///
/// # Errors
/// `ValidationException`.
pub fn check_length(input: &Input<'_>) -> Result<(), AwsError> {
    data_key_length(input).map(drop)
}

/// `GenerateDataKey`.
///
/// # Errors
/// Those of the API.
pub async fn generate_data_key(
    engine: &Engine,
    admitted: &Admitted<'_>,
    trail: &mut Trail,
) -> Result<SecretBytes, AwsError> {
    let (data_key, sealed) = generate(engine, admitted, trail).await?;
    answer(admitted, Some(&data_key), &sealed)
}

/// `GenerateDataKeyWithoutPlaintext`.
///
/// # Errors
/// Those of the API.
pub async fn generate_data_key_without_plaintext(
    engine: &Engine,
    admitted: &Admitted<'_>,
    trail: &mut Trail,
) -> Result<SecretBytes, AwsError> {
    let (_, sealed) = generate(engine, admitted, trail).await?;
    answer(admitted, None, &sealed)
}

async fn generate(
    engine: &Engine,
    admitted: &Admitted<'_>,
    trail: &mut Trail,
) -> Result<(SecretBytes, Sealed), AwsError> {
    let key = admitted.key(0)?;
    let length = data_key_length(admitted.input)?;
    let context = admitted.input.context("EncryptionContext")?;
    let data_key = engine.ports.backend.random(length).await.map_err(|error| backend_error(&key.arn, error))?;
    let sealed = seal(engine, admitted, key, &context, &data_key).await?;
    trail.note_additional("keyMaterialId", sealed.material_id.to_string());
    Ok((data_key, sealed))
}

fn answer(admitted: &Admitted<'_>, data_key: Option<&SecretBytes>, sealed: &Sealed) -> Result<SecretBytes, AwsError> {
    encode(&DataKeyAnswer {
        ciphertext_blob: Base64(&sealed.blob),
        plaintext: data_key.map(|data_key| Base64(data_key.expose())),
        key_id: &admitted.key(0)?.arn,
        key_material_id: sealed.material_id.to_string(),
    })
}
