//! One reconcile of a resource's name at a time in a process. Two at once would lose nothing, for every write has its
//! precondition; but where both came to the same bytes in the same millisecond, each would take the one write for its
//! own and tell of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::lock::{Mutex as AsyncMutex, OwnedMutexGuard};

type Name = (String, String);

/// The turns of all names that are reconciled now. It holds no more names than there are reconciles that run or wait.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<Name, Arc<AsyncMutex<()>>>>);

/// The turn of one name, until it is dropped. The turn ends before the place is given up.
pub(super) struct Turn<'a> {
    _turn: OwnedMutexGuard<()>,
    _place: Place<'a>,
}

/// A place in the queue of a name; whoever gives up waiting leaves it too.
struct Place<'a> {
    turns: &'a Turns,
    name: Name,
    queue: Arc<AsyncMutex<()>>,
}

impl Turns {
    /// Waits until no other reconcile of this name goes on.
    pub(super) async fn take(&self, namespace: &str, name: &str) -> Turn<'_> {
        let place = self.place((namespace.to_owned(), name.to_owned()));
        let turn = Arc::clone(&place.queue).lock_owned().await;
        Turn { _turn: turn, _place: place }
    }

    fn place(&self, name: Name) -> Place<'_> {
        let queue = Arc::clone(self.lock().entry(name.clone()).or_default());
        Place { turns: self, name, queue }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Name, Arc<AsyncMutex<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut queues = self.turns.lock();
        // One is held by the map and one by this place: nobody else runs or waits.
        if Arc::strong_count(&self.queue) == 2 {
            queues.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_name_waits_for_itself_and_for_no_other() {
        let turns = Turns::default();
        let first = turns.take("shop", "orders").now_or_never().unwrap();
        let mut second = Box::pin(turns.take("shop", "orders"));
        assert!((&mut second).now_or_never().is_none());
        assert!(turns.take("shop", "bills").now_or_never().is_some());
        drop(first);
        assert!(second.now_or_never().is_some());
    }

    #[test]
    fn no_name_is_kept_after_its_last_turn_whoever_gave_up() {
        let turns = Turns::default();
        let first = turns.take("shop", "orders").now_or_never().unwrap();
        let (mut second, mut third) = (Box::pin(turns.take("shop", "orders")), Box::pin(turns.take("shop", "orders")));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        drop(second);
        drop(first);
        assert_eq!(turns.lock().len(), 1, "one waits yet");
        drop(third);
        assert!(turns.lock().is_empty());
    }
}
