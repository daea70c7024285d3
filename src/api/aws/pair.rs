//! Requests and answers of GetPublicKey, GenerateDataKeyPair and GenerateDataKeyPairWithoutPlaintext.

use serde::Serialize;

use super::crypto::ENCRYPTION_CONTEXT;
use super::error::AwsError;
use super::key::{Algorithms, GRANT_TOKENS, KEY_ID};
use super::member::{Input, Member, Shape};
use super::reply::Base64;
use super::trial::{DRY_RUN, RECIPIENT};
use crate::types::key::{KeySpec, KeyUsage};

/// The specs of data key pairs, in the order of AWS's model.
const KEY_PAIR_SPEC_WORDS: &[&str] = &[
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "SM2",
    "ECC_NIST_EDWARDS25519",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
];
const KEY_PAIR_SPEC: Member = Member::required("KeyPairSpec", Shape::Word(KEY_PAIR_SPEC_WORDS));

/// Members of GetPublicKey.
pub const GET_PUBLIC_KEY: &[Member] = &[KEY_ID, GRANT_TOKENS];
/// Members of GenerateDataKeyPair.
pub const GENERATE_DATA_KEY_PAIR: &[Member] =
    &[ENCRYPTION_CONTEXT, KEY_ID, KEY_PAIR_SPEC, GRANT_TOKENS, RECIPIENT, DRY_RUN];
/// Members of GenerateDataKeyPairWithoutPlaintext.
pub const GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT: &[Member] =
    &[ENCRYPTION_CONTEXT, KEY_ID, KEY_PAIR_SPEC, GRANT_TOKENS, DRY_RUN];

/// The spec of the pair that a request asks for.
///
/// # Errors
/// `KMSInternalException`, which no request that was read can cause.
pub fn key_pair_spec(input: &Input<'_>) -> Result<KeySpec, AwsError> {
    input.text("KeyPairSpec").and_then(KeySpec::parse).ok_or_else(AwsError::internal)
}

/// Answer of GetPublicKey.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPublicKeyAnswer<'a> {
    /// The key's ARN.
    pub key_id: &'a str,
    /// The public key, X.509 SubjectPublicKeyInfo DER (RFC 5280 §4.1.2.7).
    pub public_key: Base64<'a>,
    /// The spec, under its old name.
    pub customer_master_key_spec: KeySpec,
    /// The spec.
    pub key_spec: KeySpec,
    /// The usage.
    pub key_usage: KeyUsage,
    /// The algorithms of the usage.
    #[serde(flatten)]
    pub algorithms: Algorithms,
}

/// Answer of GenerateDataKeyPair and, without plaintext, of GenerateDataKeyPairWithoutPlaintext.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataKeyPairAnswer<'a> {
    /// The private key under the key.
    pub private_key_ciphertext_blob: Base64<'a>,
    /// The private key, PKCS#8 DER (RFC 5958).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key_plaintext: Option<Base64<'a>>,
    /// The public key, X.509 SubjectPublicKeyInfo DER.
    pub public_key: Base64<'a>,
    /// The key's ARN.
    pub key_id: &'a str,
    /// The spec of the pair.
    pub key_pair_spec: KeySpec,
    /// The material that made the blob.
    pub key_material_id: String,
}
