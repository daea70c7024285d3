//! Why a key could not be used.

use crate::types::key::KeySpec;

/// Why an operation of a key did not succeed.
///
/// What an attacker could learn from is one variant each: a bad signature, a bad code and a bad ciphertext
/// say nothing of what is bad about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// This build does not have the spec.
    #[error("this build has no cryptography for `{spec}`")]
    Unsupported {
        /// The spec.
        spec: KeySpec,
    },
    /// Keys of the spec do not have the algorithm or the operation.
    #[error("keys of this spec do not do that")]
    Algorithm,
    /// The algorithm does not sign messages of this kind.
    #[error("the signing algorithm does not take such messages")]
    MessageType,
    /// The digest, or mu, does not have the length that the algorithm asks for.
    #[error("the digest is {actual} bytes long, not {expected}")]
    DigestLength {
        /// Length that the algorithm asks for.
        expected: usize,
        /// Length that came.
        actual: usize,
    },
    /// The plaintext is longer than fits under the key.
    #[error("at most {maximum} bytes can be encrypted")]
    PlaintextLength {
        /// The most that fits.
        maximum: usize,
    },
    /// The private or secret key is not one of the spec.
    #[error("the key material is not a key of this spec")]
    InvalidKey,
    /// The public key is not one of the spec.
    #[error("the public key is not a key of this spec")]
    InvalidPublicKey,
    /// The signature is not one of the message.
    #[error("the signature is not valid")]
    InvalidSignature,
    /// The code is not one of the message.
    #[error("the message authentication code is not valid")]
    InvalidMac,
    /// The ciphertext cannot be opened.
    #[error("the ciphertext is not valid")]
    InvalidCiphertext,
    /// The library failed, such as for want of memory or of randomness.
    #[error("the cryptographic operation did not succeed")]
    Failed,
}
