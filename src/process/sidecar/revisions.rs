//! The latest revision that the server has shown, so that every replica answers with what was seen before.

use crate::types::limits::REVISION_BEHIND_MAX;
use crate::types::time::Span;

/// What is remembered of the server's revisions.
#[derive(Default)]
pub struct Revisions {
    highest: Option<u64>,
    /// Since when every answer was older than that.
    behind_since: Option<Span>,
}

impl Revisions {
    /// The highest revision.
    #[must_use]
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Notes the revision of an answer.
    ///
    /// A replica waits for a revision that it has not reached, so older answers are rare and pass. Where they do
    /// not pass, the store was restored from a copy, and its revisions begin again from there: to go on asking
    /// for the later one would cost every call that wait.
    pub fn saw(&mut self, revision: u64, now: Span) {
        if self.highest.is_none_or(|highest| highest <= revision) {
            *self = Self { highest: Some(revision), behind_since: None };
            return;
        }
        let since = *self.behind_since.get_or_insert(now);
        if now.milliseconds() - since.milliseconds() > REVISION_BEHIND_MAX.milliseconds() {
            *self = Self { highest: Some(revision), behind_since: None };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_revision_stays_until_the_server_is_behind_for_long() {
        let mut revisions = Revisions::default();
        assert_eq!(revisions.highest(), None);
        let mut saw = |revision, seconds| {
            revisions.saw(revision, Span::from_seconds(seconds));
            revisions.highest().unwrap()
        };
        assert_eq!(saw(7, 0), 7);
        assert_eq!(saw(5, 1), 7);
        assert_eq!(saw(8, 50), 8);
        // Being behind is counted from the first older answer after that.
        assert_eq!(saw(6, 100), 8);
        assert_eq!(saw(6, 160), 8);
        assert_eq!(saw(6, 161), 6);
        assert_eq!(saw(7, 162), 7);
    }
}
