//! Keeps when keys were last used: noted in memory by each call, written now and then, shard by shard.

use std::collections::BTreeMap;

use super::Engine;
use super::admit::{Admitted, ResolvedKey};
use super::snapshot::Snapshot;
use super::table::Row;
use super::trail::Trail;
use super::vault::VaultError;
use crate::domain::last_usage::{LastUse, UsageShard, shard_of};
use crate::domain::record::SCHEMA;
use crate::ports::store::StoreError;
use crate::types::ids::KeyId;
use crate::types::limits::{CHANGE_ATTEMPTS_MAX, USAGE_OF_UNKNOWN_KEPT, USAGE_PERIOD};
use crate::types::object::ObjectName;
use crate::types::time::Timestamp;

/// The use of each key of a call that succeeded, where its operation is one that uses keys. It is noted once the call's
/// audit record, which it names, is durable.
pub(super) fn last_uses(row: &Row, admitted: &Admitted<'_>, trail: &Trail) -> Vec<LastUse> {
    let used = admitted.keys.iter().filter(|_| row.usage.is_some() && !admitted.is_trial);
    let last = |key: &ResolvedKey| LastUse {
        key_bytes: key.entry.record.key_bytes,
        operation: row.operation,
        at: admitted.now,
        event_id: trail.event_id().to_owned(),
        request_id: admitted.call.request_id.to_owned(),
    };
    used.map(last).collect()
}

impl Engine {
    /// Writes what was noted, for as long as the caller polls.
    pub async fn keep_usage(&self) {
        loop {
            self.ports.clock.sleep(USAGE_PERIOD).await;
            self.flush_usage().await;
        }
    }

    /// Writes what was noted. What could not be written is noted again and goes with the next.
    pub async fn flush_usage(&self) {
        let mut shards: BTreeMap<u8, Vec<LastUse>> = BTreeMap::new();
        for last in self.ports.usage.drain_last() {
            shards.entry(shard_of(&last.key_bytes)).or_default().push(last);
        }
        for (shard, uses) in shards {
            if let Err(error) = self.write_usage(shard, &uses).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the last uses of keys could not be kept");
                uses.into_iter().for_each(|last| self.ports.usage.note_last(last));
            }
        }
    }

    /// Another replica may write the same shard, so what it wrote is read and merged again.
    async fn write_usage(&self, shard: u8, uses: &[LastUse]) -> Result<(), VaultError> {
        let name = ObjectName::usage(shard);
        let mut written = Ok(());
        for _ in 0..CHANGE_ATTEMPTS_MAX {
            let read = self.vault.read::<UsageShard>(&name).await?;
            let new = || UsageShard { schema: SCHEMA, since: self.usage_since, keys: Vec::new() };
            let mut content = read.as_ref().map_or_else(new, |read| read.content.clone());
            let snapshot = self.snapshots.load();
            let now = self.ports.clock.wall();
            content.merge(uses, |last| is_there(&snapshot, last) || now.since(last.at) < USAGE_OF_UNKNOWN_KEPT);
            let result = match read {
                Some(read) if read.content == content => return Ok(()),
                Some(read) => self.vault.replace(&name, &read, &content).await,
                None => self.vault.create(&name, &content).await,
            };
            written = match result {
                Err(error @ VaultError::Store(StoreError::Conflict(_) | StoreError::AlreadyExists(_))) => Err(error),
                other => return other.map(drop),
            };
        }
        written
    }

    /// The last use of a key, and since when uses of it are noted.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn last_use(&self, key_id: &KeyId) -> Result<(Option<LastUse>, Timestamp), VaultError> {
        let noted = self.ports.usage.last(key_id);
        let kept = self.vault.read::<UsageShard>(&ObjectName::usage(shard_of(key_id.as_bytes()))).await?;
        let since = kept.as_ref().map_or(self.usage_since, |kept| kept.content.since);
        let kept = kept.and_then(|kept| kept.content.of_key(key_id).cloned());
        Ok((noted.into_iter().chain(kept).max_by_key(|last| last.at), since))
    }
}

fn is_there(snapshot: &Snapshot, last: &LastUse) -> bool {
    snapshot.get_with_either_flag(&KeyId::new(last.key_bytes, false)).is_some()
}
