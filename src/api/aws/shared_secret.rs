//! Requests and answers of DeriveSharedSecret, Encapsulate and Decapsulate.

use serde::Serialize;

use super::key::{GRANT_TOKENS, KEY_ID};
use super::member::{Member, Shape};
use super::reply::Base64;
use super::trial::{DRY_RUN, RECIPIENT};
use crate::types::algorithm::{EncapsulationAlgorithm, KeyAgreementAlgorithm};
use crate::types::key::Origin;
use crate::types::limits::{CIPHERTEXT_MAX, PUBLIC_KEY_MAX};

const ENCAPSULATION_ALGORITHM: Member =
    Member::required("EncapsulationAlgorithm", Shape::Word(EncapsulationAlgorithm::WORDS));

/// Members of DeriveSharedSecret.
pub const DERIVE_SHARED_SECRET: &[Member] = &[
    KEY_ID,
    Member::required("KeyAgreementAlgorithm", Shape::Word(KeyAgreementAlgorithm::WORDS)),
    Member::required("PublicKey", Shape::Blob { min: 1, max: PUBLIC_KEY_MAX, sensitive: false }),
    GRANT_TOKENS,
    DRY_RUN,
    RECIPIENT,
];
/// Members of Encapsulate.
pub const ENCAPSULATE: &[Member] = &[KEY_ID, ENCAPSULATION_ALGORITHM, GRANT_TOKENS, DRY_RUN];
/// Members of Decapsulate.
pub const DECAPSULATE: &[Member] = &[
    KEY_ID,
    Member::required("SharedSecretCiphertextBlob", Shape::Blob { min: 1, max: CIPHERTEXT_MAX, sensitive: false }),
    ENCAPSULATION_ALGORITHM,
    GRANT_TOKENS,
    DRY_RUN,
];

/// Answer of DeriveSharedSecret.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeriveSharedSecretAnswer<'a> {
    /// The key's ARN.
    pub key_id: &'a str,
    /// The raw secret: the coordinate that both sides share.
    pub shared_secret: Base64<'a>,
    /// The algorithm.
    pub key_agreement_algorithm: KeyAgreementAlgorithm,
    /// Where the key's material comes from.
    pub key_origin: Origin,
}

/// Answer of Encapsulate.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EncapsulateAnswer<'a> {
    /// The key's ARN.
    pub key_id: &'a str,
    /// 32 bytes.
    pub shared_secret: Base64<'a>,
    /// What the holder of the private key decapsulates.
    pub shared_secret_ciphertext_blob: Base64<'a>,
    /// The algorithm.
    pub encapsulation_algorithm: EncapsulationAlgorithm,
}

/// Answer of Decapsulate.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DecapsulateAnswer<'a> {
    /// The key's ARN.
    pub key_id: &'a str,
    /// 32 bytes. Those of a wrong ciphertext are as good as random (FIPS 203 §6.3).
    pub shared_secret: Base64<'a>,
    /// The algorithm.
    pub encapsulation_algorithm: EncapsulationAlgorithm,
}
