//! HMAC-SHA-256 (RFC 2104, FIPS 198-1).

use aws_lc_rs::{constant_time, hmac};

/// HMAC-SHA-256 under `key` over the concatenation of `parts`.
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut context = hmac::Context::with_key(&key);
    parts.iter().for_each(|part| context.update(part));
    let mut output = [0; 32];
    output.copy_from_slice(context.sign().as_ref());
    output
}

/// Compares without telling by its time where two equally long strings differ.
#[must_use]
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}
