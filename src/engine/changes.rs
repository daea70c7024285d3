//! Which resources' keys changed in the store, for whoever keeps their status true.
//!
//! An API call on another replica, a restored backup or a hand in the store may change a key without any
//! change of its resource. Names are kept once each, so a crowd of changes cannot grow the list beyond the keys.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use futures::channel::oneshot;

/// The namespace and name of a resource.
pub type Owner = (String, String);

#[derive(Default)]
struct State {
    follower: bool,
    owners: BTreeSet<Owner>,
    waiter: Option<oneshot::Sender<()>>,
}

/// Owners of changed keys since somebody last asked.
#[derive(Default)]
pub struct ChangedOwners(Mutex<State>);

impl ChangedOwners {
    /// Begins or ends to gather names. Without a follower none are kept.
    pub fn follow(&self, follows: bool) {
        let mut state = self.state();
        state.follower = follows;
        state.owners.clear();
    }

    /// Notes a change.
    pub(super) fn note(&self, namespace: &str, name: &str) {
        let mut state = self.state();
        if !state.follower {
            return;
        }
        state.owners.insert((namespace.to_owned(), name.to_owned()));
        if let Some(waiter) = state.waiter.take() {
            // Whoever gave up waiting finds the names the next time.
            let _ = waiter.send(());
        }
    }

    /// The owners of all keys that changed, as soon as there is one. For one follower at a time.
    pub async fn next(&self) -> BTreeSet<Owner> {
        loop {
            let receiver = {
                let mut state = self.state();
                if !state.owners.is_empty() {
                    return std::mem::take(&mut state.owners);
                }
                let (sender, receiver) = oneshot::channel();
                state.waiter = Some(sender);
                receiver
            };
            // A lost sender only means that a later waiter took the place.
            let _ = receiver.await;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use futures::executor::block_on;

    #[test]
    fn names_are_kept_once_and_only_for_a_follower() {
        let changes = ChangedOwners::default();
        changes.note("default", "early");
        changes.follow(true);
        assert!(changes.next().now_or_never().is_none());
        for name in ["b", "a", "b"] {
            changes.note("default", name);
        }
        let names: Vec<Owner> = block_on(changes.next()).into_iter().collect();
        assert_eq!(names, [("default".to_owned(), "a".to_owned()), ("default".to_owned(), "b".to_owned())]);
        assert!(changes.next().now_or_never().is_none());
    }
}
