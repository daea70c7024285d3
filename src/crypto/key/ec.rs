//! The curves of NIST and secp256k1: ECDSA, and ECDH on the former. All of it is AWS-LC's.

use std::sync::OnceLock;

use aws_lc_rs::agreement::{self, ParsedPublicKey, UnparsedPublicKey};
use aws_lc_rs::encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, KeyPair};

use super::{KeyError, der, signing};
use crate::types::algorithm::{MessageType, SigningAlgorithm};
use crate::types::key::KeySpec;
use crate::types::secret::SecretBytes;

/// What the library calls a curve, its AlgorithmIdentifier, and what stands before a scalar in PKCS#8 without a
/// public key.
struct Curve {
    signing: &'static EcdsaSigningAlgorithm,
    verifying: &'static EcdsaVerificationAlgorithm,
    agreement: Option<&'static agreement::Algorithm>,
    identifier: &'static [u8],
    pkcs8_prefix: &'static [u8],
    scalar_length: usize,
}

static P256: Curve = Curve {
    signing: &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
    verifying: &signature::ECDSA_P256_SHA256_ASN1,
    agreement: Some(&agreement::ECDH_P256),
    identifier: b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
    pkcs8_prefix: b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\
        \x03\x01\x07\x04\x27\x30\x25\x02\x01\x01\x04\x20",
    scalar_length: 32,
};

static P384: Curve = Curve {
    signing: &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
    verifying: &signature::ECDSA_P384_SHA384_ASN1,
    agreement: Some(&agreement::ECDH_P384),
    identifier: b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22",
    pkcs8_prefix: b"\x30\x4e\x02\x01\x00\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\
        \x04\x37\x30\x35\x02\x01\x01\x04\x30",
    scalar_length: 48,
};

static P521: Curve = Curve {
    signing: &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
    verifying: &signature::ECDSA_P521_SHA512_ASN1,
    agreement: Some(&agreement::ECDH_P521),
    identifier: b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23",
    pkcs8_prefix: b"\x30\x60\x02\x01\x00\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\
        \x04\x49\x30\x47\x02\x01\x01\x04\x42",
    scalar_length: 66,
};

static P256K1: Curve = Curve {
    signing: &signature::ECDSA_P256K1_SHA256_ASN1_SIGNING,
    verifying: &signature::ECDSA_P256K1_SHA256_ASN1,
    agreement: None,
    identifier: b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x0a",
    pkcs8_prefix: b"\x30\x3e\x02\x01\x00\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x0a\
        \x04\x27\x30\x25\x02\x01\x01\x04\x20",
    scalar_length: 32,
};

fn curve(spec: KeySpec) -> Result<&'static Curve, KeyError> {
    match spec {
        KeySpec::EccNistP256 => Ok(&P256),
        KeySpec::EccNistP384 => Ok(&P384),
        KeySpec::EccNistP521 => Ok(&P521),
        KeySpec::EccSecgP256k1 => Ok(&P256K1),
        _ => Err(KeyError::Algorithm),
    }
}

/// A private key, which the library wants in another shape for agreement.
pub(super) struct EcKey {
    curve: &'static Curve,
    key: EcdsaKeyPair,
    agreement: OnceLock<agreement::PrivateKey>,
}

pub(super) fn generate(spec: KeySpec) -> Result<SecretBytes, KeyError> {
    let key = EcdsaKeyPair::generate(curve(spec)?.signing).map_err(|_| KeyError::Failed)?;
    scalar(&key)
}

/// Reads PKCS#8 and gives the scalar. The library checks that a public key in it belongs to the scalar.
pub(super) fn import(spec: KeySpec, pkcs8: &[u8]) -> Result<SecretBytes, KeyError> {
    der::require_secret(pkcs8)?;
    scalar(&EcdsaKeyPair::from_pkcs8(curve(spec)?.signing, pkcs8).map_err(|_| KeyError::InvalidKey)?)
}

fn scalar(key: &EcdsaKeyPair) -> Result<SecretBytes, KeyError> {
    let scalar: EcPrivateKeyBin<'_> = key.private_key().as_be_bytes().map_err(|_| KeyError::Failed)?;
    Ok(SecretBytes::new(scalar.as_ref().to_vec()))
}

/// Verifies a signature of a message that was checked to fit.
pub(super) fn verify(
    spec: KeySpec,
    public_key: &[u8],
    algorithm: SigningAlgorithm,
    (kind, message): (MessageType, &[u8]),
    signature: &[u8],
) -> Result<(), KeyError> {
    let curve = curve(spec)?;
    let key = signing::parse_public(curve.identifier, curve.verifying, public_key)?;
    let digest = signing::digest_of(algorithm, kind, message)?;
    key.verify_digest_sig(&digest, signature).map_err(|_| KeyError::InvalidSignature)
}

impl EcKey {
    pub(super) fn open(spec: KeySpec, material: &[u8]) -> Result<Self, KeyError> {
        let curve = curve(spec)?;
        if material.len() != curve.scalar_length {
            return Err(KeyError::InvalidKey);
        }
        let pkcs8 = der::wrap_secret(curve.pkcs8_prefix, material);
        let key = EcdsaKeyPair::from_pkcs8(curve.signing, pkcs8.expose()).map_err(|_| KeyError::InvalidKey)?;
        Ok(Self { curve, key, agreement: OnceLock::new() })
    }

    /// With the public key in it, as AWS and OpenSSL write it.
    pub(super) fn private_key_der(&self) -> Result<SecretBytes, KeyError> {
        let scalar = scalar(&self.key)?;
        let point = self.key.public_key().as_ref();
        let whole = EcdsaKeyPair::from_private_key_and_public_key(self.curve.signing, scalar.expose(), point);
        let der = whole.map_err(|_| KeyError::Failed)?.to_pkcs8v1().map_err(|_| KeyError::Failed)?;
        Ok(SecretBytes::new(der.as_ref().to_vec()))
    }

    pub(super) fn public_key(&self) -> Result<Vec<u8>, KeyError> {
        let der: PublicKeyX509Der<'_> = self.key.public_key().as_der().map_err(|_| KeyError::Failed)?;
        Ok(der.as_ref().to_vec())
    }

    pub(super) fn sign(
        &self,
        algorithm: SigningAlgorithm,
        kind: MessageType,
        message: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        let result = match kind {
            MessageType::Raw => self.key.sign(&SystemRandom::new(), message),
            _ => self.key.sign_digest(&signing::digest_of(algorithm, kind, message)?),
        };
        Ok(result.map_err(|_| KeyError::Failed)?.as_ref().to_vec())
    }

    pub(super) fn derive_shared_secret(&self, peer: &[u8]) -> Result<SecretBytes, KeyError> {
        let algorithm = self.curve.agreement.ok_or(KeyError::Algorithm)?;
        der::require_public(self.curve.identifier, peer)?;
        let peer = ParsedPublicKey::try_from(UnparsedPublicKey::new(algorithm, peer))
            .map_err(|_| KeyError::InvalidPublicKey)?;
        let key = self.agreement_key(algorithm)?;
        // The peer's point was checked when it was read: what fails from here on is not the peer's.
        agreement::agree(key, peer, KeyError::Failed, |secret| Ok(SecretBytes::new(secret.to_vec())))
    }

    fn agreement_key(&self, algorithm: &'static agreement::Algorithm) -> Result<&agreement::PrivateKey, KeyError> {
        if let Some(key) = self.agreement.get() {
            return Ok(key);
        }
        let scalar = scalar(&self.key)?;
        let key = agreement::PrivateKey::from_private_key(algorithm, scalar.expose()).map_err(|_| KeyError::Failed)?;
        Ok(self.agreement.get_or_init(|| key))
    }
}
