//! Encryption contexts and their one canonical byte form.

use std::collections::BTreeMap;

use super::limits::CONTEXT_BYTES_MAX;

/// The non-secret pairs that are bound to a ciphertext
/// ([AWS: encryption context](https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html)).
///
/// Exact and case-sensitive; the order in which a caller names the pairs does not matter, and an empty
/// context is the same as none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncryptionContext {
    // INVARIANT: iteration is in the order of the keys' UTF-8 bytes, which is the order of `str`.
    pairs: BTreeMap<String, String>,
}

/// Why a context was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// The canonical form is longer than the limit.
    #[error("the encryption context is longer than {CONTEXT_BYTES_MAX} bytes")]
    TooLong,
}

impl EncryptionContext {
    /// Takes over the pairs.
    ///
    /// # Errors
    /// `TooLong` where the canonical form exceeds 8192 bytes.
    pub fn new(pairs: BTreeMap<String, String>) -> Result<Self, ContextError> {
        let context = Self { pairs };
        let within = context.canonical_length() <= CONTEXT_BYTES_MAX;
        within.then_some(context).ok_or(ContextError::TooLong)
    }

    /// The pairs in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The bytes that ciphertexts are bound to: nothing for an empty context, otherwise the number of
    /// pairs and each key and value with its length, so that different contexts never give equal bytes.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        if self.pairs.is_empty() {
            return Vec::new();
        }
        let mut bytes = Vec::with_capacity(self.canonical_length());
        push_length(&mut bytes, self.pairs.len());
        for text in self.pairs.iter().flat_map(|(key, value)| [key, value]) {
            push_length(&mut bytes, text.len());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    fn canonical_length(&self) -> usize {
        let pairs = self.pairs.iter().map(|(key, value)| 4 + key.len() + value.len());
        if self.pairs.is_empty() { 0 } else { 2 + pairs.sum::<usize>() }
    }
}

/// INVARIANT: `new` admits at most 8192 bytes in all, so each length fits in 16 bits.
fn push_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        EncryptionContext::new(pairs.collect()).unwrap()
    }

    #[test]
    fn moving_a_boundary_changes_the_bytes() {
        assert_ne!(context(&[("a", "bc")]).canonical(), context(&[("ab", "c")]).canonical());
        assert_eq!(context(&[]).canonical(), Vec::<u8>::new());
        assert_eq!(context(&[("", "")]).canonical(), [0, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn keys_sort_by_utf8_and_not_by_utf16() {
        let bytes = context(&[("\u{10000}", "a"), ("\u{ffff}", "b")]).canonical();
        assert_eq!(bytes.get(4..7), Some("\u{ffff}".as_bytes()));
    }

    #[test]
    fn the_limit_is_exact() {
        let pair = |length: usize| BTreeMap::from([(String::from("k"), "v".repeat(length))]);
        assert!(EncryptionContext::new(pair(CONTEXT_BYTES_MAX - 7)).is_ok());
        assert_eq!(EncryptionContext::new(pair(CONTEXT_BYTES_MAX - 6)), Err(ContextError::TooLong));
    }

    proptest! {
        #[test]
        fn equal_bytes_mean_equal_contexts(
            left in proptest::collection::btree_map("[ab]{0,3}", "[ab]{0,3}", 0..4),
            right in proptest::collection::btree_map("[ab]{0,3}", "[ab]{0,3}", 0..4),
        ) {
            let left = EncryptionContext::new(left).unwrap();
            let right = EncryptionContext::new(right).unwrap();
            prop_assert_eq!(left.canonical() == right.canonical(), left == right);
        }
    }
}
