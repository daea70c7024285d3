//! RSA key pairs, made on a thread of their own that everything else goes before, and some of them ahead.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::{Semaphore, oneshot};

use crate::crypto::CryptoError;
use crate::crypto::rsa_pair::{RsaKeyPair, generate_rsa_pair};
use crate::ports::rsa_keys::{RsaKeyError, RsaKeys};
use crate::types::key::RsaSize;
use crate::types::limits::{RSA_KEYS_AHEAD, RSA_KEYS_WAITING_MAX};

/// Makes one pair at a time, however many are asked for, so that it takes one processor at most, and of that what
/// others leave. Once a size was asked for, a few pairs of it are kept in memory for whoever asks next.
pub struct StockedRsaKeys {
    waiting: Semaphore,
    maker: Arc<Maker>,
    stock: Arc<Stock>,
}

#[derive(Default)]
struct Stock {
    pairs: Mutex<HashMap<RsaSize, Vec<RsaKeyPair>>>,
    /// One filling at a time; whoever asks meanwhile is served by it.
    filling: Mutex<HashSet<RsaSize>>,
}

/// The thread that makes pairs. It begins with the first one and ends with the last owner.
struct Maker {
    working: Arc<Semaphore>,
    queue: Mutex<Option<SyncSender<Work>>>,
}

type Work = Box<dyn FnOnce() + Send>;

impl Default for StockedRsaKeys {
    fn default() -> Self {
        let maker = Maker { working: Arc::new(Semaphore::new(1)), queue: Mutex::default() };
        Self { waiting: Semaphore::new(RSA_KEYS_WAITING_MAX), maker: Arc::new(maker), stock: Arc::default() }
    }
}

#[async_trait]
impl RsaKeys for StockedRsaKeys {
    async fn make(&self, size: RsaSize) -> Result<RsaKeyPair, RsaKeyError> {
        let made = match self.stock.take(size) {
            Some(pair) => Ok(pair),
            None => {
                let _place = self.waiting.try_acquire().map_err(|_| RsaKeyError::Busy)?;
                self.maker.make(size).await
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
        let (maker, stock) = (Arc::clone(&self.maker), Arc::clone(&self.stock));
        tokio::spawn(async move {
            while stock.wants(size) {
                match maker.make(size).await {
                    Ok(pair) => stock.put(size, pair),
                    Err(_) => break,
                }
            }
            stock.ends_filling(size);
        });
    }
}

impl Maker {
    /// Waits for the turn, which goes in the order of asking and ends with the work, even where the caller does not
    /// wait for it.
    async fn make(&self, size: RsaSize) -> Result<RsaKeyPair, RsaKeyError> {
        let made = self.run(move || generate_rsa_pair(size)).await?;
        made.map_err(|CryptoError| RsaKeyError::Failed)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, RsaKeyError> {
        let turn = Arc::clone(&self.working).acquire_owned().await.map_err(|_| RsaKeyError::Failed)?;
        let (answer, answered) = oneshot::channel();
        self.give(Box::new(move || {
            // Who asked for it may be gone.
            drop(answer.send(work()));
            drop(turn);
        }))?;
        answered.await.map_err(|_| RsaKeyError::Failed)
    }

    /// Only whoever has the turn gives work, so that there is always room for it.
    fn give(&self, work: Work) -> Result<(), RsaKeyError> {
        let mut queue = lock(&self.queue);
        let queue = match &mut *queue {
            Some(queue) => queue,
            none => none.insert(begin().map_err(|error| {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "the thread that makes rsa keys could not be started");
                RsaKeyError::Failed
            })?),
        };
        queue.try_send(work).map_err(|_| RsaKeyError::Failed)
    }
}

/// Starts the thread.
fn begin() -> io::Result<SyncSender<Work>> {
    let (queue, work) = sync_channel::<Work>(1);
    std::thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
        lower_priority();
        work.into_iter().for_each(|work| work());
    })?;
    Ok(queue)
}

/// As the system shows it beside the other threads.
const THREAD: &str = "rsa-keys";

/// Whoever uses keys goes before whoever has one made. Elsewhere than on Linux, a priority is one of the whole process.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(crate::types::limits::RSA_KEYS_NICENESS) {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "rsa keys are made at the priority of everything else, and may slow it down");
    }
}

impl Stock {
    fn take(&self, size: RsaSize) -> Option<RsaKeyPair> {
        lock(&self.pairs).get_mut(&size).and_then(Vec::pop)
    }

    fn put(&self, size: RsaSize, pair: RsaKeyPair) {
        lock(&self.pairs).entry(size).or_default().push(pair);
    }

    fn wants(&self, size: RsaSize) -> bool {
        let ahead = RSA_KEYS_AHEAD.iter().find(|(known, _)| *known == size).map_or(0, |(_, ahead)| *ahead);
        lock(&self.pairs).get(&size).map_or(0, Vec::len) < ahead
    }

    fn begins_to_fill(&self, size: RsaSize) -> bool {
        lock(&self.filling).insert(size)
    }

    fn ends_filling(&self, size: RsaSize) {
        lock(&self.filling).remove(&size);
    }
}

/// A panic while the lock is held leaves a stock that is at worst smaller than it could be.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert!(keys.stock.wants(RsaSize::Rsa2048) && lock(&keys.stock.pairs).is_empty(), "nothing is made for nobody");
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

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn keys_are_made_on_one_thread_that_everything_else_goes_before() {
        let own = || (std::thread::current().id(), rustix::process::getpriority_process(None).unwrap());
        let keys = StockedRsaKeys::default();
        let (here, usual) = own();
        let named = || std::thread::current().name().map(str::to_owned);
        assert_eq!(keys.maker.run(named).await.unwrap().as_deref(), Some(THREAD));
        let (there, lowered) = keys.maker.run(own).await.unwrap();
        assert_eq!(keys.maker.run(own).await, Ok((there, lowered)), "always the same");
        // What is at the lowest priority already stays there.
        assert_eq!(lowered, (usual + crate::types::limits::RSA_KEYS_NICENESS).min(19));
        assert!(there != here && own() == (here, usual));
    }

    /// A caller that hangs up neither keeps its turn nor ends the thread.
    #[tokio::test]
    async fn whoever_does_not_wait_for_a_key_leaves_the_next_one_its_turn() {
        let keys = StockedRsaKeys::default();
        let (end, ended) = sync_channel::<()>(1);
        let left = keys.maker.run(move || ended.recv());
        assert!(futures::FutureExt::now_or_never(left).is_none());
        end.send(()).unwrap();
        assert_eq!(keys.maker.run(|| 1).await, Ok(1));
    }
}
