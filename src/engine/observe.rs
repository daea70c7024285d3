//! Reads everything that a plan depends on.

use minicbor::bytes::ByteVec;

use super::Engine;
use super::reconcile::ReconcileError;
use super::vault::{Opened, VaultError};
use crate::crypto::derive;
use crate::crypto::seal::MaterialBinding;
use crate::domain::lifecycle::MaterialHealth;
use crate::domain::plan::{Action, FoundMaterial, Gates, Seen, SeenMaterial};
use crate::domain::record::{Lifecycle, Material, OwnerClaim, Record};
use crate::domain::resource::Resource;
use crate::domain::validate::wanted_key;
use crate::ports::key_backend::BackendError;
use crate::types::ids::KeyId;
use crate::types::key::{KeySpec, Origin};
use crate::types::object::ObjectName;

/// What a reconcile is about.
pub(super) struct Subject<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) resource: Option<&'a Resource>,
    /// The key itself, where its resource's name belongs to another key.
    pub(super) orphan: Option<KeyId>,
}

/// What was read.
pub(super) struct Observed {
    pub(super) key_id: KeyId,
    /// Whether all of it was read in one go.
    pub(super) at_once: bool,
    pub(super) record: Option<Opened<Record>>,
    pub(super) seen: Seen,
}

impl Observed {
    pub(super) fn health(&self) -> MaterialHealth {
        let listed = self.record.as_ref().map_or(&[][..], |read| &read.content.materials);
        let is_there = |material: &Material| {
            let found = FoundMaterial::Present(material.material_id);
            self.seen.materials.iter().any(|seen| seen.version == material.version && seen.found == found)
        };
        let complete = listed.iter().filter(|material| material.is_present()).all(is_there);
        if complete { MaterialHealth::Complete } else { MaterialHealth::Damaged }
    }

    fn is_unowned(&self) -> bool {
        self.record.is_none() && self.seen.claim.is_none()
    }
}

impl Engine {
    /// Reads everything that a plan depends on; nothing, where there is neither resource nor claim.
    pub(super) async fn observe(&self, subject: &Subject<'_>) -> Result<Option<Observed>, ReconcileError> {
        let claim = match subject.orphan {
            Some(_) => None,
            None => self.vault.claim(subject.namespace, subject.name).await?.map(|opened| opened.content),
        };
        let claimed = subject.orphan.or_else(|| claim.as_ref().map(OwnerClaim::key_id));
        let Some(key_id) = claimed.or_else(|| subject.resource.and_then(|resource| self.new_key_id(resource))) else {
            return Ok(None);
        };
        let mut record = self.vault.record(&key_id).await?;
        let mut materials = self.observe_materials(&key_id, record.as_ref().map(|read| &read.content)).await?;
        if record.is_none() && materials.iter().any(|material| material.found != FoundMaterial::Missing) {
            // Another replica may have made both between the two reads. Only what is still missing is lost.
            record = self.vault.record(&key_id).await?;
            materials = self.observe_materials(&key_id, record.as_ref().map(|read| &read.content)).await?;
        }
        let seen = Seen {
            active_term: self.vault.roots.active_term(),
            claim,
            strays: self.strays(record.as_ref(), &materials),
            materials,
            shown_everywhere: self.is_shown_everywhere(record.as_ref()).await?,
        };
        let observed = Observed { key_id, at_once: true, record, seen };
        let is_nothing = observed.is_unowned() && subject.resource.is_none();
        Ok((!is_nothing).then_some(observed))
    }

    /// After our own write only what it wrote is read again. Everything else may be old by now, and does no
    /// harm: each action has its precondition.
    pub(super) async fn observe_again(
        &self,
        observed: &mut Observed,
        subject: &Subject<'_>,
        actions: &[Action],
    ) -> Result<(), ReconcileError> {
        observed.at_once = false;
        for action in actions {
            match action {
                Action::ClaimOwner(_) | Action::ConfirmOwner(_) | Action::MoveOwner { .. } => {
                    let claim = self.vault.claim(subject.namespace, subject.name).await?;
                    observed.seen.claim = claim.map(|opened| opened.content);
                }
                Action::CreateRecord(_) | Action::ReplaceRecord { .. } | Action::ForgetRecord { .. } => {
                    observed.record = self.vault.record(&observed.key_id).await?;
                    observed.seen.shown_everywhere = self.is_shown_everywhere(observed.record.as_ref()).await?;
                }
                Action::CreateMaterial { .. } | Action::DestroyMaterial { .. } => {
                    let record = observed.record.as_ref().map(|read| &read.content);
                    observed.seen.materials = self.observe_materials(&observed.key_id, record).await?;
                    observed.seen.strays = self.strays(observed.record.as_ref(), &observed.seen.materials);
                }
            }
        }
        Ok(())
    }

    /// The id of a resource's key, where its name has none yet.
    pub(super) fn new_key_id(&self, resource: &Resource) -> Option<KeyId> {
        let installation = self.vault.roots.installation()?;
        let wanted = wanted_key(&resource.spec).ok();
        let multi_region = wanted.as_ref().is_some_and(|wanted| wanted.multi_region);
        let derived = derive::key_id(&installation, &resource.uid, multi_region);
        Some(wanted.and_then(|wanted| wanted.key_id).unwrap_or(derived))
    }

    /// What others allow of what a plan may want.
    pub(super) fn gates(&self, record: Option<&Record>, resource: Option<&Resource>) -> Gates {
        let restore = resource.is_some_and(|resource| self.approvals.allows_restore(resource));
        Gates { restore, destroy: record.and_then(|record| self.destroy_gate(record)), latest: self.latest_time() }
    }

    /// Whether every live replica shows the record as it was read. It is asked only where a rotation waits for it.
    async fn is_shown_everywhere(&self, record: Option<&Opened<Record>>) -> Result<bool, ReconcileError> {
        let Some(read) = record.filter(|read| read.content.rotating_material().is_some()) else { return Ok(false) };
        let revision = read.stored.revision;
        self.show(revision).await;
        let now = self.ports.clock.wall();
        let others = self.replicas().await?;
        let mut live = others.iter().filter(|replica| replica.name != self.replica && replica.is_live(now));
        Ok(self.snapshots.load().revision >= revision && live.all(|replica| replica.seen_revision >= revision.0))
    }

    /// Materials that the snapshot knows and the record does not, for a key that is being destroyed.
    fn strays(&self, record: Option<&Opened<Record>>, materials: &[SeenMaterial]) -> Vec<String> {
        let Some(record) = record.map(|read| &read.content) else { return Vec::new() };
        if record.lifecycle != Lifecycle::Destroying {
            return Vec::new();
        }
        let key_id = record.key_id();
        let looked_at = |name: &String| {
            materials.iter().any(|seen| ObjectName::material(&key_id, seen.version, seen.term).as_str() == name)
        };
        self.snapshots.load().material_names(&key_id).into_iter().filter(|name| !looked_at(name)).collect()
    }

    async fn observe_materials(
        &self,
        key_id: &KeyId,
        record: Option<&Record>,
    ) -> Result<Vec<SeenMaterial>, ReconcileError> {
        let active = self.vault.roots.active_term();
        let announced = record.map_or(Some(1), |record| record.announced_version);
        // What is gone and announced comes back under the root of today.
        let is_stored = |made: &&Material| made.is_present() || announced != Some(made.version);
        let listed = record.map_or(&[][..], |record| &record.materials).iter().filter(is_stored);
        let mut wanted: Vec<(u32, u32)> = listed.map(|made| (made.version, made.term)).collect();
        wanted.extend(
            announced
                .filter(|version| wanted.iter().all(|(listed, _)| listed != version))
                .map(|version| (version, active)),
        );
        let mut seen = Vec::with_capacity(wanted.len());
        for (version, term) in wanted {
            let symmetric = (KeySpec::SymmetricDefault, Origin::AwsKms);
            let (spec, origin) =
                record.map_or(symmetric, |record| (record.immutable.key_spec, record.immutable.origin));
            let binding = MaterialBinding { key_id: *key_id, version, spec, origin };
            let found = self.find_material(&binding, term).await?;
            let is_new = announced == Some(version) && matches!(found, FoundMaterial::Present(_));
            let public_key = if is_new && spec.is_pair() { self.find_public_key(&binding, term).await? } else { None };
            seen.push(SeenMaterial { version, term, found, public_key });
        }
        Ok(seen)
    }

    /// The public key of stored material, which its record does not know yet.
    async fn find_public_key(&self, binding: &MaterialBinding, term: u32) -> Result<Option<ByteVec>, ReconcileError> {
        let name = ObjectName::material(&binding.key_id, binding.version, term);
        let Some(stored) = self.ports.store.get(&name).await.map_err(VaultError::Store)? else { return Ok(None) };
        let found = self.ports.backend.public_key(binding, term, &stored.bytes).await;
        let found = found.map_err(|source| ReconcileError::Action { action: "PublicKey", source: source.into() })?;
        Ok(found.map(ByteVec::from))
    }

    /// What is stored under a material's name.
    pub(super) async fn find_material(
        &self,
        binding: &MaterialBinding,
        term: u32,
    ) -> Result<FoundMaterial, ReconcileError> {
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
