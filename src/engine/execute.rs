//! Carries out the actions of a plan. No choices are made here: an action whose precondition no longer
//! holds changes nothing, and the next round plans from what is there.

use super::Engine;
use super::snapshot::binding;
use super::vault::{VaultError, claim_name};
use crate::domain::plan::{Action, Fence};
use crate::domain::record::{Lifecycle, OwnerClaim, Record};
use crate::ports::key_backend::BackendError;
use crate::ports::store::StoreError;
use crate::types::ids::KeyId;
use crate::types::limits::RSA_KEYS_POLL_PERIOD;
use crate::types::object::{Kind, ObjectName};
use crate::types::revision::Revision;
use crate::types::secret::SecretBytes;
use crate::types::time::Timestamp;

/// What became of an action.
#[derive(Clone, Debug)]
pub enum ActionResult {
    /// It is done, now or by somebody else. The revision is that of the write, where there was one.
    Done(Option<Revision>),
    /// It goes on elsewhere; look again then.
    Pending {
        /// When.
        poll_at: Timestamp,
    },
    /// It failed. Whether a write happened is not known.
    Failed(ExecuteError),
}

/// Why an action failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExecuteError {
    /// Sealed state could not be read or written.
    #[error("the sealed state failed")]
    Vault(#[from] VaultError),
    /// The root that would seal is gone from the store.
    #[error("the root is missing from the store; bring it back from a backup, nothing new is sealed until then")]
    RootMissing,
    /// The key backend could not do it.
    #[error("the key backend failed")]
    Backend(#[from] BackendError),
}

impl Engine {
    /// Carries out one action for a key.
    pub async fn execute(&self, key_id: &KeyId, action: &Action) -> ActionResult {
        let begins = matches!(
            action,
            Action::ClaimOwner(_) | Action::MoveOwner { .. } | Action::CreateRecord(_) | Action::CreateMaterial { .. }
        );
        if begins && self.snapshots.load().root_is_lost {
            return ActionResult::Failed(ExecuteError::RootMissing);
        }
        let written = match action {
            Action::ClaimOwner(claim) => self.vault.create(&own_claim_name(claim), claim).await,
            Action::ConfirmOwner(claim) => self.confirm_claim(claim).await,
            Action::CreateRecord(record) => self.vault.create(&ObjectName::key(key_id), record.as_ref()).await,
            Action::ReplaceRecord { epoch, record } => self.replace_record(key_id, *epoch, record).await,
            Action::MoveOwner { from, claim } => self.move_claim(from, claim).await,
            Action::CreateMaterial { version, term } => return self.create_material(key_id, *version, *term).await,
            Action::DestroyMaterial { stored_name, fence } => {
                return self.destroy_material(key_id, stored_name, fence).await;
            }
            Action::ForgetRecord { epoch } => self.forget_record(key_id, *epoch).await,
        };
        settle(written)
    }

    async fn confirm_claim(&self, claim: &OwnerClaim) -> Result<Revision, VaultError> {
        let name = own_claim_name(claim);
        match self.vault.claim(&claim.namespace, &claim.name).await? {
            Some(read) if !read.content.confirmed => self.vault.replace(&name, &read, claim).await,
            _ => Err(VaultError::Store(StoreError::Conflict(name))),
        }
    }

    async fn move_claim(&self, from: &KeyId, claim: &OwnerClaim) -> Result<Revision, VaultError> {
        let name = own_claim_name(claim);
        match self.vault.claim(&claim.namespace, &claim.name).await? {
            Some(read) if read.content.key_id() == *from => self.vault.replace(&name, &read, claim).await,
            _ => Err(VaultError::Store(StoreError::Conflict(name))),
        }
    }

    /// Forgets a tombstone, and the claim on it first: a claim without a record would look like a loss.
    async fn forget_record(&self, key_id: &KeyId, epoch: u64) -> Result<Revision, VaultError> {
        let name = ObjectName::key(key_id);
        let conflict = || VaultError::Store(StoreError::Conflict(name.clone()));
        let read = self.vault.record(key_id).await?.filter(|read| read.epoch == epoch).ok_or_else(conflict)?;
        let owner = &read.content.owner;
        let claim = self.vault.claim(&owner.namespace, &owner.name).await?;
        if let Some(claim) = claim.filter(|claim| claim.content.key_id() == *key_id) {
            self.vault.delete(&own_claim_name(&claim.content), &claim.stored).await?;
        }
        self.vault.delete(&name, &read.stored).await
    }

    /// The only way in which a material is ever destroyed. What the fence says is read again right before, and the
    /// deletion itself names the object in the version that was read.
    async fn destroy_material(&self, key_id: &KeyId, stored_name: &str, fence: &Fence) -> ActionResult {
        let Some(name) = ObjectName::parse(Kind::Material, stored_name).filter(|name| name.key_id() == Some(*key_id))
        else {
            return ActionResult::Done(None);
        };
        let _turn = self.destruction.pause().await;
        let stored = match self.ports.store.get(&name).await {
            Ok(Some(stored)) => stored,
            Ok(None) => return ActionResult::Done(None),
            Err(error) => return ActionResult::Failed(VaultError::Store(error).into()),
        };
        match self.vault.record(key_id).await {
            Ok(Some(read)) if self.holds(fence, &read.content) => {}
            Ok(_) => return ActionResult::Done(None),
            Err(error) => return ActionResult::Failed(error.into()),
        }
        settle(self.ports.store.delete(&name, &stored.version).await.map_err(VaultError::Store))
    }

    fn holds(&self, fence: &Fence, record: &Record) -> bool {
        match *fence {
            Fence::KeyDestroyed { due } => {
                let is_due = self.destroy_gate(record).is_some_and(|now| due <= now);
                record.lifecycle == Lifecycle::Destroying && record.due.deletion == Some(due) && is_due
            }
            Fence::ImportRemoved { version } => {
                let announced = record.announced_version == Some(version);
                !announced && record.material(version).is_some_and(|material| !material.is_present())
            }
        }
    }

    async fn replace_record(&self, key_id: &KeyId, epoch: u64, record: &Record) -> Result<Revision, VaultError> {
        let name = ObjectName::key(key_id);
        match self.vault.record(key_id).await? {
            Some(read) if read.epoch == epoch => self.vault.replace(&name, &read, record).await,
            _ => Err(VaultError::Store(StoreError::Conflict(name))),
        }
    }

    /// Stores an imported material under the name of the version that its record announces. Tells whether it is there
    /// now: bytes of an import that was given up may have the name already.
    pub(super) async fn store_import(
        &self,
        record: &Record,
        version: u32,
        material: &SecretBytes,
    ) -> Result<bool, ExecuteError> {
        if self.snapshots.load().root_is_lost {
            return Err(ExecuteError::RootMissing);
        }
        let (binding, term) = (binding(record, version), self.vault.roots.active_term());
        let made = self.ports.backend.import_material(&binding, term, material).await?;
        let name = ObjectName::material(&record.key_id(), version, term);
        match self.ports.store.create(&name, made.stored).await {
            Ok(_) => return Ok(true),
            Err(StoreError::AlreadyExists(_)) => {}
            Err(error) => return Err(VaultError::Store(error).into()),
        }
        let Some(stored) = self.ports.store.get(&name).await.map_err(VaultError::Store)? else { return Ok(false) };
        match self.ports.backend.identify(&binding, term, &stored.bytes).await {
            Ok(found) => Ok(found == made.material_id),
            Err(BackendError::Unreadable) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The name is fixed by key, version and term, and creation is exclusive: of two writers one wins, and
    /// the other adopts what it finds in its next round and drops its own.
    async fn create_material(&self, key_id: &KeyId, version: u32, term: u32) -> ActionResult {
        let read = match self.vault.record(key_id).await {
            Ok(Some(read)) if read.content.announced_version == Some(version) => read,
            Ok(_) => return ActionResult::Done(None),
            Err(error) => return ActionResult::Failed(error.into()),
        };
        match self.ports.backend.create_material(&binding(&read.content, version), term).await {
            Ok(created) => {
                let name = ObjectName::material(key_id, version, term);
                settle(self.ports.store.create(&name, created.stored).await.map_err(VaultError::Store))
            }
            Err(BackendError::Pending(poll_at)) => ActionResult::Pending { poll_at },
            Err(BackendError::Busy) => {
                ActionResult::Pending { poll_at: self.ports.clock.wall().plus(RSA_KEYS_POLL_PERIOD) }
            }
            Err(error) => ActionResult::Failed(error.into()),
        }
    }
}

fn own_claim_name(claim: &OwnerClaim) -> ObjectName {
    claim_name(&claim.namespace, &claim.name)
}

/// Another writer's success is as good as ours: the next round finds it.
pub(super) fn settle(written: Result<Revision, VaultError>) -> ActionResult {
    match written {
        Ok(revision) => ActionResult::Done(Some(revision)),
        Err(VaultError::Store(StoreError::AlreadyExists(_) | StoreError::Conflict(_))) => ActionResult::Done(None),
        Err(error) => ActionResult::Failed(error.into()),
    }
}
