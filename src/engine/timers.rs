//! Timers: what time alone brings about. Due times are in the records, so nothing is lost with a process; one loop
//! looks for what is due in the snapshot, without a single request.

use std::collections::{HashMap, HashSet};

use super::Engine;
use super::destruction::name_keys;
use super::snapshot::{KeyEntry, Snapshot};
use crate::domain::plan::Reason;
use crate::domain::record::Lifecycle;
use crate::types::ids::KeyId;
use crate::types::limits::{TIMER_FAILURES_MAX, TIMER_PERIOD, TIMER_RETRY_PERIOD, TOMBSTONE_KEPT};
use crate::types::state::KeyState;
use crate::types::time::{Span, Timestamp};

/// What the timers remember from one look to the next.
#[derive(Default)]
struct Memory {
    /// Keys whose timer failed.
    failed: HashMap<KeyId, Failed>,
    /// The keys that were told to be frozen.
    frozen: HashSet<KeyId>,
}

/// How often a timer failed in a row, and when it is tried again.
struct Failed {
    times: u32,
    again_at: Timestamp,
}

impl Engine {
    /// Brings about what is due, for as long as the caller polls. In a cluster that is the leader.
    pub async fn run_timers(&self) {
        let _active = self.destruction.activate();
        let mut memory = Memory::default();
        loop {
            self.tick(&mut memory).await;
            self.ports.clock.sleep(TIMER_PERIOD).await;
        }
    }

    /// Brings about everything that is due now, once.
    #[cfg(test)]
    pub(crate) async fn tick_once(&self) {
        let _active = self.destruction.activate();
        self.tick(&mut Memory::default()).await;
    }

    async fn tick(&self, memory: &mut Memory) {
        // It looks at the clocks, so that a leap is seen even where nothing is due.
        let _ = self.safe_now();
        let now = self.ports.clock.wall();
        let snapshot = self.snapshots.load();
        let frozen = self.frozen_keys();
        let due: Vec<KeyId> = snapshot
            .keys()
            .filter(|entry| self.is_due(&snapshot, entry, now, &frozen))
            .map(|entry| entry.record.key_id())
            .filter(|key_id| memory.may_try(key_id, now))
            .collect();
        memory.tell_of_frozen(frozen);
        for key_id in due {
            match self.reconcile_key(&key_id).await {
                Ok(Some(settled)) if waits_for_somebody(settled.because) => memory.note(key_id, now),
                Ok(_) => {}
                Err(error) => {
                    memory.note(key_id, now);
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(%key_id, error, "a timer failed; it is tried again");
                }
            }
        }
    }

    fn is_due(&self, snapshot: &Snapshot, entry: &KeyEntry, now: Timestamp, frozen: &HashSet<KeyId>) -> bool {
        let record = &entry.record;
        let passed = |time: Option<Timestamp>| time.is_some_and(|time| time <= now);
        if record.lifecycle == Lifecycle::Destroyed {
            return passed(record.destroyed_at.map(|destroyed_at| destroyed_at.plus(TOMBSTONE_KEPT)));
        }
        let destroys = passed(record.due.deletion) && !frozen.contains(&record.key_id()) && self.safe_now().is_ok();
        let rotates = entry.state(now) == KeyState::Enabled
            && (passed(record.due.rotation)
                || record.rotating_material().is_some()
                || record.announced_version.is_some());
        let is_stored = |name: &str| snapshot.material_names(&record.key_id()).iter().any(|stored| stored == name);
        let expires = record.materials.iter().any(|material| {
            let removed = !material.is_present() && record.announced_version != Some(material.version);
            let has_expired = material.is_present() && passed(material.valid_to());
            has_expired || (removed && is_stored(&material.stored_name)) || record.is_forgotten(material)
        });
        let abandoned = record.announcement.as_ref().is_some_and(|announcement| announcement.import.is_some());
        destroys || rotates || expires || abandoned
    }
}

/// A key that is due, and that a resource claims which cannot be followed: looking at it again at once shows nothing new.
const fn waits_for_somebody(because: Reason) -> bool {
    matches!(because, Reason::SpecRefused | Reason::StaleView | Reason::MaterialDamaged | Reason::ResourceReplaced)
}

impl Memory {
    fn may_try(&self, key_id: &KeyId, now: Timestamp) -> bool {
        self.failed.get(key_id).is_none_or(|failed| failed.again_at <= now)
    }

    /// Says, once for each change, that keys are not destroyed.
    fn tell_of_frozen(&mut self, frozen: HashSet<KeyId>) {
        if frozen != self.frozen && !frozen.is_empty() {
            tracing::warn!(
                frozen = frozen.len(),
                keys = name_keys(frozen.iter().copied()),
                "keys vanished together and are not destroyed when their time comes, until somebody approves it"
            );
        }
        self.frozen = frozen;
    }

    /// One failure, as of a single request, costs one look; who fails again and again is tried later each time.
    fn note(&mut self, key_id: KeyId, now: Timestamp) {
        if self.failed.len() >= TIMER_FAILURES_MAX {
            self.failed.clear();
        }
        let before = self.failed.get(&key_id).filter(|failed| now < failed.again_at.plus(TIMER_RETRY_PERIOD));
        let times = before.map_or(0, |failed| failed.times.saturating_add(1));
        let wait = 1_i64.checked_shl(times.min(16)).unwrap_or(1).saturating_mul(TIMER_PERIOD.milliseconds());
        let wait = Span::from_milliseconds(wait.min(TIMER_RETRY_PERIOD.milliseconds()));
        self.failed.insert(key_id, Failed { times, again_at: now.plus(wait) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_tried_at_the_next_look_and_then_later_each_time() {
        let (mut memory, key_id) = (Memory::default(), KeyId::new([1; 16], false));
        let (mut now, mut waits) = (Timestamp::from_milliseconds(0), Vec::new());
        for _ in 0..7 {
            memory.note(key_id, now);
            let noted_at = now;
            while !memory.may_try(&key_id, now) {
                now = now.plus(TIMER_PERIOD);
            }
            waits.push(now.since(noted_at).milliseconds() / 1000);
        }
        assert_eq!(waits, [15, 30, 60, 120, 240, 300, 300]);
        // What went well for a while begins anew.
        now = now.plus(TIMER_RETRY_PERIOD);
        memory.note(key_id, now);
        assert!(memory.may_try(&key_id, now.plus(TIMER_PERIOD)));
    }
}
