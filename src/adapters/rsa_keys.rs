//! RSA key pairs, made on a thread where nothing waits behind them, and some of them ahead.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::crypto::CryptoError;
use crate::crypto::rsa_pair::{RsaKeyPair, generate_rsa_pair};
use crate::ports::rsa_keys::{RsaKeyError, RsaKeys};
use crate::types::key::RsaSize;
use crate::types::limits::{RSA_KEYS_AHEAD, RSA_KEYS_WAITING_MAX};

/// Makes one pair at a time, however many are asked for, so that it takes one processor at most. Once a size was
/// asked for, a few pairs of it are kept in memory for whoever asks next.
pub struct StockedRsaKeys {
    waiting: Semaphore,
    working: Arc<Semaphore>,
    stock: Arc<Stock>,
}

#[derive(Default)]
struct Stock {
    pairs: Mutex<HashMap<RsaSize, Vec<RsaKeyPair>>>,
    /// One filling at a time; whoever asks meanwhile is served by it.
    filling: Mutex<HashSet<RsaSize>>,
}

impl Default for StockedRsaKeys {
    fn default() -> Self {
        let waiting = Semaphore::new(RSA_KEYS_WAITING_MAX);
        Self { waiting, working: Arc::new(Semaphore::new(1)), stock: Arc::default() }
    }
}

#[async_trait]
impl RsaKeys for StockedRsaKeys {
    async fn make(&self, size: RsaSize) -> Result<RsaKeyPair, RsaKeyError> {
        let made = match self.stock.take(size) {
            Some(pair) => Ok(pair),
            None => {
                let _place = self.waiting.try_acquire().map_err(|_| RsaKeyError::Busy)?;
                generate(&self.working, size).await
            }
        };
        self.fill(size);
        made
    }
}

impl StockedRsaKeys {
    /// Fills the stock of a size behind the call.
    fn fill(&self, size: RsaSize) {
        if !self.stock.begins_to_fill(size) {
            return;
        }
        let (working, stock) = (Arc::clone(&self.working), Arc::clone(&self.stock));
        tokio::spawn(async move {
            while stock.wants(size) {
                match generate(&working, size).await {
                    Ok(pair) => stock.put(size, pair),
                    Err(_) => break,
                }
            }
            stock.ends_filling(size);
        });
    }
}

/// Waits for the turn, which goes in the order of asking and ends with the work, even where the caller does not
/// wait for it.
async fn generate(working: &Arc<Semaphore>, size: RsaSize) -> Result<RsaKeyPair, RsaKeyError> {
    let turn = Arc::clone(working).acquire_owned().await.map_err(|_| RsaKeyError::Failed)?;
    let work = move || {
        let made = generate_rsa_pair(size);
        drop(turn);
        made
    };
    let made = tokio::task::spawn_blocking(work).await.map_err(|_| RsaKeyError::Failed)?;
    made.map_err(|CryptoError| RsaKeyError::Failed)
}

impl Stock {
    fn take(&self, size: RsaSize) -> Option<RsaKeyPair> {
        self.lock().get_mut(&size).and_then(Vec::pop)
    }

    fn put(&self, size: RsaSize, pair: RsaKeyPair) {
        self.lock().entry(size).or_default().push(pair);
    }

    fn wants(&self, size: RsaSize) -> bool {
        let ahead = RSA_KEYS_AHEAD.iter().find(|(known, _)| *known == size).map_or(0, |(_, ahead)| *ahead);
        self.lock().get(&size).map_or(0, Vec::len) < ahead
    }

    fn begins_to_fill(&self, size: RsaSize) -> bool {
        self.filling.lock().unwrap_or_else(PoisonError::into_inner).insert(size)
    }

    fn ends_filling(&self, size: RsaSize) {
        self.filling.lock().unwrap_or_else(PoisonError::into_inner).remove(&size);
    }

    /// A panic while the lock is held leaves a stock that is at worst smaller than it could be.
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RsaSize, Vec<RsaKeyPair>>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keys_are_made_one_after_the_other_and_not_for_a_crowd() {
        let keys = StockedRsaKeys::default();
        let crowd = (0..=RSA_KEYS_WAITING_MAX).map(|_| keys.make(RsaSize::Rsa2048));
        let mut made = Vec::new();
        for result in futures::future::join_all(crowd).await {
            made.push(result.map(|key| key.public_key));
        }
        let busy = made.iter().filter(|result| **result == Err(RsaKeyError::Busy)).count();
        assert_eq!((made.len(), busy), (RSA_KEYS_WAITING_MAX + 1, 1));
        made.sort();
        made.dedup();
        assert_eq!(made.len(), RSA_KEYS_WAITING_MAX + 1, "no key is given twice");
    }

    #[tokio::test]
    async fn a_size_that_was_asked_for_is_kept_ready() {
        let keys = StockedRsaKeys::default();
        assert!(keys.stock.wants(RsaSize::Rsa2048) && keys.stock.lock().is_empty(), "nothing is made for nobody");
        keys.make(RsaSize::Rsa2048).await.unwrap();
        while keys.stock.wants(RsaSize::Rsa2048) {
            tokio::task::yield_now().await;
        }
        let mut public_keys = Vec::new();
        while let Some(pair) = keys.stock.take(RsaSize::Rsa2048) {
            public_keys.push(pair.public_key);
        }
        public_keys.sort();
        public_keys.dedup();
        assert_eq!(public_keys.len(), 4, "each another one");
    }
}
