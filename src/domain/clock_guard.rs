//! Which time is sure enough to destroy something by.
//!
//! One clock can be wrong: set forward by hand, by a broken time server or by a machine that woke up. So the time that
//! destroys is the earliest of what the machine's clock shows, what the API server's clock shows, and how far time can
//! have come by the monotonic clock; and after a gap that nothing explains nothing is destroyed for a day.

use crate::types::limits::{CLOCK_GAP_MAX, CLOCK_SKEW_MAX};
use crate::types::time::{Span, Timestamp};

/// What the clocks show at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The machine's clock.
    pub wall: Timestamp,
    /// The monotonic clock.
    pub monotonic: Span,
    /// The API server's clock, where there is one.
    pub outside: Option<Timestamp>,
}

/// What one process knows of its clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockGuard {
    anchor: Reading,
    held_until: Option<Span>,
}

/// Why nothing is destroyed now, whatever is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockDoubt {
    /// The machine's clock and the API server's differ too much.
    ClocksDiffer,
    /// Time made a leap that nothing explains.
    Leap,
}

impl ClockGuard {
    /// A process that starts, `last_known` being the latest time that an earlier one noted.
    #[must_use]
    pub fn new(reading: Reading, last_known: Option<Timestamp>) -> Self {
        let gap = last_known.map(|last| reading.wall.since(last));
        let is_leap = gap.is_some_and(|gap| gap > CLOCK_GAP_MAX || negated(gap) > CLOCK_SKEW_MAX);
        let held_until = is_leap.then(|| sum(reading.monotonic, CLOCK_GAP_MAX));
        Self { anchor: reading, held_until }
    }

    /// Takes note of what the clocks show. To be called now and then, and before anything is destroyed.
    pub fn observe(&mut self, reading: Reading) {
        let expected = self.expected(reading.monotonic);
        let drift = reading.wall.since(expected);
        if drift > CLOCK_SKEW_MAX || negated(drift) > CLOCK_SKEW_MAX {
            self.anchor = reading;
            self.held_until = Some(sum(reading.monotonic, CLOCK_GAP_MAX));
        }
    }

    /// The time that may destroy.
    ///
    /// # Errors
    /// Why there is none.
    pub fn safe_now(&self, reading: Reading) -> Result<Timestamp, ClockDoubt> {
        if self.held_until.is_some_and(|until| reading.monotonic < until) {
            return Err(ClockDoubt::Leap);
        }
        let apart = reading.outside.map(|outside| reading.wall.since(outside));
        if apart.is_some_and(|apart| apart > CLOCK_SKEW_MAX || negated(apart) > CLOCK_SKEW_MAX) {
            return Err(ClockDoubt::ClocksDiffer);
        }
        let known = reading.wall.min(self.expected(reading.monotonic));
        Ok(reading.outside.map_or(known, |outside| known.min(outside)))
    }

    /// How far time has come since the anchor, by the monotonic clock.
    fn expected(&self, monotonic: Span) -> Timestamp {
        let elapsed = monotonic.milliseconds().saturating_sub(self.anchor.monotonic.milliseconds());
        self.anchor.wall.plus(Span::from_milliseconds(elapsed))
    }
}

const fn negated(span: Span) -> Span {
    Span::from_milliseconds(span.milliseconds().saturating_neg())
}

const fn sum(one: Span, two: Span) -> Span {
    Span::from_milliseconds(one.milliseconds().saturating_add(two.milliseconds()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn reading(wall: i64, monotonic: i64, outside: Option<i64>) -> Reading {
        Reading {
            wall: Timestamp::from_milliseconds(wall),
            monotonic: Span::from_milliseconds(monotonic),
            outside: outside.map(Timestamp::from_milliseconds),
        }
    }

    #[test]
    fn a_clock_that_runs_evenly_is_believed() {
        let mut guard = ClockGuard::new(reading(0, 0, None), Some(Timestamp::default()));
        for hours in 0..100 {
            let now = reading(hours * HOUR, hours * HOUR, Some(hours * HOUR + 500));
            guard.observe(now);
            assert_eq!(guard.safe_now(now), Ok(now.wall));
        }
    }

    #[test]
    fn a_leap_in_either_direction_stops_destruction_for_a_day() {
        for leap in [-25 * HOUR, -HOUR, HOUR, 25 * HOUR] {
            let mut guard = ClockGuard::new(reading(0, 0, None), None);
            let after = reading(leap, 1000, None);
            guard.observe(after);
            assert_eq!(guard.safe_now(after), Err(ClockDoubt::Leap), "{leap}");
            let later = reading(leap + 25 * HOUR, 1000 + 25 * HOUR, None);
            guard.observe(later);
            assert_eq!(guard.safe_now(later), Ok(later.wall));
        }
    }

    #[test]
    fn an_unseen_leap_is_bounded_by_the_monotonic_clock() {
        let guard = ClockGuard::new(reading(0, 0, None), None);
        assert_eq!(guard.safe_now(reading(HOUR, 1000, None)), Ok(Timestamp::from_milliseconds(1000)));
    }

    #[test]
    fn a_start_after_a_long_absence_or_before_its_own_past_waits() {
        let last = Some(Timestamp::from_milliseconds(0));
        for (wall, doubts) in [(23 * HOUR, false), (25 * HOUR, true), (-HOUR, true)] {
            let now = reading(wall, 0, None);
            assert_eq!(ClockGuard::new(now, last).safe_now(now).is_err(), doubts, "{wall}");
        }
    }

    #[test]
    fn clocks_that_differ_destroy_nothing() {
        let now = |outside| reading(HOUR, HOUR, Some(outside));
        let guard = ClockGuard::new(reading(0, 0, None), None);
        assert_eq!(guard.safe_now(now(HOUR - 59_000)), Ok(Timestamp::from_milliseconds(HOUR - 59_000)));
        assert_eq!(guard.safe_now(now(HOUR - 61_000)), Err(ClockDoubt::ClocksDiffer));
        assert_eq!(guard.safe_now(now(HOUR + 61_000)), Err(ClockDoubt::ClocksDiffer));
    }
}
