//! The structure that sends an answer to an enclave.

use super::{Json, Shape, Text, broken_range, broken_word, decode_base64, unnamed, wrong_type};
use crate::api::aws::error::AwsError;
use crate::types::limits::ATTESTATION_DOCUMENT_MAX;
use crate::types::secret::SecretBytes;

/// `RecipientInfo` of AWS's model.
#[derive(Debug)]
pub(super) struct Recipient<'a> {
    algorithm: Option<Text<'a>>,
    document: Option<SecretBytes>,
}

pub(super) fn convert<'a>(pairs: Vec<(Text<'a>, Json<'a>)>) -> Result<Recipient<'a>, AwsError> {
    const BLOB: Shape = Shape::Blob { min: 1, max: ATTESTATION_DOCUMENT_MAX, sensitive: false };
    let mut recipient = Recipient { algorithm: None, document: None };
    for (name, value) in pairs {
        match (name.as_str(), value) {
            (_, Json::Null) => {}
            ("KeyEncryptionAlgorithm", Json::Text(text)) => recipient.algorithm = Some(text),
            ("KeyEncryptionAlgorithm", other) => return Err(wrong_type(&other, Shape::KeyName)),
            ("AttestationDocument", Json::Text(text)) => recipient.document = Some(decode_base64(&text)?),
            ("AttestationDocument", other) => return Err(wrong_type(&other, BLOB)),
            _ => {}
        }
    }
    Ok(recipient)
}

impl Recipient<'_> {
    pub(super) fn broken_constraints(&self) -> Vec<String> {
        const WORDS: &[&str] = &["RSAES_OAEP_SHA_256"];
        let path = || "recipient.keyEncryptionAlgorithm".to_owned();
        let algorithm = self.algorithm.as_ref();
        let mut broken = algorithm.map_or_else(Vec::new, |text| broken_word(text.as_str(), path, WORDS, WORDS));
        broken.extend(self.document.as_ref().map_or_else(Vec::new, |document| {
            let subject = || unnamed("recipient.attestationDocument");
            broken_range(document.len(), "length", (1, ATTESTATION_DOCUMENT_MAX), subject)
        }));
        broken
    }
}
