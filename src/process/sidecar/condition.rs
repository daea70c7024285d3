//! Something that is well or not, said when it changes and not on each request.

use std::sync::{Mutex, PoisonError};

use crate::types::limits::CONDITION_LOG_PERIOD;
use crate::types::time::Span;

/// Whether something is well, and what the log says of it.
#[derive(Default)]
pub struct Condition(Mutex<Option<Said>>);

#[derive(Clone, Copy)]
struct Said {
    well: bool,
    at: Span,
}

impl Condition {
    /// Notes how it is, and tells whether the log should say so: where it says something else now, or nothing,
    /// and has not spoken of it a moment ago.
    #[must_use]
    pub fn changed(&self, well: bool, now: Span) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let speak = said.is_none_or(|said| {
            said.well != well && now.milliseconds() - said.at.milliseconds() >= CONDITION_LOG_PERIOD.milliseconds()
        });
        if speak {
            *said = Some(Said { well, at: now });
        }
        speak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_said_once_and_flapping_is_not() {
        let condition = Condition::default();
        let changed = |well, seconds| condition.changed(well, Span::from_seconds(seconds));
        assert!(changed(false, 0));
        assert!(!changed(false, 100));
        assert!(changed(true, 101));
        assert!(!changed(false, 102));
        assert!(!changed(true, 103));
        assert!(!changed(false, 110));
        assert!(changed(false, 111));
    }
}
