//! Requests and answers of Encrypt, Decrypt and ReEncrypt.

use serde::Serialize;

use super::error::AwsError;
use super::key::{GRANT_TOKENS, KEY_ID};
use super::member::{Input, Member, Shape};
use super::reply::Base64;
use super::trial::{DRY_RUN, DRY_RUN_MODIFIERS, RECIPIENT, ignores_ciphertext};
use crate::types::algorithm::EncryptionAlgorithm;
use crate::types::context::EncryptionContext;
use crate::types::limits::{CIPHERTEXT_MAX, PLAINTEXT_MAX};
use crate::types::secret::SecretBytes;

const ALGORITHM: Shape = Shape::Word(&["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE", "SYMMETRIC_DEFAULT"]);

/// The member that holds a ciphertext. A trial may leave it out, which `check_ciphertext` knows.
pub const CIPHERTEXT_BLOB: Member =
    Member::optional("CiphertextBlob", Shape::Blob { min: 1, max: CIPHERTEXT_MAX, sensitive: false });
/// The member that holds an encryption context.
pub const ENCRYPTION_CONTEXT: Member = Member::optional("EncryptionContext", Shape::TextMap);

/// Members of Encrypt.
pub const ENCRYPT: &[Member] = &[
    KEY_ID,
    Member::required("Plaintext", Shape::Blob { min: 1, max: PLAINTEXT_MAX, sensitive: true }),
    ENCRYPTION_CONTEXT,
    GRANT_TOKENS,
    Member::optional("EncryptionAlgorithm", ALGORITHM),
    DRY_RUN,
];

/// Members of Decrypt.
pub const DECRYPT: &[Member] = &[
    CIPHERTEXT_BLOB,
    ENCRYPTION_CONTEXT,
    GRANT_TOKENS,
    Member::optional("KeyId", Shape::KeyName),
    Member::optional("EncryptionAlgorithm", ALGORITHM),
    RECIPIENT,
    DRY_RUN,
    DRY_RUN_MODIFIERS,
];

/// Members of ReEncrypt.
pub const RE_ENCRYPT: &[Member] = &[
    CIPHERTEXT_BLOB,
    Member::optional("SourceEncryptionContext", Shape::TextMap),
    Member::optional("SourceKeyId", Shape::KeyName),
    Member::required("DestinationKeyId", Shape::KeyName),
    Member::optional("DestinationEncryptionContext", Shape::TextMap),
    Member::optional("SourceEncryptionAlgorithm", ALGORITHM),
    Member::optional("DestinationEncryptionAlgorithm", ALGORITHM),
    GRANT_TOKENS,
    DRY_RUN,
    DRY_RUN_MODIFIERS,
];

const MISSING: &str = "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy \
    constraint: Member must not be null";

/// There must be a ciphertext, unless a trial says that it has none.
///
/// # Errors
/// `ValidationException`.
pub fn check_ciphertext(input: &Input<'_>) -> Result<(), AwsError> {
    if input.blob("CiphertextBlob").is_some() || ignores_ciphertext(input)? {
        return Ok(());
    }
    Err(AwsError::validation(MISSING))
}

/// What an Encrypt asks for, besides its key.
pub struct Encrypt<'a> {
    /// 1 to 4096 bytes.
    pub plaintext: &'a SecretBytes,
    /// The context to bind to.
    pub context: EncryptionContext,
}

impl<'a> Encrypt<'a> {
    /// Reads the request.
    ///
    /// # Errors
    /// `ValidationException` where the context is too long.
    pub fn read(input: &'a Input<'_>) -> Result<Self, AwsError> {
        let plaintext = input.blob("Plaintext").ok_or_else(AwsError::internal)?;
        Ok(Self { plaintext, context: input.context("EncryptionContext")? })
    }
}

/// The algorithm that a member names; absent is the symmetric one.
#[must_use]
pub fn algorithm(input: &Input<'_>, member: &str) -> EncryptionAlgorithm {
    input.text(member).and_then(EncryptionAlgorithm::parse).unwrap_or(EncryptionAlgorithm::SymmetricDefault)
}

/// Answer of Encrypt.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EncryptAnswer<'a> {
    /// The blob.
    pub ciphertext_blob: Base64<'a>,
    /// The key's ARN.
    pub key_id: &'a str,
    /// The algorithm.
    pub encryption_algorithm: EncryptionAlgorithm,
}

/// Answer of Decrypt.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DecryptAnswer<'a> {
    /// The key's ARN.
    pub key_id: &'a str,
    /// The plaintext.
    pub plaintext: Base64<'a>,
    /// The algorithm.
    pub encryption_algorithm: EncryptionAlgorithm,
    /// The material that opened the blob; absent for key pairs, which have one alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_material_id: Option<String>,
}

/// Answer of ReEncrypt.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReEncryptAnswer<'a> {
    /// The new blob.
    pub ciphertext_blob: Base64<'a>,
    /// The ARN of the key that opened the old blob.
    pub source_key_id: &'a str,
    /// The ARN of the key that made the new one.
    pub key_id: &'a str,
    /// The old blob's algorithm.
    pub source_encryption_algorithm: EncryptionAlgorithm,
    /// The new blob's algorithm.
    pub destination_encryption_algorithm: EncryptionAlgorithm,
    /// The material that opened the old blob; absent for a key pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_key_material_id: Option<String>,
    /// The material that made the new one; absent for a key pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_key_material_id: Option<String>,
}
