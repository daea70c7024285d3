//! How far the watchers of a store have come.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{broadcast, watch};

use crate::types::limits::WATCH_BACKLOG_MAX;
use crate::types::object::ObjectName;
use crate::types::revision::Revision;
use crate::types::time::Span;

/// The progress of all watchers of one store.
pub(super) struct Progress {
    watchers: Mutex<Vec<Weak<AtomicU64>>>,
    /// The newest revision that a write of this process was told; it counts while nobody watches.
    written: AtomicU64,
    changed: watch::Sender<()>,
    deletions: broadcast::Sender<(ObjectName, Revision)>,
    heard_at_milliseconds: AtomicI64,
}

impl Progress {
    pub(super) fn new(now: Span) -> Self {
        Self {
            watchers: Mutex::default(),
            written: AtomicU64::default(),
            changed: watch::Sender::new(()),
            deletions: broadcast::Sender::new(WATCH_BACKLOG_MAX),
            heard_at_milliseconds: AtomicI64::new(now.milliseconds()),
        }
    }

    /// A new watcher, which counts for as long as it is held.
    pub(super) fn register(&self) -> Arc<AtomicU64> {
        let reached = Arc::new(AtomicU64::default());
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| watcher.strong_count() > 0);
        watchers.push(Arc::downgrade(&reached));
        reached
    }

    /// A watcher was handed everything up to here.
    pub(super) fn reached(&self, watcher: &AtomicU64, revision: Revision) {
        watcher.fetch_max(revision.0, Ordering::AcqRel);
        self.changed.send_replace(());
    }

    pub(super) fn written(&self, revision: Revision) {
        self.written.fetch_max(revision.0, Ordering::AcqRel);
        self.changed.send_replace(());
    }

    pub(super) fn heard(&self, now: Span) {
        self.heard_at_milliseconds.store(now.milliseconds(), Ordering::Relaxed);
    }

    pub(super) fn silence(&self, now: Span) -> Span {
        Span::from_milliseconds(now.milliseconds() - self.heard_at_milliseconds.load(Ordering::Relaxed))
    }

    pub(super) fn deleted(&self, name: &ObjectName, revision: Revision) {
        // Without a receiver nobody waits for a deletion.
        let _ = self.deletions.send((name.clone(), revision));
    }

    pub(super) fn deletions(&self) -> broadcast::Receiver<(ObjectName, Revision)> {
        self.deletions.subscribe()
    }

    pub(super) fn has_watchers(&self) -> bool {
        self.slowest().is_some()
    }

    pub(super) fn revision(&self) -> Revision {
        Revision(self.slowest().unwrap_or_else(|| self.written.load(Ordering::Acquire)))
    }

    pub(super) async fn wait_for(&self, revision: Revision) {
        let mut changed = self.changed.subscribe();
        while self.revision() < revision {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    fn slowest(&self) -> Option<u64> {
        let watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.iter().filter_map(Weak::upgrade).map(|reached| reached.load(Ordering::Acquire)).min()
    }
}
