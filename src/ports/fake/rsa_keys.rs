//! RSA key pairs that cost nothing: those of the published vectors, over and over.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use serde_json::Value;

use crate::crypto::rsa_pair::RsaKeyPair;
use crate::ports::rsa_keys::{RsaKeyError, RsaKeys};
use crate::types::key::RsaSize;
use crate::types::secret::SecretBytes;

/// One pair for each size; it is no secret.
#[derive(Clone, Debug, Default)]
pub struct FakeRsaKeys {
    /// Whether it has no time.
    pub busy: bool,
    /// How many were made.
    pub made: Arc<AtomicUsize>,
}

#[async_trait]
impl RsaKeys for FakeRsaKeys {
    async fn make(&self, size: RsaSize) -> Result<RsaKeyPair, RsaKeyError> {
        if self.busy {
            return Err(RsaKeyError::Busy);
        }
        self.made.fetch_add(1, Ordering::Relaxed);
        let name = match size {
            RsaSize::Rsa2048 => "RSA_2048",
            RsaSize::Rsa3072 => "RSA_3072",
            RsaSize::Rsa4096 => "RSA_4096",
        };
        let key = KEYS.get(name).ok_or(RsaKeyError::Failed)?;
        let private_key = SecretBytes::new(unhex(key["private_key"].as_str().unwrap()));
        Ok(RsaKeyPair { private_key, public_key: unhex(key["public_key"].as_str().unwrap()) })
    }
}

static KEYS: LazyLock<Value> = LazyLock::new(|| {
    let mut vectors: Value = serde_json::from_str(include_str!("../../../e2e/vectors/import.json")).unwrap();
    vectors["keys"].take()
});

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
