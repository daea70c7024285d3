//! DeriveSharedSecret, Encapsulate and Decapsulate.

use crate::api::aws::error::AwsError;
use crate::api::aws::reply::{Base64, encode};
use crate::api::aws::shared_secret::{DecapsulateAnswer, DeriveSharedSecretAnswer, EncapsulateAnswer};
use crate::crypto::key;
use crate::engine::Engine;
use crate::engine::admit::Admitted;
use crate::types::algorithm::{EncapsulationAlgorithm, KeyAgreementAlgorithm};
use crate::types::secret::SecretBytes;

use super::{backend_error, count, current, internal, public_key};

/// `DeriveSharedSecret`.
///
/// # Errors
/// Those of the API; `ValidationException` for a public key that is none of the key's curve.
pub async fn derive_shared_secret(engine: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    let peer = admitted.input.blob("PublicKey").ok_or_else(AwsError::internal)?;
    let handle = current(key)?;
    let secret = engine.ports.backend.derive_shared_secret(handle, peer.expose()).await;
    let secret = secret.map_err(|error| backend_error(&key.arn, error))?;
    count(engine, admitted, handle);
    encode(&DeriveSharedSecretAnswer {
        key_id: &key.arn,
        shared_secret: Base64(secret.expose()),
        key_agreement_algorithm: KeyAgreementAlgorithm::Ecdh,
        key_origin: key.entry.record.immutable.origin,
    })
}

/// `Encapsulate`, for which the public key is enough.
///
/// # Errors
/// Those of the API.
pub async fn encapsulate(engine: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    let made = key::encapsulate(key.entry.record.immutable.key_spec, public_key(key)?);
    let made = made.map_err(|error| internal("a secret could not be encapsulated", &error))?;
    count(engine, admitted, current(key)?);
    encode(&EncapsulateAnswer {
        key_id: &key.arn,
        shared_secret: Base64(made.shared_secret.expose()),
        shared_secret_ciphertext_blob: Base64(&made.ciphertext),
        encapsulation_algorithm: EncapsulationAlgorithm::MlKem,
    })
}

/// `Decapsulate`.
///
/// # Errors
/// Those of the API; `InvalidCiphertextException` for a ciphertext of another length alone.
pub async fn decapsulate(engine: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    let ciphertext = admitted.input.blob("SharedSecretCiphertextBlob").ok_or_else(AwsError::internal)?;
    let handle = current(key)?;
    let secret = engine.ports.backend.decapsulate(handle, ciphertext.expose()).await;
    let secret = secret.map_err(|error| backend_error(&key.arn, error))?;
    count(engine, admitted, handle);
    encode(&DecapsulateAnswer {
        key_id: &key.arn,
        shared_secret: Base64(secret.expose()),
        encapsulation_algorithm: EncapsulationAlgorithm::MlKem,
    })
}
