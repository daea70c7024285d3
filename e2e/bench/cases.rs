//! What is measured by operation and key spec, and the requests that ask for it.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coffer::types::algorithm::{EncryptionAlgorithm, SigningAlgorithm};
use coffer::types::key::{KeySpec, KeyUsage};
use serde_json::{Value, json};

use crate::{encrypt_body, load};

/// What is signed and authenticated.
pub const MESSAGE: &[u8] = &[0x5a; 256];
/// What is encrypted: a data key.
pub const PLAINTEXT: &[u8] = &[0x5a; 32];

/// An operation, with what it is measured with.
#[derive(Clone, Copy, PartialEq)]
pub enum Operation {
    Sign(SigningAlgorithm),
    Verify(SigningAlgorithm),
    EncryptWith(EncryptionAlgorithm),
    DecryptWith(EncryptionAlgorithm),
    DeriveSharedSecret,
    GenerateMac,
    VerifyMac,
    Encapsulate,
    Decapsulate,
    Encrypt,
    Decrypt,
    GenerateDataKey,
}

const PSS: SigningAlgorithm = SigningAlgorithm::RsassaPssSha256;
const PKCS1: SigningAlgorithm = SigningAlgorithm::RsassaPkcs1V15Sha256;
const OAEP: EncryptionAlgorithm = EncryptionAlgorithm::RsaesOaepSha256;
const RSA: &[Operation] = {
    use Operation::{DecryptWith, EncryptWith, Sign, Verify};
    &[Sign(PSS), Sign(PKCS1), Verify(PSS), Verify(PKCS1), EncryptWith(OAEP), DecryptWith(OAEP)]
};
const ML_DSA: &[Operation] = &signature(SigningAlgorithm::MlDsaShake256);

const fn signature(algorithm: SigningAlgorithm) -> [Operation; 2] {
    [Operation::Sign(algorithm), Operation::Verify(algorithm)]
}

/// Everything that is measured.
pub const CASES: &[(KeySpec, &[Operation])] = {
    use Operation as O;
    use SigningAlgorithm::{EcdsaSha256, EcdsaSha384, EcdsaSha512, Ed25519Sha512};
    &[
        (KeySpec::Rsa2048, RSA),
        (KeySpec::Rsa3072, RSA),
        (KeySpec::Rsa4096, RSA),
        (KeySpec::EccNistP256, &[O::Sign(EcdsaSha256), O::Verify(EcdsaSha256), O::DeriveSharedSecret]),
        (KeySpec::EccNistP384, &signature(EcdsaSha384)),
        (KeySpec::EccNistP521, &signature(EcdsaSha512)),
        (KeySpec::EccSecgP256k1, &signature(EcdsaSha256)),
        (KeySpec::EccNistEdwards25519, &signature(Ed25519Sha512)),
        (KeySpec::MlDsa44, ML_DSA),
        (KeySpec::MlDsa65, ML_DSA),
        (KeySpec::MlDsa87, ML_DSA),
        (KeySpec::MlKem768, &[O::Encapsulate, O::Decapsulate]),
        (KeySpec::Hmac256, &[O::GenerateMac, O::VerifyMac]),
        (KeySpec::SymmetricDefault, &[O::Encrypt, O::Decrypt, O::GenerateDataKey]),
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
            Self::GenerateMac => "GenerateMac",
            Self::VerifyMac => "VerifyMac",
            Self::Encapsulate => "Encapsulate",
            Self::Decapsulate => "Decapsulate",
            Self::GenerateDataKey => "GenerateDataKey",
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

    fn usage(self) -> KeyUsage {
        match self {
            Self::Sign(_) | Self::Verify(_) => KeyUsage::SignVerify,
            Self::GenerateMac | Self::VerifyMac => KeyUsage::GenerateVerifyMac,
            Self::DeriveSharedSecret => KeyUsage::KeyAgreement,
            Self::Encapsulate | Self::Decapsulate => KeyUsage::EncapsulateDecapsulate,
            _ => KeyUsage::EncryptDecrypt,
        }
    }
}

/// Makes a key at the server, and the members of a request that uses it.
pub fn body(port: u16, spec: KeySpec, operation: Operation) -> anyhow::Result<Value> {
    let made = json!({ "KeySpec": spec.as_str(), "KeyUsage": operation.usage().as_str() });
    let made = load::call(port, "CreateKey", &made)?;
    let key = made.pointer("/KeyMetadata/KeyId").and_then(Value::as_str).context("CreateKey gave no key id")?;
    let prepared = |name: &str, body: Value, member: &str| answer(port, name, &body, member);
    Ok(match operation {
        Operation::Sign(algorithm) => sign(key, algorithm),
        Operation::Verify(algorithm) => {
            let signature = prepared("Sign", sign(key, algorithm), "Signature")?;
            with(sign(key, algorithm), "Signature", signature)
        }
        Operation::GenerateMac => mac(key),
        Operation::VerifyMac => with(mac(key), "Mac", prepared("GenerateMac", mac(key), "Mac")?),
        Operation::EncryptWith(algorithm) => encrypt(key, algorithm),
        Operation::DecryptWith(algorithm) => {
            let blob = prepared("Encrypt", encrypt(key, algorithm), "CiphertextBlob")?;
            json!({ "KeyId": key, "CiphertextBlob": blob, "EncryptionAlgorithm": algorithm.as_str() })
        }
        Operation::DeriveSharedSecret => {
            let peer = prepared("GetPublicKey", json!({ "KeyId": key }), "PublicKey")?;
            json!({ "KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": peer })
        }
        Operation::Encapsulate => encapsulate(key),
        Operation::Decapsulate => {
            let member = "SharedSecretCiphertextBlob";
            with(encapsulate(key), member, prepared("Encapsulate", encapsulate(key), member)?)
        }
        Operation::Encrypt => encrypt_body(key),
        Operation::Decrypt => {
            let (encrypt, member) = (encrypt_body(key), "CiphertextBlob");
            let context = encrypt.get("EncryptionContext").cloned();
            json!({ "EncryptionContext": context, member: prepared("Encrypt", encrypt, member)? })
        }
        Operation::GenerateDataKey => json!({ "KeyId": key, "KeySpec": "AES_256" }),
    })
}

fn answer(port: u16, name: &str, body: &Value, member: &str) -> anyhow::Result<Value> {
    let answer = load::call(port, name, body)?;
    answer.get(member).cloned().with_context(|| format!("{name} gave no {member}"))
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

fn mac(key: &str) -> Value {
    json!({ "KeyId": key, "Message": STANDARD.encode(MESSAGE), "MacAlgorithm": "HMAC_SHA_256" })
}

fn encrypt(key: &str, algorithm: EncryptionAlgorithm) -> Value {
    json!({ "KeyId": key, "Plaintext": STANDARD.encode(PLAINTEXT), "EncryptionAlgorithm": algorithm.as_str() })
}

fn encapsulate(key: &str) -> Value {
    json!({ "KeyId": key, "EncapsulationAlgorithm": "ML_KEM" })
}
