//! Aliases of accounts: who finds which, and the keys that come into being when theirs is used first.

use std::sync::Arc;

use super::Engine;
use super::admit::throttled;
use super::vault::{Opened, VaultError};
use crate::api::aws::error::AwsError;
use crate::api::crd::kms_key::{KmsKeySpec, Rotation};
use crate::crypto::derive;
use crate::domain::alias::AliasClaim;
use crate::domain::platform;
use crate::domain::record::{KeyManager, SCHEMA};
use crate::domain::resource::Resource;
use crate::ports::resources::ResourceError;
use crate::ports::store::StoreError;
use crate::types::ids::KeyId;
use crate::types::object::ObjectName;
use crate::types::principal::Principal;
use crate::types::revision::Revision;
use crate::types::time::Timestamp;

/// What became of a wish to write a claim.
pub(super) enum Claimed {
    /// It is written.
    Written(Revision),
    /// Another writer was faster, or the alias is somebody else's.
    Taken,
}

impl Engine {
    /// The object that holds the claim of an alias in the account of a namespace.
    #[must_use]
    pub fn alias_object(&self, namespace: &str, alias: &str) -> ObjectName {
        ObjectName::alias(&derive::alias_hash(&self.accounts.alias_scope(namespace), alias))
    }

    /// The claim of an alias of the caller's account. One that the snapshot does not know costs a look at the store.
    pub(super) async fn find_alias(
        &self,
        principal: &Principal,
        alias: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<AliasClaim>>, AwsError> {
        let Some(namespace) = self.accounts.namespace_of(principal) else { return Ok(None) };
        let object = self.alias_object(&namespace, alias);
        // Two namespaces may share the digits of an account, and share no aliases.
        let own = |claim: &Arc<AliasClaim>| self.accounts.owns(principal, &claim.namespace) && claim.alias == alias;
        if let Some(claim) = self.snapshots.load().alias(&object) {
            return Ok(Some(Arc::clone(claim)).filter(own));
        }
        if !self.limiter.admit_quorum_read(now) {
            return Err(throttled());
        }
        let read = self.vault.read::<AliasClaim>(&object).await.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "an alias could not be read");
            AwsError::internal()
        })?;
        Ok(read.map(|read| Arc::new(read.content)).filter(own))
    }

    /// Writes a claim that must not be there, or takes the place of what a namespace that is no more left there.
    pub(super) async fn claim_alias(
        &self,
        object: &ObjectName,
        claim: &AliasClaim,
        found: Option<&Opened<AliasClaim>>,
    ) -> Result<Claimed, VaultError> {
        let written = match found {
            None => self.vault.create(object, claim).await,
            Some(left) if is_left_behind(&left.content, claim) => self.vault.replace(object, left, claim).await,
            Some(_) => return Ok(Claimed::Taken),
        };
        match written {
            Ok(revision) => Ok(Claimed::Written(revision)),
            Err(VaultError::Store(StoreError::AlreadyExists(_) | StoreError::Conflict(_))) => Ok(Claimed::Taken),
            Err(error) => Err(error),
        }
    }

    /// Makes the platform-managed key of an alias that is used first, for a caller who may use the account's keys.
    /// Of two first uses at once, both find the key that one of them made. No other alias ever makes a key.
    pub(super) async fn make_platform_key(
        &self,
        principal: &Principal,
        alias: &str,
    ) -> Result<Option<KeyId>, AwsError> {
        let Some((name, namespace)) = platform::resource_name(alias).zip(self.accounts.namespace_of(principal)) else {
            return Ok(None);
        };
        let failed = |error: &(dyn std::error::Error + 'static)| {
            tracing::error!(error, "a platform-managed key could not be made");
            AwsError::internal()
        };
        let resource = self.project_platform_key(&namespace, &name).await.map_err(|error| failed(&error))?;
        let settled = self.reconcile(&namespace, &name, Some(&resource)).await.map_err(|error| failed(&error))?;
        let Some(key_id) = settled.filter(|settled| settled.complete).map(|settled| settled.key_id) else {
            return Err(AwsError::internal());
        };
        self.bind_platform_alias(&resource, alias, &key_id).await.map_err(|error| failed(&error))?;
        Ok(Some(key_id))
    }

    async fn bind_platform_alias(&self, resource: &Resource, alias: &str, key_id: &KeyId) -> Result<(), VaultError> {
        let (object, now) = (self.alias_object(&resource.namespace, alias), self.ports.clock.wall());
        let claim = AliasClaim {
            schema: SCHEMA,
            namespace: resource.namespace.clone(),
            namespace_uid: resource.namespace_uid,
            alias: alias.to_owned(),
            key_bytes: *key_id.as_bytes(),
            multi_region: key_id.is_multi_region(),
            owner: None,
            created_at: now,
            updated_at: now,
        };
        let found = self.vault.read::<AliasClaim>(&object).await?;
        if let Claimed::Written(revision) = self.claim_alias(&object, &claim, found.as_ref()).await? {
            self.show(revision).await;
        }
        Ok(())
    }

    /// Puts the resource of a platform-managed key there, where it is not. What it says is for people: the key follows
    /// what Coffer fixed.
    pub(super) async fn project_platform_key(&self, namespace: &str, name: &str) -> Result<Resource, ResourceError> {
        if let Some(found) = self.ports.resources.get(namespace, name).await? {
            return Ok(found);
        }
        let rotation = Rotation { automatic: Some(true), ..Rotation::default() };
        let spec = KmsKeySpec { rotation: Some(rotation), ..KmsKeySpec::default() };
        self.ports.resources.create(namespace, name, spec).await
    }

    /// Brings the resource of a platform-managed key back that somebody removed, unless its namespace is gone too.
    pub(super) async fn bring_platform_key_back(&self, namespace: &str, name: &str) {
        if platform::manager_of(name) != Some(KeyManager::Aws) {
            return;
        }
        match self.project_platform_key(namespace, name).await {
            Ok(resource) => drop(self.reconcile_or_report(&resource).await),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::info!(namespace, name, error, "the resource of a platform-managed key is not made again");
            }
        }
    }
}

/// Whether a claim is one that a namespace left which was deleted and made again since.
fn is_left_behind(left: &AliasClaim, claim: &AliasClaim) -> bool {
    left.namespace == claim.namespace && left.namespace_uid != claim.namespace_uid
}
