//! The sweep: looks at everything, and finds what no event brought.

use std::collections::HashSet;

use super::Engine;
use super::reconcile::ReconcileError;
use super::snapshot::Known;
use super::vault::VaultError;
use crate::api::crd::condition::{Condition, ConditionReason, ConditionStatus, ConditionType};
use crate::domain::lifecycle::MaterialHealth;
use crate::domain::record::{HoldCause, OwnerClaim};
use crate::domain::resource::Resource;
use crate::domain::validate::wanted_key;
use crate::ports::resources::{Listing, Report};
use crate::types::ids::KeyId;
use crate::types::object::Kind;
use crate::types::time::Timestamp;

impl Engine {
    /// Looks at every resource and at every key without one: finds what no event brought.
    ///
    /// # Errors
    /// Where the resources cannot be listed completely; an incomplete list would look like removals.
    pub async fn sweep(&self) -> Result<(), ReconcileError> {
        // The snapshot first: a key that it shows had its resource before the list was read.
        let snapshot = self.snapshots.load();
        let Listing { resources, unreadable } = self.ports.resources.list().await?;
        let unconfirmed = self.unconfirmed_claims().await?;
        for resource in &resources {
            let name = (resource.namespace.clone(), resource.name.clone());
            if unconfirmed.contains(&name) || !self.is_in_sync(resource) {
                self.reconcile_or_report(resource).await;
            }
        }
        let read = resources.iter().map(|resource| (resource.namespace.as_str(), resource.name.as_str()));
        let there = unreadable.iter().map(|(namespace, name)| (namespace.as_str(), name.as_str()));
        let present: HashSet<(&str, &str)> = read.chain(there).collect();
        for entry in snapshot.keys() {
            let owner = &entry.record.owner;
            let held = entry.record.hold(HoldCause::ResourceDeleted).is_some();
            let listed = present.contains(&(owner.namespace.as_str(), owner.name.as_str()));
            // A resource that was applied again since the list was read is not gone.
            if !held && !listed && self.ports.resources.get(&owner.namespace, &owner.name).await?.is_none() {
                self.reconcile_removed(&owner.namespace, &owner.name).await;
            }
        }
        Ok(())
    }

    /// Reconciles a resource; a failure is reported as its condition, and the sweep comes back to it.
    pub async fn reconcile_or_report(&self, resource: &Resource) {
        let (namespace, name) = (resource.namespace.as_str(), resource.name.as_str());
        if let Err(error) = self.reconcile(namespace, name, Some(resource)).await {
            let previous = self.ports.resources.reported(namespace, name).await;
            let conditions = failure_conditions(&error, resource, &previous, self.ports.clock.wall());
            let key_id = self.new_key_id(resource).unwrap_or(KeyId::new([0; 16], false));
            tracing::error!(
                namespace,
                name,
                error = &error as &dyn std::error::Error,
                "a KmsKey could not be reconciled"
            );
            self.ports.resources.report(resource, Report { key_id, conditions }).await;
        }
    }

    async fn reconcile_removed(&self, namespace: &str, name: &str) {
        match self.reconcile(namespace, name, None).await {
            Ok(Some(settled)) => {
                let key_id = settled.key_id;
                tracing::warn!(%key_id, "the KmsKey {namespace}/{name} is gone; apply it again to restore its key");
            }
            Ok(None) => {}
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(namespace, name, error, "the removal of a KmsKey could not be noted");
            }
        }
    }

    /// A cheap look at the snapshot that spares thousands of reads at every start.
    fn is_in_sync(&self, resource: &Resource) -> bool {
        let Some(key_id) = self.new_key_id(resource) else { return false };
        let Some(Known::Key(entry)) = self.snapshots.load().get(&key_id) else { return false };
        let owner = &entry.record.owner;
        let wanted = wanted_key(&resource.spec).ok();
        resource.key_was_made
            && entry.health == MaterialHealth::Complete
            && entry.record.announced_version.is_none()
            && entry.record.hold(HoldCause::ResourceDeleted).is_none()
            && (owner.resource_uid, owner.generation) == (resource.uid, resource.generation)
            && (owner.namespace.as_str(), owner.name.as_str()) == (resource.namespace.as_str(), resource.name.as_str())
            && wanted
                .is_some_and(|wanted| wanted.mutable == entry.record.spec && wanted.immutable == entry.record.immutable)
    }

    /// Names whose key was made and whose claim does not say so yet: a crash came between the two. Claims are
    /// not in the snapshot, because no request asks for them.
    async fn unconfirmed_claims(&self) -> Result<HashSet<(String, String)>, ReconcileError> {
        let claims = self.ports.store.list(Kind::Owner).await.map_err(VaultError::Store)?;
        let unconfirmed = claims.into_iter().filter_map(|(name, stored)| {
            // A claim that does not open is reported when its resource is reconciled.
            let claim = self.vault.open::<OwnerClaim>(&name, stored).ok()?.content;
            (!claim.confirmed).then_some((claim.namespace, claim.name))
        });
        Ok(unconfirmed.collect())
    }
}

fn failure_conditions(
    error: &ReconcileError,
    resource: &Resource,
    previous: &[Condition],
    now: Timestamp,
) -> Vec<Condition> {
    let reason = match error {
        ReconcileError::Vault(VaultError::DoesNotOpen(_) | VaultError::Content { .. }) => {
            ConditionReason::RecordUnreadable
        }
        _ => ConditionReason::Failed,
    };
    let message = match error {
        ReconcileError::Vault(cause) => cause.to_string(),
        other => format!("{other}; it is tried again"),
    };
    let generation = i64::try_from(resource.generation).unwrap_or(i64::MAX);
    let condition = |kind, status| {
        let same = |condition: &&Condition| condition.kind == kind && condition.status == status;
        let last_transition_time = previous.iter().find(same).map_or(now, |condition| condition.last_transition_time);
        let message = message.clone();
        Condition { kind, status, reason, message, observed_generation: generation, last_transition_time }
    };
    let stalled = reason == ConditionReason::RecordUnreadable;
    let status = |holds: bool| if holds { ConditionStatus::True } else { ConditionStatus::False };
    vec![
        condition(ConditionType::Ready, ConditionStatus::False),
        condition(ConditionType::Reconciling, status(!stalled)),
        condition(ConditionType::Stalled, status(stalled)),
    ]
}
