//! Claims on aliases: read, found for requests, written; and the aliases of platform-managed keys, which are made on
//! first use.

use std::sync::Arc;

use super::Engine;
use super::admit::throttled;
use super::alias_index::AliasEntry;
use super::dispatch::Call;
use super::execute::{ActionResult, ExecuteError, settle};
use super::ops::internal;
use super::service_events::{Moment, ServiceEvent};
use super::snapshot::{Known, Snapshot};
use super::table::Row;
use super::trail::Trail;
use super::vault::{Opened, VaultError};
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::member::Input;
use crate::api::crd::kms_key::KmsKeySpec;
use crate::crypto::derive;
use crate::domain::alias::AliasClaim;
use crate::domain::encoding::ContentError;
use crate::domain::platform;
use crate::domain::reconcile::key_alias::{AliasAction, ReadClaim};
use crate::domain::record::{Record, SCHEMA};
use crate::domain::resource::Resource;
use crate::domain::vanished::is_living;
use crate::ports::audit::Parameter;
use crate::ports::resources::ResourceError;
use crate::ports::store::{StoreError, Stored};
use crate::types::alias::check_name;
use crate::types::ids::KeyId;
use crate::types::limits::CHANGE_ATTEMPTS_MAX;
use crate::types::object::{Kind, ObjectName};
use crate::types::revision::Revision;
use crate::types::time::Timestamp;

impl Opened<AliasClaim> {
    /// The claim as planners read it.
    pub(super) fn to_read_claim(&self) -> ReadClaim {
        ReadClaim { claim: self.content.clone(), epoch: self.epoch }
    }
}

impl Engine {
    /// Shows what an alias's object says now. One that does not open names no key.
    pub(super) fn put_alias(
        &self,
        next: &mut Snapshot,
        name: &ObjectName,
        stored: Option<&Stored>,
    ) -> Vec<Arc<AliasEntry>> {
        if name.kind() != Kind::Alias {
            return Vec::new();
        }
        let opened = stored.and_then(|stored| match self.open_alias(name, stored.clone()) {
            Ok(opened) => Some(opened.content),
            Err(error) => {
                tracing::error!(%name, %error, "an alias is unreadable and names no key");
                None
            }
        });
        let entry = opened.map(|claim| AliasEntry { scope: self.accounts.alias_scope(&claim.namespace), claim });
        let place = entry.as_ref().map(|entry| (entry.scope.clone(), entry.claim.alias.clone()));
        let before = next.aliases.set(name, entry);
        let after = place.and_then(|(scope, alias)| next.aliases.get(&scope, &alias).cloned());
        before.into_iter().chain(after).collect()
    }

    pub(super) fn note_alias(&self, alias: &AliasEntry) {
        self.alias_changes.note(&alias.claim.namespace, &alias.claim.alias);
    }

    fn alias_object(&self, namespace: &str, alias: &str) -> ObjectName {
        ObjectName::alias(&derive::alias_hash(&self.accounts.alias_scope(namespace), alias))
    }

    /// Opens a claim and checks that it is the one that its name says.
    fn open_alias(&self, name: &ObjectName, stored: Stored) -> Result<Opened<AliasClaim>, VaultError> {
        let opened = self.vault.open::<AliasClaim>(name, stored)?;
        let own = self.alias_object(&opened.content.namespace, &opened.content.alias) == *name;
        own.then_some(opened).ok_or_else(|| VaultError::DoesNotOpen(name.clone()))
    }

    /// Reads the claim on an alias of this namespace's scope.
    pub(super) async fn read_alias(
        &self,
        namespace: &str,
        alias: &str,
    ) -> Result<Option<Opened<AliasClaim>>, VaultError> {
        let name = self.alias_object(namespace, alias);
        let Some(stored) = self.ports.store.get(&name).await? else { return Ok(None) };
        self.open_alias(&name, stored).map(Some)
    }

    /// Whether a claim is one of a namespace that was made again since.
    pub(super) fn is_void(&self, claim: &AliasClaim) -> bool {
        let now = self.ports.resources.namespace_uid(&claim.namespace);
        now.is_some_and(|uid| claim.is_of_earlier(&claim.namespace, uid))
    }

    /// The claim on an alias of the caller's own, from the snapshot; what that does not show costs one read of a
    /// limited number.
    pub(super) async fn find_alias(
        &self,
        call: &Call<'_>,
        alias: &str,
        now: Timestamp,
    ) -> Result<Option<AliasClaim>, AwsError> {
        let Some(namespace) = self.accounts.namespace_of(&call.principal) else { return Ok(None) };
        let shown = self.snapshots.load().aliases.get(&self.accounts.alias_scope(&namespace), alias).cloned();
        if let Some(entry) = shown {
            return Ok(Some(entry.claim.clone()).filter(|claim| !self.is_void(claim)));
        }
        if check_name(alias).is_err() && platform::resource_name(alias).is_none() {
            return Ok(None);
        }
        if !self.limiter.admit_quorum_read(now) {
            return Err(throttled());
        }
        match self.read_alias(&namespace, alias).await {
            Ok(read) => Ok(read.map(|read| read.content).filter(|claim| !self.is_void(claim))),
            Err(VaultError::Store(error)) => Err(internal("an alias could not be read", &error)),
            Err(error) => {
                tracing::error!(alias, %error, "an alias is unreadable and names no key");
                Ok(None)
            }
        }
    }

    /// Admits a change of an alias that must exist: whoever may change it may do so by the key that it names now,
    /// or, where that is gone, in the whole namespace.
    ///
    /// # Errors
    /// The same for an alias that is not there and for one that the caller may not know of.
    pub(super) async fn admit_alias(
        &self,
        call: &Call<'_>,
        row: &Row,
        input: &Input<'_>,
        trail: &mut Trail,
        now: Timestamp,
    ) -> Result<Option<AliasClaim>, AwsError> {
        let Some(alias) = row.alias.and_then(|member| input.text(member)) else { return Ok(None) };
        let arn = self.place(call.principal.account).alias_arn(alias);
        trail.note_alias(&arn, call.principal.account);
        let Some(claim) = self.find_alias(call, alias, now).await? else {
            self.authorise_without_key(call, row.verb, row.action, &arn, now).await?;
            return Err(no_alias(&arn));
        };
        match self.snapshots.load().get(&claim.key_id()) {
            Some(Known::Key(entry)) if claim.lives_with(&entry.record.owner) => {
                self.authorise_alias(call, row, alias, &entry.record, &arn, now).await?;
            }
            _ => self.authorise_without_key(call, row.verb, row.action, &arn, now).await?,
        }
        Ok(Some(claim))
    }

    /// Carries out one write. One whose precondition no longer holds changes nothing.
    pub(super) async fn execute_alias(&self, action: &AliasAction) -> ActionResult {
        let begins = !matches!(action, AliasAction::Release { .. });
        if begins && self.snapshots.load().root_is_lost {
            return ActionResult::Failed(ExecuteError::RootMissing);
        }
        settle(self.write_alias(action).await)
    }

    async fn write_alias(&self, action: &AliasAction) -> Result<Revision, VaultError> {
        let claim = action.claim();
        let name = self.alias_object(&claim.namespace, &claim.alias);
        let epoch = match action {
            AliasAction::Create(claim) => return self.vault.create(&name, claim).await,
            AliasAction::Replace { epoch, .. } | AliasAction::Release { epoch, .. } => *epoch,
        };
        let read = self.read_alias(&claim.namespace, &claim.alias).await?.filter(|read| read.epoch == epoch);
        let read = read.ok_or_else(|| VaultError::Store(StoreError::Conflict(name.clone())))?;
        if read.content.schema > SCHEMA {
            let source = ContentError::NewerSchema(read.content.schema);
            return Err(VaultError::Content { name, source });
        }
        match action {
            AliasAction::Release { .. } => self.vault.delete(&name, &read.stored).await,
            _ => self.vault.replace(&name, &read, claim).await,
        }
    }

    /// The claim on the alias of a platform-managed key, made together with the key where this is their first use.
    /// The caller may use the whole namespace in this way already. Others who come first at the same time make the
    /// same key.
    pub(super) async fn first_use(
        &self,
        call: &Call<'_>,
        alias: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<AliasClaim, AwsError> {
        let namespace = self.accounts.namespace_of(&call.principal).ok_or_else(AwsError::internal)?;
        let event = ServiceEvent { name: "CreateKey", moment: Moment::Before };
        let details = vec![
            ("kmsKey", Parameter::Text(format!("{namespace}/{name}"))),
            ("aliasName", Parameter::Text(alias.to_owned())),
        ];
        let recorded = self.record_event(&event, None, details).await;
        recorded.map_err(|error| internal("a key is not made because that cannot be audited", &error))?;
        let failed = |error: ResourceError| internal("the KmsKey of a platform-managed key could not be made", &error);
        let resource = self.platform_resource(&namespace, name).await.map_err(failed)?;
        let resource = resource.ok_or_else(AwsError::internal)?;
        let settled = self.reconcile(&namespace, name, Some(&resource)).await;
        let settled = settled.map_err(|error| internal("a platform-managed key could not be made", &error))?;
        let key_id = settled.filter(|settled| settled.complete).ok_or_else(AwsError::internal)?.key_id;
        let read = self.vault.record(&key_id).await;
        let read = read.map_err(|error| internal("the record could not be read", &error))?;
        let record = read.ok_or_else(AwsError::internal)?.content;
        if record.owner.namespace_uid != resource.namespace_uid || !is_living(&record) {
            let message = format!(
                "the key {key_id} of {alias} is one of an earlier namespace of this name; the conditions of the KmsKey \
                 {namespace}/{name} tell how it is approved."
            );
            return Err(AwsError::new(ErrorCode::KmsInvalidState, message));
        }
        self.claim_platform_alias(alias, &key_id, &record, now).await
    }

    /// The resource of a platform-managed key, whatever its spec says.
    pub(super) async fn platform_resource(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Resource>, ResourceError> {
        match self.ports.resources.create(namespace, name, KmsKeySpec::default()).await {
            Err(ResourceError::AlreadyExists { .. }) => self.ports.resources.get(namespace, name).await,
            made => made.map(Some),
        }
    }

    async fn claim_platform_alias(
        &self,
        alias: &str,
        key_id: &KeyId,
        record: &Record,
        now: Timestamp,
    ) -> Result<AliasClaim, AwsError> {
        let claim = AliasClaim::new(alias, key_id, &record.owner, now);
        for _ in 0..CHANGE_ATTEMPTS_MAX {
            let read = self.read_alias(&claim.namespace, alias).await;
            let action = match read.map_err(|error| internal("an alias could not be read", &error))? {
                Some(read) if read.content.key_id() == *key_id && read.content.lives_with(&record.owner) => {
                    return Ok(read.content);
                }
                Some(read) => AliasAction::Replace { epoch: read.epoch, claim: claim.clone() },
                None => AliasAction::Create(claim.clone()),
            };
            match self.execute_alias(&action).await {
                ActionResult::Done(Some(revision)) => {
                    self.show(revision).await;
                    return Ok(claim);
                }
                ActionResult::Failed(error) => return Err(internal("an alias could not be written", &error)),
                ActionResult::Done(None) | ActionResult::Pending { .. } => {}
            }
        }
        Err(AwsError::internal())
    }
}

/// What is told of an alias that is not there.
pub(super) fn no_alias(arn: &str) -> AwsError {
    AwsError::new(ErrorCode::NotFound, format!("Alias {arn} is not found."))
}
