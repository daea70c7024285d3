//! Heartbeats: each replica tells what it has seen.

use super::Engine;
use super::vault::VaultError;
use crate::domain::record::{RECORD_SCHEMA, SCHEMA};
use crate::domain::replica::Replica;
use crate::ports::store::StoreError;
use crate::types::object::{Kind, ObjectName};

/// The newest suite of containers that this version opens.
const SUITE_MAX: u32 = 1;

impl Engine {
    /// Writes the heartbeat of this replica. A conflict means that another process goes by the same name; the
    /// next beat tries again.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn beat(&self, name: &str, version: &str) -> Result<(), VaultError> {
        let Some(object) = ObjectName::replica(name) else { return Ok(()) };
        let replica = Replica {
            schema: SCHEMA,
            name: name.to_owned(),
            version: version.to_owned(),
            seen_revision: self.snapshots.load().revision.0,
            schema_max: RECORD_SCHEMA,
            suite_max: SUITE_MAX,
            beat_at: self.ports.clock.wall(),
        };
        let written = match self.vault.read::<Replica>(&object).await? {
            Some(read) => self.vault.replace(&object, &read, &replica).await,
            None => self.vault.create(&object, &replica).await,
        };
        match written {
            Err(VaultError::Store(StoreError::Conflict(_) | StoreError::AlreadyExists(_))) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// All replicas that ever wrote and were not forgotten, by name.
    ///
    /// # Errors
    /// Those of the store. A heartbeat that does not open is left out: nothing is decided by one.
    pub async fn replicas(&self) -> Result<Vec<Replica>, VaultError> {
        let listed = self.ports.store.list(Kind::Replica).await?;
        let open = |(name, stored)| self.vault.open::<Replica>(&name, stored).ok().map(|opened| opened.content);
        let mut replicas: Vec<Replica> = listed.into_iter().filter_map(open).collect();
        replicas.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(replicas)
    }
}
