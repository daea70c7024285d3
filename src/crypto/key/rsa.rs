//! RSA: signatures (PSS, PKCS#1 v1.5) and OAEP, all of it AWS-LC's.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    self, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaEncoding, VerificationAlgorithm,
};

use super::{KeyError, der, signing};
use crate::types::algorithm::{EncryptionAlgorithm, MessageType, SigningAlgorithm};
use crate::types::key::KeySpec;
use crate::types::secret::SecretBytes;

/// The AlgorithmIdentifier `rsaEncryption`.
const IDENTIFIER: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";

/// A private key, which the library wants in another shape for signing.
pub(super) struct RsaKey {
    key: PrivateDecryptingKey,
    decrypting: OaepPrivateDecryptingKey,
    signing: OnceLock<KeyPair>,
}

fn size(spec: KeySpec) -> Result<KeySize, KeyError> {
    match spec {
        KeySpec::Rsa2048 => Ok(KeySize::Rsa2048),
        KeySpec::Rsa3072 => Ok(KeySize::Rsa3072),
        KeySpec::Rsa4096 => Ok(KeySize::Rsa4096),
        _ => Err(KeyError::Algorithm),
    }
}

/// Makes a key, which takes up to seconds of processor time, by chance.
pub(super) fn generate(spec: KeySpec) -> Result<SecretBytes, KeyError> {
    encode(&PrivateDecryptingKey::generate(size(spec)?).map_err(|_| KeyError::Failed)?)
}

/// Reads PKCS#8 in any form and gives the one that is stored.
pub(super) fn import(spec: KeySpec, pkcs8: &[u8]) -> Result<SecretBytes, KeyError> {
    encode(&parse(spec, pkcs8)?)
}

fn encode(key: &PrivateDecryptingKey) -> Result<SecretBytes, KeyError> {
    let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| KeyError::Failed)?;
    Ok(SecretBytes::new(der.as_ref().to_vec()))
}

/// The library checks that the parts of the key belong together.
fn parse(spec: KeySpec, pkcs8: &[u8]) -> Result<PrivateDecryptingKey, KeyError> {
    der::require_secret(pkcs8)?;
    let key = PrivateDecryptingKey::from_pkcs8(pkcs8).map_err(|_| KeyError::InvalidKey)?;
    let right = key.key_size_bits() == size(spec)?.len() * 8;
    right.then_some(key).ok_or(KeyError::InvalidKey)
}

/// The signature algorithm as the library names it for signing and for verifying.
fn encoding(
    algorithm: SigningAlgorithm,
) -> Result<(&'static dyn RsaEncoding, &'static dyn VerificationAlgorithm), KeyError> {
    use SigningAlgorithm as A;
    match algorithm {
        A::RsassaPssSha256 => Ok((&signature::RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256)),
        A::RsassaPssSha384 => Ok((&signature::RSA_PSS_SHA384, &RSA_PSS_2048_8192_SHA384)),
        A::RsassaPssSha512 => Ok((&signature::RSA_PSS_SHA512, &RSA_PSS_2048_8192_SHA512)),
        A::RsassaPkcs1V15Sha256 => Ok((&signature::RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256)),
        A::RsassaPkcs1V15Sha384 => Ok((&signature::RSA_PKCS1_SHA384, &RSA_PKCS1_2048_8192_SHA384)),
        A::RsassaPkcs1V15Sha512 => Ok((&signature::RSA_PKCS1_SHA512, &RSA_PKCS1_2048_8192_SHA512)),
        _ => Err(KeyError::Algorithm),
    }
}

fn oaep(algorithm: EncryptionAlgorithm) -> Result<&'static OaepAlgorithm, KeyError> {
    match algorithm {
        EncryptionAlgorithm::RsaesOaepSha1 => Ok(&OAEP_SHA1_MGF1SHA1),
        EncryptionAlgorithm::RsaesOaepSha256 => Ok(&OAEP_SHA256_MGF1SHA256),
        EncryptionAlgorithm::SymmetricDefault | EncryptionAlgorithm::Sm2Pke => Err(KeyError::Algorithm),
    }
}

/// Verifies a signature of a message that was checked to fit.
pub(super) fn verify(
    spec: KeySpec,
    public_key: &[u8],
    algorithm: SigningAlgorithm,
    (kind, message): (MessageType, &[u8]),
    signature: &[u8],
) -> Result<(), KeyError> {
    parse_public(spec, public_key)?;
    let key = signing::parse_public(IDENTIFIER, encoding(algorithm)?.1, public_key)?;
    let digest = signing::digest_of(algorithm, kind, message)?;
    key.verify_digest_sig(&digest, signature).map_err(|_| KeyError::InvalidSignature)
}

fn parse_public(spec: KeySpec, public_key: &[u8]) -> Result<PublicEncryptingKey, KeyError> {
    der::require_public(IDENTIFIER, public_key)?;
    let key = PublicEncryptingKey::from_der(public_key).map_err(|_| KeyError::InvalidPublicKey)?;
    let right = key.key_size_bits() == size(spec)?.len() * 8;
    right.then_some(key).ok_or(KeyError::InvalidPublicKey)
}

/// Encrypts with an empty label.
pub(super) fn encrypt(
    spec: KeySpec,
    public_key: &[u8],
    algorithm: EncryptionAlgorithm,
    plaintext: &[u8],
) -> Result<Vec<u8>, KeyError> {
    let key = OaepPublicEncryptingKey::new(parse_public(spec, public_key)?).map_err(|_| KeyError::Failed)?;
    let mut ciphertext = vec![0; key.ciphertext_size()];
    key.encrypt(oaep(algorithm)?, plaintext, &mut ciphertext, None).map_err(|_| KeyError::Failed)?;
    Ok(ciphertext)
}

impl RsaKey {
    pub(super) fn open(spec: KeySpec, material: &[u8]) -> Result<Self, KeyError> {
        let key = parse(spec, material)?;
        let decrypting = OaepPrivateDecryptingKey::new(key.clone()).map_err(|_| KeyError::InvalidKey)?;
        Ok(Self { key, decrypting, signing: OnceLock::new() })
    }

    /// The checks of a key take several times as long as a signature, so that they are not done again.
    fn signing(&self) -> Result<&KeyPair, KeyError> {
        if let Some(key) = self.signing.get() {
            return Ok(key);
        }
        let der = encode(&self.key)?;
        let key = KeyPair::from_pkcs8(der.expose()).map_err(|_| KeyError::Failed)?;
        Ok(self.signing.get_or_init(|| key))
    }

    pub(super) fn private_key_der(&self) -> Result<SecretBytes, KeyError> {
        encode(&self.key)
    }

    pub(super) fn public_key(&self) -> Result<Vec<u8>, KeyError> {
        let der: PublicKeyX509Der<'_> = self.key.public_key().as_der().map_err(|_| KeyError::Failed)?;
        Ok(der.as_ref().to_vec())
    }

    pub(super) fn sign(
        &self,
        algorithm: SigningAlgorithm,
        kind: MessageType,
        message: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        let padding = encoding(algorithm)?.0;
        let key = self.signing()?;
        let mut signature = vec![0; key.public_modulus_len()];
        let result = match kind {
            MessageType::Raw => key.sign(padding, &SystemRandom::new(), message, &mut signature),
            _ => key.sign_digest(padding, &signing::digest_of(algorithm, kind, message)?, &mut signature),
        };
        result.map_err(|_| KeyError::Failed)?;
        Ok(signature)
    }

    /// Decrypts with an empty label; a caller learns that it failed and never why.
    pub(super) fn decrypt(&self, algorithm: EncryptionAlgorithm, ciphertext: &[u8]) -> Result<SecretBytes, KeyError> {
        let algorithm = oaep(algorithm)?;
        let mut length = 0;
        let mut plaintext = SecretBytes::try_init_with(self.decrypting.min_output_size(), |buffer| {
            let opened = self.decrypting.decrypt(algorithm, ciphertext, buffer, None);
            length = opened.map_err(|_| KeyError::InvalidCiphertext)?.len();
            Ok::<(), KeyError>(())
        })?;
        plaintext.truncate(length);
        Ok(plaintext)
    }
}
