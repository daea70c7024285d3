//! The cryptography of every key spec: made, imported, shown, used.
//!
//! Callers know one type, [`PrivateKey`], and a handful of functions for what needs no private key. What a
//! key is stored as, which is also what its material id derives from, has one form for each spec, so that
//! the same key imported in two encodings is the same material:
//!
//! | spec | stored material | [`import`] takes, [`private_key_der`] gives | public key |
//! | --- | --- | --- | --- |
//! | `SYMMETRIC_DEFAULT`, `HMAC_*` | raw bytes | the raw bytes; no DER form | none |
//! | `RSA_*` | PKCS#8 version 1, DER | PKCS#8 | SubjectPublicKeyInfo, DER |
//! | `ECC_NIST_P*`, `ECC_SECG_P256K1`, `SM2` | the scalar, big endian, as long as the field | PKCS#8 | the same |
//! | `ECC_NIST_EDWARDS25519`, `ML_DSA_*` | the seed of 32 bytes | PKCS#8 | the same |
//! | `ML_KEM_*` | the seed d ‖ z of 64 bytes | PKCS#8 | the same |
//!
//! Opening a key parses and checks it, which for RSA takes longer than verifying a signature: whoever uses
//! a key often keeps the [`PrivateKey`]. It is `Send` and `Sync`, and wiped when it is dropped.
//!
//! Signing, key generation, OAEP and encapsulation draw from the generator of their library, which the
//! operating system seeds: none of them takes bytes of ours.

mod error;

pub use error::KeyError;

use crate::types::algorithm::{EncryptionAlgorithm, MacAlgorithm, MessageType, SigningAlgorithm};
use crate::types::key::KeySpec;
use crate::types::secret::SecretBytes;

/// A key that is ready for use. For pairs this is the private key, which also knows its public key.
pub struct PrivateKey {
    spec: KeySpec,
}

/// What [`encapsulate`] gives.
#[derive(Debug)]
pub struct Encapsulated {
    /// What the holder of the private key opens.
    pub ciphertext: Vec<u8>,
    /// The 32 bytes that both sides then know.
    pub shared_secret: SecretBytes,
}

/// Makes new material in the stored form.
///
/// # Errors
/// `Unsupported` for a spec that this build does not have, `Failed` where the library fails.
pub fn generate(spec: KeySpec) -> Result<SecretBytes, KeyError> {
    Err(KeyError::Unsupported { spec })
}

/// Turns material as `ImportKeyMaterial` takes it (PKCS#8 for pairs, else raw bytes) into the stored form.
///
/// # Errors
/// `InvalidKey` for other types, curves, sizes and encodings, and for keys that contradict themselves.
pub fn import(spec: KeySpec, _material: &SecretBytes) -> Result<SecretBytes, KeyError> {
    Err(KeyError::Unsupported { spec })
}

/// The private key of stored material as PKCS#8, as `GenerateDataKeyPair` gives it.
///
/// # Errors
/// `InvalidKey` for material that is not of this spec, and for specs that are no pairs.
pub fn private_key_der(spec: KeySpec, _material: &SecretBytes) -> Result<SecretBytes, KeyError> {
    Err(KeyError::Unsupported { spec })
}

/// Verifies a signature under a public key.
///
/// # Errors
/// `InvalidSignature` for a signature that is not one, whatever is wrong with it; else as [`PrivateKey::sign`],
/// and `InvalidPublicKey`.
pub fn verify(
    spec: KeySpec,
    _public_key: &[u8],
    _algorithm: SigningAlgorithm,
    _kind: MessageType,
    _message: &[u8],
    _signature: &[u8],
) -> Result<(), KeyError> {
    Err(KeyError::Unsupported { spec })
}

/// Encrypts under a public key. RSA-OAEP has an empty label and one hash for both of its parts.
///
/// # Errors
/// `PlaintextLength` above [`plaintext_max`], `Algorithm`, `InvalidPublicKey`.
pub fn encrypt(
    spec: KeySpec,
    _public_key: &[u8],
    _algorithm: EncryptionAlgorithm,
    _plaintext: &[u8],
) -> Result<Vec<u8>, KeyError> {
    Err(KeyError::Unsupported { spec })
}

/// The longest plaintext in bytes that fits under a public key; none where the algorithm is not of this spec
/// or is not one of public keys.
#[must_use]
pub const fn plaintext_max(spec: KeySpec, algorithm: EncryptionAlgorithm) -> Option<usize> {
    let overhead = match algorithm {
        EncryptionAlgorithm::RsaesOaepSha1 => 42,
        EncryptionAlgorithm::RsaesOaepSha256 => 66,
        EncryptionAlgorithm::SymmetricDefault | EncryptionAlgorithm::Sm2Pke => return None,
    };
    match spec {
        KeySpec::Rsa2048 => Some(256 - overhead),
        KeySpec::Rsa3072 => Some(384 - overhead),
        KeySpec::Rsa4096 => Some(512 - overhead),
        _ => None,
    }
}

/// Makes a shared secret and its encapsulated form under a public key.
///
/// # Errors
/// `Algorithm` for specs that do not encapsulate, `InvalidPublicKey`.
pub fn encapsulate(spec: KeySpec, _public_key: &[u8]) -> Result<Encapsulated, KeyError> {
    Err(KeyError::Unsupported { spec })
}

impl PrivateKey {
    /// Opens stored material.
    ///
    /// # Errors
    /// `InvalidKey` for bytes that are not the stored form of a key of this spec, `Unsupported` for a spec
    /// that this build does not have.
    pub fn open(spec: KeySpec, _material: &SecretBytes) -> Result<Self, KeyError> {
        Err(KeyError::Unsupported { spec })
    }

    /// The spec of this key.
    #[must_use]
    pub fn spec(&self) -> KeySpec {
        self.spec
    }

    /// The public key as SubjectPublicKeyInfo, DER.
    ///
    /// # Errors
    /// `Algorithm` for specs that are no pairs.
    pub fn public_key(&self) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::Unsupported { spec: self.spec })
    }

    /// Signs a message. ECDSA signatures are DER.
    ///
    /// # Errors
    /// `Algorithm` where the spec does not have it, `MessageType` where the algorithm does not sign such
    /// messages, `DigestLength` for a digest or mu of another length.
    pub fn sign(&self, _algorithm: SigningAlgorithm, _kind: MessageType, _message: &[u8]) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::Unsupported { spec: self.spec })
    }

    /// Authenticates a message.
    ///
    /// # Errors
    /// `Algorithm` where the spec does not have it.
    pub fn generate_mac(&self, _algorithm: MacAlgorithm, _message: &[u8]) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::Unsupported { spec: self.spec })
    }

    /// Checks a code in constant time; a shortened one is none.
    ///
    /// # Errors
    /// `InvalidMac`, or `Algorithm` where the spec does not have it.
    pub fn verify_mac(&self, _algorithm: MacAlgorithm, _message: &[u8], _mac: &[u8]) -> Result<(), KeyError> {
        Err(KeyError::Unsupported { spec: self.spec })
    }

    /// Decrypts what [`encrypt`] made.
    ///
    /// # Errors
    /// `InvalidCiphertext`, whatever is wrong with it, or `Algorithm` where the spec does not have it.
    pub fn decrypt(&self, _algorithm: EncryptionAlgorithm, _ciphertext: &[u8]) -> Result<SecretBytes, KeyError> {
        Err(KeyError::Unsupported { spec: self.spec })
    }

    /// The x coordinate that this key and the peer's public key (SubjectPublicKeyInfo, DER) agree on.
    ///
    /// # Errors
    /// `InvalidPublicKey` for another curve or a point that is not on it, `Algorithm` for specs that do not agree.
    pub fn derive_shared_secret(&self, _peer: &[u8]) -> Result<SecretBytes, KeyError> {
        Err(KeyError::Unsupported { spec: self.spec })
    }

    /// Opens what [`encapsulate`] made. A wrong ciphertext of the right length gives pseudo-random bytes.
    ///
    /// # Errors
    /// `InvalidCiphertext` for another length alone, `Algorithm` for specs that do not encapsulate.
    pub fn decapsulate(&self, _ciphertext: &[u8]) -> Result<SecretBytes, KeyError> {
        Err(KeyError::Unsupported { spec: self.spec })
    }
}
