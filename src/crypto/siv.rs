//! AES-256-SIV (RFC 5297) over a vector of associated data.
//!
//! Only 64-byte keys exist here, by type: shorter ones lose strength when many are attacked together.

use aes_siv::siv::Aes256Siv;
use aes_siv::{Key, KeyInit};

use super::CryptoError;
use crate::types::secret::SecretBytes;

/// Length of the synthetic initialization vector in bytes, which is also the tag.
pub const SIV_LENGTH: usize = 16;

/// Length of a key in bytes: one half for S2V, one for counter mode.
pub const KEY_LENGTH: usize = 64;

/// Encrypts; equal inputs give equal outputs.
///
/// # Errors
/// `CryptoError` for more than 126 strings of associated data.
pub fn seal(key: &[u8; KEY_LENGTH], associated: &[&[u8]], plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
    cipher(key)?.encrypt(associated, plaintext).map_err(|_| CryptoError)
}

/// Decrypts.
///
/// # Errors
/// `CryptoError` where ciphertext and associated data do not belong together.
pub fn open(key: &[u8; KEY_LENGTH], associated: &[&[u8]], ciphertext: &[u8]) -> Result<SecretBytes, CryptoError> {
    cipher(key)?.decrypt(associated, ciphertext).map(SecretBytes::new).map_err(|_| CryptoError)
}

fn cipher(key: &[u8; KEY_LENGTH]) -> Result<Aes256Siv, CryptoError> {
    let key: &Key<Aes256Siv> = key.as_slice().try_into().map_err(|_| CryptoError)?;
    Ok(Aes256Siv::new(key))
}
