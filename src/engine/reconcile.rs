//! Observe, plan, execute, until nothing is left to do. Controllers, `coffer local` and API calls share it.

use super::Engine;
use super::execute::{ActionResult, ExecuteError};
use super::snapshot::{KeyEntry, Known};
use super::vault::{Opened, VaultError};
use crate::api::crd::condition::Condition;
use crate::api::crd::kms_key::KmsKeyStatus;
use crate::crypto::derive;
use crate::crypto::seal::MaterialBinding;
use crate::domain::lifecycle::MaterialHealth;
use crate::domain::plan::{Action, FoundMaterial, Plan, Reason, Seen, SeenMaterial};
use crate::domain::reconcile::kms_key::{Input, ReadRecord, plan};
use crate::domain::reconcile::kms_key_status::project;
use crate::domain::record::{Material, OwnerClaim, Record};
use crate::domain::resource::Resource;
use crate::domain::validate::wanted_key;
use crate::ports::key_backend::BackendError;
use crate::ports::resources::{Report, ResourceError};
use crate::types::ids::KeyId;
use crate::types::key::{KeySpec, Origin};
use crate::types::limits::{LOSS_LOOK_PERIOD, RECONCILE_ROUNDS_MAX, REVISION_WAIT_MAX, WAKE_AFTER_MAX};
use crate::types::object::ObjectName;
use crate::types::revision::Revision;
use crate::types::time::Timestamp;

/// How a reconcile ended.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The key.
    pub key_id: KeyId,
    /// Why the last plan was as it was.
    pub because: Reason,
    /// Whether nothing is left to do.
    pub complete: bool,
    /// When to look again at the latest.
    pub wake_at: Timestamp,
}

/// Why a reconcile could not go on. Nothing was lost: the next one begins where this one ended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Sealed state could not be read.
    #[error("the sealed state could not be read")]
    Vault(#[from] VaultError),
    /// An action failed.
    #[error("{action} failed")]
    Action {
        /// The action's name.
        action: &'static str,
        /// Why.
        #[source]
        source: ExecuteError,
    },
    /// Whoever may name a key id may take one that another resource's lost key would need.
    #[error(
        "spec.keyId: this installation does not allow fixed key ids; leave it out, or start servers with --allow-fixed-key-ids"
    )]
    FixedKeyId,
    /// The resource was made again since it was read.
    #[error("the resource is older than what the api server holds")]
    StaleResource,
    /// Resources could not be read.
    #[error("the resources could not be read")]
    Resources(#[from] ResourceError),
}

struct Observed {
    key_id: KeyId,
    /// Whether all of it was read in one go.
    at_once: bool,
    record: Option<Opened<Record>>,
    seen: Seen,
}

impl Observed {
    fn health(&self) -> MaterialHealth {
        let listed = self.record.as_ref().map_or(&[][..], |read| &read.content.materials);
        let is_there = |material: &Material| {
            let found = FoundMaterial::Present(material.material_id);
            self.seen.materials.iter().any(|seen| seen.version == material.version && seen.found == found)
        };
        if listed.iter().all(is_there) { MaterialHealth::Complete } else { MaterialHealth::Damaged }
    }
}

/// How the actions of a round ended.
enum Carried {
    /// Each was done, all by this process `alone` or some by another.
    Out { alone: bool },
    /// One goes on elsewhere.
    Waits { poll_at: Timestamp },
}

impl Engine {
    /// Brings the key of one resource to its wanted state; without a resource, that of a removed one.
    ///
    /// # Errors
    /// `ReconcileError` where something failed on the way.
    pub async fn reconcile(
        &self,
        namespace: &str,
        name: &str,
        resource: Option<&Resource>,
    ) -> Result<Option<Settled>, ReconcileError> {
        let previous = self.ports.resources.reported(namespace, name).await;
        let mut written = None;
        let Some(mut observed) = self.observe(namespace, name, resource).await? else { return Ok(None) };
        let names_id = resource.is_some_and(|resource| resource.spec.key_id.is_some());
        if names_id && !self.allows_fixed_key_ids && observed.record.is_none() {
            return Err(ReconcileError::FixedKeyId);
        }
        for _ in 1..RECONCILE_ROUNDS_MAX {
            let plan = self.plan(&observed, resource, &previous);
            if plan.because == Reason::ResourceReplaced && !self.is_fresh(resource).await? {
                return Err(ReconcileError::StaleResource);
            }
            // A fault is never concluded from a view whose parts are of different times.
            let concludes = plan.actions.is_empty();
            if concludes && (observed.at_once || plan.because == Reason::InSync) {
                return Ok(Some(self.settle(observed, resource, plan, None, written).await));
            }
            match self.carry_out(&observed.key_id, &plan.actions, &mut written).await? {
                Carried::Waits { poll_at } => {
                    return Ok(Some(self.settle(observed, resource, plan, Some(poll_at), written).await));
                }
                Carried::Out { alone: true } if !concludes => {
                    self.observe_again(&mut observed, namespace, name, &plan.actions).await?;
                }
                Carried::Out { .. } => match self.observe(namespace, name, resource).await? {
                    Some(again) => observed = again,
                    None => return Ok(None),
                },
            }
        }
        let plan = self.plan(&observed, resource, &previous);
        Ok(Some(self.settle(observed, resource, plan, None, written).await))
    }

    /// Whether a resource is still what it was read as. A watch that is behind would give a key back to a namespace
    /// or a resource that is not there any more.
    async fn is_fresh(&self, resource: Option<&Resource>) -> Result<bool, ReconcileError> {
        let Some(resource) = resource else { return Ok(true) };
        let read = self.ports.resources.get(&resource.namespace, &resource.name).await?;
        Ok(read.is_some_and(|read| (read.uid, read.namespace_uid) == (resource.uid, resource.namespace_uid)))
    }

    /// After our own write only what it wrote is read again. Everything else may be old by now, and does no
    /// harm: each action has its precondition.
    async fn observe_again(
        &self,
        observed: &mut Observed,
        namespace: &str,
        name: &str,
        actions: &[Action],
    ) -> Result<(), ReconcileError> {
        observed.at_once = false;
        for action in actions {
            match action {
                Action::ClaimOwner(_) | Action::ConfirmOwner(_) => {
                    let claim = self.vault.claim(namespace, name).await?;
                    observed.seen.claim = claim.map(|opened| opened.content);
                }
                Action::CreateRecord(_) | Action::ReplaceRecord { .. } => {
                    observed.record = self.vault.record(&observed.key_id).await?;
                }
                Action::CreateMaterial { .. } => {
                    let record = observed.record.as_ref().map(|read| &read.content);
                    observed.seen.materials = self.observe_materials(&observed.key_id, record).await?;
                }
            }
        }
        Ok(())
    }

    async fn carry_out(
        &self,
        key_id: &KeyId,
        actions: &[Action],
        written: &mut Option<Revision>,
    ) -> Result<Carried, ReconcileError> {
        let mut alone = true;
        for action in actions {
            match self.execute(key_id, action).await {
                ActionResult::Done(revision) => {
                    alone &= revision.is_some();
                    *written = (*written).max(revision.filter(|_| is_shown(action)));
                }
                ActionResult::Pending { poll_at } => return Ok(Carried::Waits { poll_at }),
                ActionResult::Failed(source) => {
                    return Err(ReconcileError::Action { action: action.name(), source });
                }
            }
        }
        Ok(Carried::Out { alone })
    }

    async fn settle(
        &self,
        observed: Observed,
        resource: Option<&Resource>,
        plan: Plan,
        poll_at: Option<Timestamp>,
        written: Option<Revision>,
    ) -> Settled {
        let key_id = observed.key_id;
        if let Some(resource) = resource {
            if plan.because == Reason::InSync && !resource.key_was_made {
                self.remember_key(resource).await;
            }
            let key = observed.record.as_ref().map(|read| self.projection(&read.content, observed.health()));
            self.ports.resources.report(resource, Report { key, conditions: plan.conditions }).await;
        }
        if let Some(revision) = written {
            self.show(revision).await;
        }
        // What was lost may come back from a backup without any event that tells whose it is.
        let lost = matches!(plan.because, Reason::RecordLost | Reason::MaterialDamaged);
        let latest = self.ports.clock.wall().plus(if lost { LOSS_LOOK_PERIOD } else { WAKE_AFTER_MAX });
        let wake_at = [poll_at, plan.wake_at].into_iter().flatten().fold(latest, Ord::min);
        Settled { key_id, because: plan.because, complete: plan.actions.is_empty(), wake_at }
    }

    /// What is to be told of a key that needs nothing.
    pub(super) fn report_of(&self, entry: &KeyEntry, resource: &Resource, previous: &[Condition]) -> Report {
        let record = &entry.record;
        let found = |material: &Material| SeenMaterial {
            version: material.version,
            term: material.term,
            found: FoundMaterial::Present(material.material_id),
        };
        let claim = OwnerClaim {
            schema: record.schema,
            key_bytes: record.key_bytes,
            multi_region: record.multi_region,
            namespace: resource.namespace.clone(),
            name: resource.name.clone(),
            confirmed: true,
        };
        let materials = record.materials.iter().map(found).collect();
        let seen = Seen { active_term: self.vault.roots.active_term(), claim: Some(claim), materials };
        let read = ReadRecord { record: record.clone(), epoch: 0, digest: [0; 32] };
        let (key_id, now) = (record.key_id(), self.ports.clock.wall());
        let plan = plan(&Input { key_id, resource: Some(resource), read: Some(&read), seen: &seen, now, previous });
        Report { key: Some(self.projection(record, entry.health)), conditions: plan.conditions }
    }

    fn projection(&self, record: &Record, health: MaterialHealth) -> KmsKeyStatus {
        let account = self.accounts.account_of(&record.owner.namespace);
        project(record, health, self.place(account).key_arn(&record.key_id()))
    }

    async fn remember_key(&self, resource: &Resource) {
        if let Err(error) = self.ports.resources.remember_key(&resource.namespace, &resource.name).await {
            // The next sweep tries again; until then only the loss of everything at once would go unnoticed.
            tracing::warn!(error = &error as &dyn std::error::Error, "a KmsKey could not remember its key");
        }
    }

    /// Waits, not for ever, until the snapshot shows a revision.
    pub async fn show(&self, revision: Revision) {
        let shown = std::pin::pin!(self.snapshots.wait_for(revision));
        futures::future::select(shown, self.ports.clock.sleep(REVISION_WAIT_MAX)).await;
    }

    /// Waits, not for ever, until the snapshot shows a record as it was read.
    pub async fn show_record(&self, record: &Record) {
        let key_id = record.key_id();
        let shown = async {
            loop {
                let snapshot = self.snapshots.load();
                if matches!(snapshot.get(&key_id), Some(Known::Key(entry)) if entry.record == *record) {
                    return;
                }
                self.snapshots.wait_for(Revision(snapshot.revision.0.saturating_add(1))).await;
            }
        };
        futures::future::select(std::pin::pin!(shown), self.ports.clock.sleep(REVISION_WAIT_MAX)).await;
    }

    fn plan(&self, observed: &Observed, resource: Option<&Resource>, previous: &[Condition]) -> Plan {
        let read: Option<ReadRecord> = observed.record.as_ref().map(Opened::to_read);
        let now = self.ports.clock.wall();
        plan(&Input { key_id: observed.key_id, resource, read: read.as_ref(), seen: &observed.seen, now, previous })
    }

    /// Reads everything that a plan depends on; nothing, where there is neither resource nor claim.
    async fn observe(
        &self,
        namespace: &str,
        name: &str,
        resource: Option<&Resource>,
    ) -> Result<Option<Observed>, ReconcileError> {
        let claim = self.vault.claim(namespace, name).await?.map(|opened| opened.content);
        let claimed = claim.as_ref().map(OwnerClaim::key_id);
        let Some(key_id) = claimed.or_else(|| resource.and_then(|resource| self.new_key_id(resource))) else {
            return Ok(None);
        };
        let mut record = self.vault.record(&key_id).await?;
        let active_term = self.vault.roots.active_term();
        let mut materials = self.observe_materials(&key_id, record.as_ref().map(|read| &read.content)).await?;
        if record.is_none() && materials.iter().any(|material| material.found != FoundMaterial::Missing) {
            // Another replica may have made both between the two reads. Only what is still missing is lost.
            record = self.vault.record(&key_id).await?;
            materials = self.observe_materials(&key_id, record.as_ref().map(|read| &read.content)).await?;
        }
        Ok(Some(Observed { key_id, at_once: true, record, seen: Seen { active_term, claim, materials } }))
    }

    pub(super) fn new_key_id(&self, resource: &Resource) -> Option<KeyId> {
        let installation = self.vault.roots.installation()?;
        let wanted = wanted_key(&resource.spec).ok();
        let multi_region = wanted.as_ref().is_some_and(|wanted| wanted.multi_region);
        let derived = derive::key_id(&installation, &resource.uid, multi_region);
        Some(wanted.and_then(|wanted| wanted.key_id).unwrap_or(derived))
    }

    async fn observe_materials(
        &self,
        key_id: &KeyId,
        record: Option<&Record>,
    ) -> Result<Vec<SeenMaterial>, ReconcileError> {
        let active = self.vault.roots.active_term();
        let mut wanted: Vec<(u32, u32)> = record
            .map_or_else(Vec::new, |record| record.materials.iter().map(|made| (made.version, made.term)).collect());
        wanted.extend(record.map_or(Some(1), |record| record.announced_version).map(|version| (version, active)));
        let mut seen = Vec::with_capacity(wanted.len());
        for (version, term) in wanted {
            let symmetric = (KeySpec::SymmetricDefault, Origin::AwsKms);
            let (spec, origin) =
                record.map_or(symmetric, |record| (record.immutable.key_spec, record.immutable.origin));
            let found = self.find_material(&MaterialBinding { key_id: *key_id, version, spec, origin }, term).await?;
            seen.push(SeenMaterial { version, term, found });
        }
        Ok(seen)
    }

    async fn find_material(&self, binding: &MaterialBinding, term: u32) -> Result<FoundMaterial, ReconcileError> {
        let name = ObjectName::material(&binding.key_id, binding.version, term);
        let Some(stored) = self.ports.store.get(&name).await.map_err(VaultError::Store)? else {
            return Ok(FoundMaterial::Missing);
        };
        match self.ports.backend.identify(binding, term, &stored.bytes).await {
            Ok(material_id) => Ok(FoundMaterial::Present(material_id)),
            Err(BackendError::Unreadable) => Ok(FoundMaterial::Unreadable),
            Err(source) => Err(ReconcileError::Action { action: "Identify", source: source.into() }),
        }
    }
}

/// Whether the snapshot shows what an action writes. It shows no claims, and waiting for one would be in vain.
const fn is_shown(action: &Action) -> bool {
    !matches!(action, Action::ClaimOwner(_) | Action::ConfirmOwner(_))
}
