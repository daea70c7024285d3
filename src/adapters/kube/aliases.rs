//! `KeyAlias` resources on the API server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::conditions::{from_status, to_status};
use super::events::Events;
use super::managers::manager_of;
use super::namespaces::Namespaces;
use super::resources::STATUS_MANAGER;
use crate::api::crd::condition::{Condition, ConditionReason, ConditionType};
use crate::api::crd::key_alias::{KeyAlias, KeyAliasStatus};
use crate::api::crd::{GROUP, VERSION};
use crate::domain::reconcile::stalled::{self, Obstacle};
use crate::domain::resource::AliasResource;
use crate::ports::alias_resources::{AliasListing, AliasReport, AliasResources, Wanting};
use crate::ports::resources::ResourceError;
use crate::types::limits::LIST_PAGE_ITEMS;
use crate::types::time::Timestamp;

/// A `KeyAlias` or what could not be read as one.
pub type GuardedAlias = DeserializeGuard<KeyAlias>;

/// `KeyAlias` resources on the API server.
pub struct KubeAliases {
    client: Client,
    namespaces: Namespaces,
    seen: Store<GuardedAlias>,
    events: Events,
    reported: Mutex<HashMap<(String, String), Vec<Condition>>>,
}

impl KubeAliases {
    /// Resources of all namespaces. `seen` is what a watch shows of them; it may be late and spares reads.
    #[must_use]
    pub fn new(client: Client, namespaces: Namespaces, seen: Store<GuardedAlias>, events: Events) -> Self {
        Self { client, namespaces, seen, events, reported: Mutex::default() }
    }

    /// What a resource is to a reconciler, whether it is being deleted or not.
    ///
    /// # Errors
    /// Where its namespace cannot be read, or it lacks what the API server always sets. It is there all the same.
    pub async fn to_resource(&self, alias: &KeyAlias) -> Result<AliasResource, ResourceError> {
        let (metadata, name) = (&alias.metadata, alias.name_any());
        let namespace = alias.namespace().unwrap_or_default();
        let namespace_uid = match self.namespaces.uid_of(&namespace) {
            Some(uid) => Some(uid),
            // The watch of namespaces may be a moment behind.
            None => {
                let read = self.namespaces.read_uid(&self.client, &namespace).await;
                read.map_err(|error| medium(&namespace, &name, "read", error))?
            }
        };
        let generation = metadata.generation.and_then(|generation| u64::try_from(generation).ok());
        let (Some(namespace_uid), Some(generation)) = (namespace_uid, generation) else {
            let incomplete = kube::Error::Service("the namespace or generation is unknown".into());
            return Err(medium(&namespace, &name, "read", incomplete));
        };
        let (manager, spec) = (manager_of(metadata), alias.spec.clone());
        let created_at = created_at(alias);
        Ok(AliasResource { namespace, namespace_uid, name, created_at, generation, manager, spec })
    }

    /// The same but for one that is being deleted, which cannot be undone.
    async fn to_living(&self, alias: &KeyAlias) -> Result<Option<AliasResource>, ResourceError> {
        match alias.metadata.deletion_timestamp {
            Some(_) => Ok(None),
            None => self.to_resource(alias).await.map(Some),
        }
    }

    /// Tells of a resource that cannot be read.
    pub async fn report_unreadable(&self, invalid: &InvalidObject, now: Timestamp) {
        let metadata = &invalid.metadata;
        let (namespace, name) =
            (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default());
        let message = format!("the resource cannot be read: {}", invalid.error);
        let obstacle = Obstacle { reason: ConditionReason::InvalidSpec, message: &message, stalls: true };
        let previous = self.reported(&namespace, &name).await;
        let generation = metadata.generation.unwrap_or_default();
        let conditions = stalled::conditions(&obstacle, generation, &previous, now);
        if conditions == previous {
            return;
        }
        let status = KeyAliasStatus {
            observed_generation: Some(generation),
            conditions: Some(conditions.iter().map(to_status).collect()),
            ..KeyAliasStatus::default()
        };
        let patch = Patch::Merge(json!({ "status": status }));
        let parameters = PatchParams { field_manager: Some(STATUS_MANAGER.to_owned()), ..PatchParams::default() };
        let api: Api<GuardedAlias> = Api::namespaced(self.client.clone(), &namespace);
        match api.patch_status(&name, &parameters, &patch).await {
            Ok(_) => drop(self.reports().insert((namespace, name), conditions)),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(namespace, name, error, "a status could not be written");
            }
        }
    }

    /// Forgets what was reported of a resource that is gone.
    pub fn forget(&self, namespace: &str, name: &str) {
        self.reports().remove(&(namespace.to_owned(), name.to_owned()));
    }

    fn seen_alias(&self, namespace: &str, name: &str) -> Option<KeyAlias> {
        self.seen.get(&ObjectRef::new(name).within(namespace))?.0.as_ref().ok().cloned()
    }

    fn reports(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Vec<Condition>>> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AliasResources for KubeAliases {
    async fn list(&self) -> Result<AliasListing, ResourceError> {
        let api: Api<GuardedAlias> = Api::all(self.client.clone());
        let mut listing = AliasListing::default();
        let mut parameters = ListParams::default().limit(LIST_PAGE_ITEMS);
        loop {
            let page = api.list(&parameters).await.map_err(|error| medium("*", "*", "listed", error))?;
            for guarded in page.items {
                let (namespace, name) = (guarded.namespace().unwrap_or_default(), guarded.name_any());
                let read = match guarded.0 {
                    Ok(alias) => self.to_living(&alias).await.ok(),
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

    async fn get(&self, namespace: &str, name: &str) -> Result<Option<AliasResource>, ResourceError> {
        let api: Api<KeyAlias> = Api::namespaced(self.client.clone(), namespace);
        match api.get(name).await {
            Ok(alias) => self.to_living(&alias).await,
            Err(error) if is_gone(&error, name) => Ok(None),
            Err(error) => Err(medium(namespace, name, "read", error)),
        }
    }

    fn wanting(&self, alias: &str) -> Vec<Wanting> {
        let wanting = |guarded: &Arc<GuardedAlias>| {
            let found = guarded.0.as_ref().ok().filter(|found| found.spec.alias_name == alias)?;
            let lives = found.metadata.deletion_timestamp.is_none();
            let (namespace, name) = (found.namespace().unwrap_or_default(), found.name_any());
            lives.then(|| Wanting { created_at: created_at(found), namespace, name })
        };
        self.seen.state().iter().filter_map(wanting).collect()
    }

    async fn report(&self, resource: &AliasResource, report: AliasReport) {
        let (namespace, name) = (resource.namespace.as_str(), resource.name.as_str());
        let status = KeyAliasStatus {
            target_key_id: report.target_key_id,
            alias_arn: Some(report.alias_arn),
            observed_generation: i64::try_from(resource.generation).ok(),
            conditions: Some(report.conditions.iter().map(to_status).collect()),
        };
        let seen = self.seen_alias(namespace, name);
        if seen.as_ref().and_then(|seen| seen.status.as_ref()) == Some(&status) {
            return;
        }
        let before = self.reported(namespace, name).await;
        let patch = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"), "kind": "KeyAlias",
            "metadata": { "name": name, "namespace": namespace }, "status": status,
        });
        let api: Api<KeyAlias> = Api::namespaced(self.client.clone(), namespace);
        let parameters = PatchParams::apply(STATUS_MANAGER).force();
        match api.patch_status(name, &parameters, &Patch::Apply(patch)).await {
            Ok(told) => {
                let ready = |conditions: &[Condition]| {
                    conditions.iter().find(|condition| condition.kind == ConditionType::Ready).cloned()
                };
                if let Some(now) = ready(&report.conditions) {
                    self.events.alias_changed(&told, ready(&before).as_ref(), &now);
                }
                self.reports().insert((namespace.to_owned(), name.to_owned()), report.conditions);
            }
            Err(error) if is_gone(&error, name) => {}
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(namespace, name, error, "a status could not be written; the next look writes it");
            }
        }
    }

    async fn reported(&self, namespace: &str, name: &str) -> Vec<Condition> {
        if let Some(conditions) = self.reports().get(&(namespace.to_owned(), name.to_owned())) {
            return conditions.clone();
        }
        let conditions = self.seen_alias(namespace, name).and_then(|alias| alias.status?.conditions);
        conditions.unwrap_or_default().iter().filter_map(from_status).collect()
    }
}

fn created_at(alias: &KeyAlias) -> Timestamp {
    let created = alias.metadata.creation_timestamp.as_ref().map(|time| time.0.as_millisecond());
    Timestamp::from_milliseconds(created.unwrap_or_default())
}

/// Whether an error says that this resource is not there, and not that the kind is unknown.
fn is_gone(error: &kube::Error, name: &str) -> bool {
    let kube::Error::Api(status) = error else { return false };
    status.is_not_found() && status.details.as_ref().is_some_and(|details| details.name == name)
}

fn medium(namespace: &str, name: &str, action: &'static str, source: kube::Error) -> ResourceError {
    ResourceError::Alias { namespace: namespace.to_owned(), name: name.to_owned(), action, source: Arc::new(source) }
}
