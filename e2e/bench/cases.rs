//! What is measured by operation and key spec, and the requests that ask for it.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coffer::types::algorithm::{EncryptionAlgorithm, MacAlgorithm, SigningAlgorithm};
use coffer::types::key::{KeySpec, KeyUsage};
use serde_json::{Value, json};

use crate::{encrypt_body, load};

/// What is signed and authenticated.
pub const MESSAGE: &[u8] = &[0x5a; 256];
/// What is encrypted: a data key.
pub const PLAINTEXT: &[u8] = &[0x5a; 32];
/// The spec of data key pairs: RSA pairs are measured elsewhere, and are made ahead.
pub const PAIR: KeySpec = KeySpec::EccNistP256;

/// An operation, with what it is measured with.
#[derive(Clone, Copy, PartialEq)]
pub enum Operation {
    Sign(SigningAlgorithm),
    Verify(SigningAlgorithm),
    EncryptWith(EncryptionAlgorithm),
    DecryptWith(EncryptionAlgorithm),
    DeriveSharedSecret,
    GenerateMac(MacAlgorithm),
    VerifyMac(MacAlgorithm),
    Encapsulate,
    Decapsulate,
    Encrypt,
    Decrypt,
    ReEncrypt,
    GenerateDataKey,
    GenerateDataKeyPair,
    /// With no primitive: what every request costs.
    GetPublicKey,
}

/// The members of a request, and the call before it that one more member comes from.
pub struct Request {
    pub body: Value,
    pub before: Option<Before>,
}

/// A call whose answer has a member that the request takes over.
pub struct Before {
    pub operation: &'static str,
    pub body: Value,
    pub member: &'static str,
}

const PSS: SigningAlgorithm = SigningAlgorithm::RsassaPssSha256;
const PKCS1: SigningAlgorithm = SigningAlgorithm::RsassaPkcs1V15Sha256;
const OAEP: EncryptionAlgorithm = EncryptionAlgorithm::RsaesOaepSha256;
const RSA: &[Operation] = {
    use Operation::{DecryptWith, EncryptWith, Sign, Verify};
    &[Sign(PSS), Sign(PKCS1), Verify(PSS), Verify(PKCS1), EncryptWith(OAEP), DecryptWith(OAEP)]
};
const ML_DSA: &[Operation] = &signature(SigningAlgorithm::MlDsaShake256);

const ML_KEM: &[Operation] = &[Operation::Encapsulate, Operation::Decapsulate];

const fn signature(algorithm: SigningAlgorithm) -> [Operation; 2] {
    [Operation::Sign(algorithm), Operation::Verify(algorithm)]
}

const fn curve(algorithm: SigningAlgorithm) -> [Operation; 3] {
    [Operation::Sign(algorithm), Operation::Verify(algorithm), Operation::DeriveSharedSecret]
}

const fn mac(algorithm: MacAlgorithm) -> [Operation; 2] {
    [Operation::GenerateMac(algorithm), Operation::VerifyMac(algorithm)]
}

/// Everything that is measured. The request without a primitive is the first, so that others can be held against it.
pub const CASES: &[(KeySpec, &[Operation])] = {
    use MacAlgorithm::{HmacSha224, HmacSha256, HmacSha384, HmacSha512};
    use Operation as O;
    use SigningAlgorithm::{EcdsaSha256, EcdsaSha384, EcdsaSha512, Ed25519Sha512};
    &[
        (KeySpec::EccNistP256, &[O::GetPublicKey]),
        (KeySpec::Rsa2048, RSA),
        (KeySpec::Rsa3072, RSA),
        (KeySpec::Rsa4096, RSA),
        (KeySpec::EccNistP256, &curve(EcdsaSha256)),
        (KeySpec::EccNistP384, &curve(EcdsaSha384)),
        (KeySpec::EccNistP521, &curve(EcdsaSha512)),
        (KeySpec::EccSecgP256k1, &signature(EcdsaSha256)),
        (KeySpec::EccNistEdwards25519, &signature(Ed25519Sha512)),
        (KeySpec::MlDsa44, ML_DSA),
        (KeySpec::MlDsa65, ML_DSA),
        (KeySpec::MlDsa87, ML_DSA),
        (KeySpec::MlKem512, ML_KEM),
        (KeySpec::MlKem768, ML_KEM),
        (KeySpec::MlKem1024, ML_KEM),
        (KeySpec::Hmac224, &mac(HmacSha224)),
        (KeySpec::Hmac256, &mac(HmacSha256)),
        (KeySpec::Hmac384, &mac(HmacSha384)),
        (KeySpec::Hmac512, &mac(HmacSha512)),
        (
            KeySpec::SymmetricDefault,
            &[O::Encrypt, O::Decrypt, O::ReEncrypt, O::GenerateDataKey, O::GenerateDataKeyPair],
        ),
    ]
};

impl Operation {
    /// The name of the API's operation.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sign(_) => "Sign",
            Self::Verify(_) => "Verify",
            Self::EncryptWith(_) | Self::Encrypt => "Encrypt",
            Self::DecryptWith(_) | Self::Decrypt => "Decrypt",
            Self::DeriveSharedSecret => "DeriveSharedSecret",
            Self::GenerateMac(_) => "GenerateMac",
            Self::VerifyMac(_) => "VerifyMac",
            Self::Encapsulate => "Encapsulate",
            Self::Decapsulate => "Decapsulate",
            Self::ReEncrypt => "ReEncrypt",
            Self::GenerateDataKey => "GenerateDataKey",
            Self::GenerateDataKeyPair => "GenerateDataKeyPair",
            Self::GetPublicKey => "GetPublicKey",
        }
    }

    /// The algorithm, where a key has more than one.
    pub fn algorithm(self) -> &'static str {
        match self {
            Self::Sign(PSS) | Self::Verify(PSS) => "PSS",
            Self::Sign(PKCS1) | Self::Verify(PKCS1) => "PKCS1",
            Self::EncryptWith(_) | Self::DecryptWith(_) => "OAEP",
            _ => "",
        }
    }

    /// The usage of the key that it is measured with.
    pub fn usage(self) -> KeyUsage {
        match self {
            Self::Sign(_) | Self::Verify(_) | Self::GetPublicKey => KeyUsage::SignVerify,
            Self::GenerateMac(_) | Self::VerifyMac(_) => KeyUsage::GenerateVerifyMac,
            Self::DeriveSharedSecret => KeyUsage::KeyAgreement,
            Self::Encapsulate | Self::Decapsulate => KeyUsage::EncapsulateDecapsulate,
            _ => KeyUsage::EncryptDecrypt,
        }
    }

    /// The request that asks for it with this key.
    pub fn request(self, key: &str) -> Request {
        let body = match self {
            Self::Sign(algorithm) | Self::Verify(algorithm) => sign(key, algorithm),
            Self::GenerateMac(algorithm) | Self::VerifyMac(algorithm) => authenticate(key, algorithm),
            Self::EncryptWith(algorithm) => encrypt(key, algorithm),
            Self::DecryptWith(algorithm) => json!({ "KeyId": key, "EncryptionAlgorithm": algorithm.as_str() }),
            Self::DeriveSharedSecret => json!({ "KeyId": key, "KeyAgreementAlgorithm": "ECDH" }),
            Self::Encapsulate | Self::Decapsulate => encapsulate(key),
            Self::Encrypt => encrypt_body(key),
            Self::Decrypt => json!({ "EncryptionContext": encrypt_body(key).get("EncryptionContext") }),
            Self::ReEncrypt => {
                let context = encrypt_body(key).get("EncryptionContext").cloned();
                json!({ "SourceEncryptionContext": context, "DestinationKeyId": key })
            }
            Self::GenerateDataKey => json!({ "KeyId": key, "KeySpec": "AES_256" }),
            Self::GenerateDataKeyPair => json!({ "KeyId": key, "KeyPairSpec": PAIR.as_str() }),
            Self::GetPublicKey => json!({ "KeyId": key }),
        };
        Request { body, before: self.before(key) }
    }

    fn before(self, key: &str) -> Option<Before> {
        let (operation, body, member) = match self {
            Self::Verify(algorithm) => ("Sign", sign(key, algorithm), "Signature"),
            Self::VerifyMac(algorithm) => ("GenerateMac", authenticate(key, algorithm), "Mac"),
            Self::DecryptWith(algorithm) => ("Encrypt", encrypt(key, algorithm), "CiphertextBlob"),
            Self::DeriveSharedSecret => ("GetPublicKey", json!({ "KeyId": key }), "PublicKey"),
            Self::Decapsulate => ("Encapsulate", encapsulate(key), "SharedSecretCiphertextBlob"),
            Self::Decrypt | Self::ReEncrypt => ("Encrypt", encrypt_body(key), "CiphertextBlob"),
            _ => return None,
        };
        Some(Before { operation, body, member })
    }
}

/// Makes a key at the server, and the members of a request that uses it.
pub fn body(port: u16, spec: KeySpec, operation: Operation) -> anyhow::Result<Value> {
    let made = json!({ "KeySpec": spec.as_str(), "KeyUsage": operation.usage().as_str() });
    let made = load::call(port, "CreateKey", &made)?;
    let key = made.pointer("/KeyMetadata/KeyId").and_then(Value::as_str).context("CreateKey gave no key id")?;
    let Request { body, before } = operation.request(key);
    let Some(Before { operation, body: asked, member }) = before else { return Ok(body) };
    let answer = load::call(port, operation, &asked)?;
    let value = answer.get(member).with_context(|| format!("{operation} gave no {member}"))?;
    Ok(with(body, member, value.clone()))
}

fn with(mut body: Value, member: &str, value: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
    body
}

fn sign(key: &str, algorithm: SigningAlgorithm) -> Value {
    json!({ "KeyId": key, "Message": STANDARD.encode(MESSAGE), "SigningAlgorithm": algorithm.as_str() })
}

fn authenticate(key: &str, algorithm: MacAlgorithm) -> Value {
    json!({ "KeyId": key, "Message": STANDARD.encode(MESSAGE), "MacAlgorithm": algorithm.as_str() })
}

fn encrypt(key: &str, algorithm: EncryptionAlgorithm) -> Value {
    json!({ "KeyId": key, "Plaintext": STANDARD.encode(PLAINTEXT), "EncryptionAlgorithm": algorithm.as_str() })
}

fn encapsulate(key: &str) -> Value {
    json!({ "KeyId": key, "EncapsulationAlgorithm": "ML_KEM" })
}
