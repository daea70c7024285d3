//! ML-DSA (FIPS 204) of AWS-LC, with an empty context.
//!
//! A message representative that the caller computed (external mu, FIPS 204 §6.2) is signed and verified by
//! the crate `ml-dsa`: AWS-LC can do it, but its binding offers no way to ask for it. Both sign hedged.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    KeyPair, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87, ML_DSA_87_SIGNING, PqdsaKeyPair,
    PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm,
};
use ml_dsa::{ExpandedSigningKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Signature, VerifyingKey};

use super::random::LibraryRandom;
use super::{KeyError, der, signing};
use crate::types::algorithm::MessageType;
use crate::types::key::KeySpec;
use crate::types::secret::SecretBytes;

const SEED_LENGTH: usize = 32;

/// What the library calls a parameter set, and what stands before the raw bytes of its keys.
struct Parameters {
    signing: &'static PqdsaSigningAlgorithm,
    verifying: &'static PqdsaVerificationAlgorithm,
    identifier: &'static [u8],
    /// Before the seed, RFC 9881 §6: the choice `seed`.
    pkcs8_prefix: &'static [u8],
    spki_prefix: &'static [u8],
    public_length: usize,
}

static SET_44: Parameters = Parameters {
    signing: &ML_DSA_44_SIGNING,
    verifying: &ML_DSA_44,
    identifier: b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11",
    pkcs8_prefix: b"\x30\x34\x02\x01\x00\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11\x04\x22\x80\x20",
    spki_prefix: b"\x30\x82\x05\x32\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11\x03\x82\x05\x21\x00",
    public_length: 1312,
};

static SET_65: Parameters = Parameters {
    signing: &ML_DSA_65_SIGNING,
    verifying: &ML_DSA_65,
    identifier: b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12",
    pkcs8_prefix: b"\x30\x34\x02\x01\x00\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12\x04\x22\x80\x20",
    spki_prefix: b"\x30\x82\x07\xb2\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12\x03\x82\x07\xa1\x00",
    public_length: 1952,
};

static SET_87: Parameters = Parameters {
    signing: &ML_DSA_87_SIGNING,
    verifying: &ML_DSA_87,
    identifier: b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x13",
    pkcs8_prefix: b"\x30\x34\x02\x01\x00\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x13\x04\x22\x80\x20",
    spki_prefix: b"\x30\x82\x0a\x32\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x13\x03\x82\x0a\x21\x00",
    public_length: 2592,
};

fn parameters(spec: KeySpec) -> Result<&'static Parameters, KeyError> {
    match spec {
        KeySpec::MlDsa44 => Ok(&SET_44),
        KeySpec::MlDsa65 => Ok(&SET_65),
        KeySpec::MlDsa87 => Ok(&SET_87),
        _ => Err(KeyError::Algorithm),
    }
}

pub(super) struct MlDsaKey {
    spec: KeySpec,
    key: PqdsaKeyPair,
}

pub(super) fn generate(spec: KeySpec) -> Result<SecretBytes, KeyError> {
    let parameters = parameters(spec)?;
    seed(parameters, &PqdsaKeyPair::generate(parameters.signing).map_err(|_| KeyError::Failed)?)
}

/// Reads PKCS#8 with a seed, or with a seed and the expanded key that belongs to it, and gives the seed.
///
/// From an expanded key alone no seed can be had, and AWS KMS does not take one either.
pub(super) fn import(spec: KeySpec, pkcs8: &[u8]) -> Result<SecretBytes, KeyError> {
    let parameters = parameters(spec)?;
    der::require_secret(pkcs8)?;
    let key = PqdsaKeyPair::from_pkcs8(parameters.signing, pkcs8).map_err(|_| KeyError::InvalidKey)?;
    seed(parameters, &key).map_err(|_| KeyError::InvalidKey)
}

fn seed(parameters: &Parameters, key: &PqdsaKeyPair) -> Result<SecretBytes, KeyError> {
    let der = key.to_pkcs8v1().map_err(|_| KeyError::Failed)?;
    let seed = der::unwrap_secret(parameters.pkcs8_prefix, der.as_ref(), SEED_LENGTH)?;
    Ok(SecretBytes::new(seed.to_vec()))
}

/// Verifies a signature of a message that was checked to fit.
pub(super) fn verify(
    spec: KeySpec,
    public_key: &[u8],
    (kind, message): (MessageType, &[u8]),
    signature: &[u8],
) -> Result<(), KeyError> {
    let parameters = parameters(spec)?;
    if kind != MessageType::ExternalMu {
        let key = signing::parse_public(parameters.identifier, parameters.verifying, public_key)?;
        return key.verify_sig(message, signature).map_err(|_| KeyError::InvalidSignature);
    }
    let raw = der::unwrap_public(parameters.spki_prefix, public_key, parameters.public_length)?;
    match spec {
        KeySpec::MlDsa44 => verify_mu::<MlDsa44>(raw, message, signature),
        KeySpec::MlDsa65 => verify_mu::<MlDsa65>(raw, message, signature),
        _ => verify_mu::<MlDsa87>(raw, message, signature),
    }
}

fn verify_mu<P: MlDsaParams>(public_key: &[u8], mu: &[u8], signature: &[u8]) -> Result<(), KeyError> {
    let public_key = public_key.try_into().map_err(|_| KeyError::InvalidPublicKey)?;
    let mu = mu.try_into().map_err(|_| KeyError::Failed)?;
    let signature = Signature::<P>::try_from(signature).map_err(|_| KeyError::InvalidSignature)?;
    let right = VerifyingKey::<P>::decode(public_key).verify_mu(mu, &signature);
    right.then_some(()).ok_or(KeyError::InvalidSignature)
}

fn sign_mu<P: MlDsaParams>(seed: &SecretBytes, mu: &[u8]) -> Result<Vec<u8>, KeyError> {
    let seed = seed.expose().try_into().map_err(|_| KeyError::Failed)?;
    let mu = mu.try_into().map_err(|_| KeyError::Failed)?;
    let key = ExpandedSigningKey::<P>::from_seed(seed);
    let signature =
        key.sign_mu_randomized(mu, &mut LibraryRandom(SystemRandom::new())).map_err(|_| KeyError::Failed)?;
    Ok(signature.encode().to_vec())
}

impl MlDsaKey {
    pub(super) fn open(spec: KeySpec, material: &[u8]) -> Result<Self, KeyError> {
        let key = PqdsaKeyPair::from_seed(parameters(spec)?.signing, material).map_err(|_| KeyError::InvalidKey)?;
        Ok(Self { spec, key })
    }

    /// In the form of the seed.
    pub(super) fn private_key_der(&self) -> Result<SecretBytes, KeyError> {
        let der = self.key.to_pkcs8v1().map_err(|_| KeyError::Failed)?;
        Ok(SecretBytes::new(der.as_ref().to_vec()))
    }

    pub(super) fn public_key(&self) -> Result<Vec<u8>, KeyError> {
        let der: PublicKeyX509Der<'_> = self.key.public_key().as_der().map_err(|_| KeyError::Failed)?;
        Ok(der.as_ref().to_vec())
    }

    pub(super) fn sign(&self, kind: MessageType, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        if kind == MessageType::ExternalMu {
            let seed = seed(parameters(self.spec)?, &self.key)?;
            return match self.spec {
                KeySpec::MlDsa44 => sign_mu::<MlDsa44>(&seed, message),
                KeySpec::MlDsa65 => sign_mu::<MlDsa65>(&seed, message),
                _ => sign_mu::<MlDsa87>(&seed, message),
            };
        }
        let mut signature = vec![0; self.key.algorithm().signature_len()];
        let length = self.key.sign(message, &mut signature).map_err(|_| KeyError::Failed)?;
        signature.truncate(length);
        Ok(signature)
    }
}
