//! How often a sidecar may try again, so that the outage of a server is not amplified by its clients.

use crate::types::limits::{RETRY_PERCENT, RETRY_REFILL_PERIOD, RETRY_RESERVE};
use crate::types::time::Span;

/// A bucket of retries: filled by calls, by time, and at the beginning.
pub struct Budget {
    /// Hundredths of a retry.
    hundredths: u64,
    filled_at: Span,
}

const WHOLE: u64 = 100;
const MOST: u64 = RETRY_RESERVE as u64 * WHOLE;

impl Budget {
    /// A full bucket.
    #[must_use]
    pub fn new(now: Span) -> Self {
        Self { hundredths: MOST, filled_at: now }
    }

    /// Notes a call, which gives back a part of a retry.
    pub fn called(&mut self) {
        self.fill(u64::from(RETRY_PERCENT));
    }

    /// Takes out one retry, where there is one.
    pub fn take(&mut self, now: Span) -> bool {
        let waited = now.milliseconds().saturating_sub(self.filled_at.milliseconds());
        let periods = waited / RETRY_REFILL_PERIOD.milliseconds();
        self.fill(u64::try_from(periods).unwrap_or_default().saturating_mul(WHOLE));
        self.filled_at =
            Span::from_milliseconds(self.filled_at.milliseconds() + periods * RETRY_REFILL_PERIOD.milliseconds());
        let left = self.hundredths.checked_sub(WHOLE);
        self.hundredths = left.unwrap_or(self.hundredths);
        left.is_some()
    }

    fn fill(&mut self, hundredths: u64) {
        self.hundredths = self.hundredths.saturating_add(hundredths).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_the_reserve_a_tenth_of_the_calls_and_what_time_gives_back() {
        let mut budget = Budget::new(Span::default());
        let now = Span::from_milliseconds(1);
        let taken = |budget: &mut Budget, now| (0..1000).filter(|_| budget.take(now)).count();
        assert_eq!(taken(&mut budget, now), RETRY_RESERVE as usize);
        (0..200).for_each(|_| budget.called());
        assert_eq!(taken(&mut budget, now), 20);
        assert_eq!(taken(&mut budget, Span::from_seconds(9)), 0);
        assert_eq!(taken(&mut budget, Span::from_seconds(35)), 3);
        assert_eq!(taken(&mut budget, Span::from_seconds(40)), 1);
        assert_eq!(taken(&mut budget, Span::from_hours(40)), RETRY_RESERVE as usize);
    }
}
