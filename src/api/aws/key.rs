//! Requests and answers of the operations on keys themselves.

use serde::Serialize;

use super::error::AwsError;
use super::key_store::{KEY_STORE_ID, XKS_KEY_ID};
use super::member::{Input, Member, Shape};
use super::page::{LIMIT, MARKER};
use super::policy::{BYPASS_LOCKOUT_CHECK, POLICY};
use super::tag::{TAGS, check_tags};
use crate::types::algorithm::{
    EncapsulationAlgorithm, EncryptionAlgorithm, KeyAgreementAlgorithm, MacAlgorithm, SigningAlgorithm,
};
use crate::types::key::{KeySpec, KeyUsage, Origin};
use crate::types::limits::DESCRIPTION_CHARACTERS_MAX;
use crate::types::state::KeyState;

/// The words of `KeySpec` in the order in which AWS KMS prints them.
pub const KEY_SPEC_WORDS: &[&str] = &[
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "ECC_NIST_EDWARDS25519",
    "SYMMETRIC_DEFAULT",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "SM2",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
];
/// The words that the old name of `KeySpec` still takes.
const OLD_KEY_SPEC_WORDS: &[&str] = &[
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "SYMMETRIC_DEFAULT",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "SM2",
];
const KEY_USAGE_WORDS: &[&str] =
    &["ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE"];
const ORIGIN_WORDS: &[&str] = &["EXTERNAL", "AWS_CLOUDHSM", "AWS_KMS", "EXTERNAL_KEY_STORE"];

/// The member that names a key where an alias is welcome or the operation says otherwise.
pub const KEY_ID: Member = Member::required("KeyId", Shape::KeyName);
/// Grants come with their own operations.
pub const GRANT_TOKENS: Member = Member::not_implemented("GrantTokens", GRANT_TOKEN_LIST);
const GRANT_TOKEN_LIST: Shape = Shape::List { min: 0, max: 10, item: &GRANT_TOKEN };
/// One of them.
pub const GRANT_TOKEN: Shape = Shape::Text { min: 1, max: 8192 };
/// The description of a key.
pub const DESCRIPTION: Member =
    Member::optional("Description", Shape::Text { min: 0, max: DESCRIPTION_CHARACTERS_MAX });
const RESOURCE_OWNERS: Shape = Shape::List { min: 1, max: 2, item: &Shape::Word(&[SELF, SHARED]) };
const SELF: &str = "SELF";
const SHARED: &str = "OTHER_ACCOUNTS_VIA_RAM";

/// Members of CreateKey.
pub const CREATE_KEY: &[Member] = &[
    Member::not_implemented("Policy", POLICY),
    DESCRIPTION,
    Member::optional("KeyUsage", Shape::Word(KEY_USAGE_WORDS)),
    Member::optional("CustomerMasterKeySpec", Shape::Word(OLD_KEY_SPEC_WORDS)),
    Member::optional("KeySpec", Shape::Word(KEY_SPEC_WORDS)),
    Member::optional("Origin", Shape::Word(ORIGIN_WORDS)),
    Member::optional("CustomKeyStoreId", KEY_STORE_ID),
    BYPASS_LOCKOUT_CHECK,
    Member::optional("Tags", TAGS),
    Member::not_implemented("MultiRegion", Shape::Boolean),
    Member::optional("XksKeyId", XKS_KEY_ID),
];
/// Members of DescribeKey.
pub const DESCRIBE_KEY: &[Member] = &[KEY_ID, GRANT_TOKENS];
/// Members of EnableKey and DisableKey.
pub const KEY_ONLY: &[Member] = &[KEY_ID];
/// Members of ListKeys.
pub const LIST_KEYS: &[Member] = &[LIMIT, MARKER, Member::optional("ResourceOwners", RESOURCE_OWNERS)];

/// Whether a ListKeys asks for the caller's own keys, which it does where it says nothing. No account shares keys
/// with another through AWS RAM here.
#[must_use]
pub fn lists_own(input: &Input<'_>) -> bool {
    !input.has("ResourceOwners") || input.texts("ResourceOwners").contains(&SELF)
}

/// What a CreateKey asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateKey {
    /// The description, empty where none is given.
    pub description: String,
    /// The spec, symmetric where none is given.
    pub spec: KeySpec,
    /// The usage, which must be given but for symmetric keys.
    pub usage: KeyUsage,
    /// The origin, AWS_KMS where none is given.
    pub origin: Origin,
    /// Tags in the order of the request.
    pub tags: Vec<(String, String)>,
}

impl CreateKey {
    /// Reads the request and checks what one member says against another.
    ///
    /// # Errors
    /// `ValidationException` and `TagException` as AWS KMS gives them.
    pub fn read(input: &Input<'_>) -> Result<Self, AwsError> {
        let spec = read_spec(input)?;
        let usage = match input.text("KeyUsage").and_then(KeyUsage::parse) {
            Some(usage) => usage,
            None if spec == KeySpec::SymmetricDefault => KeyUsage::EncryptDecrypt,
            None => return Err(AwsError::validation(USAGE_MISSING)),
        };
        if !spec.usages().contains(&usage) {
            return Err(AwsError::validation(format!("KeyUsage {usage} is not compatible with KeySpec {spec}")));
        }
        let tags = input.tags("Tags");
        check_tags(&tags)?;
        let origin = input.text("Origin").and_then(Origin::parse).unwrap_or(Origin::AwsKms);
        Ok(Self { description: input.text("Description").unwrap_or_default().to_owned(), spec, usage, origin, tags })
    }
}

const USAGE_MISSING: &str = "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.";
const TWO_SPECS: &str =
    "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.";

fn read_spec(input: &Input<'_>) -> Result<KeySpec, AwsError> {
    match (input.text("KeySpec"), input.text("CustomerMasterKeySpec")) {
        (Some(_), Some(_)) => Err(AwsError::validation(TWO_SPECS)),
        (Some(word), None) | (None, Some(word)) => KeySpec::parse(word).ok_or_else(AwsError::internal),
        (None, None) => Ok(KeySpec::SymmetricDefault),
    }
}

/// `KeyMetadata`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyMetadata {
    /// The account.
    #[serde(rename = "AWSAccountId")]
    pub account: String,
    /// The id.
    pub key_id: String,
    /// The ARN.
    pub arn: String,
    /// Seconds since 1970-01-01 UTC.
    pub creation_date: f64,
    /// Whether the state is Enabled.
    pub enabled: bool,
    /// The description, which may be empty.
    pub description: String,
    /// The usage.
    pub key_usage: KeyUsage,
    /// The state.
    pub key_state: KeyState,
    /// When the key is destroyed, while it waits for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_date: Option<f64>,
    /// Where the material comes from.
    pub origin: Origin,
    /// `CUSTOMER`, or `AWS` for a key that the platform manages.
    pub key_manager: &'static str,
    /// The spec, under its old name.
    pub customer_master_key_spec: KeySpec,
    /// The spec.
    pub key_spec: KeySpec,
    /// The algorithms of the usage.
    #[serde(flatten)]
    pub algorithms: Algorithms,
    /// Whether this is a multi-Region key.
    pub multi_region: bool,
    /// Whether imported material expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_model: Option<&'static str>,
    /// When imported material expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<f64>,
    /// How far the destruction of a key that waits for it reaches. AWS KMS has no such member, and SDKs pass over it.
    #[serde(rename = "CofferDeletionAssurance", skip_serializing_if = "Option::is_none")]
    pub deletion_assurance: Option<&'static str>,
    /// The material that Encrypt uses, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_key_material_id: Option<String>,
}

/// The algorithms that a key takes, by the one list that belongs to its usage.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Algorithms {
    /// Of Encrypt and Decrypt.
    #[serde(rename = "EncryptionAlgorithms", skip_serializing_if = "Option::is_none")]
    pub encryption: Option<&'static [EncryptionAlgorithm]>,
    /// Of Sign and Verify.
    #[serde(rename = "SigningAlgorithms", skip_serializing_if = "Option::is_none")]
    pub signing: Option<&'static [SigningAlgorithm]>,
    /// Of GenerateMac and VerifyMac.
    #[serde(rename = "MacAlgorithms", skip_serializing_if = "Option::is_none")]
    pub mac: Option<&'static [MacAlgorithm]>,
    /// Of DeriveSharedSecret.
    #[serde(rename = "KeyAgreementAlgorithms", skip_serializing_if = "Option::is_none")]
    pub key_agreement: Option<&'static [KeyAgreementAlgorithm]>,
    /// Of Encapsulate and Decapsulate.
    #[serde(rename = "EncapsulationAlgorithms", skip_serializing_if = "Option::is_none")]
    pub encapsulation: Option<&'static [EncapsulationAlgorithm]>,
}

impl Algorithms {
    /// Those of a spec in a usage.
    #[must_use]
    pub fn of(spec: KeySpec, usage: KeyUsage) -> Self {
        let none = Self::default();
        match usage {
            KeyUsage::EncryptDecrypt => Self { encryption: Some(spec.encryption_algorithms()), ..none },
            KeyUsage::SignVerify => Self { signing: Some(spec.signing_algorithms()), ..none },
            KeyUsage::GenerateVerifyMac => Self { mac: Some(spec.mac_algorithms()), ..none },
            KeyUsage::KeyAgreement => Self { key_agreement: Some(spec.key_agreement_algorithms()), ..none },
            KeyUsage::EncapsulateDecapsulate => Self { encapsulation: Some(spec.encapsulation_algorithms()), ..none },
        }
    }

    /// Whether an algorithm of this name is among them.
    #[must_use]
    pub fn contain(&self, name: &str) -> bool {
        fn any<T: Copy>(algorithms: Option<&[T]>, word: fn(T) -> &'static str, name: &str) -> bool {
            algorithms.is_some_and(|algorithms| algorithms.iter().any(|algorithm| word(*algorithm) == name))
        }
        any(self.encryption, EncryptionAlgorithm::as_str, name)
            || any(self.signing, SigningAlgorithm::as_str, name)
            || any(self.mac, MacAlgorithm::as_str, name)
            || any(self.key_agreement, KeyAgreementAlgorithm::as_str, name)
            || any(self.encapsulation, EncapsulationAlgorithm::as_str, name)
    }
}

/// Answer of CreateKey and DescribeKey.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyAnswer {
    /// The key.
    pub key_metadata: KeyMetadata,
}

/// Answer of ListKeys.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListKeysAnswer {
    /// The page.
    pub keys: Vec<KeyListEntry>,
    /// The marker of the next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// Whether there is a next page.
    pub truncated: bool,
}

/// One key of ListKeys.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyListEntry {
    /// The id.
    pub key_id: String,
    /// The ARN.
    pub key_arn: String,
}
