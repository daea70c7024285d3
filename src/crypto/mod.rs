//! L3: bytes in, bytes out. Randomness comes in as an argument, and errors carry no detail.
//!
//! Everything comes from `aws-lc-rs`, AES-SIV from `aes-siv`, and the little that AWS-LC lacks for keys from
//! crates that the manual's page of cryptography lists. Nothing here is a primitive of our own: `blob` and
//! `seal` put primitives together as the manual's page of formats says.

pub mod aead;
pub mod blob;
pub mod derive;
pub mod digest;
pub mod import;
pub mod kdf;
pub mod key;
pub mod mac;
pub mod rng;
pub mod root;
pub mod rsa_pair;
pub mod seal;
pub mod selftest;
pub mod siv;

/// A cryptographic operation did not succeed. Which step failed is deliberately not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic operation did not succeed")]
pub struct CryptoError;

#[cfg(test)]
mod tests;
