//! Ed25519 of AWS-LC, and its variant Ed25519ph (RFC 8032 §5.1), which AWS-LC's binding lacks, of `ed25519-dalek`.

use aws_lc_rs::encoding::{AsBigEndian, AsDer, Curve25519SeedBin, PublicKeyX509Der};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair};
use ed25519_dalek::{Digest, Sha512, Signature, SigningKey, VerifyingKey};

use super::{KeyError, der, signing};
use crate::types::algorithm::SigningAlgorithm;
use crate::types::secret::SecretBytes;

const SEED_LENGTH: usize = 32;
/// The AlgorithmIdentifier `id-Ed25519`.
const IDENTIFIER: &[u8] = b"\x30\x05\x06\x03\x2b\x65\x70";
const SPKI_PREFIX: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

pub(super) struct Ed25519Key {
    key: Ed25519KeyPair,
}

pub(super) fn generate() -> Result<SecretBytes, KeyError> {
    seed(&Ed25519KeyPair::generate().map_err(|_| KeyError::Failed)?)
}

/// Reads PKCS#8 and gives the seed. The library checks that a public key in it belongs to the seed.
pub(super) fn import(pkcs8: &[u8]) -> Result<SecretBytes, KeyError> {
    der::require_secret(pkcs8)?;
    seed(&Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError::InvalidKey)?)
}

fn seed(key: &Ed25519KeyPair) -> Result<SecretBytes, KeyError> {
    let seed = key.seed().map_err(|_| KeyError::Failed)?;
    let seed: Curve25519SeedBin<'_> = seed.as_be_bytes().map_err(|_| KeyError::Failed)?;
    Ok(SecretBytes::new(seed.as_ref().to_vec()))
}

/// What Ed25519ph signs: the hash of the message, whatever the message is.
///
/// AWS KMS takes a digest of the caller's as the message and hashes it once more, and so it is here.
fn prehash(message: &[u8]) -> Sha512 {
    Sha512::new().chain_update(message)
}

/// Verifies a signature of a message that was checked to fit.
pub(super) fn verify(
    public_key: &[u8],
    algorithm: SigningAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), KeyError> {
    match algorithm {
        SigningAlgorithm::Ed25519Sha512 => signing::parse_public(IDENTIFIER, &ED25519, public_key)?
            .verify_sig(message, signature)
            .map_err(|_| KeyError::InvalidSignature),
        SigningAlgorithm::Ed25519PhSha512 => verify_prehashed(public_key, message, signature),
        _ => Err(KeyError::Algorithm),
    }
}

fn verify_prehashed(public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
    let raw = der::unwrap_public(SPKI_PREFIX, public_key, SEED_LENGTH)?;
    let raw = raw.try_into().map_err(|_| KeyError::InvalidPublicKey)?;
    let key = VerifyingKey::from_bytes(raw).map_err(|_| KeyError::InvalidPublicKey)?;
    let signature = Signature::from_slice(signature).map_err(|_| KeyError::InvalidSignature)?;
    key.verify_prehashed_strict(prehash(message), None, &signature).map_err(|_| KeyError::InvalidSignature)
}

impl Ed25519Key {
    pub(super) fn open(material: &[u8]) -> Result<Self, KeyError> {
        if material.len() != SEED_LENGTH {
            return Err(KeyError::InvalidKey);
        }
        Ok(Self { key: Ed25519KeyPair::from_seed_unchecked(material).map_err(|_| KeyError::InvalidKey)? })
    }

    /// Version 1, without the public key, as AWS and OpenSSL write it.
    pub(super) fn private_key_der(&self) -> Result<SecretBytes, KeyError> {
        let der = self.key.to_pkcs8v1().map_err(|_| KeyError::Failed)?;
        Ok(SecretBytes::new(der.as_ref().to_vec()))
    }

    pub(super) fn public_key(&self) -> Result<Vec<u8>, KeyError> {
        let der: PublicKeyX509Der<'_> = self.key.public_key().as_der().map_err(|_| KeyError::Failed)?;
        Ok(der.as_ref().to_vec())
    }

    pub(super) fn sign(&self, algorithm: SigningAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match algorithm {
            SigningAlgorithm::Ed25519Sha512 => {
                Ok(self.key.try_sign(message).map_err(|_| KeyError::Failed)?.as_ref().to_vec())
            }
            SigningAlgorithm::Ed25519PhSha512 => self.sign_prehashed(message),
            _ => Err(KeyError::Algorithm),
        }
    }

    fn sign_prehashed(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let seed = seed(&self.key)?;
        let seed = seed.expose().try_into().map_err(|_| KeyError::Failed)?;
        let key = SigningKey::from_bytes(seed);
        let signature = key.sign_prehashed(prehash(message), None).map_err(|_| KeyError::Failed)?;
        Ok(signature.to_bytes().to_vec())
    }
}
