//! Points in time and distances between them. There is no clock here.

/// A point in time, in milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The point this many milliseconds after 1970-01-01 UTC.
    #[must_use]
    pub const fn from_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// The point this many seconds after 1970-01-01 UTC, or the nearest one that can be expressed.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The point this many seconds after 1970-01-01 UTC, to the nearest millisecond.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a cast from `f64` stops at the ends of time")]
    pub fn from_epoch_seconds(seconds: f64) -> Self {
        Self((seconds * 1000.0).round() as i64)
    }

    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn milliseconds(self) -> i64 {
        self.0
    }

    /// The point one span later, or the last one that can be expressed.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The span from `earlier` to here, negative where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// RFC 3339 in UTC with whole seconds, as Kubernetes and CloudTrail print times.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        jiff::Timestamp::from_second(self.0.div_euclid(1000))
            .map_or_else(|_| String::from("1970-01-01T00:00:00Z"), |time| time.to_string())
    }

    /// Reads RFC 3339.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|time| Self(time.as_millisecond()))
    }

    /// Seconds since 1970-01-01 UTC with a fraction: the form of a time in AWS JSON.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of any real date fit in 53 bits")]
    pub fn epoch_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

/// A distance in time, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Span {
    /// So many milliseconds.
    #[must_use]
    pub const fn from_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// So many seconds.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// So many minutes.
    #[must_use]
    pub const fn from_minutes(minutes: i64) -> Self {
        Self::from_seconds(minutes.saturating_mul(60))
    }

    /// So many hours.
    #[must_use]
    pub const fn from_hours(hours: i64) -> Self {
        Self::from_minutes(hours.saturating_mul(60))
    }

    /// So many days of 24 hours.
    #[must_use]
    pub const fn from_days(days: i64) -> Self {
        Self::from_hours(days.saturating_mul(24))
    }

    /// Milliseconds.
    #[must_use]
    pub const fn milliseconds(self) -> i64 {
        self.0
    }

    /// The same distance without its sign, as the standard library's type.
    #[must_use]
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_printed_as_kubernetes_prints_it() {
        assert_eq!(Timestamp::from_milliseconds(1_795_350_896_789).to_rfc3339(), "2026-11-22T12:34:56Z");
        assert_eq!(Timestamp::from_milliseconds(-1).to_rfc3339(), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn seconds_read_back_to_the_millisecond() {
        for milliseconds in [0, 1, -1, 999, 1_795_350_896_789, -1_795_350_896_789] {
            let time = Timestamp::from_milliseconds(milliseconds);
            assert_eq!(Timestamp::from_epoch_seconds(time.epoch_seconds()), time);
        }
        assert_eq!(Timestamp::from_epoch_seconds(1.000_6), Timestamp::from_milliseconds(1001));
        assert_eq!(Timestamp::from_seconds(7), Timestamp::from_milliseconds(7000));
        assert_eq!(Timestamp::from_seconds(i64::MIN).milliseconds(), i64::MIN);
        assert_eq!(Timestamp::from_epoch_seconds(1e300).milliseconds(), i64::MAX);
        assert_eq!(Timestamp::from_epoch_seconds(-1e300).milliseconds(), i64::MIN);
    }

    #[test]
    fn arithmetic_stops_at_the_ends_of_time() {
        let last = Timestamp::from_milliseconds(i64::MAX);
        assert_eq!(last.plus(Span::from_days(30)), last);
        assert_eq!(Span::from_days(i64::MAX).milliseconds(), i64::MAX);
    }
}
