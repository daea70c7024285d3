//! Which time is sure enough to destroy something by.
//!
//! One clock can be wrong: set forward by hand, by a broken time server or by a machine that woke up. So the time that
//! destroys is the earliest of two clocks: the machine's and the API server's, or, where there is no API server, the
//! machine's and how far time can have come by the monotonic clock. Clocks that differ destroy nothing, and after a gap
//! of more than a day nothing is destroyed for a day more, so that somebody can look.

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
    /// What the clocks showed first. Going back moves it not.
    first: Reading,
    last_known: Option<Timestamp>,
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
        Self { first: reading, last_known, anchor: reading, held_until }
    }

    /// Takes note of what the clocks show. To be called now and then, and before anything is destroyed.
    pub fn observe(&mut self, reading: Reading) {
        let drift = reading.wall.since(self.expected(reading.monotonic));
        let agreed = agrees(reading) == Some(true);
        if agreed && drift > CLOCK_GAP_MAX {
            self.held_until = Some(sum(reading.monotonic, CLOCK_GAP_MAX));
        }
        // Going back is always believed. Going forward is believed only where another clock agrees.
        if negated(drift) > CLOCK_SKEW_MAX || (agreed && drift > CLOCK_SKEW_MAX) {
            self.anchor = reading;
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
        match (agrees(reading), reading.outside) {
            (Some(false), _) => Err(ClockDoubt::ClocksDiffer),
            (Some(true), Some(outside)) => Ok(reading.wall.min(outside)),
            _ => Ok(reading.wall.min(self.expected(reading.monotonic))),
        }
    }

    /// The latest time that anything speaks for: the clocks, and what they showed when this process started, with what
    /// passed since. A clock that was ahead for a while and is right again is forgotten.
    #[must_use]
    pub fn latest(&self, reading: Reading) -> Timestamp {
        let known = self.last_known.max(self.first.outside).unwrap_or(self.first.wall).max(self.first.wall);
        let since = known.plus(elapsed(self.first, reading.monotonic));
        reading.outside.unwrap_or(reading.wall).max(reading.wall).max(since)
    }

    /// How far time has come since the anchor, by the monotonic clock.
    fn expected(&self, monotonic: Span) -> Timestamp {
        self.anchor.wall.plus(elapsed(self.anchor, monotonic))
    }
}

fn elapsed(since: Reading, monotonic: Span) -> Span {
    Span::from_milliseconds(monotonic.milliseconds().saturating_sub(since.monotonic.milliseconds()))
}

/// Whether the machine's clock and the API server's show the same time, where there are both.
fn agrees(reading: Reading) -> Option<bool> {
    let apart = reading.wall.since(reading.outside?);
    Some(apart <= CLOCK_SKEW_MAX && negated(apart) <= CLOCK_SKEW_MAX)
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
    fn a_leap_forward_is_bounded_by_the_monotonic_clock() {
        for leap in [HOUR, 10 * 24 * HOUR] {
            let mut guard = ClockGuard::new(reading(0, 0, None), None);
            guard.observe(reading(leap, 1000, None));
            for hours in 25..50 {
                let later = reading(leap + hours * HOUR, hours * HOUR, None);
                guard.observe(later);
                assert!(guard.safe_now(later).is_ok_and(|now| now.milliseconds() <= hours * HOUR), "{leap}");
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_back_counts_on_from_there() {
        let mut guard = ClockGuard::new(reading(10 * HOUR, 0, None), None);
        let back = reading(HOUR, 1000, None);
        guard.observe(back);
        assert_eq!(guard.safe_now(back), Ok(back.wall));
    }

    #[test]
    fn a_window_never_begins_by_a_clock_that_is_behind() {
        let at = Timestamp::from_milliseconds;
        let mut guard = ClockGuard::new(reading(100 * HOUR, 0, None), None);
        let back = reading(HOUR, HOUR, None);
        guard.observe(back);
        assert_eq!(guard.latest(back), at(101 * HOUR));
        assert_eq!(guard.latest(reading(HOUR, HOUR, Some(102 * HOUR))), at(102 * HOUR));
        // Nor by one that was behind already when this process started.
        let guard = ClockGuard::new(reading(HOUR, 0, None), Some(at(90 * HOUR)));
        assert_eq!(guard.latest(reading(2 * HOUR, HOUR, None)), at(91 * HOUR));
        // One that was ahead for a while is forgotten.
        let mut guard = ClockGuard::new(reading(0, 0, None), None);
        guard.observe(reading(1000 * HOUR, HOUR, None));
        assert_eq!(guard.latest(reading(2 * HOUR, 2 * HOUR, None)), at(2 * HOUR));
    }

    #[test]
    fn two_clocks_that_agree_are_believed_after_a_day_at_most() {
        let mut guard = ClockGuard::new(reading(0, 0, Some(0)), None);
        let far = |hours: i64| reading(1000 * HOUR + hours * HOUR, hours * HOUR, Some(1000 * HOUR + hours * HOUR));
        guard.observe(far(1));
        assert_eq!(guard.safe_now(far(1)), Err(ClockDoubt::Leap));
        assert_eq!(guard.safe_now(far(25)), Ok(far(25).wall));
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

    /// A machine whose clock is wrong in every way that a seed thinks of: jumps of up to a day and more in both
    /// directions, frozen, running fast; while the time that counts goes on.
    #[test]
    fn nothing_is_due_before_its_time_whatever_one_clock_does() {
        const DUE: i64 = 7 * 24 * HOUR;
        let (mut destroyed, mut doubts) = (0, 0);
        for seed in 0..1000_u64 {
            let rng = crate::domain::tests_support::Dice::new(seed);
            let has_outside = seed % 2 == 0;
            let (mut error, mut frozen_at) = (0_i64, None);
            let start = reading(0, 0, has_outside.then_some(0));
            let mut guard = ClockGuard::new(start, Some(Timestamp::default()));
            for hour in 1..(24 * 20) {
                let now = hour * HOUR;
                match rng.below(40) {
                    0 => error += 24 * HOUR,
                    1 => error -= 24 * HOUR,
                    2 => error += i64::try_from(rng.below(20 * 24)).unwrap() * HOUR,
                    3 => frozen_at = Some(now + error),
                    4 => (error, frozen_at) = (0, None),
                    _ => {}
                }
                let wall = frozen_at.unwrap_or(now + error);
                let seen = reading(wall, now, has_outside.then_some(now));
                guard.observe(seen);
                match guard.safe_now(seen) {
                    Ok(safe) if safe.milliseconds() >= DUE => {
                        let early = DUE - now;
                        assert!(early <= CLOCK_SKEW_MAX.milliseconds(), "seed {seed}: {early} ms early");
                        destroyed += 1;
                        break;
                    }
                    Ok(_) => {}
                    Err(_) => doubts += 1,
                }
            }
        }
        assert!(destroyed > 300 && doubts > 1000, "{destroyed} {doubts}: the seeds reach both ends");
    }
}
