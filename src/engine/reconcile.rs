//! Observe, plan, execute, until nothing is left to do. Controllers, `coffer local` and API calls share it.

use super::Engine;
use super::execute::{ActionResult, ExecuteError};
use super::observe::{Observed, Subject};
use super::service_events::{Moment, ServiceEvent};
use super::snapshot::{KeyEntry, Known};
use super::vault::{Opened, VaultError};
use crate::api::crd::condition::Condition;
use crate::api::crd::kms_key::KmsKeyStatus;
use crate::domain::event::EventReason;
use crate::domain::lifecycle::MaterialHealth;
use crate::domain::plan::{Action, FoundMaterial, Gates, Plan, Reason, Seen, SeenMaterial};
use crate::domain::reconcile::kms_key::{Input, ReadRecord, plan};
use crate::domain::reconcile::kms_key_status::project;
use crate::domain::reconcile::returns::is_claimed;
use crate::domain::record::{Lifecycle, Material, Owner, OwnerClaim, Record};
use crate::domain::resource::Resource;
use crate::ports::audit::AuditError;
use crate::ports::resources::{Report, ResourceError};
use crate::types::ids::KeyId;
use crate::types::limits::{LOSS_LOOK_PERIOD, RECONCILE_ROUNDS_MAX, REVISION_WAIT_MAX, WAKE_AFTER_MAX};
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
    /// The claim on an alias was changed by others at every try to give it up.
    #[error("the alias was changed by others all the time")]
    AliasBusy,
    /// Resources could not be read.
    #[error("the resources could not be read")]
    Resources(#[from] ResourceError),
    /// What is about to happen could not be recorded, and so it does not happen.
    #[error("the audit record could not be made")]
    Audit(#[from] AuditError),
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
        self.bring_about(&Subject { namespace, name, resource, orphan: None }).await
    }

    /// The same for a key, whatever its resource: for timers, and for calls that began something. A key whose
    /// resource's name belongs to another key by now is looked at by itself.
    ///
    /// # Errors
    /// `ReconcileError` where something failed on the way.
    pub async fn reconcile_key(&self, key_id: &KeyId) -> Result<Option<Settled>, ReconcileError> {
        let Some(read) = self.vault.record(key_id).await? else { return Ok(None) };
        // A tombstone may have lost its claim before it is forgotten itself; a living key is claimed again.
        let is_tombstone = read.content.lifecycle == Lifecycle::Destroyed;
        let (namespace, name) = (read.content.owner.namespace, read.content.owner.name);
        let claimed = self.vault.claim(&namespace, &name).await?.map(|claim| claim.content.key_id());
        if claimed.map_or(is_tombstone, |claimed| claimed != *key_id) {
            let orphan = Some(*key_id);
            return self.bring_about(&Subject { namespace: &namespace, name: &name, resource: None, orphan }).await;
        }
        let resource = self.ports.resources.get(&namespace, &name).await?;
        self.reconcile(&namespace, &name, resource.as_ref()).await
    }

    async fn bring_about(&self, subject: &Subject<'_>) -> Result<Option<Settled>, ReconcileError> {
        let _turn = self.turns.take(subject.namespace, subject.name).await;
        let previous = self.ports.resources.reported(subject.namespace, subject.name).await;
        let mut done = Done::default();
        let Some(mut observed) = self.observe(subject).await? else { return Ok(None) };
        let names_id = subject.resource.is_some_and(|resource| resource.spec.key_id.is_some());
        if names_id && !self.allows_fixed_key_ids && observed.record.is_none() {
            return Err(ReconcileError::FixedKeyId);
        }
        for _ in 1..RECONCILE_ROUNDS_MAX {
            let plan = self.plan(&observed, subject.resource, &previous);
            if is_about_another(plan.because) && !self.is_fresh(subject).await? {
                return Err(ReconcileError::StaleResource);
            }
            // A fault is never concluded from a view whose parts are of different times.
            let concludes = plan.actions.is_empty();
            if concludes && (observed.at_once || plan.because == Reason::InSync) {
                return Ok(Some(self.settle(observed, subject.resource, plan, None, done).await));
            }
            if plan.because == Reason::DeletionDue && self.has_returned(subject, &observed).await? {
                return Err(ReconcileError::StaleResource);
            }
            self.tell_of(Moment::Before, &plan, &observed).await?;
            match self.carry_out(&observed.key_id, &plan.actions, &mut done.written).await? {
                Carried::Waits { poll_at } => {
                    return Ok(Some(self.settle(observed, subject.resource, plan, Some(poll_at), done).await));
                }
                Carried::Out { alone } => {
                    if alone && !concludes {
                        self.tell_of(Moment::After, &plan, &observed).await?;
                        done.because.push(plan.because);
                    }
                    if alone && !concludes && !moves_owner(&plan.actions) {
                        self.observe_again(&mut observed, subject, &plan.actions).await?;
                    } else {
                        match self.observe(subject).await? {
                            Some(again) => observed = again,
                            None => return Ok(None),
                        }
                    }
                }
            }
        }
        let plan = self.plan(&observed, subject.resource, &previous);
        Ok(Some(self.settle(observed, subject.resource, plan, None, done).await))
    }

    async fn tell_of(&self, moment: Moment, plan: &Plan, observed: &Observed) -> Result<(), ReconcileError> {
        let Some(event) = ServiceEvent::of(plan.because).filter(|event| event.moment == moment) else { return Ok(()) };
        let Some(read) = &observed.record else { return Ok(()) };
        Ok(self.record_service_event(&event, &read.content).await?)
    }

    /// Whether a resource is still what it was read as, or still not there. A watch that is behind would take a key from
    /// its resource, or give it back to a namespace or a resource that is not there any more. The record was read before
    /// this look and is written only if nobody wrote it since, so that a resource that it follows by then is found here.
    async fn is_fresh(&self, subject: &Subject<'_>) -> Result<bool, ReconcileError> {
        if subject.orphan.is_some() {
            return Ok(true);
        }
        let there = self.ports.resources.get(subject.namespace, subject.name).await?;
        let identity = |resource: &Resource| (resource.uid, resource.namespace_uid);
        Ok(there.as_ref().map(identity) == subject.resource.map(identity))
    }

    /// Whether a resource claims a key that is about to be destroyed because it was not seen. It is looked for right
    /// before: from there on nothing is undone.
    async fn has_returned(&self, subject: &Subject<'_>, observed: &Observed) -> Result<bool, ReconcileError> {
        let Some(record) = observed.record.as_ref().map(|read| &read.content).filter(|_| subject.orphan.is_none())
        else {
            return Ok(false);
        };
        let found = self.ports.resources.get(subject.namespace, subject.name).await?;
        Ok(found.is_some_and(|found| is_claimed(&found, record)))
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
        done: Done,
    ) -> Settled {
        let key_id = observed.key_id;
        // Whoever reads of a state in the resource finds it here.
        if let Some(revision) = done.written {
            self.show(revision).await;
        }
        if let Some(resource) = resource {
            if plan.because == Reason::InSync && !resource.key_was_made {
                self.remember_key(resource).await;
            }
            let key = observed.record.as_ref().map(|read| self.projection(&read.content, observed.health()));
            self.ports
                .resources
                .report(resource, Report { key, conditions: plan.conditions, happened: done.because.clone() })
                .await;
        }
        if let (None, Some(read)) = (resource, &observed.record) {
            self.tell_of_removal(&read.content, &done.because).await;
        }
        // What was lost may come back from a backup without any event that tells whose it is.
        let lost = matches!(plan.because, Reason::RecordLost | Reason::MaterialDamaged);
        let latest = self.ports.clock.wall().plus(if lost { LOSS_LOOK_PERIOD } else { WAKE_AFTER_MAX });
        let wake_at = [poll_at, plan.wake_at].into_iter().flatten().fold(latest, Ord::min);
        Settled { key_id, because: plan.because, complete: plan.actions.is_empty(), wake_at }
    }

    async fn tell_of_removal(&self, record: &Record, happened: &[Reason]) {
        if happened.contains(&Reason::ResourceGone) {
            let (Owner { namespace, name, .. }, told) = (&record.owner, EventReason::DeletionScheduled.left(record));
            tracing::warn!(key_id = %record.key_id(), "the KmsKey {namespace}/{name} is gone: {told}");
        }
        self.ports.resources.report_left(record, happened).await;
    }

    /// What is to be told of a key that needs nothing.
    pub(super) fn report_of(&self, entry: &KeyEntry, resource: &Resource, previous: &[Condition]) -> Report {
        let record = &entry.record;
        let found = |material: &Material| SeenMaterial {
            version: material.version,
            term: material.term,
            found: FoundMaterial::Present(material.material_id),
            public_key: None,
        };
        let claim = OwnerClaim {
            schema: record.schema,
            key_bytes: record.key_bytes,
            multi_region: record.multi_region,
            namespace: resource.namespace.clone(),
            name: resource.name.clone(),
            confirmed: true,
        };
        let materials = record.materials.iter().filter(|material| material.is_present()).map(found).collect();
        let seen = Seen {
            active_term: self.vault.roots.active_term(),
            claim: Some(claim),
            materials,
            strays: Vec::new(),
            shown_everywhere: false,
        };
        let read = ReadRecord { record: record.clone(), epoch: 0, digest: [0; 32] };
        let plan = plan(&Input {
            key_id: record.key_id(),
            new_key_id: self.new_key_id(resource),
            resource: Some(resource),
            read: Some(&read),
            seen: &seen,
            gates: Gates::default(),
            now: self.ports.clock.wall(),
            previous,
        });
        let key = Some(self.projection(record, entry.health));
        Report { key, conditions: plan.conditions, happened: Vec::new() }
    }

    pub(super) fn projection(&self, record: &Record, health: MaterialHealth) -> KmsKeyStatus {
        let account = self.accounts.account_of(&record.owner.namespace);
        project(record, health, self.place(account).key_arn(&record.key_id()), self.ports.clock.wall())
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
        self.show_key(&record.key_id(), |shown| shown == record).await;
    }

    /// Waits, not for ever, until the snapshot shows a key in the way that is asked for.
    pub(super) async fn show_key(&self, key_id: &KeyId, is_meant: impl Fn(&Record) -> bool) {
        let shown = async {
            loop {
                let snapshot = self.snapshots.load();
                if matches!(snapshot.get(key_id), Some(Known::Key(entry)) if is_meant(&entry.record)) {
                    return;
                }
                self.snapshots.wait_for(Revision(snapshot.revision.0.saturating_add(1))).await;
            }
        };
        futures::future::select(std::pin::pin!(shown), self.ports.clock.sleep(REVISION_WAIT_MAX)).await;
    }

    fn plan(&self, observed: &Observed, resource: Option<&Resource>, previous: &[Condition]) -> Plan {
        let read: Option<ReadRecord> = observed.record.as_ref().map(Opened::to_read);
        plan(&Input {
            key_id: observed.key_id,
            new_key_id: resource.and_then(|resource| self.new_key_id(resource)),
            resource,
            read: read.as_ref(),
            seen: &observed.seen,
            gates: self.gates(read.as_ref().map(|read| &read.record), resource),
            now: self.ports.clock.wall(),
            previous,
        })
    }
}

/// What a reconcile did so far.
#[derive(Default)]
struct Done {
    /// The last write that the snapshot will show.
    written: Option<Revision>,
    /// Why each round of it acted.
    because: Vec<Reason>,
}

/// Whether a plan follows from the resource being another one than the key's. Where there is none, there is no other.
const fn is_about_another(because: Reason) -> bool {
    matches!(
        because,
        Reason::ResourceGone | Reason::ResourceReplaced | Reason::KeyDestroyedBefore | Reason::KeyReplaced
    )
}

/// After it, another key is meant.
fn moves_owner(actions: &[Action]) -> bool {
    actions.iter().any(|action| matches!(action, Action::MoveOwner { .. }))
}

/// Whether the snapshot shows what an action writes. It shows no claims, and waiting for one would be in vain.
const fn is_shown(action: &Action) -> bool {
    !matches!(action, Action::ClaimOwner(_) | Action::ConfirmOwner(_) | Action::MoveOwner { .. })
}
