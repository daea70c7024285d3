//! `KmsKey` resources of `coffer local`: what the API made, and what manifests said when they were last
//! readable. Each is a file of its own in the state folder, with the uid that first sight gave it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tokio::sync::Mutex;

use super::held::Held;
use super::manifests::Manifest;
use super::unseen::Unseen;
use super::{atomic, events};
use crate::api::crd::condition::{Condition, ConditionReason, ConditionType};
use crate::api::crd::kms_key::{KmsKey, KmsKeySpec};
use crate::crypto::derive;
use crate::crypto::digest::sha256;
use crate::crypto::rng::{Rng, random_array};
use crate::domain::plan::Reason;
use crate::domain::record::Record;
use crate::domain::resource::{Manager, Resource};
use crate::domain::spec_change::{SpecChange, SpecField};
use crate::ports::clock::Clock;
use crate::ports::resources::{Listing, Report, ResourceError, Resources};
use crate::types::ids::{InstallationId, ObjectUid};

/// The annotation that names who keeps the spec.
const MANAGER: &str = "kms.coffer.dev/manifest";
/// The annotation that remembers the key once it is complete. Should everything sealed about the key be lost,
/// this is what keeps another from being made in its place.
const KEY_MADE: &str = "kms.coffer.dev/key";
/// The annotation that names the fields that the API set, a JSON list of their paths.
const API_FIELDS: &str = "kms.coffer.dev/api-fields";
/// A resource's file; the longest spec is a description and 50 tags.
const FILE_MAX: usize = 256 * 1024;

/// Resources in a folder, `<namespace>/<name>.json`.
pub struct FolderResources {
    folder: PathBuf,
    installation: InstallationId,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    writer: Mutex<()>,
    /// What manifests may keep although it is not here.
    unseen: std::sync::Mutex<Unseen>,
    reported: std::sync::Mutex<HashMap<(String, String), Vec<Condition>>>,
}

impl FolderResources {
    /// Opens a folder, which is made where it is missing.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(
        folder: &Path,
        installation: InstallationId,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> io::Result<Self> {
        atomic::create_folder(folder)?;
        for namespace in namespaces(folder)? {
            atomic::sweep(&folder.join(namespace))?;
        }
        let (writer, unseen, reported) = (Mutex::default(), std::sync::Mutex::default(), std::sync::Mutex::default());
        Ok(Self { folder: folder.to_owned(), installation, clock, rng, writer, unseen, reported })
    }

    /// A folder of manifests is there and was not read, or cannot be read any more. Until it is, no resource is known
    /// to be gone, and so no key is scheduled for deletion or destroyed for that.
    pub fn lose_sight(&self) {
        *self.unseen() = Unseen::Everything;
    }

    /// Makes the resources of a completely read folder of manifests what the manifests say.
    ///
    /// # Errors
    /// Those of the file system; what was done until then stays, and the next reading goes on from there.
    pub async fn follow(&self, manifests: &[Manifest]) -> Result<(), ResourceError> {
        let _writer = self.writer.lock().await;
        let mut failed = HashSet::new();
        for manifest in manifests {
            // One that fails must not keep the others from being followed.
            if let Err(error) = self.follow_one(manifest) {
                tracing::error!(error = &error as &dyn std::error::Error, "{}", manifest.file.display());
                failed.insert((manifest.namespace.clone(), manifest.name.clone()));
            }
        }
        let wanted = |resource: &Resource| {
            manifests
                .iter()
                .any(|manifest| (&manifest.namespace, &manifest.name) == (&resource.namespace, &resource.name))
        };
        for resource in self.read_all()?.resources {
            if matches!(resource.manager, Manager::Manifest(_)) && !wanted(&resource) {
                let path = self.path(&resource.namespace, &resource.name);
                atomic::remove(&path).map_err(medium(&resource.namespace, &resource.name, "removed"))?;
                self.reports().remove(&(resource.namespace, resource.name));
            }
        }
        *self.unseen() = Unseen::These(failed);
        Ok(())
    }

    fn follow_one(&self, manifest: &Manifest) -> Result<(), ResourceError> {
        let manager = Manager::Manifest(manifest.file.display().to_string());
        let (namespace, name) = (&manifest.namespace, &manifest.name);
        let next = match self.read_held(namespace, name)? {
            None => Held {
                resource: self.new_resource(namespace, name, manager, manifest.spec.clone())?,
                api_fields: BTreeSet::new(),
            },
            Some(held) => {
                // What the manifest sets is the manifest's from now on; the rest of what the API set stays.
                let mut api_fields = held.of_api();
                api_fields.retain(|field| !field.is_set(&manifest.spec));
                let Held { resource: old, api_fields: old_fields } = held;
                let mut spec = manifest.spec.clone();
                api_fields.iter().for_each(|field| field.copy(&old.spec, &mut spec));
                if old.spec == spec && old.manager == manager && old_fields == api_fields {
                    return Ok(());
                }
                let generation = if old.spec == spec { old.generation } else { self.next_generation(&old) };
                Held { resource: Resource { generation, manager, spec, ..old }, api_fields }
            }
        };
        self.write_held(&next)
    }

    /// Grows even where an older file was brought back from a backup: later changes have later times.
    fn next_generation(&self, old: &Resource) -> u64 {
        let now = u64::try_from(self.clock.wall().milliseconds()).unwrap_or(0);
        now.max(old.generation.saturating_add(1))
    }

    fn new_resource(
        &self,
        namespace: &str,
        name: &str,
        manager: Manager,
        spec: KmsKeySpec,
    ) -> Result<Resource, ResourceError> {
        let random = random_array::<16>(self.rng.as_ref());
        let random = random.map_err(|error| medium(namespace, name, "made")(io::Error::other(error)))?;
        Ok(Resource {
            namespace: namespace.to_owned(),
            namespace_uid: self.uid_of(namespace),
            name: name.to_owned(),
            uid: derive::object_uid(random),
            generation: 1,
            manager,
            key_was_made: false,
            spec,
        })
    }

    /// The uid of a namespace. Namespaces of a folder are never deleted and made again, so their uid needs no memory.
    #[must_use]
    pub fn uid_of(&self, namespace: &str) -> ObjectUid {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] =
            sha256(&[b"coffer local namespace", &[0], self.installation.as_bytes(), namespace.as_bytes()]);
        derive::object_uid([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }

    fn change_held(&self, resource: &Resource, change: &SpecChange) -> Result<Resource, ResourceError> {
        let (namespace, name) = (resource.namespace.clone(), resource.name.clone());
        let held = self.read_held(&namespace, &name)?.filter(|held| held.resource.uid == resource.uid);
        let Some(Held { resource: old, mut api_fields }) = held else {
            return Err(ResourceError::Gone { namespace, name });
        };
        let fields = change.changes(&old.spec);
        if fields.is_empty() {
            return Ok(old);
        }
        let spec = change.applied(&old.spec);
        if let Manager::Manifest(manager) = &old.manager {
            let is_kept = |field: &&SpecField| field.is_set(&old.spec) && !api_fields.contains(*field);
            if let Some(field) = fields.iter().find(is_kept).cloned() {
                return Err(ResourceError::Managed { namespace, name, field, manager: manager.clone() });
            }
            api_fields.extend(fields);
            api_fields.retain(|field| field.is_set(&spec));
        }
        let next = Resource { generation: self.next_generation(&old), spec, ..old };
        self.write_held(&Held { resource: next.clone(), api_fields })?;
        Ok(next)
    }

    fn path(&self, namespace: &str, name: &str) -> PathBuf {
        self.folder.join(namespace).join(format!("{name}.json"))
    }

    fn read(&self, namespace: &str, name: &str) -> Result<Option<Resource>, ResourceError> {
        Ok(self.read_held(namespace, name)?.map(|held| held.resource))
    }

    fn read_held(&self, namespace: &str, name: &str) -> Result<Option<Held>, ResourceError> {
        let failed = medium(namespace, name, "read");
        let Some(bytes) = atomic::read(&self.path(namespace, name), FILE_MAX).map_err(&failed)? else {
            return Ok(None);
        };
        let key: KmsKey = serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?;
        let printed = key.metadata.annotations.as_ref().and_then(|annotations| annotations.get(API_FIELDS));
        let paths = printed.map_or(Ok(Vec::new()), |text| serde_json::from_str::<Vec<String>>(text));
        let paths = paths.map_err(|error| failed(error.into()))?;
        let api_fields = paths.iter().filter_map(|path| SpecField::parse(path)).collect();
        let resource = self.to_resource(namespace, name, key).map(|resource| Held { resource, api_fields });
        resource.map(Some).ok_or_else(|| failed(io::Error::other("metadata.uid or metadata.generation is missing")))
    }

    fn to_resource(&self, namespace: &str, name: &str, key: KmsKey) -> Option<Resource> {
        let mut annotations = key.metadata.annotations.unwrap_or_default();
        let manifest = annotations.remove(MANAGER);
        Some(Resource {
            namespace: namespace.to_owned(),
            namespace_uid: self.uid_of(namespace),
            name: name.to_owned(),
            uid: ObjectUid::parse(&key.metadata.uid?)?,
            generation: u64::try_from(key.metadata.generation?).ok()?,
            manager: manifest.map_or(Manager::Api, Manager::Manifest),
            key_was_made: annotations.contains_key(KEY_MADE),
            spec: key.spec,
        })
    }

    /// Writes a resource that no manifest keeps, or that has nothing of the API.
    fn write(&self, resource: Resource) -> Result<(), ResourceError> {
        self.write_held(&Held { resource, api_fields: BTreeSet::new() })
    }

    /// Writes a resource. One whose key was made remembers that.
    fn write_held(&self, Held { resource, api_fields }: &Held) -> Result<(), ResourceError> {
        let failed = medium(&resource.namespace, &resource.name, "written");
        let mut annotations = BTreeMap::new();
        if let Manager::Manifest(file) = &resource.manager {
            annotations.insert(MANAGER.to_owned(), file.clone());
        }
        if resource.key_was_made {
            annotations.insert(KEY_MADE.to_owned(), "made".to_owned());
        }
        if !api_fields.is_empty() {
            let paths: Vec<String> = api_fields.iter().map(ToString::to_string).collect();
            let paths = serde_json::to_string(&paths).map_err(|error| failed(error.into()))?;
            annotations.insert(API_FIELDS.to_owned(), paths);
        }
        let metadata = ObjectMeta {
            name: Some(resource.name.clone()),
            namespace: Some(resource.namespace.clone()),
            uid: Some(resource.uid.to_string()),
            generation: i64::try_from(resource.generation).ok(),
            annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
            ..ObjectMeta::default()
        };
        let key = KmsKey { metadata, spec: resource.spec.clone(), status: None };
        let bytes = serde_json::to_vec_pretty(&key).map_err(|error| failed(error.into()))?;
        let path = self.path(&resource.namespace, &resource.name);
        let folder = self.folder.join(&resource.namespace);
        if !folder.is_dir() {
            atomic::create_folder(&folder).map_err(&failed)?;
        }
        atomic::write(&path, &bytes).map_err(failed)
    }

    fn read_all(&self) -> Result<Listing, ResourceError> {
        let listed = |error| medium("*", "*", "listed")(error);
        let mut listing = Listing::default();
        for namespace in namespaces(&self.folder).map_err(listed)? {
            for file in atomic::names(&self.folder.join(&namespace)).map_err(listed)? {
                let Some(name) = file.strip_suffix(".json") else { continue };
                match self.read(&namespace, name) {
                    Ok(resource) => listing.resources.extend(resource),
                    Err(error) => {
                        let path = self.path(&namespace, name);
                        tracing::error!(error = &error as &dyn std::error::Error, "{}", path.display());
                        listing.unreadable.push((namespace.clone(), name.to_owned()));
                    }
                }
            }
        }
        Ok(listing)
    }

    fn unseen(&self) -> std::sync::MutexGuard<'_, Unseen> {
        self.unseen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reports(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Vec<Condition>>> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Resources for FolderResources {
    async fn list(&self) -> Result<Listing, ResourceError> {
        tokio::task::block_in_place(|| self.read_all())
    }

    async fn get(&self, namespace: &str, name: &str) -> Result<Option<Resource>, ResourceError> {
        let found = tokio::task::block_in_place(|| self.read(namespace, name))?;
        if found.is_none() && self.unseen().may_have(namespace, name) {
            return Err(medium(namespace, name, "read")(io::Error::other("its manifest could not be looked at")));
        }
        Ok(found)
    }

    async fn create(&self, namespace: &str, name: &str, spec: KmsKeySpec) -> Result<Resource, ResourceError> {
        let _writer = self.writer.lock().await;
        tokio::task::block_in_place(|| match self.read(namespace, name)? {
            Some(found) if found.spec == spec => Ok(found),
            Some(_) => Err(ResourceError::AlreadyExists { namespace: namespace.to_owned(), name: name.to_owned() }),
            None => {
                let resource = self.new_resource(namespace, name, Manager::Api, spec)?;
                self.write(resource.clone()).map(|()| resource)
            }
        })
    }

    async fn change(&self, resource: &Resource, change: &SpecChange) -> Result<Resource, ResourceError> {
        let _writer = self.writer.lock().await;
        tokio::task::block_in_place(|| self.change_held(resource, change))
    }

    async fn remember_key(&self, namespace: &str, name: &str) -> Result<(), ResourceError> {
        let _writer = self.writer.lock().await;
        tokio::task::block_in_place(|| match self.read_held(namespace, name)? {
            Some(Held { resource, api_fields }) if !resource.key_was_made => {
                let resource = Resource { key_was_made: true, ..resource };
                self.write_held(&Held { resource, api_fields })
            }
            _ => Ok(()),
        })
    }

    /// Tells the user on the log, once for each change. What the API made and is well goes without saying.
    async fn report(&self, resource: &Resource, report: Report) {
        events::tell_happened(resource, &report.happened);
        let key = (resource.namespace.clone(), resource.name.clone());
        let Some(ready) = ready_of(&report.conditions).cloned() else { return };
        let before = self.reports().insert(key, report.conditions);
        let well = ready.reason == ConditionReason::AsExpected;
        let unchanged = match before.as_deref().and_then(ready_of) {
            Some(before) => (before.reason, &before.message) == (ready.reason, &ready.message),
            // Nobody can take away the resource of a destroyed key that the API made.
            None => (well || ready.reason == ConditionReason::KeyDestroyed) && resource.manager == Manager::Api,
        };
        if unchanged {
            return;
        }
        events::tell_readiness(resource, &ready, report.key.and_then(|key| key.key_id).as_deref());
    }

    async fn report_left(&self, record: &Record, happened: &[Reason]) {
        events::tell_left(record, happened);
    }

    async fn reported(&self, namespace: &str, name: &str) -> Vec<Condition> {
        self.reports().get(&(namespace.to_owned(), name.to_owned())).cloned().unwrap_or_default()
    }

    fn namespace_uid(&self, namespace: &str) -> Option<ObjectUid> {
        Some(self.uid_of(namespace))
    }
}

/// Only folders are namespaces; a stray file is none of ours. One that cannot be looked at may be either.
fn namespaces(folder: &Path) -> io::Result<Vec<String>> {
    let mut namespaces = Vec::new();
    for name in atomic::names(folder)? {
        if std::fs::metadata(folder.join(&name))?.is_dir() {
            namespaces.push(name);
        }
    }
    Ok(namespaces)
}

fn ready_of(conditions: &[Condition]) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.kind == ConditionType::Ready)
}

fn medium(namespace: &str, name: &str, action: &'static str) -> impl Fn(io::Error) -> ResourceError + use<> {
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    move |source| ResourceError::Medium {
        namespace: namespace.clone(),
        name: name.clone(),
        action,
        source: Arc::new(source),
    }
}
