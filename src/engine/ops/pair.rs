//! GetPublicKey, GenerateDataKeyPair and GenerateDataKeyPairWithoutPlaintext.

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::key::Algorithms;
use crate::api::aws::member::Input;
use crate::api::aws::pair::{DataKeyPairAnswer, GetPublicKeyAnswer, key_pair_spec};
use crate::api::aws::reply::{Base64, encode};
use crate::engine::Engine;
use crate::engine::admit::{Admitted, ResolvedKey};
use crate::engine::trail::Trail;
use crate::ports::key_backend::DataKeyPair;
use crate::types::secret::SecretBytes;

use super::blob::{Sealed, seal};
use super::{backend_error, public_key};

/// `GetPublicKey`.
///
/// # Errors
/// Those of the API; `UnsupportedOperationException` for a key that is no pair.
pub async fn get_public_key(_: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    let spec = key.entry.record.immutable;
    if !spec.key_spec.is_pair() {
        // AWS says no more than the code.
        return Err(AwsError::silent(ErrorCode::UnsupportedOperation));
    }
    encode(&GetPublicKeyAnswer {
        key_id: &key.arn,
        public_key: Base64(public_key(key)?),
        customer_master_key_spec: spec.key_spec,
        key_spec: spec.key_spec,
        key_usage: spec.key_usage,
        algorithms: Algorithms::of(spec.key_spec, spec.key_usage),
    })
}

/// A pair of a spec that this build has.
///
/// # Errors
/// `UnsupportedOperationException`.
pub fn check_spec(input: &Input<'_>) -> Result<(), AwsError> {
    let spec = key_pair_spec(input)?;
    if spec.is_implemented() {
        return Ok(());
    }
    let text = format!("the KeyPairSpec {spec} is not implemented by this version of Coffer");
    Err(AwsError::new(ErrorCode::UnsupportedOperation, text))
}

/// `GenerateDataKeyPair`.
///
/// # Errors
/// Those of the API.
pub async fn generate_data_key_pair(
    engine: &Engine,
    admitted: &Admitted<'_>,
    trail: &mut Trail,
) -> Result<SecretBytes, AwsError> {
    let (pair, sealed) = generate(engine, admitted, trail).await?;
    answer(admitted, &pair, true, &sealed)
}

/// `GenerateDataKeyPairWithoutPlaintext`.
///
/// # Errors
/// Those of the API.
pub async fn generate_data_key_pair_without_plaintext(
    engine: &Engine,
    admitted: &Admitted<'_>,
    trail: &mut Trail,
) -> Result<SecretBytes, AwsError> {
    let (pair, sealed) = generate(engine, admitted, trail).await?;
    answer(admitted, &pair, false, &sealed)
}

async fn generate(
    engine: &Engine,
    admitted: &Admitted<'_>,
    trail: &mut Trail,
) -> Result<(DataKeyPair, Sealed), AwsError> {
    let key = admitted.key(0)?;
    let context = admitted.input.context("EncryptionContext")?;
    let pair = make(engine, admitted, key).await?;
    let sealed = seal(engine, admitted, key, &context, &pair.private_key).await?;
    trail.note_additional("keyMaterialId", sealed.material_id.to_string());
    Ok((pair, sealed))
}

/// A trial gets none: nobody would see it, and it would be missing for whoever asks for one in earnest.
async fn make(engine: &Engine, admitted: &Admitted<'_>, key: &ResolvedKey) -> Result<DataKeyPair, AwsError> {
    let spec = key_pair_spec(admitted.input)?;
    if admitted.is_trial {
        return Ok(DataKeyPair { private_key: SecretBytes::new(Vec::new()), public_key: Vec::new() });
    }
    engine.ports.backend.data_key_pair(spec).await.map_err(|error| backend_error(&key.arn, error))
}

fn answer(
    admitted: &Admitted<'_>,
    pair: &DataKeyPair,
    with_plaintext: bool,
    sealed: &Sealed,
) -> Result<SecretBytes, AwsError> {
    encode(&DataKeyPairAnswer {
        private_key_ciphertext_blob: Base64(&sealed.blob),
        private_key_plaintext: with_plaintext.then(|| Base64(pair.private_key.expose())),
        public_key: Base64(&pair.public_key),
        key_id: &admitted.key(0)?.arn,
        key_pair_spec: key_pair_spec(admitted.input)?,
        key_material_id: sealed.material_id.to_string(),
    })
}
