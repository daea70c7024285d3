//! Wrapping keys that cost nothing: those of the published vectors, over and over.

use std::sync::LazyLock;

use async_trait::async_trait;
use serde_json::Value;

use crate::crypto::import::WrappingKey;
use crate::ports::wrapping_keys::{WrappingKeyError, WrappingKeys};
use crate::types::import::WrappingKeySpec;
use crate::types::secret::SecretBytes;

/// One key for each spec; it is no secret.
#[derive(Clone, Copy, Debug, Default)]
pub struct FakeWrappingKeys {
    /// Whether it has no time.
    pub busy: bool,
}

#[async_trait]
impl WrappingKeys for FakeWrappingKeys {
    async fn make(&self, spec: WrappingKeySpec) -> Result<WrappingKey, WrappingKeyError> {
        if self.busy {
            return Err(WrappingKeyError::Busy);
        }
        let key = KEYS.get(spec.as_str()).ok_or(WrappingKeyError::Failed)?;
        let private_key = SecretBytes::new(unhex(key["private_key"].as_str().unwrap()));
        Ok(WrappingKey { private_key, public_key: unhex(key["public_key"].as_str().unwrap()) })
    }
}

static KEYS: LazyLock<Value> = LazyLock::new(|| {
    let mut vectors: Value = serde_json::from_str(include_str!("../../../e2e/vectors/import.json")).unwrap();
    vectors["keys"].take()
});

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
