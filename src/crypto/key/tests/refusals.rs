//! Keys that are none, or none of the spec.

use super::{open, quick_specs, sample, secret};
use crate::crypto::key::{KeyError, PrivateKey, encapsulate, encrypt, generate, import, ml_kem, verify};
use crate::types::algorithm::{EncryptionAlgorithm, MessageType, SigningAlgorithm};
use crate::types::key::KeySpec;

/// PKCS#8 of a new pair.
fn exported(spec: KeySpec) -> Vec<u8> {
    sample(spec).private_key_der().unwrap().expose().to_vec()
}

fn refused(spec: KeySpec, material: &[u8]) {
    assert_eq!(import(spec, &secret(material)).err(), Some(KeyError::InvalidKey), "{spec}");
}

#[test]
fn a_key_is_no_key_of_another_spec() {
    let pairs: Vec<_> = quick_specs().filter(|spec| spec.is_pair()).map(|spec| (spec, exported(spec))).collect();
    for spec in KeySpec::ALL.iter().copied().filter(|spec| spec.is_implemented()) {
        // A secret key of no pair is any bytes of its length.
        for (other, der) in pairs.iter().filter(|(_, der)| spec.is_pair() || der.len() > 64) {
            assert_eq!(import(spec, &secret(der)).is_ok(), spec == *other, "{other} as {spec}");
        }
    }
}

#[test]
fn a_key_with_bytes_missing_or_more_is_none() {
    for spec in quick_specs().filter(|spec| spec.is_pair()) {
        let der = exported(spec);
        refused(spec, &[]);
        refused(spec, &der[..der.len() - 1]);
        refused(spec, &der[1..]);
        refused(spec, &[&der[..], &[0]].concat());
    }
}

#[test]
fn raw_keys_have_one_length() {
    for spec in quick_specs().filter(|spec| !spec.is_pair()) {
        let length = generate(spec).unwrap().len();
        assert!(import(spec, &secret(&vec![1; length])).is_ok());
        for wrong in [0, 16, length - 1, length + 1] {
            refused(spec, &vec![1; wrong]);
        }
    }
}

/// Each byte of an elliptic key that is altered gives no key, or another key, but never a pair of two keys.
#[test]
fn a_pair_whose_halves_do_not_belong_together_is_none() {
    for spec in [KeySpec::EccNistP256, KeySpec::EccNistP384, KeySpec::EccNistP521, KeySpec::EccSecgP256k1] {
        let (der, other) = (exported(spec), exported(spec));
        let half = sample(spec).public_key().unwrap().len() / 2;
        let mixed = [&der[..der.len() - half], &other[other.len() - half..]].concat();
        refused(spec, &mixed);
        let mut altered = der.clone();
        *altered.last_mut().unwrap() ^= 1;
        refused(spec, &altered);
    }
}

/// The second version of PKCS#8 has a public key after the seed.
#[test]
fn an_ed25519_seed_with_the_public_key_of_another_is_none() {
    use aws_lc_rs::signature::Ed25519KeyPair;
    let spec = KeySpec::EccNistEdwards25519;
    let right = Ed25519KeyPair::generate().unwrap().to_pkcs8().unwrap();
    let mut der = right.as_ref().to_vec();
    assert!(import(spec, &secret(&der)).is_ok());
    *der.last_mut().unwrap() ^= 1;
    refused(spec, &der);
}

#[test]
fn an_rsa_key_whose_parts_do_not_belong_together_is_none() {
    let der = exported(KeySpec::Rsa2048);
    // The modulus, the private exponent, both primes and what is computed of them.
    for at in [100, 400, 600, 750, 900, 1000, 1150] {
        let mut altered = der.clone();
        altered[at] ^= 4;
        refused(KeySpec::Rsa2048, &altered);
    }
}

#[test]
fn scalars_are_above_zero_and_below_the_order() {
    for (spec, length) in [
        (KeySpec::EccNistP256, 32),
        (KeySpec::EccNistP384, 48),
        (KeySpec::EccNistP521, 66),
        (KeySpec::EccSecgP256k1, 32),
    ] {
        let mut one = vec![0; length];
        one[length - 1] = 1;
        assert!(open(spec, &one).is_ok());
        for wrong in [vec![0; length], vec![0xff; length], vec![1; length - 1], vec![1; length + 1]] {
            assert_eq!(open(spec, &wrong).err(), Some(KeyError::InvalidKey), "{spec}");
        }
    }
}

#[test]
fn stored_material_of_another_length_is_none() {
    for spec in quick_specs().filter(|spec| *spec != KeySpec::SymmetricDefault) {
        let material = match spec {
            KeySpec::Rsa2048 => import(spec, &secret(&exported(spec))).unwrap(),
            _ => generate(spec).unwrap(),
        };
        let bytes = material.expose();
        assert!(open(spec, bytes).is_ok());
        for wrong in [&[], &bytes[1..], &[bytes, &[0]].concat()] {
            assert_eq!(open(spec, wrong).err(), Some(KeyError::InvalidKey), "{spec}");
        }
    }
    assert_eq!(open(KeySpec::SymmetricDefault, &[0; 32]).err(), Some(KeyError::Algorithm));
}

/// The library would take the raw bytes of many keys, too; AWS KMS has SubjectPublicKeyInfo alone.
#[test]
fn a_public_key_is_a_subject_public_key_info_of_the_spec() {
    let keys: Vec<_> = quick_specs().filter(|spec| spec.is_pair()).map(|spec| (spec, sample(spec))).collect();
    for (spec, key) in &keys {
        let own = key.public_key().unwrap();
        for (_, other) in keys.iter().filter(|(other, _)| other != spec) {
            refused_public(*spec, key, &other.public_key().unwrap());
        }
        // What is in the bit string: a point, a raw key, or the numbers of an RSA key.
        let raw = match spec {
            KeySpec::EccNistEdwards25519 => own.len() - 32,
            KeySpec::EccNistP256 | KeySpec::EccSecgP256k1 | KeySpec::Sm2 => own.len() - 65,
            KeySpec::EccNistP384 => own.len() - 97,
            KeySpec::EccNistP521 => own.len() - 133,
            KeySpec::Rsa2048 => 24,
            _ => 22,
        };
        for wrong in [&[], &own[1..], &own[..own.len() - 1], &own[raw..], &[&own[..], &[0]].concat()] {
            refused_public(*spec, key, wrong);
        }
    }
}

fn refused_public(spec: KeySpec, key: &PrivateKey, public_key: &[u8]) {
    let expected = Some(KeyError::InvalidPublicKey);
    for algorithm in spec.signing_algorithms() {
        for kind in algorithm.message_types() {
            let message = vec![0; algorithm.message_length(*kind).unwrap_or(9)];
            let signature = key.sign(*algorithm, *kind, &message).unwrap();
            let result = verify(spec, public_key, *algorithm, *kind, &message, &signature);
            assert_eq!(result.err(), expected, "{spec} {algorithm} {kind}");
        }
    }
    if !spec.key_agreement_algorithms().is_empty() {
        assert_eq!(key.derive_shared_secret(public_key).err(), expected, "{spec}");
    }
    if !spec.encapsulation_algorithms().is_empty() {
        assert_eq!(encapsulate(spec, public_key).err(), expected, "{spec}");
    }
}

#[test]
fn ciphertexts_fail_alike() {
    let key = sample(KeySpec::Rsa2048);
    let public_key = key.public_key().unwrap();
    let algorithm = EncryptionAlgorithm::RsaesOaepSha256;
    let sealed = encrypt(KeySpec::Rsa2048, &public_key, algorithm, b"plaintext").unwrap();
    let mut altered = sealed.clone();
    altered[100] ^= 1;
    for wrong in [&[][..], &[0; 256], &[0xff; 256], &altered, &sealed[1..], &[&sealed[..], &[0]].concat()] {
        assert_eq!(key.decrypt(algorithm, wrong).err(), Some(KeyError::InvalidCiphertext));
    }
    assert_eq!(key.decrypt(EncryptionAlgorithm::RsaesOaepSha1, &sealed).err(), Some(KeyError::InvalidCiphertext));
}

/// A seed and the expanded key of another are no key; with its own they are the seed.
#[test]
fn an_expanded_ml_kem_key_must_be_the_one_of_its_seed() {
    for (spec, both, between, length) in [
        (KeySpec::MlKem512, 0x06aa, 0x0660, 1632),
        (KeySpec::MlKem768, 0x09aa, 0x0960, 2400),
        (KeySpec::MlKem1024, 0x0caa, 0x0c60, 3168),
    ] {
        let seed = [7; 64];
        let expanded = ml_kem::expanded_of(spec, &seed);
        assert_eq!(expanded.len(), length);
        let short = open(spec, &seed).unwrap().private_key_der().unwrap();
        let algorithm = &short.expose()[2..18];
        let number = |value: u16| value.to_be_bytes();
        let mut der = [&[0x30, 0x82], &number(both + 20)[..], algorithm, &[0x04, 0x82], &number(both)].concat();
        der.extend([&[0x30, 0x82], &number(both - 4)[..], &[0x04, 0x40], &seed, &[0x04, 0x82]].concat());
        der.extend([&number(between)[..], &expanded].concat());
        assert_eq!(import(spec, &secret(&der)).unwrap().expose(), seed, "{spec}");
        *der.last_mut().unwrap() ^= 1;
        refused(spec, &der);
    }
}

#[test]
fn errors_tell_no_secret() {
    let key = PrivateKey::open(KeySpec::Hmac256, &secret(&[0x5a; 32])).unwrap();
    let error = key.sign(SigningAlgorithm::EcdsaSha256, MessageType::Digest, &[1; 31]).unwrap_err();
    assert_eq!(error.to_string(), "keys of this spec do not do that");
}
