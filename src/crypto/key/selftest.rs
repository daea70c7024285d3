//! Known answers of every family of keys, in milliseconds; another implementation computed them.

use super::{KeyError, PrivateKey, ed25519, encapsulate, encrypt, verify};
use crate::crypto::CryptoError;
use crate::crypto::digest::sha256;
use crate::types::algorithm::{EncryptionAlgorithm, MessageType, SigningAlgorithm};
use crate::types::key::KeySpec;
use crate::types::secret::SecretBytes;

const MESSAGE: &[u8] = b"message of the self-test";

/// A key that protects nothing: it is published here.
const RSA_KEY: &[u8] = include_bytes!("selftest_rsa_2048.der");

/// The key of RFC 8032 §7.3.
const PREHASHED_SEED: &[u8; 32] =
    b"\x83\x3f\xe6\x24\x09\x23\x7b\x9d\x62\xec\x77\x58\x75\x20\x91\x1e\x9a\x75\x9c\xec\x1d\x19\x75\x5b\
    \x7d\xa9\x01\xb9\x6d\xca\x3d\x42";

/// SHA-256 of all answers that no randomness goes into, in the order of [`answers`].
const ANSWERS_SHA256: &[u8; 32] =
    b"\x3e\x25\x52\x47\xde\x56\xfd\x8b\x3e\x2c\x19\xd0\x76\x1e\x8e\x16\x97\x84\x0a\x51\xeb\x4b\x31\x36\
    \xbf\x14\x47\xca\xbb\x1a\xbf\x40";

/// The representative of the message under the ML-DSA-65 key of the seed 07…07.
const MU: &[u8; 64] =
    b"\x8d\x74\x19\x14\x38\x70\xf6\x9b\xb6\x28\x04\x49\xed\x83\x77\xaf\xd6\xaa\x87\x02\x94\x8c\x1c\x33\
    \x39\x41\xaa\x15\x71\xae\x31\x59\xb9\xb5\x00\xc9\x2d\x87\xab\xa0\x3f\x33\xaa\xb3\x01\x90\x8b\x25\
    \x50\x02\x8c\x05\xd2\xb2\x66\x45\x3c\xf1\x15\x52\xb4\xc8\x4d\x54";

/// Signatures of the message under the scalars 07…07, of P-521 with one zero before.
const ECDSA: [(KeySpec, SigningAlgorithm, &[u8]); 4] = [
    (
        KeySpec::EccNistP256,
        SigningAlgorithm::EcdsaSha256,
        b"\x30\x46\x02\x21\x00\x9c\xac\x01\xc1\x77\xb1\x95\x70\x88\xc3\xd9\x53\x0f\x8b\x6e\xb6\xe1\xe6\x82\
        \xab\x76\xd8\x72\xae\xd2\xa4\x3e\x53\x6f\xd7\xbb\x74\x02\x21\x00\xda\xa6\x86\x25\xbc\x7b\x9e\xc2\
        \x2c\x1a\x29\x80\xf9\x10\x38\x94\xb7\x8b\x72\xd0\xb5\x7d\x4b\x05\x50\xbb\x9d\x93\x39\x2c\x77\xd4",
    ),
    (
        KeySpec::EccNistP384,
        SigningAlgorithm::EcdsaSha384,
        b"\x30\x66\x02\x31\x00\xb9\xd6\x64\xf2\x1e\x9f\xd8\x0f\x6a\x19\x61\x9f\x11\x6f\x3f\x8e\x91\x90\xad\
        \x6c\x99\xbf\x48\xfe\xd6\xbd\xb4\x18\x5f\x3e\x2a\x04\x5e\x93\x73\xef\x5e\xe9\xeb\x23\x8e\x72\x2f\
        \x0f\xea\x4a\x15\x47\x02\x31\x00\x94\x79\xf6\x25\xb2\x7d\x59\xda\x68\x78\xfa\x66\x29\xdd\x7a\xdf\
        \x8e\x13\x08\xee\x2a\x0a\xc5\x01\xaf\xb0\x92\xf9\x5a\x39\x84\xab\x39\xf8\x27\x0a\x04\x4c\xe0\xf7\
        \x3c\x42\x2c\x97\xfe\x12\xef\x3b",
    ),
    (
        KeySpec::EccNistP521,
        SigningAlgorithm::EcdsaSha512,
        b"\x30\x81\x87\x02\x42\x01\xd1\x88\x0c\x71\x2c\x73\x66\xda\x4f\x16\x13\x48\x0a\x92\xda\x10\x4a\xfd\
        \xbf\x4b\x25\x83\xa6\x5c\x7b\xe7\x15\x74\xa3\x10\x9e\x35\xc1\xb0\x72\x30\x63\xc3\xf3\x32\xbd\x0c\
        \x73\x04\x61\xe9\xde\x65\xf5\xa0\x02\x4c\xed\xeb\x2b\x08\x99\xae\xca\x8b\x42\x84\xed\xce\x79\x02\
        \x41\x18\x6f\x80\x24\x44\x2a\x47\xc7\x1b\x0f\xd3\xa3\x9f\xbd\x1d\xbe\xa5\xd4\x07\xcb\x97\xe4\x32\
        \x5c\x4c\x50\xfb\xbb\x24\x89\xa7\xb4\x4d\x97\x1b\x41\xbd\xad\xef\x24\x9d\xe6\x0e\x89\x0a\x24\x54\
        \xd2\x3a\xa8\x62\x9a\x9b\x23\xce\x2d\x25\x0b\x76\xac\xda\xbe\x20\xd4\x2a",
    ),
    (
        KeySpec::EccSecgP256k1,
        SigningAlgorithm::EcdsaSha256,
        b"\x30\x45\x02\x20\x02\xf4\xaf\xf4\x96\xc7\xf3\xbb\x18\x8f\xa2\xf1\x5c\x32\xa1\x76\xab\x20\xa7\x59\
        \xb5\x7e\xcc\x03\xdc\x0d\x85\x47\x58\xe2\xe6\xb4\x02\x21\x00\xe0\x5c\x03\x3c\xb0\x0a\xfc\x7a\x48\
        \x03\xc4\xd3\x1e\xed\xe0\x1d\x93\xa6\xb9\x6d\x95\x85\x98\xc0\x87\x84\xab\xed\xbf\xea\x90\x0a",
    ),
];

/// The example of GB/T 32918.5-2017: a scalar, its signature of `message digest` for the default identity, and a
/// ciphertext of `encryption standard`, both put into DER. OpenSSL finds them right.
const SM2_SCALAR: &[u8; 32] =
    b"\x39\x45\x20\x8f\x7b\x21\x44\xb1\x3f\x36\xe3\x8a\xc6\xd3\x9f\x95\x88\x93\x93\x69\x28\x60\xb5\x1a\
    \x42\xfb\x81\xef\x4d\xf7\xc5\xb8";
const SM2_SIGNATURE: &[u8] =
    b"\x30\x46\x02\x21\x00\xf5\xa0\x3b\x06\x48\xd2\xc4\x63\x0e\xea\xc5\x13\xe1\xbb\x81\xa1\x59\x44\xda\
    \x38\x27\xd5\xb7\x41\x43\xac\x7e\xac\xee\xe7\x20\xb3\x02\x21\x00\xb1\xb6\xaa\x29\xdf\x21\x2f\xd8\
    \x76\x31\x82\xbc\x0d\x42\x1c\xa1\xbb\x90\x38\xfd\x1f\x7f\x42\xd4\x84\x0b\x69\xc4\x85\xbb\xc1\xaa";
const SM2_CIPHERTEXT: &[u8] =
    b"\x30\x7c\x02\x20\x04\xeb\xfc\x71\x8e\x8d\x17\x98\x62\x04\x32\x26\x8e\x77\xfe\xb6\x41\x5e\x2e\xde\
    \x0e\x07\x3c\x0f\x4f\x64\x0e\xcd\x2e\x14\x9a\x73\x02\x21\x00\xe8\x58\xf9\xd8\x1e\x54\x30\xa5\x7b\
    \x36\xda\xab\x8f\x95\x0a\x3c\x64\xe6\xee\x6a\x63\x09\x4d\x99\x28\x3a\xff\x76\x7e\x12\x4d\xf0\x04\
    \x20\x59\x98\x3c\x18\xf8\x09\xe2\x62\x92\x3c\x53\xae\xc2\x95\xd3\x03\x83\xb5\x4e\x39\xd6\x09\xd1\
    \x60\xaf\xcb\x19\x08\xd0\xbd\x87\x66\x04\x13\x21\x88\x6c\xa9\x89\xca\x9c\x7d\x58\x08\x73\x07\xca\
    \x93\x09\x2d\x65\x1e\xfa";

const AGREEING: [KeySpec; 3] = [KeySpec::EccNistP256, KeySpec::EccNistP384, KeySpec::EccNistP521];
const HMAC: [KeySpec; 4] = [KeySpec::Hmac224, KeySpec::Hmac256, KeySpec::Hmac384, KeySpec::Hmac512];
/// Parameter sets with the lengths of their ciphertexts.
const ML_KEM: [(KeySpec, usize); 2] = [(KeySpec::MlKem768, 1088), (KeySpec::MlKem1024, 1568)];

/// Computes all answers and compares them.
///
/// # Errors
/// `CryptoError` where one differs; the process must then not serve.
pub(in crate::crypto) fn run() -> Result<(), CryptoError> {
    let rsa = open(KeySpec::Rsa2048, RSA_KEY).map_err(|_| CryptoError)?;
    let answers = answers(&rsa).map_err(|_| CryptoError)?;
    (sha256(&[&answers]) == *ANSWERS_SHA256).then_some(()).ok_or(CryptoError)?;
    check_ecdsa().and_then(|()| check_rsa(&rsa)).and_then(|()| check_ml_dsa()).map_err(|_| CryptoError)?;
    check_ml_kem().and_then(|()| check_sm2()).map_err(|_| CryptoError)
}

fn open(spec: KeySpec, material: &[u8]) -> Result<PrivateKey, KeyError> {
    PrivateKey::open(spec, &SecretBytes::new(material.to_vec()))
}

/// The key of a spec whose bytes are all seven, but for the first of P-521, which must be small.
fn fixed(spec: KeySpec) -> Result<PrivateKey, KeyError> {
    let mut material = match spec {
        KeySpec::Hmac224 => vec![7; 28],
        KeySpec::Hmac384 | KeySpec::EccNistP384 => vec![7; 48],
        KeySpec::Hmac512 | KeySpec::MlKem512 | KeySpec::MlKem768 | KeySpec::MlKem1024 => vec![7; 64],
        KeySpec::EccNistP521 => vec![7; 66],
        _ => vec![7; 32],
    };
    if let (KeySpec::EccNistP521, Some(first)) = (spec, material.first_mut()) {
        *first = 0;
    }
    open(spec, &material)
}

fn answers(rsa: &PrivateKey) -> Result<Vec<u8>, KeyError> {
    let mut answers = rsa.sign(SigningAlgorithm::RsassaPkcs1V15Sha256, MessageType::Raw, MESSAGE)?;
    for spec in AGREEING {
        let key = fixed(spec)?;
        answers.extend(key.derive_shared_secret(&key.public_key()?)?.expose());
    }
    let key = fixed(KeySpec::EccNistEdwards25519)?;
    answers.extend(key.sign(SigningAlgorithm::Ed25519Sha512, MessageType::Raw, MESSAGE)?);
    let key = ed25519::Ed25519Key::open(PREHASHED_SEED)?;
    answers.extend(key.sign(SigningAlgorithm::Ed25519PhSha512, b"abc")?);
    for spec in HMAC {
        let algorithm = *spec.mac_algorithms().first().ok_or(KeyError::Algorithm)?;
        answers.extend(fixed(spec)?.generate_mac(algorithm, MESSAGE)?);
    }
    for (spec, length) in ML_KEM {
        // No such ciphertext was ever made: the answer is the one of implicit rejection.
        answers.extend(fixed(spec)?.decapsulate(&vec![7; length])?.expose());
    }
    Ok(answers)
}

fn check_ecdsa() -> Result<(), KeyError> {
    for (spec, algorithm, signature) in ECDSA {
        let key = fixed(spec)?;
        let public_key = key.public_key()?;
        verify(spec, &public_key, algorithm, MessageType::Raw, MESSAGE, signature)?;
        let own = key.sign(algorithm, MessageType::Raw, MESSAGE)?;
        verify(spec, &public_key, algorithm, MessageType::Raw, MESSAGE, &own)?;
        require_refused(verify(spec, &public_key, algorithm, MessageType::Raw, b"other", signature))?;
    }
    Ok(())
}

fn require_refused(result: Result<(), KeyError>) -> Result<(), KeyError> {
    if result == Err(KeyError::InvalidSignature) { Ok(()) } else { Err(KeyError::Failed) }
}

fn check_rsa(key: &PrivateKey) -> Result<(), KeyError> {
    let (spec, public_key) = (key.spec(), key.public_key()?);
    let algorithm = SigningAlgorithm::RsassaPssSha256;
    let signature = key.sign(algorithm, MessageType::Raw, MESSAGE)?;
    verify(spec, &public_key, algorithm, MessageType::Raw, MESSAGE, &signature)?;
    require_refused(verify(spec, &public_key, algorithm, MessageType::Raw, b"other", &signature))?;
    for algorithm in [EncryptionAlgorithm::RsaesOaepSha1, EncryptionAlgorithm::RsaesOaepSha256] {
        let sealed = encrypt(spec, &public_key, algorithm, MESSAGE)?;
        require(key.decrypt(algorithm, &sealed)?.expose() == MESSAGE)?;
    }
    Ok(())
}

fn require(right: bool) -> Result<(), KeyError> {
    right.then_some(()).ok_or(KeyError::Failed)
}

/// Two implementations meet here: one signs the message, the other its representative.
fn check_ml_dsa() -> Result<(), KeyError> {
    let (spec, algorithm) = (KeySpec::MlDsa65, SigningAlgorithm::MlDsaShake256);
    let key = fixed(spec)?;
    let public_key = key.public_key()?;
    let of_mu = key.sign(algorithm, MessageType::ExternalMu, MU)?;
    verify(spec, &public_key, algorithm, MessageType::Raw, MESSAGE, &of_mu)?;
    let of_message = key.sign(algorithm, MessageType::Raw, MESSAGE)?;
    verify(spec, &public_key, algorithm, MessageType::ExternalMu, MU, &of_message)?;
    require_refused(verify(spec, &public_key, algorithm, MessageType::Raw, b"other", &of_mu))
}

fn check_ml_kem() -> Result<(), KeyError> {
    for spec in [KeySpec::MlKem512, KeySpec::MlKem768, KeySpec::MlKem1024] {
        let key = fixed(spec)?;
        let sent = encapsulate(spec, &key.public_key()?)?;
        require(key.decapsulate(&sent.ciphertext)?.expose() == sent.shared_secret.expose())?;
    }
    Ok(())
}

fn check_sm2() -> Result<(), KeyError> {
    let (spec, algorithm) = (KeySpec::Sm2, SigningAlgorithm::Sm2Dsa);
    if !spec.is_implemented() {
        return Ok(());
    }
    let key = open(spec, SM2_SCALAR)?;
    let public_key = key.public_key()?;
    verify(spec, &public_key, algorithm, MessageType::Raw, b"message digest", SM2_SIGNATURE)?;
    require_refused(verify(spec, &public_key, algorithm, MessageType::Raw, b"other", SM2_SIGNATURE))?;
    let own = key.sign(algorithm, MessageType::Raw, MESSAGE)?;
    verify(spec, &public_key, algorithm, MessageType::Raw, MESSAGE, &own)?;
    require(key.decrypt(EncryptionAlgorithm::Sm2Pke, SM2_CIPHERTEXT)?.expose() == b"encryption standard")?;
    let sealed = encrypt(spec, &public_key, EncryptionAlgorithm::Sm2Pke, MESSAGE)?;
    require(key.decrypt(EncryptionAlgorithm::Sm2Pke, &sealed)?.expose() == MESSAGE)
}
