//! What the families of signing keys share: which message goes with which algorithm.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{ParsedPublicKey, VerificationAlgorithm};

use super::{KeyError, der};
use crate::types::algorithm::{MessageType, SigningAlgorithm};
use crate::types::key::KeySpec;

/// Refuses algorithms of other specs, and messages that the algorithm does not sign.
pub(super) fn check(
    spec: KeySpec,
    algorithm: SigningAlgorithm,
    kind: MessageType,
    message: &[u8],
) -> Result<(), KeyError> {
    if !spec.signing_algorithms().contains(&algorithm) {
        return Err(KeyError::Algorithm);
    }
    if !algorithm.message_types().contains(&kind) {
        return Err(KeyError::MessageType);
    }
    match algorithm.message_length(kind) {
        Some(expected) if expected != message.len() => Err(KeyError::DigestLength { expected, actual: message.len() }),
        _ => Ok(()),
    }
}

/// The hash of an algorithm of RSA or ECDSA.
fn hash(algorithm: SigningAlgorithm) -> Result<&'static digest::Algorithm, KeyError> {
    use SigningAlgorithm as A;
    match algorithm {
        A::RsassaPssSha256 | A::RsassaPkcs1V15Sha256 | A::EcdsaSha256 => Ok(&digest::SHA256),
        A::RsassaPssSha384 | A::RsassaPkcs1V15Sha384 | A::EcdsaSha384 => Ok(&digest::SHA384),
        A::RsassaPssSha512 | A::RsassaPkcs1V15Sha512 | A::EcdsaSha512 => Ok(&digest::SHA512),
        A::Sm2Dsa | A::MlDsaShake256 | A::Ed25519Sha512 | A::Ed25519PhSha512 => Err(KeyError::Algorithm),
    }
}

/// The digest that RSA or ECDSA signs, computed here or by the caller.
pub(super) fn digest_of(algorithm: SigningAlgorithm, kind: MessageType, message: &[u8]) -> Result<Digest, KeyError> {
    let hash = hash(algorithm)?;
    match kind {
        MessageType::Raw => Ok(digest::digest(hash, message)),
        MessageType::Digest => Digest::import_less_safe(message, hash).map_err(|_| KeyError::Failed),
        MessageType::ExternalMu => Err(KeyError::MessageType),
    }
}

/// Reads a public key of the library's with the given AlgorithmIdentifier.
pub(super) fn parse_public(
    identifier: &[u8],
    algorithm: &'static dyn VerificationAlgorithm,
    public_key: &[u8],
) -> Result<ParsedPublicKey, KeyError> {
    der::require_public(identifier, public_key)?;
    ParsedPublicKey::new(algorithm, public_key).map_err(|_| KeyError::InvalidPublicKey)
}
