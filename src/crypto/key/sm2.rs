//! SM2 (GB/T 32918) with SM3, of the crate `sm2`: AWS-LC has none of it.
//!
//! Signatures are of the default identity `1234567812345678`, as AWS KMS makes them, and ciphertexts DER of
//! C1, C3, C2. The crate has had no audit and says so; that is why its feature is off unless asked for.

use aws_lc_rs::rand::SystemRandom;
use sm2::dsa::signature::hazmat::{PrehashVerifier, RandomizedPrehashSigner};
use sm2::dsa::signature::{RandomizedSigner, Verifier};
use sm2::dsa::{Signature, SigningKey, VerifyingKey};
use sm2::elliptic_curve::{Generate, ecdh};
use sm2::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use sm2::pke::{DecryptingKey, EncryptingKey};
use sm2::{PublicKey, SecretKey};

use super::KeyError;
use super::random::LibraryRandom;
use crate::types::algorithm::MessageType;
use crate::types::secret::SecretBytes;

/// The identity that signatures are of where the parties agreed on none.
const IDENTITY: &str = "1234567812345678";

const SCALAR_LENGTH: usize = 32;

pub(super) struct Sm2Key {
    key: SecretKey,
}

fn random() -> LibraryRandom {
    LibraryRandom(SystemRandom::new())
}

pub(super) fn generate() -> Result<SecretBytes, KeyError> {
    scalar(&SecretKey::try_generate_from_rng(&mut random()).map_err(|_| KeyError::Failed)?)
}

/// Reads PKCS#8 and gives the scalar.
pub(super) fn import(pkcs8: &[u8]) -> Result<SecretBytes, KeyError> {
    scalar(&SecretKey::from_pkcs8_der(pkcs8).map_err(|_| KeyError::InvalidKey)?)
}

fn scalar(key: &SecretKey) -> Result<SecretBytes, KeyError> {
    let bytes = zeroize::Zeroizing::new(key.to_bytes());
    Ok(SecretBytes::new(bytes.to_vec()))
}

fn parse_public(public_key: &[u8]) -> Result<PublicKey, KeyError> {
    PublicKey::from_public_key_der(public_key).map_err(|_| KeyError::InvalidPublicKey)
}

/// Verifies a signature of a message that was checked to fit.
pub(super) fn verify(
    public_key: &[u8],
    (kind, message): (MessageType, &[u8]),
    signature: &[u8],
) -> Result<(), KeyError> {
    let key = VerifyingKey::new(IDENTITY, parse_public(public_key)?).map_err(|_| KeyError::InvalidPublicKey)?;
    let signature = Signature::from_der(signature).map_err(|_| KeyError::InvalidSignature)?;
    let result = match kind {
        MessageType::Raw => key.verify(message, &signature),
        _ => key.verify_prehash(message, &signature),
    };
    result.map_err(|_| KeyError::InvalidSignature)
}

pub(super) fn encrypt(public_key: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, KeyError> {
    let key = EncryptingKey::new(parse_public(public_key)?);
    key.encrypt_der(&mut random(), plaintext).map_err(|_| KeyError::Failed)
}

impl Sm2Key {
    pub(super) fn open(material: &[u8]) -> Result<Self, KeyError> {
        // The crate would take a shorter scalar, too, for which there is one more encoding than one.
        if material.len() != SCALAR_LENGTH {
            return Err(KeyError::InvalidKey);
        }
        Ok(Self { key: SecretKey::from_slice(material).map_err(|_| KeyError::InvalidKey)? })
    }

    pub(super) fn private_key_der(&self) -> Result<SecretBytes, KeyError> {
        let der = self.key.to_pkcs8_der().map_err(|_| KeyError::Failed)?;
        Ok(SecretBytes::new(der.as_bytes().to_vec()))
    }

    pub(super) fn public_key(&self) -> Result<Vec<u8>, KeyError> {
        let der = self.key.public_key().to_public_key_der().map_err(|_| KeyError::Failed)?;
        Ok(der.as_bytes().to_vec())
    }

    pub(super) fn sign(&self, kind: MessageType, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let key = SigningKey::new(IDENTITY, &self.key).map_err(|_| KeyError::Failed)?;
        let result = match kind {
            MessageType::Raw => key.try_sign_with_rng(&mut random(), message),
            _ => key.sign_prehash_with_rng(&mut random(), message),
        };
        Ok(result.map_err(|_| KeyError::Failed)?.to_der().to_vec())
    }

    pub(super) fn decrypt(&self, ciphertext: &[u8]) -> Result<SecretBytes, KeyError> {
        let key = DecryptingKey::new(self.key.clone());
        key.decrypt_der(ciphertext).map(SecretBytes::new).map_err(|_| KeyError::InvalidCiphertext)
    }

    pub(super) fn derive_shared_secret(&self, peer: &[u8]) -> Result<SecretBytes, KeyError> {
        let peer = parse_public(peer)?;
        let secret = ecdh::diffie_hellman(self.key.to_nonzero_scalar(), peer.as_affine());
        Ok(SecretBytes::new(secret.raw_secret_bytes().to_vec()))
    }
}
