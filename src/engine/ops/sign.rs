//! Sign and Verify.

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::reply::{Base64, encode};
use crate::api::aws::signature::{SignAnswer, SignedMessage, VerifyAnswer};
use crate::crypto::key::{self, KeyError};
use crate::engine::Engine;
use crate::engine::admit::Admitted;
use crate::engine::trail::Trail;
use crate::types::secret::SecretBytes;

use super::{backend_error, count, current, internal, public_key};

/// `Sign`.
///
/// # Errors
/// Those of the API.
pub async fn sign(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Result<SecretBytes, AwsError> {
    let (key, request) = (admitted.key(0)?, read(admitted, trail)?);
    let handle = current(key)?;
    let signature = engine.ports.backend.sign(handle, request.algorithm, request.kind, request.message).await;
    let signature = signature.map_err(|error| backend_error(&key.arn, error))?;
    count(engine, admitted, handle);
    encode(&SignAnswer { key_id: &key.arn, signature: Base64(&signature), signing_algorithm: request.algorithm })
}

/// `Verify`, for which the public key is enough.
///
/// # Errors
/// Those of the API; `KMSInvalidSignatureException` for a signature that is none, whatever is wrong with it.
pub async fn verify(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Result<SecretBytes, AwsError> {
    let (key, request) = (admitted.key(0)?, read(admitted, trail)?);
    let signature = admitted.input.blob("Signature").ok_or_else(AwsError::internal)?;
    let (spec, message) = (key.entry.record.immutable.key_spec, request.message.expose());
    let verified = key::verify(spec, public_key(key)?, request.algorithm, request.kind, message, signature.expose());
    verified.map_err(|error| match error {
        KeyError::InvalidSignature => AwsError::silent(ErrorCode::KmsInvalidSignature),
        error => internal("a signature could not be verified", &error),
    })?;
    count(engine, admitted, current(key)?);
    encode(&VerifyAnswer { key_id: &key.arn, signature_valid: true, signing_algorithm: request.algorithm })
}

fn read<'a>(admitted: &'a Admitted<'_>, trail: &mut Trail) -> Result<SignedMessage<'a>, AwsError> {
    let spec = admitted.key(0)?.entry.record.immutable.key_spec;
    let request = SignedMessage::read(admitted.input, spec)?;
    trail.note_parameter("messageType", request.kind.as_str());
    Ok(request)
}
