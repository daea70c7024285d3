//! Ciphertext blobs: what symmetric keys make and open.

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::blob::Blob;
use crate::engine::Engine;
use crate::engine::admit::{Admitted, ResolvedKey};
use crate::engine::snapshot::Known;
use crate::ports::key_backend::KeyHandle;
use crate::types::context::EncryptionContext;
use crate::types::ids::MaterialId;
use crate::types::secret::SecretBytes;
use crate::types::time::Timestamp;

use super::{backend_error, count, current};

/// A blob and the material that made it.
pub(super) struct Sealed {
    pub(super) blob: Vec<u8>,
    pub(super) material_id: MaterialId,
}

/// A plaintext and the material that opened it.
pub(super) struct OpenedBlob {
    pub(super) plaintext: SecretBytes,
    pub(super) material_id: MaterialId,
}

/// Encrypts under the current material of a key.
pub(super) async fn seal(
    engine: &Engine,
    admitted: &Admitted<'_>,
    key: &ResolvedKey,
    context: &EncryptionContext,
    plaintext: &SecretBytes,
) -> Result<Sealed, AwsError> {
    let handle = current(key)?;
    let blob = engine.ports.backend.encrypt(handle, context, plaintext).await;
    let blob = blob.map_err(|error| backend_error(&key.arn, error))?;
    count(engine, admitted, handle);
    Ok(Sealed { blob, material_id: handle.material_id })
}

/// Opens the request's blob under the material that the blob names. No other one is ever tried.
pub(super) async fn open(
    engine: &Engine,
    admitted: &Admitted<'_>,
    key: &ResolvedKey,
    context: &EncryptionContext,
) -> Result<OpenedBlob, AwsError> {
    let invalid = || AwsError::silent(ErrorCode::InvalidCiphertext);
    let bytes = admitted.input.blob("CiphertextBlob").ok_or_else(invalid)?;
    let blob = Blob::parse(bytes.expose()).map_err(|_| invalid())?;
    let handle = find_handle(engine, key, blob.header.material, admitted.now).await?.ok_or_else(invalid)?;
    let plaintext = engine.ports.backend.decrypt(&handle, context, &blob).await;
    let plaintext = plaintext.map_err(|error| backend_error(&key.arn, error))?;
    count(engine, admitted, &handle);
    Ok(OpenedBlob { plaintext, material_id: handle.material_id })
}

/// A material that the snapshot does not know may be newer than it: one look at the store decides.
async fn find_handle(
    engine: &Engine,
    key: &ResolvedKey,
    material: [u8; 8],
    now: Timestamp,
) -> Result<Option<KeyHandle>, AwsError> {
    let find = |handles: &[KeyHandle]| handles.iter().find(|handle| handle.material_id.prefix() == material).cloned();
    if let Some(handle) = find(&key.entry.handles) {
        return Ok(Some(handle));
    }
    if !engine.limiter.admit_quorum_read(now) {
        return Ok(None);
    }
    match engine.refresh(&key.entry.record.key_id()).await {
        Ok(Some(Known::Key(entry))) => Ok(find(&entry.handles)),
        Ok(_) => Ok(None),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a key could not be read");
            Err(AwsError::internal())
        }
    }
}
