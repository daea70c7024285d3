//! What holds for blobs of any content.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::api::blob::{Blob, BlobHeader};
use crate::crypto::blob::{self, Hedge};
use crate::crypto::rng::{Rng, SeededRng, SystemRng};
use crate::crypto::{CryptoError, derive};
use crate::types::context::EncryptionContext;
use crate::types::ids::KeyId;
use crate::types::limits::PLAINTEXT_MAX;
use crate::types::secret::SecretBytes;

const HEDGE: Hedge<'static> = Hedge { replica: "coffer-0", counter: 1 };

/// A source whose every answer is the same, as that of a machine which was cloned.
struct StuckRng;

impl Rng for StuckRng {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        bytes.fill(7);
        Ok(())
    }
}

/// A source that has nothing to give.
struct EmptyRng;

impl Rng for EmptyRng {
    fn fill(&self, _: &mut [u8]) -> Result<(), CryptoError> {
        Err(CryptoError)
    }
}

fn material() -> SecretBytes {
    SecretBytes::new((0..32).collect())
}

fn header() -> BlobHeader {
    let key_id = KeyId::new([9; 16], false);
    BlobHeader { key_id, version: 1, material: derive::material_id(&key_id, material().expose()).prefix() }
}

fn seal(context: &EncryptionContext, plaintext: &[u8], hedge: &Hedge<'_>, rng: &dyn Rng) -> Vec<u8> {
    blob::seal(&material(), &header(), context, plaintext, hedge, rng).unwrap()
}

fn open(bytes: &[u8], context: &EncryptionContext) -> Result<SecretBytes, CryptoError> {
    blob::open(&material(), &Blob::parse(bytes).unwrap(), context)
}

fn contexts() -> impl Strategy<Value = EncryptionContext> {
    let pairs = proptest::collection::btree_map(".{0,20}", ".{0,20}", 0..8);
    pairs.prop_map(|pairs: BTreeMap<String, String>| EncryptionContext::new(pairs).unwrap())
}

/// Contexts so small that two of them are often nearly equal.
fn small_contexts() -> impl Strategy<Value = EncryptionContext> {
    let pairs = proptest::collection::btree_map("[ab]{0,2}", "[ab]{0,2}", 0..3);
    pairs.prop_map(|pairs: BTreeMap<String, String>| EncryptionContext::new(pairs).unwrap())
}

fn plaintexts() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..=PLAINTEXT_MAX)
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens(context in contexts(), plaintext in plaintexts(), seed in any::<u64>()) {
        let sealed = seal(&context, &plaintext, &HEDGE, &SeededRng::new(seed));
        prop_assert_eq!(sealed.len(), 116 + plaintext.len());
        prop_assert_eq!(Blob::parse(&sealed).unwrap().header, header());
        let opened = open(&sealed, &context).unwrap();
        prop_assert_eq!(opened.expose(), plaintext);
    }

    #[test]
    fn another_context_never_opens(
        (left, right) in prop_oneof![(small_contexts(), small_contexts()), (contexts(), contexts())],
    ) {
        prop_assume!(left != right);
        let sealed = seal(&left, b"a message", &HEDGE, &SeededRng::new(1));
        prop_assert!(open(&sealed, &right).is_err());
    }

    #[test]
    fn two_seals_of_one_message_differ(context in contexts(), plaintext in plaintexts()) {
        let rng = SystemRng::new();
        let (left, right) = (seal(&context, &plaintext, &HEDGE, &rng), seal(&context, &plaintext, &HEDGE, &rng));
        prop_assert_ne!(&left[36..68], &right[36..68]);
        prop_assert_ne!(&left[68..100], &right[68..100]);
        prop_assert_ne!(&left[100..], &right[100..]);
    }

    #[test]
    fn a_stuck_generator_repeats_no_salt_while_the_counter_or_the_message_moves(
        (left, right) in (any::<u64>(), any::<u64>()),
        (message, other) in (any::<[u8; 4]>(), any::<[u8; 4]>()),
    ) {
        prop_assume!(left != right && message != other);
        let salt = |replica: &str, counter: u64, plaintext: &[u8]| {
            let hedge = Hedge { replica, counter };
            seal(&EncryptionContext::default(), plaintext, &hedge, &StuckRng)[36..68].to_vec()
        };
        let first = salt("coffer-0", left, &message);
        prop_assert_ne!(&first, &salt("coffer-0", right, &message));
        prop_assert_ne!(&first, &salt("coffer-1", left, &message));
        prop_assert_ne!(&first, &salt("coffer-0", left, &other));
        prop_assert_eq!(&first, &salt("coffer-0", left, &message));
    }
}

#[test]
fn without_randomness_nothing_is_sealed() {
    let sealed = blob::seal(&material(), &header(), &EncryptionContext::default(), b"", &HEDGE, &EmptyRng);
    assert!(sealed.is_err());
}

/// The length of the name is written in 16 bits, and a name that does not fit must not be cut.
#[test]
fn a_replica_name_beyond_16_bits_of_length_is_refused() {
    let replica = "r".repeat(usize::from(u16::MAX) + 1);
    let seal = |replica: &str| {
        let hedge = Hedge { replica, counter: 1 };
        blob::seal(&material(), &header(), &EncryptionContext::default(), b"", &hedge, &StuckRng)
    };
    assert!(seal(&replica).is_err());
    assert!(seal(&replica[1..]).is_ok());
}
