//! Follows `KeyAlias` resources: observe, plan, write, until nothing is left to do; and finds what no event brought.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::Engine;
use super::alias_index::AliasEntry;
use super::changes::Owner;
use super::execute::ActionResult;
use super::reconcile::ReconcileError;
use super::service_events::{Moment, ServiceEvent};
use super::snapshot::{KeyEntry, Known};
use super::sweep::failure_conditions;
use crate::api::crd::condition::{Condition, ConditionReason};
use crate::domain::alias::AliasClaim;
use crate::domain::lifecycle::{MaterialHealth, effective_state};
use crate::domain::reconcile::key_alias::{
    AliasAction, AliasReason, Input, Plan, ReadClaim, Target, TargetKey, plan, release,
};
use crate::domain::reconcile::stalled::{self, Obstacle};
use crate::domain::record::{ImmutableSpec, Record};
use crate::domain::resource::AliasResource;
use crate::domain::vanished::is_living;
use crate::ports::alias_resources::{AliasListing, AliasReport, Wanting};
use crate::ports::audit::Parameter;
use crate::types::limits::{ALIAS_RETRY_PERIOD, RECONCILE_ROUNDS_MAX, WAKE_AFTER_MAX};
use crate::types::time::Timestamp;

/// What was read.
struct Observed {
    read: Option<ReadClaim>,
    target: Target,
    bound: Option<ImmutableSpec>,
}

impl Engine {
    /// Follows a change of a `KeyAlias`, of its key or of the claim on its alias. Tells when to look again at the
    /// latest. A failure is reported as its condition.
    ///
    /// # Errors
    /// The failure that was reported.
    pub async fn follow_alias(&self, resource: &AliasResource) -> Result<Timestamp, ReconcileError> {
        let previous = self.ports.aliases.reported(&resource.namespace, &resource.name).await;
        let followed = self.bring_alias_about(resource, &previous).await;
        let now = self.ports.clock.wall();
        let (conditions, target_key_id) = match &followed {
            Ok((plan, key_id)) => (plan.conditions.clone(), key_id.clone()),
            Err(error) => (failure_conditions(error, resource.generation, &previous, now), None),
        };
        self.report_alias(resource, conditions, target_key_id).await;
        let waits = followed?.0.because == AliasReason::Refused;
        Ok(now.plus(if waits { ALIAS_RETRY_PERIOD } else { WAKE_AFTER_MAX }))
    }

    /// Gives up the aliases of a `KeyAlias` that is gone, unless it is there again.
    ///
    /// # Errors
    /// Where it cannot be known whether it is there, or a claim cannot be given up.
    pub async fn follow_alias_removal(&self, namespace: &str, name: &str) -> Result<(), ReconcileError> {
        if self.ports.aliases.get(namespace, name).await?.is_some() {
            return Ok(());
        }
        self.release_aliases(namespace, name, None).await
    }

    /// Looks at every `KeyAlias`, and at every alias whose own is gone.
    ///
    /// # Errors
    /// Where the resources cannot be listed completely; an incomplete list would look like removals.
    pub async fn sweep_aliases(&self) -> Result<(), ReconcileError> {
        // The snapshot first: an alias that it shows had its resource before the list was read.
        let snapshot = self.snapshots.load();
        let AliasListing { resources, unreadable } = self.ports.aliases.list().await?;
        for resource in &resources {
            if let Err(error) = self.follow_alias(resource).await {
                // It was told to the user; the sweep goes on with the next one.
                let (namespace, name) = (&resource.namespace, &resource.name);
                tracing::error!(namespace, name, error = &error as &dyn std::error::Error, "a KeyAlias failed");
            }
        }
        let read = resources.iter().map(|resource| (resource.namespace.as_str(), resource.name.as_str()));
        let there = unreadable.iter().map(|(namespace, name)| (namespace.as_str(), name.as_str()));
        let present: HashSet<(&str, &str)> = read.chain(there).collect();
        let mut failed = None;
        for entry in snapshot.aliases.all() {
            let Some(owner) = &entry.claim.owner else { continue };
            if !present.contains(&(entry.claim.namespace.as_str(), owner.as_str())) {
                // One that fails must not keep the others from being given up.
                failed = self.follow_alias_removal(&entry.claim.namespace, owner).await.err().or(failed);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Gives up what a resource keeps, but for one alias.
    async fn release_aliases(&self, namespace: &str, name: &str, but: Option<&str>) -> Result<(), ReconcileError> {
        let snapshot = self.snapshots.load();
        let scope = self.accounts.alias_scope(namespace);
        let is_own = |claim: &AliasClaim| claim.namespace == namespace && claim.owner.as_deref() == Some(name);
        let shown = snapshot.aliases.of_scope(&scope).map(|entry| &entry.claim).filter(|claim| is_own(claim));
        let mut kept = self.alias_claims.of(namespace, name);
        kept.extend(shown.map(|claim| claim.alias.clone()));
        for alias in kept.iter().filter(|alias| Some(alias.as_str()) != but) {
            self.release_alias(namespace, name, alias).await?;
        }
        self.alias_claims.forget(namespace, name, but);
        Ok(())
    }

    /// Gives one alias up, again where another writer was faster: nothing else would notice that it is still taken.
    async fn release_alias(&self, namespace: &str, name: &str, alias: &str) -> Result<(), ReconcileError> {
        for round in 0..RECONCILE_ROUNDS_MAX {
            let Some(read) = self.read_alias(namespace, alias).await? else { return Ok(()) };
            let Some(action) = release(namespace, name, &read.to_read_claim()) else { return Ok(()) };
            if round == 0 {
                self.record_alias_event("DeleteAlias", action.claim(), name).await?;
            }
            if self.write_alias_action(&action).await? {
                return Ok(());
            }
        }
        Err(ReconcileError::AliasBusy)
    }

    async fn bring_alias_about(
        &self,
        resource: &AliasResource,
        previous: &[Condition],
    ) -> Result<(Plan, Option<String>), ReconcileError> {
        // A resource that was made again under its name may have another alias.
        self.release_aliases(&resource.namespace, &resource.name, Some(&resource.spec.alias_name)).await?;
        let mut observed = self.shown_alias(resource);
        let mut plan = self.plan_alias(resource, &observed, previous);
        for _ in 0..RECONCILE_ROUNDS_MAX {
            // What the snapshot shows may be old, and only of what needs nothing it is enough.
            if plan.because != AliasReason::InSync || observed.read.is_none() {
                observed = self.observe_alias(resource).await?;
                plan = self.plan_alias(resource, &observed, previous);
            }
            let Some(action) = &plan.action else { break };
            if let Some(event) = plan.because.event() {
                self.record_alias_event(event, action.claim(), &resource.name).await?;
            }
            self.write_alias_action(action).await?;
        }
        let named = observed.read.map(|read| read.claim);
        let own = named.filter(|claim| keeps(resource, claim) && !self.is_void(claim));
        Ok((plan, own.map(|claim| claim.key_id().to_string())))
    }

    fn plan_alias(&self, resource: &AliasResource, observed: &Observed, previous: &[Condition]) -> Plan {
        plan(&Input {
            resource,
            read: observed.read.as_ref(),
            target: &observed.target,
            bound: observed.bound,
            elder: self.elder_of(resource).as_deref(),
            now: self.ports.clock.wall(),
            previous,
        })
    }

    /// An older resource that wants the same alias in the same scope.
    fn elder_of(&self, resource: &AliasResource) -> Option<String> {
        let (own, scope) = (Wanting::of(resource), self.accounts.alias_scope(&resource.namespace));
        let wanting = self.ports.aliases.wanting(&resource.spec.alias_name);
        let of_scope = wanting.into_iter().filter(|one| self.accounts.alias_scope(&one.namespace) == scope);
        let eldest = of_scope.min().filter(|eldest| *eldest < own)?;
        Some(format!("{}/{}", eldest.namespace, eldest.name))
    }

    /// Namespaces and names of the resources that keep an alias.
    #[must_use]
    pub fn alias_keepers(&self) -> BTreeSet<Owner> {
        let snapshot = self.snapshots.load();
        let keeper = |entry: &Arc<AliasEntry>| Some((entry.claim.namespace.clone(), entry.claim.owner.clone()?));
        snapshot.aliases.all().filter_map(keeper).collect()
    }

    /// Tells of a resource that is being deleted and is not gone yet.
    pub async fn report_leaving_alias(&self, resource: &AliasResource) {
        let previous = self.ports.aliases.reported(&resource.namespace, &resource.name).await;
        let message = "the resource is being deleted, and its alias is given up";
        let obstacle = Obstacle { reason: ConditionReason::PendingDeletion, message, stalls: true };
        let generation = i64::try_from(resource.generation).unwrap_or(i64::MAX);
        let conditions = stalled::conditions(&obstacle, generation, &previous, self.ports.clock.wall());
        self.report_alias(resource, conditions, None).await;
    }

    async fn report_alias(&self, resource: &AliasResource, conditions: Vec<Condition>, target_key_id: Option<String>) {
        let account = self.accounts.account_of(&resource.namespace);
        let alias_arn = self.place(account).alias_arn(&resource.spec.alias_name);
        self.ports.aliases.report(resource, AliasReport { target_key_id, alias_arn, conditions }).await;
    }

    /// What the snapshot shows, without any reading: enough to find that a resource needs nothing.
    fn shown_alias(&self, resource: &AliasResource) -> Observed {
        let snapshot = self.snapshots.load();
        let scope = self.accounts.alias_scope(&resource.namespace);
        let claim = snapshot.aliases.get(&scope, &resource.spec.alias_name).map(|entry| entry.claim.clone());
        let entry = claim.as_ref().and_then(|claim| match snapshot.get(&claim.key_id()) {
            Some(Known::Key(entry)) => Some(entry),
            _ => None,
        });
        let referred = entry.filter(|entry| is_referred(resource, &entry.record));
        let target =
            referred.map_or(Target::Missing, |entry: Arc<KeyEntry>| self.target_of(&entry.record, entry.health));
        Observed { read: claim.map(|claim| ReadClaim { claim, epoch: 0 }), target, bound: None }
    }

    /// Reads everything that a plan depends on.
    async fn observe_alias(&self, resource: &AliasResource) -> Result<Observed, ReconcileError> {
        let read = self.read_alias(&resource.namespace, &resource.spec.alias_name).await?;
        let claimed = self.vault.claim(&resource.namespace, &resource.spec.key_ref.name).await?;
        let record = match claimed {
            Some(claim) => self.vault.record(&claim.content.key_id()).await?,
            None => None,
        };
        let record = record.map(|read| read.content).filter(|record| is_referred(resource, record));
        // Whether its material is whole is nothing to an alias, which would not be taken away for that.
        let target = record.map_or(Target::Missing, |record| self.target_of(&record, MaterialHealth::Complete));
        let bound = match read.as_ref().map(|read| read.content.key_id()) {
            Some(key_id) => self.vault.record(&key_id).await?.map(|read| read.content.immutable),
            None => None,
        };
        Ok(Observed { read: read.map(|read| read.to_read_claim()), target, bound })
    }

    fn target_of(&self, record: &Record, health: MaterialHealth) -> Target {
        if !is_living(record) {
            return Target::Destroyed;
        }
        let key_id = record.key_id();
        Target::Key(TargetKey {
            key_id,
            owner: record.owner.clone(),
            immutable: record.immutable,
            manager: record.manager(),
            state: effective_state(record, health, self.ports.clock.wall()),
            deletion: record.due.deletion,
            aliases: self.snapshots.load().aliases.of_key(&key_id).count(),
        })
    }

    /// Carries out a write. Tells whether it happened, or another writer was faster.
    async fn write_alias_action(&self, action: &AliasAction) -> Result<bool, ReconcileError> {
        let claim = action.claim();
        if let Some(owner) = claim.owner.as_deref().filter(|_| !matches!(action, AliasAction::Release { .. })) {
            self.alias_claims.note(&claim.namespace, owner, &claim.alias);
        }
        match self.execute_alias(action).await {
            ActionResult::Done(Some(revision)) => self.show(revision).await,
            ActionResult::Done(None) | ActionResult::Pending { .. } => return Ok(false),
            ActionResult::Failed(source) => {
                let action = match action {
                    AliasAction::Create(_) => "ClaimAlias",
                    AliasAction::Replace { .. } => "MoveAlias",
                    AliasAction::Release { .. } => "ReleaseAlias",
                };
                return Err(ReconcileError::Action { action, source });
            }
        }
        Ok(true)
    }

    /// Records what is about to happen to an alias; without the record it does not.
    async fn record_alias_event(
        &self,
        name: &'static str,
        claim: &AliasClaim,
        resource: &str,
    ) -> Result<(), ReconcileError> {
        let details = vec![
            ("keyAlias", Parameter::Text(format!("{}/{resource}", claim.namespace))),
            ("aliasName", Parameter::Text(claim.alias.clone())),
            ("targetKeyId", Parameter::Text(claim.key_id().to_string())),
        ];
        Ok(self.record_event(&ServiceEvent { name, moment: Moment::Before }, None, details).await?)
    }
}

/// Whether a record is of the key that a resource refers to. A key of an earlier namespace of this name is none,
/// before its restore was approved.
fn is_referred(resource: &AliasResource, record: &Record) -> bool {
    let owner = &record.owner;
    owner.namespace == resource.namespace
        && owner.namespace_uid == resource.namespace_uid
        && owner.name == resource.spec.key_ref.name
}

fn keeps(resource: &AliasResource, claim: &AliasClaim) -> bool {
    claim.namespace == resource.namespace && claim.owner.as_deref() == Some(resource.name.as_str())
}
