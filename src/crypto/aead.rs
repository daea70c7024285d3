//! AES-256-GCM (NIST SP 800-38D). Keys and nonces are derived per message; no caller chooses a nonce.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::CryptoError;
use crate::types::secret::{MessageKey, SecretBytes};

/// Length of the authentication tag in bytes.
pub const TAG_LENGTH: usize = 16;
/// Length of the nonce in bytes.
pub const NONCE_LENGTH: usize = 12;

/// Appends ciphertext and tag to `output`.
///
/// # Errors
/// `CryptoError` where the cipher refuses its input.
pub(super) fn seal(
    key: &MessageKey,
    nonce: [u8; NONCE_LENGTH],
    additional: &[u8],
    plaintext: &[u8],
    output: &mut Vec<u8>,
) -> Result<(), CryptoError> {
    let start = output.len();
    output.reserve_exact(plaintext.len() + TAG_LENGTH);
    output.extend_from_slice(plaintext);
    let in_place = output.get_mut(start..).ok_or(CryptoError)?;
    let tag = cipher(key)?
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(additional), in_place)
        .map_err(|_| CryptoError)?;
    output.extend_from_slice(tag.as_ref());
    Ok(())
}

/// Opens ciphertext and tag. On failure the buffer, which may hold unauthenticated plaintext, is wiped.
///
/// # Errors
/// `CryptoError` where the tag does not match.
pub(super) fn open(
    key: &MessageKey,
    nonce: [u8; NONCE_LENGTH],
    additional: &[u8],
    ciphertext_and_tag: &[u8],
) -> Result<SecretBytes, CryptoError> {
    let mut plaintext = SecretBytes::try_init_with(ciphertext_and_tag.len(), |buffer| {
        buffer.copy_from_slice(ciphertext_and_tag);
        let nonce = Nonce::assume_unique_for_key(nonce);
        cipher(key)?.open_in_place(nonce, Aad::from(additional), buffer).map(drop).map_err(|_| CryptoError)
    })?;
    plaintext.truncate(ciphertext_and_tag.len().saturating_sub(TAG_LENGTH));
    Ok(plaintext)
}

fn cipher(key: &MessageKey) -> Result<LessSafeKey, CryptoError> {
    UnboundKey::new(&AES_256_GCM, key.expose()).map(LessSafeKey::new).map_err(|_| CryptoError)
}
