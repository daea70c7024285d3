//! SHA-256.

use aws_lc_rs::digest;

/// SHA-256 of the concatenation of `parts`.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut output = [0; 32];
    output.copy_from_slice(context.finish().as_ref());
    output
}
