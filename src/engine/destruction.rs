//! Whether anything may be destroyed now: only by the process whose timers run, only by a time that no clock doubts,
//! and never a set of keys that vanished together before somebody approved it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::Engine;
use super::vault::VaultError;
use crate::domain::clock_guard::{ClockDoubt, ClockGuard, Reading};
use crate::domain::record::Record;
use crate::domain::vanished::{Population, frozen, removals};
use crate::types::ids::KeyId;
use crate::types::limits::NAMED_KEYS_MAX;
use crate::types::time::Timestamp;

/// What one process knows about destroying.
#[derive(Default)]
pub struct Destruction {
    state: Mutex<State>,
    /// Held while a material is destroyed, from reading its record until it is gone.
    turn: futures::lock::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// The latest time that any earlier process noted.
    last_known: Option<Timestamp>,
    /// The clocks since this process started.
    guard: Option<ClockGuard>,
    /// Whether the timers of this process run.
    active: bool,
}

impl Destruction {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until the answer is dropped, this process destroys no material. A store may not be able to tell a material that
    /// comes back from the one that was there before, so nothing comes back while something goes.
    pub(super) async fn pause(&self) -> futures::lock::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// From now on until the answer is dropped, this process may destroy.
    pub(super) fn activate(&self) -> Active<'_> {
        self.lock().active = true;
        Active(self)
    }
}

/// The right to destroy, for as long as the timers run.
pub(super) struct Active<'a>(&'a Destruction);

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.lock().active = false;
    }
}

/// The ids of some keys, in words, and how many more there are.
#[must_use]
pub fn name_keys(keys: impl IntoIterator<Item = KeyId>) -> String {
    let mut names: Vec<String> = keys.into_iter().map(|key_id| key_id.to_string()).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(NAMED_KEYS_MAX);
    names.truncate(NAMED_KEYS_MAX);
    let listed = names.join(", ");
    if more == 0 { listed } else { format!("{listed} and {more} more") }
}

impl Engine {
    /// Remembers the latest time that any replica noted in its heartbeat. To be called before the first heartbeat of
    /// this process.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remember_time(&self) -> Result<(), VaultError> {
        let last_known = self.replicas().await?.iter().map(|replica| replica.beat_at).max();
        let mut state = self.destruction.lock();
        state.last_known = last_known;
        state.guard = Some(ClockGuard::new(self.reading(), last_known));
        Ok(())
    }

    fn reading(&self) -> Reading {
        let clock = &self.ports.clock;
        Reading { wall: clock.wall(), monotonic: clock.monotonic(), outside: clock.outside() }
    }

    /// The time that may destroy.
    ///
    /// # Errors
    /// Why there is none.
    pub fn safe_now(&self) -> Result<Timestamp, ClockDoubt> {
        let reading = self.reading();
        let mut state = self.destruction.lock();
        let last_known = state.last_known;
        let guard = state.guard.get_or_insert_with(|| ClockGuard::new(reading, last_known));
        guard.observe(reading);
        guard.safe_now(reading)
    }

    /// The latest time that any clock shows, to begin a window by: one that begins by a clock that is behind would be
    /// over too soon.
    #[must_use]
    pub fn latest_time(&self) -> Timestamp {
        let reading = self.reading();
        let mut state = self.destruction.lock();
        let last_known = state.last_known;
        state.guard.get_or_insert_with(|| ClockGuard::new(reading, last_known)).latest(reading)
    }

    /// The time by which this key may be destroyed, where it may.
    pub(super) fn destroy_gate(&self, record: &Record) -> Option<Timestamp> {
        record.due.deletion.filter(|due| *due <= self.ports.clock.wall())?;
        let active = self.destruction.lock().active;
        let now = self.safe_now().ok().filter(|_| active)?;
        (!self.frozen_keys().contains(&record.key_id())).then_some(now)
    }

    /// Keys whose destruction waits until somebody approves it, because they vanished together.
    #[must_use]
    pub fn frozen_keys(&self) -> HashSet<KeyId> {
        let snapshot = self.snapshots.load();
        let gone = snapshot.keys().flat_map(|entry| removals(&entry.record)).collect();
        let population = Population::of(snapshot.keys().map(|entry| &entry.record));
        frozen(gone, &population, self.approvals.vanished_until())
    }
}
