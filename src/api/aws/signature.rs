//! Requests and answers of Sign and Verify.

use serde::Serialize;

use super::error::AwsError;
use super::key::{GRANT_TOKENS, KEY_ID};
use super::member::{Input, Member, Shape};
use super::reply::Base64;
use super::trial::DRY_RUN;
use crate::types::algorithm::{MessageType, SigningAlgorithm};
use crate::types::key::KeySpec;
use crate::types::limits::{CIPHERTEXT_MAX, PLAINTEXT_MAX};
use crate::types::secret::SecretBytes;

/// The member that holds a message to sign or to authenticate.
pub const MESSAGE: Member = Member::required("Message", Shape::Blob { min: 1, max: PLAINTEXT_MAX, sensitive: true });
const MESSAGE_TYPE: Member = Member::optional("MessageType", Shape::Word(MessageType::WORDS));
const SIGNING_ALGORITHM: Member = Member::required("SigningAlgorithm", Shape::Word(SigningAlgorithm::WORDS));
const SIGNATURE: Member = Member::required("Signature", Shape::Blob { min: 1, max: CIPHERTEXT_MAX, sensitive: false });

/// Members of Sign.
pub const SIGN: &[Member] = &[KEY_ID, MESSAGE, MESSAGE_TYPE, GRANT_TOKENS, SIGNING_ALGORITHM, DRY_RUN];
/// Members of Verify.
pub const VERIFY: &[Member] = &[KEY_ID, MESSAGE, MESSAGE_TYPE, SIGNATURE, SIGNING_ALGORITHM, GRANT_TOKENS, DRY_RUN];

/// What is signed, and how.
pub struct SignedMessage<'a> {
    /// 1 to 4096 bytes.
    pub message: &'a SecretBytes,
    /// What the bytes are.
    pub kind: MessageType,
    /// The algorithm.
    pub algorithm: SigningAlgorithm,
}

impl<'a> SignedMessage<'a> {
    /// Reads the request to a key of this spec, and checks what one member says against another.
    ///
    /// # Errors
    /// `ValidationException` for a message that the algorithm does not sign.
    pub fn read(input: &'a Input<'_>, spec: KeySpec) -> Result<Self, AwsError> {
        let message = input.blob("Message").ok_or_else(AwsError::internal)?;
        let algorithm = input.text("SigningAlgorithm").and_then(SigningAlgorithm::parse);
        let algorithm = algorithm.ok_or_else(AwsError::internal)?;
        let kind = input.text("MessageType").and_then(MessageType::parse).unwrap_or(MessageType::Raw);
        if !algorithm.message_types().contains(&kind) {
            let by = match algorithm {
                SigningAlgorithm::MlDsaShake256 => format!("key spec {spec}"),
                _ => format!("algorithm {algorithm}"),
            };
            return Err(AwsError::validation(format!("Message type {kind} is incompatible with {by}.")));
        }
        if algorithm.message_length(kind).is_some_and(|length| length != message.len()) {
            return Err(AwsError::validation(format!("Digest is invalid length for algorithm {algorithm}.")));
        }
        Ok(Self { message, kind, algorithm })
    }
}

/// Answer of Sign.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SignAnswer<'a> {
    /// The key's ARN.
    pub key_id: &'a str,
    /// The signature; ECDSA's in DER (ANSI X9.62).
    pub signature: Base64<'a>,
    /// The algorithm.
    pub signing_algorithm: SigningAlgorithm,
}

/// Answer of Verify, which is never given for a wrong signature.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifyAnswer<'a> {
    /// The key's ARN.
    pub key_id: &'a str,
    /// True.
    pub signature_valid: bool,
    /// The algorithm.
    pub signing_algorithm: SigningAlgorithm,
}
