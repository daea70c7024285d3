//! Readiness and metrics of one replica.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::metrics::Metrics;
use crate::adapters::http::health::Health;
use crate::adapters::kube::outage::Outage;
use crate::adapters::kube::store::SecretStore;
use crate::domain::record::Record;
use crate::domain::vanished::is_living;
use crate::engine::Engine;
use crate::types::limits::STALE_AFTER;

/// What readiness depends on.
pub struct ServerHealth {
    /// The installation at work.
    pub engine: Arc<Engine>,
    /// The store, which knows how old the snapshot is.
    pub store: Arc<SecretStore>,
    /// Whether the API server can be reached.
    pub outage: Arc<Outage>,
    /// Whether this replica leads.
    pub leads: watch::Receiver<bool>,
    /// Whether everything has been read.
    pub ready: AtomicBool,
    /// Whether the process was asked to stop.
    pub stopping: AtomicBool,
    /// What is measured.
    pub metrics: Metrics,
}

impl ServerHealth {
    /// Whether what this replica knows is too old. It goes on serving: a watch that is silent is silent for
    /// every replica, and callers would gain nothing from none of them being ready.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.store.silence() > STALE_AFTER
    }

    /// Says once when the snapshot grows stale, and once when it is fresh again.
    pub async fn watch_staleness(&self) {
        let mut was_stale = false;
        loop {
            let is_stale = self.is_stale();
            if is_stale != was_stale {
                let seconds = self.store.silence().milliseconds() / 1000;
                if is_stale {
                    tracing::error!(seconds, "the snapshot is stale: the watch of sealed objects brings nothing");
                } else {
                    tracing::info!("the snapshot is fresh again");
                }
            }
            was_stale = is_stale;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }
}

impl Health for ServerHealth {
    fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if !self.ready.load(Ordering::Acquire) {
            reasons.push("the keys have not been read yet".to_owned());
        }
        if self.stopping.load(Ordering::Acquire) {
            reasons.push("this replica is stopping".to_owned());
        }
        reasons
    }

    #[expect(clippy::cast_precision_loss, reason = "an age in milliseconds fits in 53 bits")]
    fn metrics(&self) -> String {
        let snapshot = self.engine.snapshots.load();
        let leads = *self.leads.borrow();
        self.metrics.leader.set(i64::from(leads));
        self.metrics.snapshot_age.set(self.store.silence().milliseconds() as f64 / 1000.0);
        self.metrics.snapshot_stale.set(i64::from(self.is_stale()));
        self.metrics.api_server_unreachable.set(i64::from(self.outage.round().is_none()));
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let pending = |record: &Record| record.due.deletion.is_some() && is_living(record);
        self.metrics.keys.set(count(snapshot.keys().filter(|entry| is_living(&entry.record)).count()));
        self.metrics.keys_pending_deletion.set(count(snapshot.keys().filter(|entry| pending(&entry.record)).count()));
        // Only the leader knows what is approved, and only the leader destroys.
        self.metrics.destroy_frozen.set(if leads { count(self.engine.frozen_keys().len()) } else { 0 });
        self.metrics.revision.set(i64::try_from(snapshot.revision.0).unwrap_or(i64::MAX));
        self.metrics.text()
    }
}
