//! GenerateMac and VerifyMac.

use crate::api::aws::error::AwsError;
use crate::api::aws::mac::{GenerateMacAnswer, VerifyMacAnswer, mac_algorithm};
use crate::api::aws::reply::{Base64, encode};
use crate::engine::Engine;
use crate::engine::admit::Admitted;
use crate::types::secret::SecretBytes;

use super::{backend_error, count, current};

/// `GenerateMac`.
///
/// # Errors
/// Those of the API.
pub async fn generate_mac(engine: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let (key, algorithm) = (admitted.key(0)?, mac_algorithm(admitted.input)?);
    let message = admitted.input.blob("Message").ok_or_else(AwsError::internal)?;
    let handle = current(key)?;
    let mac = engine.ports.backend.generate_mac(handle, algorithm, message).await;
    let mac = mac.map_err(|error| backend_error(&key.arn, error))?;
    count(engine, admitted, handle);
    encode(&GenerateMacAnswer { mac: Base64(&mac), mac_algorithm: algorithm, key_id: &key.arn })
}

/// `VerifyMac`.
///
/// # Errors
/// Those of the API; `KMSInvalidMacException` for a code that is none of this message.
pub async fn verify_mac(engine: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let (key, algorithm) = (admitted.key(0)?, mac_algorithm(admitted.input)?);
    let message = admitted.input.blob("Message").ok_or_else(AwsError::internal)?;
    let mac = admitted.input.blob("Mac").ok_or_else(AwsError::internal)?;
    let handle = current(key)?;
    let verified = engine.ports.backend.verify_mac(handle, algorithm, message, mac.expose()).await;
    verified.map_err(|error| backend_error(&key.arn, error))?;
    count(engine, admitted, handle);
    encode(&VerifyMacAnswer { key_id: &key.arn, mac_valid: true, mac_algorithm: algorithm })
}
