//! The machine's clock: the one file that asks for the time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::ports::clock::Clock;
use crate::types::time::{Span, Timestamp};

/// The clock of this machine.
pub struct SystemClock {
    started: Instant,
    high_water_mark: AtomicI64,
}

impl SystemClock {
    /// A clock that knows of this earlier time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this adapter is where time comes from")]
    pub fn new(high_water_mark: Timestamp) -> Self {
        Self { started: Instant::now(), high_water_mark: AtomicI64::new(high_water_mark.milliseconds()) }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this adapter is where time comes from")]
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        self.high_water_mark.fetch_max(now, Ordering::Relaxed);
        Timestamp::from_milliseconds(now)
    }

    fn monotonic(&self) -> Span {
        Span::from_milliseconds(i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    fn outside(&self) -> Option<Timestamp> {
        None
    }

    fn high_water_mark(&self) -> Timestamp {
        Timestamp::from_milliseconds(self.high_water_mark.load(Ordering::Relaxed))
    }

    fn sleep(&self, span: Span) -> BoxFuture<'static, ()> {
        tokio::time::sleep(span.duration()).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_covers_every_reading() {
        let later = Timestamp::from_milliseconds(i64::MAX / 2);
        let clock = SystemClock::new(Timestamp::default());
        let wall = clock.wall();
        assert!(clock.high_water_mark() >= wall && wall > Timestamp::default());
        assert_eq!(SystemClock::new(later).high_water_mark(), later);
    }
}
