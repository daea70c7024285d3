//! RSA key pairs: for keys, for data key pairs, and for wrapping what is imported.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};

use super::CryptoError;
use crate::types::key::RsaSize;
use crate::types::secret::SecretBytes;

/// An RSA key pair.
#[derive(Debug)]
pub struct RsaKeyPair {
    /// The private half, PKCS#8 DER.
    pub private_key: SecretBytes,
    /// The public half, X.509 SubjectPublicKeyInfo DER.
    pub public_key: Vec<u8>,
}

/// Makes a pair. This takes up to seconds of processor time, by chance, so callers do it where nothing waits
/// behind it.
///
/// # Errors
/// `CryptoError` where the generator gives no key.
pub fn generate_rsa_pair(size: RsaSize) -> Result<RsaKeyPair, CryptoError> {
    let size = match size {
        RsaSize::Rsa2048 => KeySize::Rsa2048,
        RsaSize::Rsa3072 => KeySize::Rsa3072,
        RsaSize::Rsa4096 => KeySize::Rsa4096,
    };
    let key = PrivateDecryptingKey::generate(size).map_err(|_| CryptoError)?;
    let private: Pkcs8V1Der<'_> = key.as_der().map_err(|_| CryptoError)?;
    let public: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(|_| CryptoError)?;
    let private_key = SecretBytes::new(private.as_ref().to_vec());
    Ok(RsaKeyPair { private_key, public_key: public.as_ref().to_vec() })
}
