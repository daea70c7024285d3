//! Wrapping keys, made on a thread where nothing waits behind them.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::crypto::import::{WrappingKey, generate_wrapping_key};
use crate::ports::wrapping_keys::{WrappingKeyError, WrappingKeys};
use crate::types::import::WrappingKeySpec;
use crate::types::limits::WRAPPING_KEYS_WAITING_MAX;

/// Makes one key at a time, however many are asked for, so that it takes one processor at most.
pub struct BlockingWrappingKeys {
    waiting: Arc<Semaphore>,
    working: Arc<Semaphore>,
}

impl Default for BlockingWrappingKeys {
    fn default() -> Self {
        Self { waiting: Arc::new(Semaphore::new(WRAPPING_KEYS_WAITING_MAX)), working: Arc::new(Semaphore::new(1)) }
    }
}

#[async_trait]
impl WrappingKeys for BlockingWrappingKeys {
    async fn make(&self, spec: WrappingKeySpec) -> Result<WrappingKey, WrappingKeyError> {
        let _place = self.waiting.try_acquire().map_err(|_| WrappingKeyError::Busy)?;
        let turn = Arc::clone(&self.working).acquire_owned().await.map_err(|_| WrappingKeyError::Failed)?;
        // The turn ends with the work, even where the caller does not wait for it.
        let work = move || {
            let made = generate_wrapping_key(spec);
            drop(turn);
            made
        };
        let made = tokio::task::spawn_blocking(work).await.map_err(|_| WrappingKeyError::Failed)?;
        made.map_err(|_| WrappingKeyError::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keys_are_made_one_after_the_other_and_not_for_a_crowd() {
        let keys = BlockingWrappingKeys::default();
        let crowd = (0..=WRAPPING_KEYS_WAITING_MAX).map(|_| keys.make(WrappingKeySpec::Rsa2048));
        let mut made = Vec::new();
        for result in futures::future::join_all(crowd).await {
            made.push(result.map(|key| key.public_key));
        }
        let busy = made.iter().filter(|result| **result == Err(WrappingKeyError::Busy)).count();
        assert_eq!((made.len(), busy), (WRAPPING_KEYS_WAITING_MAX + 1, 1));
        made.sort();
        made.dedup();
        assert_eq!(made.len(), WRAPPING_KEYS_WAITING_MAX + 1, "no key is given twice");
        assert!(keys.make(WrappingKeySpec::Rsa2048).await.is_ok());
        assert_eq!(keys.make(WrappingKeySpec::Sm2).await.err(), Some(WrappingKeyError::Failed));
    }
}
