//! Keys of fixed length between raw bytes and DER.
//!
//! PKCS#8 (RFC 5208) and SubjectPublicKeyInfo (RFC 5280) of such a key are constant bytes before the raw
//! ones: but for the outermost length nothing is parsed here, and only the one encoding that DER allows is taken.

use aws_lc_rs::constant_time;

use super::KeyError;
use crate::types::secret::SecretBytes;

/// Puts constant bytes before a secret key.
pub(super) fn wrap_secret(prefix: &[u8], raw: &[u8]) -> SecretBytes {
    let mut bytes = Vec::with_capacity(prefix.len() + raw.len());
    bytes.extend_from_slice(prefix);
    bytes.extend_from_slice(raw);
    SecretBytes::new(bytes)
}

/// What follows the constant bytes of a secret key, where it is `length` bytes.
pub(super) fn unwrap_secret<'a>(prefix: &[u8], der: &'a [u8], length: usize) -> Result<&'a [u8], KeyError> {
    der.strip_prefix(prefix).filter(|raw| raw.len() == length).ok_or(KeyError::InvalidKey)
}

/// What follows the constant bytes of a public key, where it is `length` bytes.
pub(super) fn unwrap_public<'a>(prefix: &[u8], der: &'a [u8], length: usize) -> Result<&'a [u8], KeyError> {
    der.strip_prefix(prefix).filter(|raw| raw.len() == length).ok_or(KeyError::InvalidPublicKey)
}

/// Refuses a secret key that is not the expected one, in constant time.
pub(super) fn require_equal(left: &[u8], right: &[u8]) -> Result<(), KeyError> {
    constant_time::verify_slices_are_equal(left, right).map_err(|_| KeyError::InvalidKey)
}

/// What is in a SEQUENCE that is all there is, with its length in the one form that DER allows.
fn sequence(der: &[u8]) -> Option<&[u8]> {
    let (length, content) = match der {
        [0x30, length @ 0..=0x7f, content @ ..] => (usize::from(*length), content),
        [0x30, 0x81, length @ 0x80..=0xff, content @ ..] => (usize::from(*length), content),
        [0x30, 0x82, high @ 1..=0xff, low, content @ ..] => (usize::from(*high) * 256 + usize::from(*low), content),
        _ => return None,
    };
    (content.len() == length).then_some(content)
}

/// Refuses secret keys with anything before or after them, which the library would not look at.
pub(super) fn require_secret(der: &[u8]) -> Result<(), KeyError> {
    sequence(der).map(|_| ()).ok_or(KeyError::InvalidKey)
}

/// Refuses public keys with anything before or after them, or of another algorithm, whatever else the library
/// would take, such as bare points and curves that are spelled out.
pub(super) fn require_public(algorithm: &[u8], der: &[u8]) -> Result<(), KeyError> {
    let right = sequence(der).is_some_and(|content| content.starts_with(algorithm));
    right.then_some(()).ok_or(KeyError::InvalidPublicKey)
}
