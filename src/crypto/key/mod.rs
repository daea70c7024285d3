//! The cryptography of every key spec: made, imported, shown, used.
//!
//! Callers know one type, [`PrivateKey`], and a handful of functions for what needs no private key. What a
//! key is stored as, which is also what its material id derives from, has one form for each spec, so that
//! the same key imported in two encodings is the same material:
//!
//! | spec | stored material | [`import`] takes, [`PrivateKey::private_key_der`] gives | public key |
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

mod der;
mod ec;
mod ed25519;
mod error;
mod hmac;
mod ml_dsa;
mod ml_kem;
mod random;
mod rsa;
pub(super) mod selftest;
mod signing;
#[cfg(feature = "sm2")]
mod sm2;
#[cfg(test)]
mod tests;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

pub use error::KeyError;

use crate::types::algorithm::{EncryptionAlgorithm, MacAlgorithm, MessageType, SigningAlgorithm};
use crate::types::key::KeySpec;
use crate::types::secret::SecretBytes;

/// A key that is ready for use. For pairs this is the private key, which also knows its public key.
pub struct PrivateKey {
    spec: KeySpec,
    key: Key,
}

/// The families of keys.
enum Key {
    Rsa(Box<rsa::RsaKey>),
    Ec(ec::EcKey),
    Ed25519(ed25519::Ed25519Key),
    Hmac(Box<hmac::MacKey>),
    MlDsa(ml_dsa::MlDsaKey),
    MlKem(Box<ml_kem::MlKemKey>),
    #[cfg(feature = "sm2")]
    Sm2(sm2::Sm2Key),
}

/// What [`encapsulate`] gives.
#[derive(Debug)]
pub struct Encapsulated {
    /// What the holder of the private key opens.
    pub ciphertext: Vec<u8>,
    /// The 32 bytes that both sides then know.
    pub shared_secret: SecretBytes,
}

/// Makes new material in the stored form. An RSA key takes up to seconds of processor time, by chance.
///
/// # Errors
/// `Unsupported` for a spec that this build does not have, `Failed` where the library fails.
pub fn generate(spec: KeySpec) -> Result<SecretBytes, KeyError> {
    use KeySpec as S;
    match spec {
        S::SymmetricDefault | S::Hmac224 | S::Hmac256 | S::Hmac384 | S::Hmac512 => {
            let random = SystemRandom::new();
            SecretBytes::try_init_with(raw_length(spec), |bytes| random.fill(bytes)).map_err(|_| KeyError::Failed)
        }
        S::Rsa2048 | S::Rsa3072 | S::Rsa4096 => rsa::generate(spec),
        S::EccNistP256 | S::EccNistP384 | S::EccNistP521 | S::EccSecgP256k1 => ec::generate(spec),
        S::EccNistEdwards25519 => ed25519::generate(),
        S::MlDsa44 | S::MlDsa65 | S::MlDsa87 => ml_dsa::generate(spec),
        S::MlKem512 | S::MlKem768 | S::MlKem1024 => ml_kem::generate(spec),
        #[cfg(feature = "sm2")]
        S::Sm2 => sm2::generate(),
        #[cfg(not(feature = "sm2"))]
        S::Sm2 => Err(KeyError::Unsupported { spec }),
    }
}

/// Length of the material of keys that are no pairs.
fn raw_length(spec: KeySpec) -> usize {
    spec.mac_algorithms().first().map_or(32, |algorithm| algorithm.length())
}

/// Turns material as `ImportKeyMaterial` takes it (PKCS#8 for pairs, else raw bytes) into the stored form.
///
/// # Errors
/// `InvalidKey` for other types, curves, sizes and encodings, and for keys that contradict themselves.
pub fn import(spec: KeySpec, material: &SecretBytes) -> Result<SecretBytes, KeyError> {
    use KeySpec as S;
    let bytes = material.expose();
    match spec {
        S::SymmetricDefault | S::Hmac224 | S::Hmac256 | S::Hmac384 | S::Hmac512 => {
            let right = bytes.len() == raw_length(spec);
            right.then(|| SecretBytes::new(bytes.to_vec())).ok_or(KeyError::InvalidKey)
        }
        S::Rsa2048 | S::Rsa3072 | S::Rsa4096 => rsa::import(spec, bytes),
        S::EccNistP256 | S::EccNistP384 | S::EccNistP521 | S::EccSecgP256k1 => ec::import(spec, bytes),
        S::EccNistEdwards25519 => ed25519::import(bytes),
        S::MlDsa44 | S::MlDsa65 | S::MlDsa87 => ml_dsa::import(spec, bytes),
        S::MlKem512 | S::MlKem768 | S::MlKem1024 => ml_kem::import(spec, bytes),
        #[cfg(feature = "sm2")]
        S::Sm2 => sm2::import(bytes),
        #[cfg(not(feature = "sm2"))]
        S::Sm2 => Err(KeyError::Unsupported { spec }),
    }
}

/// Verifies a signature under a public key.
///
/// # Errors
/// `InvalidSignature` for a signature that is not one, whatever is wrong with it; else as
/// [`PrivateKey::sign`], and `InvalidPublicKey`.
pub fn verify(
    spec: KeySpec,
    public_key: &[u8],
    algorithm: SigningAlgorithm,
    kind: MessageType,
    message: &[u8],
    signature: &[u8],
) -> Result<(), KeyError> {
    use KeySpec as S;
    signing::check(spec, algorithm, kind, message)?;
    match spec {
        S::Rsa2048 | S::Rsa3072 | S::Rsa4096 => rsa::verify(spec, public_key, algorithm, (kind, message), signature),
        S::EccNistEdwards25519 => ed25519::verify(public_key, algorithm, message, signature),
        S::MlDsa44 | S::MlDsa65 | S::MlDsa87 => ml_dsa::verify(spec, public_key, (kind, message), signature),
        #[cfg(feature = "sm2")]
        S::Sm2 => sm2::verify(public_key, (kind, message), signature),
        #[cfg(not(feature = "sm2"))]
        S::Sm2 => Err(KeyError::Unsupported { spec }),
        _ => ec::verify(spec, public_key, algorithm, (kind, message), signature),
    }
}

/// Encrypts under a public key. RSA-OAEP has an empty label and one hash for both of its parts.
///
/// # Errors
/// `PlaintextLength` above [`plaintext_max`], `Algorithm`, `InvalidPublicKey`.
pub fn encrypt(
    spec: KeySpec,
    public_key: &[u8],
    algorithm: EncryptionAlgorithm,
    plaintext: &[u8],
) -> Result<Vec<u8>, KeyError> {
    let maximum = plaintext_max(spec, algorithm).ok_or(KeyError::Algorithm)?;
    if plaintext.len() > maximum {
        return Err(KeyError::PlaintextLength { maximum });
    }
    match spec {
        #[cfg(feature = "sm2")]
        KeySpec::Sm2 => sm2::encrypt(public_key, plaintext),
        #[cfg(not(feature = "sm2"))]
        KeySpec::Sm2 => Err(KeyError::Unsupported { spec }),
        _ => rsa::encrypt(spec, public_key, algorithm, plaintext),
    }
}

/// The longest plaintext in bytes that fits under a public key; none where the algorithm is not of this spec
/// or is not one of public keys.
#[must_use]
pub const fn plaintext_max(spec: KeySpec, algorithm: EncryptionAlgorithm) -> Option<usize> {
    let overhead = match (spec, algorithm) {
        (KeySpec::Sm2, EncryptionAlgorithm::Sm2Pke) => return Some(1024),
        (_, EncryptionAlgorithm::RsaesOaepSha1) => 42,
        (_, EncryptionAlgorithm::RsaesOaepSha256) => 66,
        (_, EncryptionAlgorithm::SymmetricDefault | EncryptionAlgorithm::Sm2Pke) => return None,
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
pub fn encapsulate(spec: KeySpec, public_key: &[u8]) -> Result<Encapsulated, KeyError> {
    ml_kem::encapsulate(spec, public_key)
}

impl PrivateKey {
    /// Opens stored material.
    ///
    /// # Errors
    /// `InvalidKey` for bytes that are not the stored form of a key of this spec, `Unsupported` for a spec
    /// that this build does not have, `Algorithm` for `SYMMETRIC_DEFAULT`, whose keys are used elsewhere.
    pub fn open(spec: KeySpec, material: &SecretBytes) -> Result<Self, KeyError> {
        use KeySpec as S;
        let bytes = material.expose();
        let key = match spec {
            S::SymmetricDefault => return Err(KeyError::Algorithm),
            S::Hmac224 | S::Hmac256 | S::Hmac384 | S::Hmac512 => Key::Hmac(Box::new(hmac::MacKey::open(spec, bytes)?)),
            S::Rsa2048 | S::Rsa3072 | S::Rsa4096 => Key::Rsa(Box::new(rsa::RsaKey::open(spec, bytes)?)),
            S::EccNistP256 | S::EccNistP384 | S::EccNistP521 | S::EccSecgP256k1 => {
                Key::Ec(ec::EcKey::open(spec, bytes)?)
            }
            S::EccNistEdwards25519 => Key::Ed25519(ed25519::Ed25519Key::open(bytes)?),
            S::MlDsa44 | S::MlDsa65 | S::MlDsa87 => Key::MlDsa(ml_dsa::MlDsaKey::open(spec, bytes)?),
            S::MlKem512 | S::MlKem768 | S::MlKem1024 => Key::MlKem(Box::new(ml_kem::MlKemKey::open(spec, bytes)?)),
            #[cfg(feature = "sm2")]
            S::Sm2 => Key::Sm2(sm2::Sm2Key::open(bytes)?),
            #[cfg(not(feature = "sm2"))]
            S::Sm2 => return Err(KeyError::Unsupported { spec }),
        };
        Ok(Self { spec, key })
    }

    /// The spec of this key.
    #[must_use]
    pub fn spec(&self) -> KeySpec {
        self.spec
    }

    /// The private key as PKCS#8, DER, as `GenerateDataKeyPair` gives it.
    ///
    /// # Errors
    /// `Algorithm` for specs that are no pairs.
    pub fn private_key_der(&self) -> Result<SecretBytes, KeyError> {
        match &self.key {
            Key::Rsa(key) => key.private_key_der(),
            Key::Ec(key) => key.private_key_der(),
            Key::Ed25519(key) => key.private_key_der(),
            Key::MlDsa(key) => key.private_key_der(),
            Key::MlKem(key) => Ok(key.private_key_der()),
            #[cfg(feature = "sm2")]
            Key::Sm2(key) => key.private_key_der(),
            Key::Hmac(_) => Err(KeyError::Algorithm),
        }
    }

    /// The public key as SubjectPublicKeyInfo, DER.
    ///
    /// # Errors
    /// `Algorithm` for specs that are no pairs.
    pub fn public_key(&self) -> Result<Vec<u8>, KeyError> {
        match &self.key {
            Key::Rsa(key) => key.public_key(),
            Key::Ec(key) => key.public_key(),
            Key::Ed25519(key) => key.public_key(),
            Key::MlDsa(key) => key.public_key(),
            Key::MlKem(key) => Ok(key.public_key()),
            #[cfg(feature = "sm2")]
            Key::Sm2(key) => key.public_key(),
            Key::Hmac(_) => Err(KeyError::Algorithm),
        }
    }

    /// Signs a message. ECDSA and SM2 signatures are DER.
    ///
    /// # Errors
    /// `Algorithm` where the spec does not have it, `MessageType` where the algorithm does not sign such
    /// messages, `DigestLength` for a digest or mu of another length.
    pub fn sign(&self, algorithm: SigningAlgorithm, kind: MessageType, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        signing::check(self.spec, algorithm, kind, message)?;
        match &self.key {
            Key::Rsa(key) => key.sign(algorithm, kind, message),
            Key::Ec(key) => key.sign(algorithm, kind, message),
            Key::Ed25519(key) => key.sign(algorithm, message),
            Key::MlDsa(key) => key.sign(kind, message),
            #[cfg(feature = "sm2")]
            Key::Sm2(key) => key.sign(kind, message),
            Key::Hmac(_) | Key::MlKem(_) => Err(KeyError::Algorithm),
        }
    }

    /// Authenticates a message.
    ///
    /// # Errors
    /// `Algorithm` where the spec does not have it.
    pub fn generate_mac(&self, algorithm: MacAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(self.mac(algorithm)?.generate_mac(message))
    }

    /// Checks a code in constant time; a shortened one is none.
    ///
    /// # Errors
    /// `InvalidMac`, or `Algorithm` where the spec does not have it.
    pub fn verify_mac(&self, algorithm: MacAlgorithm, message: &[u8], mac: &[u8]) -> Result<(), KeyError> {
        self.mac(algorithm)?.verify_mac(message, mac)
    }

    fn mac(&self, algorithm: MacAlgorithm) -> Result<&hmac::MacKey, KeyError> {
        match &self.key {
            Key::Hmac(key) if self.spec.mac_algorithms().contains(&algorithm) => Ok(key),
            _ => Err(KeyError::Algorithm),
        }
    }

    /// Decrypts what [`encrypt`] made.
    ///
    /// # Errors
    /// `InvalidCiphertext`, whatever is wrong with it, or `Algorithm` where the spec does not have it.
    pub fn decrypt(&self, algorithm: EncryptionAlgorithm, ciphertext: &[u8]) -> Result<SecretBytes, KeyError> {
        if plaintext_max(self.spec, algorithm).is_none() {
            return Err(KeyError::Algorithm);
        }
        match &self.key {
            Key::Rsa(key) => key.decrypt(algorithm, ciphertext),
            #[cfg(feature = "sm2")]
            Key::Sm2(key) => key.decrypt(ciphertext),
            _ => Err(KeyError::Algorithm),
        }
    }

    /// The x coordinate that this key and the peer's public key (SubjectPublicKeyInfo, DER) agree on.
    ///
    /// # Errors
    /// `InvalidPublicKey` for another curve or a point that is not on it, `Algorithm` for specs that do not agree.
    pub fn derive_shared_secret(&self, peer: &[u8]) -> Result<SecretBytes, KeyError> {
        match &self.key {
            Key::Ec(key) => key.derive_shared_secret(peer),
            #[cfg(feature = "sm2")]
            Key::Sm2(key) => key.derive_shared_secret(peer),
            _ => Err(KeyError::Algorithm),
        }
    }

    /// Opens what [`encapsulate`] made. A wrong ciphertext of the right length gives pseudo-random bytes.
    ///
    /// # Errors
    /// `InvalidCiphertext` for another length alone, `Algorithm` for specs that do not encapsulate.
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<SecretBytes, KeyError> {
        match &self.key {
            Key::MlKem(key) => key.decapsulate(ciphertext),
            _ => Err(KeyError::Algorithm),
        }
    }
}
