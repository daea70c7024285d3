//! How long a broken watch waits before it is made again.

use std::time::Duration;

use kube::runtime::utils::Backoff;

use crate::types::limits::{WATCH_BACKOFF_MAX, WATCH_BACKOFF_MIN};
use crate::types::time::Span;

/// Waits that double up to a few seconds. kube's own go up to 45 s, and an API server that comes back answers the
/// first try with 410, so that what is known would stay old for more than a minute after an outage.
#[derive(Debug, Default)]
pub struct Patience {
    failures: u32,
}

impl Iterator for Patience {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let factor = 1_i64.checked_shl(self.failures.min(16)).unwrap_or(1);
        self.failures = self.failures.saturating_add(1);
        let wait = WATCH_BACKOFF_MIN.milliseconds().saturating_mul(factor).min(WATCH_BACKOFF_MAX.milliseconds());
        // Replicas that lost their watches together come back a little apart.
        let spread = i64::from(std::process::id() % 16) * wait / 64;
        Some(Span::from_milliseconds(wait + spread).duration())
    }
}

impl Backoff for Patience {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_begin_anew() {
        let mut patience = Patience::default();
        let waits: Vec<Duration> = patience.by_ref().take(20).collect();
        assert!(waits.is_sorted() && waits[0] >= WATCH_BACKOFF_MIN.duration());
        assert!(waits[19] <= WATCH_BACKOFF_MAX.duration() * 5 / 4);
        patience.reset();
        assert_eq!(patience.next(), Some(waits[0]));
    }
}
