//! KBKDF in counter mode with HMAC-SHA-256 (NIST SP 800-108r1 §4.1), and every label that derives a key.

use aws_lc_rs::kdf::{KbkdfCtrHmacAlgorithmId, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac};

use super::CryptoError;

/// The labels that keep derivations apart. A label is never used again for another derivation.
pub mod label {
    /// Per-message key, commitment and nonce of a ciphertext blob.
    pub const BLOB: &[u8] = b"k8s-kms/v1/blob";
    /// Hedge key of a ciphertext blob's salt.
    pub const SALT: &[u8] = b"k8s-kms/v1/salt";
    /// Seal key of one purpose.
    pub const SEAL_KEY: &[u8] = b"k8s-kms/v1/seal-key";
    /// First string of a sealed container's associated data.
    pub const SEAL: &[u8] = b"k8s-kms/v1/seal";
    /// First string of a root wrap's associated data.
    pub const ROOT_WRAP: &[u8] = b"k8s-kms/v1/root-wrap";
    /// Key check value of a root key.
    pub const CHECK_VALUE: &[u8] = b"k8s-kms/v1/kcv";
    /// Key material id.
    pub const MATERIAL_ID: &[u8] = b"k8s-kms/v1/kmid";
    /// Key id.
    pub const KEY_ID: &[u8] = b"k8s-kms/v1/key-id";
    /// Account of a namespace.
    pub const ACCOUNT: &[u8] = b"k8s-kms/v1/account";
    /// Owner hash of a resource.
    pub const OWNER: &[u8] = b"k8s-kms/v1/owner";
    /// Hash that names the claim of an alias.
    pub const ALIAS: &[u8] = b"k8s-kms/v1/alias";
}

/// Derives `output.len()` bytes from `key`. The fixed input is the concatenation of `parts`, then the
/// length of the output in bits as a `u32`.
///
/// # Errors
/// `CryptoError` where the key or the output is empty or too long.
pub fn kbkdf(key: &[u8], parts: &[&[u8]], output: &mut [u8]) -> Result<(), CryptoError> {
    let bits = output.len().checked_mul(8).and_then(|bits| u32::try_from(bits).ok()).ok_or(CryptoError)?;
    let mut fixed_input = parts.concat();
    fixed_input.extend_from_slice(&bits.to_be_bytes());
    let algorithm = get_kbkdf_ctr_hmac_algorithm(KbkdfCtrHmacAlgorithmId::Sha256).ok_or(CryptoError)?;
    kbkdf_ctr_hmac(algorithm, key, &fixed_input, output).map_err(|_| CryptoError)
}
