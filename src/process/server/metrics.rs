//! Metrics in the text format of Prometheus. Labels are bounded: operations, codes and kinds, never keys.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::api::aws::error::ErrorCode;
use crate::api::aws::operation::Operation;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    operation: &'static str,
    code: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusalLabels {
    error: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

/// Counts of API requests.
pub struct Calls {
    requests: Family<CallLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    durations: Family<OperationLabels, Histogram, fn() -> Histogram>,
}

/// Everything that is measured.
pub struct Metrics {
    registry: Registry,
    /// Whether this replica leads.
    pub leader: Gauge,
    /// Time since the watch of sealed objects last brought anything.
    pub snapshot_age: Gauge<f64, AtomicU64>,
    /// Whether that is too long.
    pub snapshot_stale: Gauge,
    /// Whether the API server cannot be reached.
    pub api_server_unreachable: Gauge,
    /// Keys that this replica knows.
    pub keys: Gauge,
    /// Keys that wait to be destroyed.
    pub keys_pending_deletion: Gauge,
    /// Keys whose destruction is frozen, because they vanished together. The leader tells it.
    pub destroy_frozen: Gauge,
    /// The revision that the snapshot shows.
    pub revision: Gauge,
}

impl Calls {
    /// Counters that begin at zero.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "counters are made once, on purpose")]
    pub fn new() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_25, 2.0, 16));
        Self {
            requests: Family::default(),
            refusals: Family::default(),
            durations: Family::new_with_constructor(histogram),
        }
    }

    /// Counts an answer.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of any request fit in 53 bits")]
    pub fn note(&self, operation: Operation, code: u16, milliseconds: i64) {
        let operation = operation.as_str();
        self.requests.get_or_create(&CallLabels { operation, code }).inc();
        self.durations.get_or_create(&OperationLabels { operation }).observe(milliseconds as f64 / 1000.0);
    }

    /// Counts a refusal of a caller that is not known.
    pub fn refused(&self, error: ErrorCode) {
        self.refusals.get_or_create(&RefusalLabels { error: error.as_str() }).inc();
    }
}

impl Metrics {
    /// The metrics of a process.
    #[must_use]
    pub fn new(calls: &Calls) -> Self {
        let mut registry = Registry::with_prefix("coffer");
        registry.register("api_requests", "Answered requests of known callers", calls.requests.clone());
        registry.register("api_refusals", "Requests refused before the caller was known", calls.refusals.clone());
        registry.register("api_request_duration_seconds", "Time from request to answer", calls.durations.clone());
        let snapshot_age = Gauge::default();
        let age = "Time since the watch of sealed objects last brought anything";
        registry.register("snapshot_age_seconds", age, snapshot_age.clone());
        let mut gauge = |name: &str, help: &str| {
            let gauge: Gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let leader = gauge("leader", "1 while this replica reconciles");
        let snapshot_stale = gauge("snapshot_stale", "1 while the snapshot is too old");
        let api_server_unreachable = gauge("api_server_unreachable", "1 while the API server cannot be reached");
        let keys = gauge("keys", "Keys that this replica knows");
        let keys_pending_deletion = gauge("keys_pending_deletion", "Keys that wait to be destroyed");
        let destroy_frozen =
            gauge("destroy_frozen", "Keys whose destruction waits for an approval, told by the leader");
        let revision = gauge("revision", "The resourceVersion that the snapshot shows");
        Self {
            registry,
            leader,
            snapshot_age,
            snapshot_stale,
            api_server_unreachable,
            keys,
            keys_pending_deletion,
            destroy_frozen,
            revision,
        }
    }

    /// The text of all metrics.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
