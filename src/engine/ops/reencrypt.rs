//! ReEncrypt: two authorisations, one plaintext that never leaves.

use crate::api::aws::crypto::{ReEncryptAnswer, algorithm};
use crate::api::aws::error::AwsError;
use crate::api::aws::reply::{Base64, encode};
use crate::engine::Engine;
use crate::engine::admit::Admitted;
use crate::engine::trail::Trail;
use crate::types::secret::SecretBytes;

use super::encrypt::{decrypt_under, encrypt_under, note_material};

/// `ReEncrypt`.
///
/// # Errors
/// Those of the API.
pub async fn re_encrypt(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Result<SecretBytes, AwsError> {
    let (source, destination) = (admitted.key(0)?, admitted.key(1)?);
    let source_algorithm = algorithm(admitted.input, "SourceEncryptionAlgorithm");
    let destination_algorithm = algorithm(admitted.input, "DestinationEncryptionAlgorithm");
    trail.note_parameter("sourceEncryptionAlgorithm", source_algorithm.as_str());
    trail.note_parameter("destinationEncryptionAlgorithm", destination_algorithm.as_str());
    let source_context = admitted.input.context("SourceEncryptionContext")?;
    let destination_context = admitted.input.context("DestinationEncryptionContext")?;
    let opened = decrypt_under(engine, admitted, source, source_algorithm, &source_context).await?;
    let plaintext = &opened.plaintext;
    let sealed =
        encrypt_under(engine, admitted, destination, destination_algorithm, &destination_context, plaintext).await?;
    note_material(trail, "sourceKeyMaterialId", opened.material_id);
    note_material(trail, "destinationKeyMaterialId", sealed.material_id);
    encode(&ReEncryptAnswer {
        ciphertext_blob: Base64(&sealed.blob),
        source_key_id: &source.arn,
        key_id: &destination.arn,
        source_encryption_algorithm: source_algorithm,
        destination_encryption_algorithm: destination_algorithm,
        source_key_material_id: opened.material_id.map(|id| id.to_string()),
        destination_key_material_id: sealed.material_id.map(|id| id.to_string()),
    })
}
