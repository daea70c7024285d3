//! HMAC (RFC 2104) with keys as long as the output of their hash. All of it is AWS-LC's.

use aws_lc_rs::hmac;

use super::KeyError;
use crate::types::algorithm::MacAlgorithm;
use crate::types::key::KeySpec;

pub(super) struct MacKey {
    key: hmac::Key,
}

/// Refuses algorithms of other specs.
fn hash(spec: KeySpec, algorithm: MacAlgorithm) -> Result<hmac::Algorithm, KeyError> {
    match (spec, algorithm) {
        (KeySpec::Hmac224, MacAlgorithm::HmacSha224) => Ok(hmac::HMAC_SHA224),
        (KeySpec::Hmac256, MacAlgorithm::HmacSha256) => Ok(hmac::HMAC_SHA256),
        (KeySpec::Hmac384, MacAlgorithm::HmacSha384) => Ok(hmac::HMAC_SHA384),
        (KeySpec::Hmac512, MacAlgorithm::HmacSha512) => Ok(hmac::HMAC_SHA512),
        _ => Err(KeyError::Algorithm),
    }
}

impl MacKey {
    pub(super) fn open(spec: KeySpec, material: &[u8]) -> Result<Self, KeyError> {
        let algorithm = *spec.mac_algorithms().first().ok_or(KeyError::Algorithm)?;
        if material.len() != algorithm.length() {
            return Err(KeyError::InvalidKey);
        }
        Ok(Self { key: hmac::Key::new(hash(spec, algorithm)?, material) })
    }

    pub(super) fn generate_mac(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key, message).as_ref().to_vec()
    }

    /// Compares in constant time, and the whole code.
    pub(super) fn verify_mac(&self, message: &[u8], mac: &[u8]) -> Result<(), KeyError> {
        hmac::verify(&self.key, message, mac).map_err(|_| KeyError::InvalidMac)
    }
}
