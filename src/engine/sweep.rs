//! The sweep: looks at everything, and finds what no event brought.

use std::collections::HashSet;
use std::sync::Arc;

use super::Engine;
use super::reconcile::ReconcileError;
use super::snapshot::{KeyEntry, Known};
use super::vault::VaultError;
use crate::api::crd::condition::{Condition, ConditionReason};
use crate::domain::event::EventReason;
use crate::domain::lifecycle::MaterialHealth;
use crate::domain::platform;
use crate::domain::reconcile::kms_key::wanted;
use crate::domain::reconcile::stalled::{self, Obstacle};
use crate::domain::record::{HoldCause, KeyManager, Lifecycle, OwnerClaim};
use crate::domain::resource::Resource;
use crate::domain::vanished::is_living;

use crate::ports::resources::{Listing, Report};
use crate::types::limits::WAKE_AFTER_MAX;
use crate::types::object::Kind;
use crate::types::time::Timestamp;

impl Engine {
    /// Looks at every resource and at every key without one: finds what no event brought.
    ///
    /// # Errors
    /// Where the resources cannot be listed completely; an incomplete list would look like removals. Where a removal
    /// cannot be noted, after all others were.
    pub async fn sweep(&self) -> Result<(), ReconcileError> {
        self.sweep_resources(true).await
    }

    /// The same without the resources that are there, for whoever follows those in another way.
    ///
    /// # Errors
    /// As those of `sweep`.
    pub async fn sweep_removed(&self) -> Result<(), ReconcileError> {
        self.sweep_resources(false).await
    }

    async fn sweep_resources(&self, all: bool) -> Result<(), ReconcileError> {
        // The snapshot first: a key that it shows had its resource before the list was read.
        let snapshot = self.snapshots.load();
        let Listing { resources, unreadable } = self.ports.resources.list().await?;
        let unconfirmed = self.unconfirmed_claims().await?;
        for resource in &resources {
            let name = (resource.namespace.clone(), resource.name.clone());
            if unconfirmed.contains(&name) || (all && !self.report_in_sync(resource).await) {
                // A failure was told to the user; the sweep goes on with the next one.
                drop(self.reconcile_or_report(resource).await);
            }
        }
        let read = resources.iter().map(|resource| (resource.namespace.as_str(), resource.name.as_str()));
        let there = unreadable.iter().map(|(namespace, name)| (namespace.as_str(), name.as_str()));
        let present: HashSet<(&str, &str)> = read.chain(there).collect();
        let mut failed = None;
        for entry in snapshot.keys() {
            let owner = &entry.record.owner;
            let held = entry.record.hold(HoldCause::ResourceDeleted).is_some();
            let listed = present.contains(&(owner.namespace.as_str(), owner.name.as_str()));
            // A resource that was applied again since the list was read is not gone.
            if !held && !listed && is_living(&entry.record) {
                // One that fails must not keep the others from being noted.
                failed = self.follow_removal(&owner.namespace, &owner.name).await.err().or(failed);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Follows a change of a resource or of its key. One that is already followed is only told about, without
    /// any reading. Tells when to look again at the latest.
    ///
    /// # Errors
    /// What failed; it was reported too.
    pub async fn follow_resource(&self, resource: &Resource) -> Result<Timestamp, ReconcileError> {
        if self.report_in_sync(resource).await {
            return Ok(self.ports.clock.wall().plus(WAKE_AFTER_MAX));
        }
        self.reconcile_or_report(resource).await
    }

    /// Tells how a key stands whose resource is in sync with the snapshot.
    async fn report_in_sync(&self, resource: &Resource) -> bool {
        let Some(entry) = self.in_sync_entry(resource) else { return false };
        let previous = self.ports.resources.reported(&resource.namespace, &resource.name).await;
        let report = self.report_of(&entry, resource, &previous);
        self.ports.resources.report(resource, report).await;
        true
    }

    /// Reconciles a resource; a failure is reported as its condition, and the sweep comes back to it.
    ///
    /// # Errors
    /// The failure that was reported.
    pub async fn reconcile_or_report(&self, resource: &Resource) -> Result<Timestamp, ReconcileError> {
        let (namespace, name) = (resource.namespace.as_str(), resource.name.as_str());
        let settled = self.reconcile(namespace, name, Some(resource)).await;
        if let Err(error) = &settled {
            let previous = self.ports.resources.reported(namespace, name).await;
            let conditions = failure_conditions(error, resource.generation, &previous, self.ports.clock.wall());
            tracing::error!(
                namespace,
                name,
                error = error as &dyn std::error::Error,
                "a KmsKey could not be reconciled"
            );
            self.ports.resources.report(resource, Report { key: None, conditions, happened: Vec::new() }).await;
        }
        let latest = self.ports.clock.wall().plus(WAKE_AFTER_MAX);
        settled.map(|settled| settled.map_or(latest, |settled| settled.wake_at))
    }

    /// Notes the removal of a resource, unless it is there again.
    ///
    /// # Errors
    /// Where it cannot be known whether it is there, or its removal cannot be noted; it is to be followed again.
    pub async fn follow_removal(&self, namespace: &str, name: &str) -> Result<(), ReconcileError> {
        if self.ports.resources.get(namespace, name).await?.is_none() {
            if platform::alias_name(name).is_some() {
                return self.make_platform_resource_again(namespace, name).await;
            }
            self.reconcile_removed(namespace, name).await?;
        }
        Ok(())
    }

    /// Tells how the key stands of a resource that is being deleted and is not gone yet.
    ///
    /// # Errors
    /// Where the key cannot be read.
    pub async fn report_leaving(&self, resource: &Resource) -> Result<(), ReconcileError> {
        let (namespace, name) = (resource.namespace.as_str(), resource.name.as_str());
        let Some(claim) = self.vault.claim(namespace, name).await? else { return Ok(()) };
        let Some(read) = self.vault.record(&claim.content.key_id()).await? else { return Ok(()) };
        let record = read.content;
        if record.owner.resource_uid != resource.uid || record.hold(HoldCause::ResourceDeleted).is_none() {
            return Ok(());
        }
        let message = EventReason::DeletionScheduled.left(&record);
        let obstacle = Obstacle { reason: ConditionReason::PendingDeletion, message: &message, stalls: true };
        let previous = self.ports.resources.reported(namespace, name).await;
        let generation = i64::try_from(resource.generation).unwrap_or(i64::MAX);
        let conditions = stalled::conditions(&obstacle, generation, &previous, self.ports.clock.wall());
        let key = Some(self.projection(&record, MaterialHealth::Complete));
        self.ports.resources.report(resource, Report { key, conditions, happened: Vec::new() }).await;
        Ok(())
    }

    /// The resource of a platform-managed key is nobody's to remove: for as long as its namespace lives it comes back.
    async fn make_platform_resource_again(&self, namespace: &str, name: &str) -> Result<(), ReconcileError> {
        let Some(claim) = self.vault.claim(namespace, name).await? else { return Ok(()) };
        let Some(read) = self.vault.record(&claim.content.key_id()).await? else { return Ok(()) };
        let lives = self.ports.resources.namespace_uid(namespace) == Some(read.content.owner.namespace_uid);
        if read.content.manager() != KeyManager::Aws || !lives {
            return Ok(());
        }
        match self.platform_resource(namespace, name).await {
            Ok(Some(resource)) => drop(self.reconcile_or_report(&resource).await),
            Ok(None) => {}
            // A namespace that is being deleted takes no new resources, and no sweep ends for that.
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(namespace, name, error, "the KmsKey of a platform-managed key could not be made again");
            }
        }
        Ok(())
    }

    async fn reconcile_removed(&self, namespace: &str, name: &str) -> Result<(), ReconcileError> {
        match self.reconcile(namespace, name, None).await {
            // It is there again, and whoever saw it come follows it.
            Ok(_) | Err(ReconcileError::StaleResource) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A cheap look at the snapshot that spares thousands of reads at every start.
    fn in_sync_entry(&self, resource: &Resource) -> Option<Arc<KeyEntry>> {
        let Some(Known::Key(entry)) = self.snapshots.load().get(&self.new_key_id(resource)?) else { return None };
        let owner = &entry.record.owner;
        let wanted = wanted(resource).ok();
        let in_sync = resource.key_was_made
            && entry.health == MaterialHealth::Complete
            && entry.record.announced_version.is_none()
            && entry.record.rotating_material().is_none()
            && entry.record.lifecycle == Lifecycle::Created
            && entry.record.hold(HoldCause::ResourceDeleted).is_none()
            && (owner.resource_uid, owner.generation) == (resource.uid, resource.generation)
            && (owner.namespace.as_str(), owner.name.as_str()) == (resource.namespace.as_str(), resource.name.as_str())
            && wanted.is_some_and(|wanted| {
                let request = wanted.mutable.rotation.on_demand_request.as_deref();
                request.is_none_or(|request| entry.record.has_seen_request(request))
                    && wanted.mutable == entry.record.spec
                    && wanted.immutable == entry.record.immutable
            });
        in_sync.then_some(entry)
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

pub(super) fn failure_conditions(
    error: &ReconcileError,
    generation: u64,
    previous: &[Condition],
    now: Timestamp,
) -> Vec<Condition> {
    let reason = match error {
        ReconcileError::Vault(VaultError::DoesNotOpen(_) | VaultError::Content { .. }) => {
            ConditionReason::RecordUnreadable
        }
        ReconcileError::FixedKeyId => ConditionReason::InvalidSpec,
        _ => ConditionReason::Failed,
    };
    let stalls = reason != ConditionReason::Failed;
    let message = match error {
        ReconcileError::Vault(cause) if stalls => format!("{cause}; restore it from a backup"),
        ReconcileError::FixedKeyId => error.to_string(),
        other => format!("{}; it is tried again", with_causes(other)),
    };
    let generation = i64::try_from(generation).unwrap_or(i64::MAX);
    stalled::conditions(&Obstacle { reason, message: &message, stalls }, generation, previous, now)
}

/// An error and what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source()).take(CAUSES_MAX);
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

/// Causes that a condition tells of.
const CAUSES_MAX: usize = 4;
