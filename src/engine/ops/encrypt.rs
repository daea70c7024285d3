//! Encrypt and Decrypt.

use crate::api::aws::crypto::{DecryptAnswer, Encrypt, EncryptAnswer, algorithm};
use crate::api::aws::error::AwsError;
use crate::api::aws::reply::{Base64, encode};
use crate::api::aws::trial::ignores_ciphertext;
use crate::crypto::key::{self, KeyError};
use crate::engine::Engine;
use crate::engine::admit::{Admitted, ResolvedKey};
use crate::engine::trail::Trail;
use crate::types::algorithm::EncryptionAlgorithm;
use crate::types::context::EncryptionContext;
use crate::types::ids::MaterialId;
use crate::types::secret::SecretBytes;

use super::blob::{open, seal};
use super::{backend_error, count, current, internal, public_key};

/// `Encrypt`.
///
/// # Errors
/// Those of the API.
pub async fn encrypt(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    let encryption_algorithm = algorithm(admitted.input, "EncryptionAlgorithm");
    trail.note_parameter("encryptionAlgorithm", encryption_algorithm.as_str());
    let request = Encrypt::read(admitted.input)?;
    let sealed =
        encrypt_under(engine, admitted, key, encryption_algorithm, &request.context, request.plaintext).await?;
    note_material(trail, "keyMaterialId", sealed.material_id);
    encode(&EncryptAnswer { ciphertext_blob: Base64(&sealed.blob), key_id: &key.arn, encryption_algorithm })
}

/// `Decrypt`.
///
/// # Errors
/// Those of the API.
pub async fn decrypt(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    let encryption_algorithm = algorithm(admitted.input, "EncryptionAlgorithm");
    trail.note_parameter("encryptionAlgorithm", encryption_algorithm.as_str());
    let context = admitted.input.context("EncryptionContext")?;
    let opened = decrypt_under(engine, admitted, key, encryption_algorithm, &context).await?;
    note_material(trail, "keyMaterialId", opened.material_id);
    encode(&DecryptAnswer {
        key_id: &key.arn,
        plaintext: Base64(opened.plaintext.expose()),
        encryption_algorithm,
        key_material_id: opened.material_id.map(|material_id| material_id.to_string()),
    })
}

pub(super) fn note_material(trail: &mut Trail, name: &'static str, material_id: Option<MaterialId>) {
    if let Some(material_id) = material_id {
        trail.note_additional(name, material_id.to_string());
    }
}

/// A ciphertext and, for a symmetric key, the material that made it.
pub(super) struct Encrypted {
    pub(super) blob: Vec<u8>,
    pub(super) material_id: Option<MaterialId>,
}

/// A plaintext and, for a symmetric key, the material that opened it.
pub(super) struct Decrypted {
    pub(super) plaintext: SecretBytes,
    pub(super) material_id: Option<MaterialId>,
}

/// Encrypts as the key's spec does.
pub(super) async fn encrypt_under(
    engine: &Engine,
    admitted: &Admitted<'_>,
    key: &ResolvedKey,
    algorithm: EncryptionAlgorithm,
    context: &EncryptionContext,
    plaintext: &SecretBytes,
) -> Result<Encrypted, AwsError> {
    if algorithm == EncryptionAlgorithm::SymmetricDefault {
        let sealed = seal(engine, admitted, key, context, plaintext).await?;
        return Ok(Encrypted { blob: sealed.blob, material_id: Some(sealed.material_id) });
    }
    refuse_context(context)?;
    let spec = key.entry.record.immutable.key_spec;
    let blob = key::encrypt(spec, public_key(key)?, algorithm, plaintext.expose()).map_err(|error| match error {
        KeyError::PlaintextLength { maximum } => {
            let text =
                format!("Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {maximum} bytes.");
            AwsError::validation(text)
        }
        error => internal("a plaintext could not be encrypted", &error),
    })?;
    count(engine, admitted, current(key)?);
    Ok(Encrypted { blob, material_id: None })
}

/// Opens the request's ciphertext as the key's spec does.
pub(super) async fn decrypt_under(
    engine: &Engine,
    admitted: &Admitted<'_>,
    key: &ResolvedKey,
    algorithm: EncryptionAlgorithm,
    context: &EncryptionContext,
) -> Result<Decrypted, AwsError> {
    if ignores_ciphertext(admitted.input)? {
        return Ok(Decrypted { plaintext: SecretBytes::new(Vec::new()), material_id: None });
    }
    if algorithm == EncryptionAlgorithm::SymmetricDefault {
        let opened = open(engine, admitted, key, context).await?;
        return Ok(Decrypted { plaintext: opened.plaintext, material_id: Some(opened.material_id) });
    }
    refuse_context(context)?;
    let ciphertext = admitted.input.blob("CiphertextBlob").ok_or_else(AwsError::internal)?;
    let handle = current(key)?;
    let plaintext = engine.ports.backend.decrypt_for_pair(handle, algorithm, ciphertext.expose()).await;
    let plaintext = plaintext.map_err(|error| backend_error(&key.arn, error))?;
    count(engine, admitted, handle);
    Ok(Decrypted { plaintext, material_id: None })
}

fn refuse_context(context: &EncryptionContext) -> Result<(), AwsError> {
    if context.is_empty() {
        return Ok(());
    }
    Err(AwsError::validation("An encryption context is supported only with symmetric encryption KMS keys."))
}
