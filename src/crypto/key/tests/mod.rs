//! Tests of keys: what outsiders computed, Project Wycheproof, every spec with itself, and everything that
//! must be refused.

mod known_answers;
mod refusals;
mod round_trips;
mod wycheproof_agreement;
mod wycheproof_others;
mod wycheproof_signatures;
mod wycheproof_symmetric;

use super::{KeyError, PrivateKey, generate};
use crate::types::key::KeySpec;
use crate::types::secret::SecretBytes;

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

fn secret(bytes: &[u8]) -> SecretBytes {
    SecretBytes::new(bytes.to_vec())
}

fn open(spec: KeySpec, material: &[u8]) -> Result<PrivateKey, KeyError> {
    PrivateKey::open(spec, &secret(material))
}

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The scalars of Wycheproof's cases are numbers, with zeros before them or without.
fn fixed_length(number: &[u8], length: usize) -> Vec<u8> {
    let digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    [vec![0; length - digits.len()], digits].concat()
}

/// The specs that this build has, without RSA of more than 2048 bits, whose generation takes long.
fn quick_specs() -> impl Iterator<Item = KeySpec> {
    let slow = [KeySpec::Rsa3072, KeySpec::Rsa4096];
    KeySpec::ALL.iter().copied().filter(move |spec| spec.is_implemented() && !slow.contains(spec))
}

/// A key of its spec: a new one, but of RSA the one of the self-test, since making one takes long.
fn sample(spec: KeySpec) -> PrivateKey {
    if spec == KeySpec::Rsa2048 {
        return open(spec, include_bytes!("../selftest_rsa_2048.der")).unwrap();
    }
    PrivateKey::open(spec, &generate(spec).unwrap()).unwrap()
}
