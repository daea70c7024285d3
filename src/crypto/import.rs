//! Unwrapping key material that was wrapped for its import.
//!
//! RSA-OAEP (RFC 8017 §7.1) with one hash for label and mask, and AES key wrap with padding (RFC 5649). A
//! caller learns that unwrapping failed and never which step did: it could otherwise ask again and again
//! until the answers tell the plaintext (Manger, CRYPTO 2001).

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};

use super::CryptoError;
use crate::types::import::WrappingAlgorithm;
use crate::types::secret::SecretBytes;

/// Unwraps a material of any length; whether the length is right is for the caller to check.
///
/// # Errors
/// `CryptoError` where key, algorithm and bytes do not belong together, whatever the reason.
pub fn unwrap(
    private_key: &SecretBytes,
    algorithm: WrappingAlgorithm,
    wrapped: &[u8],
) -> Result<SecretBytes, CryptoError> {
    let key = PrivateDecryptingKey::from_pkcs8(private_key.expose()).map_err(|_| CryptoError)?;
    let key = OaepPrivateDecryptingKey::new(key).map_err(|_| CryptoError)?;
    match algorithm {
        WrappingAlgorithm::RsaesOaepSha1 => open_oaep(&key, &OAEP_SHA1_MGF1SHA1, wrapped),
        WrappingAlgorithm::RsaesOaepSha256 => open_oaep(&key, &OAEP_SHA256_MGF1SHA256, wrapped),
        WrappingAlgorithm::RsaAesKeyWrapSha1 => open_both(&key, &OAEP_SHA1_MGF1SHA1, wrapped),
        WrappingAlgorithm::RsaAesKeyWrapSha256 => open_both(&key, &OAEP_SHA256_MGF1SHA256, wrapped),
        WrappingAlgorithm::RsaesPkcs1V15 | WrappingAlgorithm::Sm2Pke => Err(CryptoError),
    }
}

/// An ephemeral AES-256 key under RSA, as long as the modulus, and then the material under that key.
fn open_both(
    key: &OaepPrivateDecryptingKey,
    algorithm: &'static OaepAlgorithm,
    wrapped: &[u8],
) -> Result<SecretBytes, CryptoError> {
    let (wrapped_key, wrapped_material) = wrapped.split_at_checked(key.key_size_bytes()).ok_or(CryptoError)?;
    let ephemeral = open_oaep(key, algorithm, wrapped_key)?;
    open_key_wrap(&ephemeral, wrapped_material)
}

/// Decrypts with an empty label.
fn open_oaep(
    key: &OaepPrivateDecryptingKey,
    algorithm: &'static OaepAlgorithm,
    wrapped: &[u8],
) -> Result<SecretBytes, CryptoError> {
    open_in_buffer(key.min_output_size(), |buffer| {
        key.decrypt(algorithm, wrapped, buffer, None).map(|opened| opened.len()).map_err(|_| CryptoError)
    })
}

/// Unwraps under AES-256, the only size that AWS KMS takes here; a key of another length is an error.
pub(super) fn open_key_wrap(key: &SecretBytes, wrapped: &[u8]) -> Result<SecretBytes, CryptoError> {
    let key = AesKek::new(&AES_256, key.expose()).map_err(|_| CryptoError)?;
    open_in_buffer(wrapped.len(), |buffer| {
        key.unwrap_with_padding(wrapped, buffer).map(|opened| opened.len()).map_err(|_| CryptoError)
    })
}

/// Opens into a buffer that is wiped but for the bytes that `open` says it wrote.
fn open_in_buffer(
    capacity: usize,
    open: impl FnOnce(&mut [u8]) -> Result<usize, CryptoError>,
) -> Result<SecretBytes, CryptoError> {
    let mut length = 0;
    let mut opened = SecretBytes::try_init_with(capacity, |buffer| {
        length = open(buffer)?;
        Ok::<(), CryptoError>(())
    })?;
    opened.truncate(length);
    Ok(opened)
}
