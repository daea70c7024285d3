//! Root keys: known answers of their wraps, and every change that must be refused.

use super::negatives::flips;
use super::vectors::{Formats, RootCase};
use crate::api::container::{ContainerHeader, HEADER_LENGTH};
use crate::crypto::rng::{Rng, SeededRng, SystemRng};
use crate::crypto::seal::{MaterialBinding, Root};
use crate::crypto::{CryptoError, root, siv};
use crate::types::ids::{InstallationId, KeyId};
use crate::types::key::{KeySpec, Origin};
use crate::types::object::ObjectName;
use crate::types::secret::FileKey;

/// The wrap of a random-looking root in term 1.
fn first() -> RootCase {
    Formats::load().roots.into_iter().next().unwrap()
}

/// Unwraps with everything that belongs to the case.
fn unwrap(case: &RootCase, stored: &[u8]) -> Result<Root, CryptoError> {
    unwrap_as(case, stored, case.inputs.installation(), case.inputs.term)
}

fn unwrap_as(case: &RootCase, stored: &[u8], installation: InstallationId, term: u32) -> Result<Root, CryptoError> {
    root::unwrap(stored, &case.file_key.file_key(), &case.provider_id, installation, term)
}

#[test]
fn the_published_roots_are_wrapped_and_unwrap() {
    let cases = Formats::load().roots;
    for case in &cases {
        let own = case.inputs.root();
        assert_eq!(own.header().check_value, case.check_value.array());
        assert_eq!(root::wrap(&own, &case.file_key.file_key(), &case.provider_id).unwrap(), *case.stored);
        let unwrapped = unwrap(case, &case.stored).unwrap();
        assert_eq!(unwrapped.key().expose(), &case.inputs.root_key.array());
        assert_eq!((unwrapped.installation, unwrapped.term), (case.inputs.installation(), case.inputs.term));
        assert_eq!(ObjectName::root(case.inputs.term).as_str(), case.object_name);
    }
    assert_eq!(cases.len(), 2);
}

#[test]
fn each_single_bit_flip_of_a_wrap_is_refused() {
    let case = first();
    let refused = flips(&case.stored).filter(|(_, flipped)| unwrap(&case, flipped).is_err());
    assert_eq!(refused.count(), 544);
}

#[test]
fn truncated_and_extended_wraps_are_refused() {
    let case = first();
    for length in 0..case.stored.len() {
        assert!(unwrap(&case, &case.stored[..length]).is_err(), "{length} bytes");
    }
    for extra in 1..=64 {
        assert!(unwrap(&case, &[&*case.stored, &vec![0; extra]].concat()).is_err(), "{extra} bytes");
    }
}

#[test]
fn a_wrap_is_bound_to_each_bit_of_the_file_key() {
    let case = first();
    for (bit, flipped) in flips(&case.file_key) {
        let other = FileKey::init_with(|key| key.copy_from_slice(&flipped));
        let (installation, term) = (case.inputs.installation(), case.inputs.term);
        assert!(root::unwrap(&case.stored, &other, "file", installation, term).is_err(), "bit {bit}");
    }
}

#[test]
fn a_wrap_is_bound_to_its_provider() {
    let case = first();
    for provider in ["", "File", "file ", "file\0", "fil", "kms"] {
        let (installation, term) = (case.inputs.installation(), case.inputs.term);
        let unwrapped = root::unwrap(&case.stored, &case.file_key.file_key(), provider, installation, term);
        assert!(unwrapped.is_err(), "{provider:?}");
    }
}

/// The wrap is tried a second time with the header of the same root key in the other place, so that the
/// check value would fit.
#[test]
fn a_wrap_is_bound_to_each_bit_of_installation_and_term() {
    let case = first();
    let installations = flips(&case.inputs.installation)
        .map(|(_, other)| (InstallationId::new(other.try_into().unwrap()), case.inputs.term));
    let terms = (0..32).map(|bit| (case.inputs.installation(), case.inputs.term ^ (1 << bit)));
    for (installation, term) in installations.chain(terms) {
        assert!(unwrap_as(&case, &case.stored, installation, term).is_err(), "{installation} {term}");
        let header = case.inputs.root_of(installation, term).header().to_bytes();
        let moved = [&header, &case.stored[HEADER_LENGTH..]].concat();
        assert!(unwrap_as(&case, &moved, installation, term).is_err(), "{installation} {term}");
    }
}

/// Wraps with the right file key whatever it is given, as a writer with a fault would.
fn wrapped_with(case: &RootCase, header: ContainerHeader, content: &[u8]) -> Vec<u8> {
    let (header, term) = (header.to_bytes(), case.inputs.term.to_be_bytes());
    let strings: [&[u8]; 5] =
        [b"k8s-kms/v1/root-wrap", &header, &case.inputs.installation, &term, case.provider_id.as_bytes()];
    let sealed = siv::seal(&case.file_key.array(), &strings, content).unwrap();
    [header.as_slice(), &sealed].concat()
}

#[test]
fn an_authentic_wrap_whose_check_value_or_term_is_wrong_is_refused() {
    let case = first();
    let right = case.inputs.root().header();
    let key = &case.inputs.root_key;
    assert_eq!(wrapped_with(&case, right, key), *case.stored);
    for bit in 0..64 {
        let check_value = (u64::from_be_bytes(right.check_value) ^ (1 << bit)).to_be_bytes();
        let stored = wrapped_with(&case, ContainerHeader { check_value, ..right }, key);
        assert!(unwrap(&case, &stored).is_err(), "bit {bit}");
    }
    let stored = wrapped_with(&case, ContainerHeader { term: right.term + 1, ..right }, key);
    assert!(unwrap(&case, &stored).is_err());
}

#[test]
fn an_authentic_wrap_of_anything_but_32_bytes_is_refused() {
    let case = first();
    let right = case.inputs.root().header();
    for length in [0, 1, 31, 33, 64] {
        let stored = wrapped_with(&case, right, &vec![0x42; length]);
        assert!(unwrap(&case, &stored).is_err(), "{length} bytes");
    }
}

#[test]
fn a_generated_root_survives_its_wrap_and_opens_what_it_sealed() {
    let installation = InstallationId::new([3; 16]);
    let made = root::generate(installation, 1, &SystemRng::new()).unwrap();
    let file_key = FileKey::try_init_with(|key| SystemRng::new().fill(key)).unwrap();
    let binding = MaterialBinding {
        key_id: KeyId::new([4; 16], true),
        version: 1,
        spec: KeySpec::SymmetricDefault,
        origin: Origin::AwsKms,
    };
    let sealed = made.seal_material(&binding, &[5; 32]).unwrap();
    let stored = root::wrap(&made, &file_key, "file").unwrap();
    let again = root::unwrap(&stored, &file_key, "file", installation, 1).unwrap();
    assert_eq!(again.header(), made.header());
    assert_eq!(again.open_material(&binding, &sealed).unwrap().expose(), [5; 32]);
}

#[test]
fn a_root_comes_from_the_source_it_is_given() {
    struct EmptyRng;
    impl Rng for EmptyRng {
        fn fill(&self, _: &mut [u8]) -> Result<(), CryptoError> {
            Err(CryptoError)
        }
    }
    let generate = |rng: &dyn Rng| root::generate(InstallationId::new([3; 16]), 1, rng);
    let key = |seed: u64| *generate(&SeededRng::new(seed)).unwrap().key().expose();
    assert_eq!(key(1), key(1));
    assert_ne!(key(1), key(2));
    assert!(generate(&EmptyRng).is_err());
}
