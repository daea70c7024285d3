//! Making and opening ciphertext blobs, layout 1, suite 1.
//!
//! Each message has a key of its own, derived from the material, the header, a random salt and the
//! context. The commitment is another block of the same derivation: it fixes key, nonce and context, so
//! that no blob opens in two ways, which AES-GCM alone does not promise.

use super::CryptoError;
use super::aead::{self, NONCE_LENGTH};
use super::digest::sha256;
use super::kdf::{kbkdf, label};
use super::mac::{equal, hmac_sha256};
use super::rng::{Rng, random_array};
use crate::api::blob::{Blob, BlobHeader, COMMITMENT_LENGTH, HEADER_LENGTH, PREFIX_LENGTH, SALT_LENGTH, TAG_LENGTH};
use crate::types::context::EncryptionContext;
use crate::types::limits::PLAINTEXT_MAX;
use crate::types::secret::{MessageKey, SecretBytes};
use zeroize::Zeroize;

/// Length of what one derivation gives: key, commitment and nonce.
const DERIVED_LENGTH: usize = MessageKey::LENGTH + COMMITMENT_LENGTH + NONCE_LENGTH;

/// What makes a salt unique even where randomness fails or a machine is cloned.
pub struct Hedge<'a> {
    /// The name of this process among its replicas.
    pub replica: &'a str,
    /// A number that this process never uses twice.
    pub counter: u64,
}

/// Encrypts `plaintext` under a material into a blob.
///
/// # Errors
/// `CryptoError` for a plaintext of more than 4096 bytes or a source without randomness.
pub fn seal(
    material: &SecretBytes,
    header: &BlobHeader,
    context: &EncryptionContext,
    plaintext: &[u8],
    hedge: &Hedge<'_>,
    rng: &dyn Rng,
) -> Result<Vec<u8>, CryptoError> {
    let random = random_array::<32>(rng)?;
    let context = Context::new(context);
    let salt = salt(material, header, &context, plaintext, hedge, &random)?;
    seal_bound(material, header, &context, plaintext, &salt)
}

/// Opens a blob. The commitment is compared, in constant time, before AES-GCM runs.
///
/// # Errors
/// `CryptoError` where material, context and blob do not belong together, whatever the reason.
pub fn open(material: &SecretBytes, blob: &Blob<'_>, context: &EncryptionContext) -> Result<SecretBytes, CryptoError> {
    let context = Context::new(context);
    let message = MessageSecrets::derive(material, blob.header_bytes, blob.salt, &context)?;
    if !equal(&message.commitment, blob.commitment) {
        return Err(CryptoError);
    }
    let additional = additional(blob.header_bytes, blob.salt, blob.commitment, &context.canonical);
    aead::open(&message.key, message.nonce, &additional, blob.ciphertext_and_tag)
}

/// A context in its canonical form, with its hash, which several derivations take.
struct Context {
    canonical: Vec<u8>,
    digest: [u8; 32],
}

impl Context {
    fn new(context: &EncryptionContext) -> Self {
        let canonical = context.canonical();
        let digest = sha256(&[&canonical]);
        Self { canonical, digest }
    }
}

fn salt(
    material: &SecretBytes,
    header: &BlobHeader,
    context: &Context,
    plaintext: &[u8],
    hedge: &Hedge<'_>,
    random: &[u8; 32],
) -> Result<[u8; SALT_LENGTH], CryptoError> {
    let key = MessageKey::try_init_with(|key| kbkdf(material.expose(), &[label::SALT, &[0], &header.to_bytes()], key))?;
    let length = u16::try_from(hedge.replica.len()).map_err(|_| CryptoError)?.to_be_bytes();
    let counter = hedge.counter.to_be_bytes();
    let message = sha256(&[plaintext]);
    let parts: [&[u8]; 6] = [random, &length, hedge.replica.as_bytes(), &counter, &message, &context.digest];
    Ok(hmac_sha256(key.expose(), &parts))
}

fn seal_bound(
    material: &SecretBytes,
    header: &BlobHeader,
    context: &Context,
    plaintext: &[u8],
    salt: &[u8; SALT_LENGTH],
) -> Result<Vec<u8>, CryptoError> {
    if plaintext.len() > PLAINTEXT_MAX {
        return Err(CryptoError);
    }
    let header = header.to_bytes();
    let message = MessageSecrets::derive(material, &header, salt, context)?;
    let mut blob = Vec::with_capacity(PREFIX_LENGTH + plaintext.len() + TAG_LENGTH);
    blob.extend_from_slice(&header);
    blob.extend_from_slice(salt);
    blob.extend_from_slice(&message.commitment);
    let additional = additional(&header, salt, &message.commitment, &context.canonical);
    aead::seal(&message.key, message.nonce, &additional, plaintext, &mut blob)?;
    Ok(blob)
}

/// The salt of a message, for the known answers.
#[cfg(test)]
pub(super) fn hedged_salt(
    material: &SecretBytes,
    header: &BlobHeader,
    context: &EncryptionContext,
    plaintext: &[u8],
    hedge: &Hedge<'_>,
    random: &[u8; 32],
) -> Result<[u8; SALT_LENGTH], CryptoError> {
    salt(material, header, &Context::new(context), plaintext, hedge, random)
}

/// Encrypts with a salt that the caller made: known answers have a fixed one.
pub(super) fn seal_with_salt(
    material: &SecretBytes,
    header: &BlobHeader,
    context: &EncryptionContext,
    plaintext: &[u8],
    salt: &[u8; SALT_LENGTH],
) -> Result<Vec<u8>, CryptoError> {
    seal_bound(material, header, &Context::new(context), plaintext, salt)
}

fn additional(
    header: &[u8; HEADER_LENGTH],
    salt: &[u8; SALT_LENGTH],
    commitment: &[u8; COMMITMENT_LENGTH],
    canonical: &[u8],
) -> Vec<u8> {
    [header.as_slice(), salt, commitment, canonical].concat()
}

struct MessageSecrets {
    key: MessageKey,
    commitment: [u8; COMMITMENT_LENGTH],
    nonce: [u8; NONCE_LENGTH],
}

impl MessageSecrets {
    fn derive(
        material: &SecretBytes,
        header: &[u8; HEADER_LENGTH],
        salt: &[u8; SALT_LENGTH],
        context: &Context,
    ) -> Result<Self, CryptoError> {
        let mut derived = [0; DERIVED_LENGTH];
        kbkdf(material.expose(), &[label::BLOB, &[0], header, salt, &context.digest], &mut derived)?;
        let secrets = Self::split(&derived);
        derived.zeroize();
        secrets
    }

    fn split(derived: &[u8; DERIVED_LENGTH]) -> Result<Self, CryptoError> {
        let (key, rest) = derived.split_first_chunk::<{ MessageKey::LENGTH }>().ok_or(CryptoError)?;
        let (commitment, nonce) = rest.split_first_chunk().ok_or(CryptoError)?;
        let nonce = nonce.try_into().map_err(|_| CryptoError)?;
        Ok(Self { key: MessageKey::init_with(|bytes| bytes.copy_from_slice(key)), commitment: *commitment, nonce })
    }
}
