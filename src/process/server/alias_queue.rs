//! Which `KeyAlias` resources are looked at when: at once where something happened, and later each time where it failed.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::control::backoff;
use crate::engine::changes::Owner;

/// How a look at a resource ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// It is to be looked at again after this time.
    Again(Duration),
    /// It is gone, and so is everything that it kept; or only a change of it helps.
    Done,
    /// It is tried again, later each time.
    Failed,
}

/// When each resource is due, and how often it failed. One that is gone stays due until what it kept is given up.
#[derive(Debug, Default)]
pub struct AliasQueue {
    due: BTreeMap<Owner, Instant>,
    failures: BTreeMap<Owner, u32>,
}

impl AliasQueue {
    /// Something happened to a resource.
    pub fn touch(&mut self, owner: Owner, now: Instant) {
        self.failures.remove(&owner);
        self.due.insert(owner, now);
    }

    /// When the next one is due.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    /// Takes everything that is due.
    #[must_use]
    pub fn take(&mut self, now: Instant) -> Vec<Owner> {
        let ready: Vec<Owner> = self.due.iter().filter(|(_, at)| **at <= now).map(|(owner, _)| owner.clone()).collect();
        self.due.retain(|_, at| *at > now);
        ready
    }

    /// Takes note of a look. What happened to the resource meanwhile comes first.
    pub fn looked(&mut self, owner: Owner, looked: Looked, now: Instant) {
        let wait = match looked {
            Looked::Again(wait) => Some(wait),
            Looked::Done => None,
            Looked::Failed => {
                let count = self.failures.entry(owner.clone()).or_default();
                *count = count.saturating_add(1);
                Some(backoff(*count))
            }
        };
        if looked != Looked::Failed {
            self.failures.remove(&owner);
        }
        if let Some(wait) = wait {
            self.due.entry(owner).or_insert(now + wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: &str) -> Owner {
        ("default".to_owned(), name.to_owned())
    }

    #[test]
    fn what_failed_is_tried_again_soon_and_later_each_time_until_it_is_done() {
        let (mut queue, mut now) = (AliasQueue::default(), Instant::now());
        queue.touch(owner("gone"), now);
        let mut waits = Vec::new();
        for _ in 0..4 {
            assert_eq!(queue.take(now), [owner("gone")]);
            queue.looked(owner("gone"), Looked::Failed, now);
            let next = queue.next().unwrap();
            waits.push((next - now).as_secs());
            assert!(queue.take(now).is_empty(), "not before its time");
            now = next;
        }
        assert_eq!(waits, [2, 4, 8, 16]);
        assert_eq!(queue.take(now), [owner("gone")]);
        queue.looked(owner("gone"), Looked::Done, now);
        assert_eq!(queue.next(), None);
        // What happens to it later begins anew.
        queue.touch(owner("gone"), now);
        assert_eq!(queue.take(now).len(), 1);
        queue.looked(owner("gone"), Looked::Failed, now);
        assert_eq!(queue.next(), Some(now + Duration::from_secs(2)));
    }

    #[test]
    fn what_happens_during_a_look_is_looked_at() {
        let (mut queue, now) = (AliasQueue::default(), Instant::now());
        queue.touch(owner("a"), now);
        assert_eq!(queue.take(now).len(), 1);
        queue.touch(owner("a"), now);
        queue.looked(owner("a"), Looked::Again(Duration::from_mins(1)), now);
        assert_eq!(queue.next(), Some(now));
    }
}
