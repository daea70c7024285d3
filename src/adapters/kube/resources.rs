//! `KmsKey` resources on the API server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::conditions::{from_status, remembers_its_key, strange_fields, to_status};
use super::events::Events;
use super::field_ownership::{Part, changed_part};
use super::managers::manager_of;
use super::namespaces::Namespaces;
use crate::api::crd::condition::{Condition, ConditionReason, ConditionType};
use crate::api::crd::kms_key::{KmsKey, KmsKeySpec, KmsKeyStatus, StatusCondition};
use crate::api::crd::{GROUP, VERSION};
use crate::crypto::digest::sha256;
use crate::domain::plan::Reason;
use crate::domain::reconcile::stalled::{self, Obstacle};
use crate::domain::record::Record;
use crate::domain::resource::Resource;
use crate::domain::spec_change::SpecChange;
use crate::ports::resources::{Listing, Report, ResourceError, Resources};
use crate::types::ids::ObjectUid;
use crate::types::limits::{CHANGE_ATTEMPTS_MAX, LIST_PAGE_ITEMS};
use crate::types::state::KeyState;
use crate::types::time::Timestamp;

/// The field manager of status.
pub const STATUS_MANAGER: &str = "coffer";
/// The field manager of what API calls write into specs.
pub const API_MANAGER: &str = "coffer-api";

/// A `KmsKey` or what could not be read as one.
pub type Guarded = DeserializeGuard<KmsKey>;

/// `KmsKey` resources on the API server.
pub struct KubeResources {
    client: Client,
    namespaces: Namespaces,
    seen: Store<Guarded>,
    events: Events,
    reported: Mutex<HashMap<(String, String), Reported>>,
}

struct Reported {
    uid: ObjectUid,
    digest: [u8; 32],
    conditions: Vec<Condition>,
}

impl KubeResources {
    /// Resources of all namespaces. `seen` is what a watch shows of them; it may be late and spares reads.
    #[must_use]
    pub fn new(client: Client, namespaces: Namespaces, seen: Store<Guarded>, events: Events) -> Self {
        Self { client, namespaces, seen, events, reported: Mutex::default() }
    }

    /// A resource that is being deleted, as it was, for what is still told of it.
    ///
    /// # Errors
    /// As those of `to_resource`.
    pub async fn to_leaving(&self, key: &KmsKey) -> Result<Option<Resource>, ResourceError> {
        let mut as_it_was = key.clone();
        as_it_was.metadata.deletion_timestamp = None;
        self.to_resource(&as_it_was).await
    }

    /// What a resource is to a reconciler. None for one that is being deleted: that cannot be undone.
    ///
    /// # Errors
    /// Where its namespace cannot be read, or it lacks what the API server always sets. It is there all the same.
    pub async fn to_resource(&self, key: &KmsKey) -> Result<Option<Resource>, ResourceError> {
        let namespace = key.namespace().unwrap_or_default();
        match self.namespaces.uid_of(&namespace) {
            Some(uid) => to_resource(key, &namespace, Some(uid)),
            // The watch of namespaces may be a moment behind.
            None => self.to_resource_anew(key).await,
        }
    }

    /// The same with a namespace that is read from the API server itself.
    async fn to_resource_anew(&self, key: &KmsKey) -> Result<Option<Resource>, ResourceError> {
        let namespace = key.namespace().unwrap_or_default();
        let uid = self.namespaces.read_uid(&self.client, &namespace).await;
        let uid = uid.map_err(|source| medium(&namespace, &key.name_any(), "read", source))?;
        to_resource(key, &namespace, uid)
    }

    /// Tells of a resource that cannot be read, so that it stalls itself and nothing else.
    pub async fn report_unreadable(&self, invalid: &InvalidObject, now: Timestamp) {
        let metadata = &invalid.metadata;
        let (namespace, name) =
            (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default());
        let fault = self.name_fault(&namespace, &name).await.unwrap_or_else(|| invalid.error.clone());
        let message = format!("the resource cannot be read: {fault}");
        let obstacle = Obstacle { reason: ConditionReason::InvalidSpec, message: &message, stalls: true };
        let previous = self.reported(&namespace, &name).await;
        let generation = metadata.generation.unwrap_or_default();
        let conditions = stalled::conditions(&obstacle, generation, &previous, now);
        if conditions == previous {
            return;
        }
        let printed: Vec<StatusCondition> = conditions.iter().map(to_status).collect();
        let status = json!({ "observedGeneration": generation, "conditions": printed });
        // An apply would be refused, because the API server reads the whole object for it.
        let patch = Patch::Merge(json!({ "metadata": { "uid": metadata.uid }, "status": status }));
        let parameters = PatchParams { field_manager: Some(STATUS_MANAGER.to_owned()), ..PatchParams::default() };
        let api: Api<Guarded> = Api::namespaced(self.client.clone(), &namespace);
        if let Err(error) = api.patch_status(&name, &parameters, &patch).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(namespace, name, error, "a status could not be written");
            return;
        }
        if let Some(uid) = metadata.uid.as_deref().and_then(ObjectUid::parse) {
            self.reports().insert((namespace, name), Reported { uid, digest: [0; 32], conditions });
        }
    }

    /// Where in the spec the fault is, which the watch does not tell.
    async fn name_fault(&self, namespace: &str, name: &str) -> Option<String> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, &ApiResource::erase::<KmsKey>(&()));
        let spec = api.get(name).await.ok()?.data.get("spec")?.clone();
        let error = serde_path_to_error::deserialize::<_, KmsKeySpec>(spec).err()?;
        Some(format!("spec.{}: {}", error.path(), error.inner()))
    }

    /// Forgets what was reported of a resource that is gone.
    pub fn forget(&self, namespace: &str, name: &str) {
        self.reports().remove(&(namespace.to_owned(), name.to_owned()));
    }

    fn api(&self, namespace: &str) -> Api<KmsKey> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Applies what the API owns of a spec, against the object that was read, where there was one.
    async fn apply_spec(
        &self,
        namespace: &str,
        name: &str,
        read: Option<&KmsKey>,
        spec: serde_json::Value,
    ) -> kube::Result<KmsKey> {
        // Without the two, the apply makes the object where it is missing.
        let (uid, version) = (read.and_then(KmsKey::uid), read.and_then(KmsKey::resource_version));
        let metadata = json!({ "name": name, "namespace": namespace, "uid": uid, "resourceVersion": version });
        let patch = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"), "kind": "KmsKey", "metadata": metadata, "spec": spec,
        });
        self.api(namespace).patch(name, &PatchParams::apply(API_MANAGER), &Patch::Apply(patch)).await
    }

    /// Changes fields without an apply: what an earlier version wrote in this way, and what nobody owns. Leaving such a
    /// field out of an apply would not take it away.
    async fn merge_spec(
        &self,
        namespace: &str,
        name: &str,
        read: &KmsKey,
        spec: serde_json::Value,
    ) -> kube::Result<KmsKey> {
        let metadata = json!({ "uid": read.uid(), "resourceVersion": read.resource_version() });
        let parameters = PatchParams { field_manager: Some(API_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({ "metadata": metadata, "spec": spec }));
        self.api(namespace).patch(name, &parameters, &patch).await
    }

    fn seen(&self, namespace: &str, name: &str) -> Option<Arc<Guarded>> {
        self.seen.get(&ObjectRef::new(name).within(namespace))
    }

    fn seen_status(&self, namespace: &str, name: &str) -> Option<KmsKeyStatus> {
        self.seen(namespace, name)?.0.as_ref().ok()?.status.clone()
    }

    /// The whole status to write, where the key is known; else the changes to what was told before.
    fn status(&self, resource: &Resource, report: &Report) -> KmsKeyStatus {
        let observed_generation = i64::try_from(resource.generation).ok();
        let conditions = Some(report.conditions.iter().map(to_status).collect());
        let unreadable = |condition: &Condition| {
            matches!(condition.reason, ConditionReason::RecordUnreadable | ConditionReason::RecordMissing)
        };
        let known = report.key.clone().unwrap_or_else(|| {
            let before = self.seen_status(&resource.namespace, &resource.name).unwrap_or_default();
            let lost = before.key_state.is_some() && report.conditions.iter().any(unreadable);
            KmsKeyStatus { key_state: if lost { Some(KeyState::Unavailable) } else { before.key_state }, ..before }
        });
        KmsKeyStatus { observed_generation, conditions, ..known }
    }

    /// What the watch shows decides, so that a status which somebody changed or another leader wrote is put right.
    fn is_told_already(&self, resource: &Resource, status: &KmsKeyStatus, digest: &[u8; 32]) -> bool {
        if let Some(seen) = self.seen_status(&resource.namespace, &resource.name) {
            return seen == *status;
        }
        let key = (resource.namespace.clone(), resource.name.clone());
        self.reports().get(&key).is_some_and(|told| told.uid == resource.uid && told.digest == *digest)
    }

    /// Writes a status: the whole of it by an apply, or only what is given by a merge, which leaves everything else.
    async fn write_status(&self, resource: &Resource, status: &KmsKeyStatus, whole: bool) -> kube::Result<()> {
        // The uid makes sure that a resource that was made again meanwhile is not told of the old one's key.
        let metadata = json!({
            "name": resource.name, "namespace": resource.namespace, "uid": resource.uid.to_string(),
        });
        let (api, name) = (self.api(&resource.namespace), &resource.name);
        if whole {
            let patch = json!({
                "apiVersion": format!("{GROUP}/{VERSION}"), "kind": "KmsKey", "metadata": metadata, "status": status,
            });
            let parameters = PatchParams::apply(STATUS_MANAGER).force();
            let told = api.patch_status(name, &parameters, &Patch::Apply(patch)).await?;
            return match strange_fields(told.status.as_ref(), status) {
                Some(without) => self.merge_status(resource, &without).await,
                None => Ok(()),
            };
        }
        self.merge_status(resource, &json!(status)).await
    }

    async fn merge_status(&self, resource: &Resource, status: &serde_json::Value) -> kube::Result<()> {
        let patch = json!({ "metadata": { "uid": resource.uid.to_string() }, "status": status });
        let parameters = PatchParams { field_manager: Some(STATUS_MANAGER.to_owned()), ..PatchParams::default() };
        self.api(&resource.namespace).patch_status(&resource.name, &parameters, &Patch::Merge(patch)).await.map(drop)
    }

    fn reports(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Reported>> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Resources for KubeResources {
    async fn list(&self) -> Result<Listing, ResourceError> {
        let api: Api<Guarded> = Api::all(self.client.clone());
        let mut listing = Listing::default();
        let mut parameters = ListParams::default().limit(LIST_PAGE_ITEMS);
        loop {
            let page = api.list(&parameters).await.map_err(|error| medium("*", "*", "listed", error))?;
            for guarded in page.items {
                let (namespace, name) = (guarded.namespace().unwrap_or_default(), guarded.name_any());
                let read = match guarded.0 {
                    Ok(key) => self.to_resource(&key).await.ok(),
                    Err(_) => None,
                };
                match read {
                    Some(resource) => listing.resources.extend(resource),
                    None => listing.unreadable.push((namespace, name)),
                }
            }
            parameters.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
            if parameters.continue_token.is_none() {
                return Ok(listing);
            }
        }
    }

    async fn get(&self, namespace: &str, name: &str) -> Result<Option<Resource>, ResourceError> {
        match self.api(namespace).get(name).await {
            Ok(key) => self.to_resource_anew(&key).await,
            // Where the kind itself is gone, the API server answers with a text that is no Status.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(medium(namespace, name, "read", error)),
        }
    }

    async fn create(&self, namespace: &str, name: &str, spec: KmsKeySpec) -> Result<Resource, ResourceError> {
        let failed = |error| medium(namespace, name, "written", error);
        let made = match self.api(namespace).get_opt(name).await.map_err(failed)? {
            Some(found) => found,
            // An apply, so that later ones of the API own what this one wrote. Two tries at once write the same.
            None => self.apply_spec(namespace, name, None, json!(spec)).await.map_err(failed)?,
        };
        let exists = || ResourceError::AlreadyExists { namespace: namespace.to_owned(), name: name.to_owned() };
        self.to_resource(&made).await?.filter(|resource| resource.spec == spec).ok_or_else(exists)
    }

    async fn change(&self, resource: &Resource, change: &SpecChange) -> Result<Resource, ResourceError> {
        let (namespace, name) = (resource.namespace.as_str(), resource.name.as_str());
        for _ in 0..CHANGE_ATTEMPTS_MAX {
            let found =
                self.api(namespace).get_opt(name).await.map_err(|error| medium(namespace, name, "read", error))?;
            let is_same = |key: &KmsKey| key.uid().and_then(|uid| ObjectUid::parse(&uid)) == Some(resource.uid);
            let gone = || ResourceError::Gone { namespace: namespace.to_owned(), name: name.to_owned() };
            let found = found.filter(is_same).ok_or_else(gone)?;
            let applied = match changed_part(&found, change)? {
                None => return self.to_resource(&found).await?.ok_or_else(gone),
                Some(Part::Applied(spec)) => self.apply_spec(namespace, name, Some(&found), spec).await,
                Some(Part::Merged(spec)) => self.merge_spec(namespace, name, &found, spec).await,
            };
            match applied {
                Ok(key) => return self.to_resource(&key).await?.ok_or_else(gone),
                // Somebody wrote in between, and may own the field now.
                Err(kube::Error::Api(status)) if status.is_conflict() => {}
                Err(error) => return Err(medium(namespace, name, "written", error)),
            }
        }
        let busy = kube::Error::Service("it was changed by others all the time".into());
        Err(medium(namespace, name, "written", busy))
    }

    /// The status that was reported remembers it.
    async fn remember_key(&self, _: &str, _: &str) -> Result<(), ResourceError> {
        Ok(())
    }

    async fn report(&self, resource: &Resource, report: Report) {
        let status = self.status(resource, &report);
        let digest = sha256(&[&serde_json::to_vec(&status).unwrap_or_default()]);
        if self.is_told_already(resource, &status, &digest) {
            return;
        }
        let before = self.reported(&resource.namespace, &resource.name).await;
        if let Err(error) = self.write_status(resource, &status, report.key.is_some()).await {
            let gone = matches!(&error, kube::Error::Api(status) if status.is_not_found() || status.is_conflict());
            if !gone {
                let (namespace, name, error) = (&resource.namespace, &resource.name, &error as &dyn std::error::Error);
                tracing::warn!(namespace, name, error, "a status could not be written; the next look writes it");
            }
            return;
        }
        let key = (resource.namespace.clone(), resource.name.clone());
        let conditions = report.conditions;
        let ready = |conditions: &[Condition]| {
            conditions.iter().find(|condition| condition.kind == ConditionType::Ready).cloned()
        };
        if let Some(now) = ready(&conditions) {
            self.events.key_changed(resource, &report.happened, ready(&before).as_ref(), &now);
        }
        self.reports().insert(key, Reported { uid: resource.uid, digest, conditions });
    }

    async fn report_left(&self, record: &Record, happened: &[Reason]) {
        self.events.key_left(record, happened);
    }

    async fn reported(&self, namespace: &str, name: &str) -> Vec<Condition> {
        let key = (namespace.to_owned(), name.to_owned());
        if let Some(reported) = self.reports().get(&key) {
            return reported.conditions.clone();
        }
        let conditions = self.seen_status(namespace, name).and_then(|status| status.conditions);
        conditions.unwrap_or_default().iter().filter_map(from_status).collect()
    }

    fn namespace_uid(&self, namespace: &str) -> Option<ObjectUid> {
        self.namespaces.uid_of(namespace)
    }
}

fn medium(namespace: &str, name: &str, action: &'static str, source: kube::Error) -> ResourceError {
    ResourceError::Medium { namespace: namespace.to_owned(), name: name.to_owned(), action, source: Arc::new(source) }
}

fn to_resource(
    key: &KmsKey,
    namespace: &str,
    namespace_uid: Option<ObjectUid>,
) -> Result<Option<Resource>, ResourceError> {
    let (metadata, name) = (&key.metadata, key.name_any());
    if metadata.deletion_timestamp.is_some() {
        return Ok(None);
    }
    let resource = || {
        Some(Resource {
            namespace: namespace.to_owned(),
            namespace_uid: namespace_uid?,
            name: name.clone(),
            uid: ObjectUid::parse(metadata.uid.as_deref()?)?,
            generation: u64::try_from(metadata.generation?).ok()?,
            manager: manager_of(metadata),
            key_was_made: key.status.as_ref().is_some_and(remembers_its_key),
            spec: key.spec.clone(),
        })
    };
    let incomplete = || kube::Error::Service("the namespace, uid or generation is unknown".into());
    resource().map(Some).ok_or_else(|| medium(namespace, &name, "read", incomplete()))
}
