//! The current snapshot, and those who wait for a later one.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use futures::channel::oneshot;

use super::snapshot::Snapshot;
use crate::types::revision::Revision;

/// The current snapshot and those who wait for a later one.
pub struct SnapshotCell {
    current: RwLock<Arc<Snapshot>>,
    waiters: Mutex<Vec<(Revision, oneshot::Sender<()>)>>,
}

impl Default for SnapshotCell {
    fn default() -> Self {
        Self { current: RwLock::new(Arc::new(Snapshot::empty())), waiters: Mutex::default() }
    }
}

impl SnapshotCell {
    /// The current snapshot.
    #[must_use]
    pub fn load(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends when a snapshot of this revision or a later one is current.
    pub async fn wait_for(&self, revision: Revision) {
        let receiver = {
            let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
            if self.load().revision >= revision {
                return;
            }
            // Whoever gave up waiting leaves its place, so that a revision that never comes gathers no crowd.
            waiters.retain(|(_, sender)| !sender.is_canceled());
            let (sender, receiver) = oneshot::channel();
            waiters.push((revision, sender));
            receiver
        };
        let _ = receiver.await;
    }

    pub(super) fn store(&self, snapshot: Snapshot) {
        let revision = snapshot.revision;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        let (reached, waiting) = std::mem::take(&mut *waiters).into_iter().partition(|(at, _)| *at <= revision);
        *waiters = waiting;
        let reached: Vec<(Revision, oneshot::Sender<()>)> = reached;
        for (_, sender) in reached {
            let _ = sender.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn waiters_that_gave_up_are_forgotten() {
        let cell = SnapshotCell::default();
        for _ in 0..100 {
            assert!(cell.wait_for(Revision(u64::MAX)).now_or_never().is_none());
        }
        assert_eq!(cell.waiters.lock().unwrap().len(), 1);
        let mut later = Snapshot::empty();
        later.revision = Revision(5);
        cell.store(later);
        assert!(cell.wait_for(Revision(5)).now_or_never().is_some());
    }
}
