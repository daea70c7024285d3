//! ML-KEM (FIPS 203) of AWS-LC, whose binding knows keys in their expanded form alone.
//!
//! What is stored is the seed: the crate `ml-kem` expands it, and it does nothing else.

use aws_lc_rs::kem::{self, Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_512, ML_KEM_768, ML_KEM_1024};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use ml_kem::{DecapsulationKey512, DecapsulationKey768, DecapsulationKey1024, KeyExport, Seed};
use zeroize::Zeroizing;

use super::{Encapsulated, KeyError, der};
use crate::types::key::KeySpec;
use crate::types::secret::SecretBytes;

const SEED_LENGTH: usize = 64;

/// What the library calls a parameter set, and what stands before the raw bytes of its keys.
struct Parameters {
    algorithm: &'static kem::Algorithm,
    /// Before the seed, RFC 9935 §6: the choice `seed`.
    seed_prefix: &'static [u8],
    /// Before the seed in the choice `both`, and between it and the expanded key.
    both_prefix: &'static [u8],
    expanded_prefix: &'static [u8],
    spki_prefix: &'static [u8],
    public_length: usize,
    ciphertext_length: usize,
}

static SET_512: Parameters = Parameters {
    algorithm: &ML_KEM_512,
    seed_prefix: b"\x30\x54\x02\x01\x00\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x04\x01\x04\x42\x80\x40",
    both_prefix: b"\x30\x82\x06\xbe\x02\x01\x00\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x04\x01\x04\x82\x06\xaa\
        \x30\x82\x06\xa6\x04\x40",
    expanded_prefix: b"\x04\x82\x06\x60",
    spki_prefix: b"\x30\x82\x03\x32\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x04\x01\x03\x82\x03\x21\x00",
    public_length: 800,
    ciphertext_length: 768,
};

static SET_768: Parameters = Parameters {
    algorithm: &ML_KEM_768,
    seed_prefix: b"\x30\x54\x02\x01\x00\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x04\x02\x04\x42\x80\x40",
    both_prefix: b"\x30\x82\x09\xbe\x02\x01\x00\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x04\x02\x04\x82\x09\xaa\
        \x30\x82\x09\xa6\x04\x40",
    expanded_prefix: b"\x04\x82\x09\x60",
    spki_prefix: b"\x30\x82\x04\xb2\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x04\x02\x03\x82\x04\xa1\x00",
    public_length: 1184,
    ciphertext_length: 1088,
};

static SET_1024: Parameters = Parameters {
    algorithm: &ML_KEM_1024,
    seed_prefix: b"\x30\x54\x02\x01\x00\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x04\x03\x04\x42\x80\x40",
    both_prefix: b"\x30\x82\x0c\xbe\x02\x01\x00\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x04\x03\x04\x82\x0c\xaa\
        \x30\x82\x0c\xa6\x04\x40",
    expanded_prefix: b"\x04\x82\x0c\x60",
    spki_prefix: b"\x30\x82\x06\x32\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x04\x03\x03\x82\x06\x21\x00",
    public_length: 1568,
    ciphertext_length: 1568,
};

fn parameters(spec: KeySpec) -> Result<&'static Parameters, KeyError> {
    match spec {
        KeySpec::MlKem512 => Ok(&SET_512),
        KeySpec::MlKem768 => Ok(&SET_768),
        KeySpec::MlKem1024 => Ok(&SET_1024),
        _ => Err(KeyError::Algorithm),
    }
}

pub(super) struct MlKemKey {
    parameters: &'static Parameters,
    seed: SecretBytes,
    key: DecapsulationKey,
    public_key: Vec<u8>,
}

/// Both halves of a key in their raw form.
struct Expanded {
    private: SecretBytes,
    public: Vec<u8>,
}

fn expand(spec: KeySpec, seed: &[u8]) -> Result<Expanded, KeyError> {
    let seed = Zeroizing::new(Seed::try_from(seed).map_err(|_| KeyError::InvalidKey)?);
    match spec {
        KeySpec::MlKem512 => {
            let key = DecapsulationKey512::from_seed(*seed);
            Ok(expanded(&key, key.encapsulation_key()))
        }
        KeySpec::MlKem768 => {
            let key = DecapsulationKey768::from_seed(*seed);
            Ok(expanded(&key, key.encapsulation_key()))
        }
        KeySpec::MlKem1024 => {
            let key = DecapsulationKey1024::from_seed(*seed);
            Ok(expanded(&key, key.encapsulation_key()))
        }
        _ => Err(KeyError::Algorithm),
    }
}

#[expect(deprecated, reason = "the expanded form is the only one that AWS-LC's binding reads")]
fn expanded(key: &impl ml_kem::ExpandedKeyEncoding, public: &impl KeyExport) -> Expanded {
    let private = Zeroizing::new(key.to_expanded_bytes());
    Expanded { private: SecretBytes::new(private.to_vec()), public: public.to_bytes().to_vec() }
}

pub(super) fn generate(spec: KeySpec) -> Result<SecretBytes, KeyError> {
    parameters(spec)?;
    SecretBytes::try_init_with(SEED_LENGTH, |seed| SystemRandom::new().fill(seed)).map_err(|_| KeyError::Failed)
}

/// Reads PKCS#8 with a seed, or with a seed and the expanded key that belongs to it, and gives the seed.
pub(super) fn import(spec: KeySpec, pkcs8: &[u8]) -> Result<SecretBytes, KeyError> {
    let parameters = parameters(spec)?;
    if let Ok(seed) = der::unwrap_secret(parameters.seed_prefix, pkcs8, SEED_LENGTH) {
        return Ok(SecretBytes::new(seed.to_vec()));
    }
    let (seed, rest) = pkcs8
        .strip_prefix(parameters.both_prefix)
        .and_then(|raw| raw.split_at_checked(SEED_LENGTH))
        .ok_or(KeyError::InvalidKey)?;
    let expanded = rest.strip_prefix(parameters.expanded_prefix).ok_or(KeyError::InvalidKey)?;
    der::require_equal(expanded, expand(spec, seed)?.private.expose())?;
    Ok(SecretBytes::new(seed.to_vec()))
}

/// Makes a shared secret for the holder of a private key.
pub(super) fn encapsulate(spec: KeySpec, public_key: &[u8]) -> Result<Encapsulated, KeyError> {
    let parameters = parameters(spec)?;
    let raw = der::unwrap_public(parameters.spki_prefix, public_key, parameters.public_length)?;
    let key = EncapsulationKey::new(parameters.algorithm, raw).map_err(|_| KeyError::InvalidPublicKey)?;
    // Encapsulating checks that the numbers of the key are below the modulus (FIPS 203 §7.2).
    let (ciphertext, secret) = key.encapsulate().map_err(|_| KeyError::InvalidPublicKey)?;
    let shared_secret = SecretBytes::new(secret.as_ref().to_vec());
    Ok(Encapsulated { ciphertext: ciphertext.as_ref().to_vec(), shared_secret })
}

impl MlKemKey {
    pub(super) fn open(spec: KeySpec, material: &[u8]) -> Result<Self, KeyError> {
        let parameters = parameters(spec)?;
        let Expanded { private, public } = expand(spec, material)?;
        let key = DecapsulationKey::new(parameters.algorithm, private.expose()).map_err(|_| KeyError::InvalidKey)?;
        let public_key = [parameters.spki_prefix, &public].concat();
        Ok(Self { parameters, seed: SecretBytes::new(material.to_vec()), key, public_key })
    }

    /// In the form of the seed.
    pub(super) fn private_key_der(&self) -> SecretBytes {
        der::wrap_secret(self.parameters.seed_prefix, self.seed.expose())
    }

    pub(super) fn public_key(&self) -> Vec<u8> {
        self.public_key.clone()
    }

    pub(super) fn decapsulate(&self, ciphertext: &[u8]) -> Result<SecretBytes, KeyError> {
        if ciphertext.len() != self.parameters.ciphertext_length {
            return Err(KeyError::InvalidCiphertext);
        }
        let secret = self.key.decapsulate(Ciphertext::from(ciphertext)).map_err(|_| KeyError::Failed)?;
        Ok(SecretBytes::new(secret.as_ref().to_vec()))
    }
}

/// The expanded key of a seed, for tests of what holds both.
#[cfg(test)]
pub(super) fn expanded_of(spec: KeySpec, seed: &[u8]) -> Vec<u8> {
    expand(spec, seed).map(|key| key.private.expose().to_vec()).unwrap_or_default()
}
