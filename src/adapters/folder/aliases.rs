//! `KeyAlias` resources of `coffer local`: what the folder of manifests said when it was last readable. Before its
//! first reading nothing is known, and nothing is taken for removed.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::manifests::Manifest;
use crate::api::crd::condition::{Condition, ConditionReason, ConditionType};
use crate::api::crd::key_alias::KeyAliasSpec;
use crate::domain::resource::{AliasResource, Manager};
use crate::ports::alias_resources::{AliasListing, AliasReport, AliasResources, Wanting};
use crate::ports::resources::ResourceError;
use crate::types::ids::ObjectUid;
use crate::types::time::Timestamp;

type Name = (String, String);

/// Resources of a folder of manifests.
#[derive(Default)]
pub struct FolderAliases {
    /// None before the first reading.
    known: Mutex<Option<BTreeMap<Name, AliasResource>>>,
    reported: Mutex<HashMap<Name, Vec<Condition>>>,
}

impl FolderAliases {
    /// Takes over what a completely read folder says.
    pub fn follow(&self, manifests: &[Manifest<KeyAliasSpec>], uid_of: impl Fn(&str) -> ObjectUid) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.take().unwrap_or_default();
        let next = manifests.iter().map(|manifest| {
            let name = (manifest.namespace.clone(), manifest.name.clone());
            let generation = match before.get(&name) {
                Some(old) if old.spec == manifest.spec => old.generation,
                Some(old) => old.generation.saturating_add(1),
                None => 1,
            };
            let resource = AliasResource {
                namespace: manifest.namespace.clone(),
                namespace_uid: uid_of(&manifest.namespace),
                name: manifest.name.clone(),
                // A file does not tell.
                created_at: Timestamp::default(),
                generation,
                manager: Manager::Manifest(manifest.file.display().to_string()),
                spec: manifest.spec.clone(),
            };
            (name, resource)
        });
        let next: BTreeMap<Name, AliasResource> = next.collect();
        self.reports().retain(|name, _| next.contains_key(name));
        *known = Some(next);
    }

    fn reports(&self) -> std::sync::MutexGuard<'_, HashMap<Name, Vec<Condition>>> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(
        &self,
        (namespace, name): (&str, &str),
        action: &'static str,
        read: impl FnOnce(&BTreeMap<Name, AliasResource>) -> T,
    ) -> Result<T, ResourceError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(read).ok_or_else(|| ResourceError::Alias {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            action,
            source: Arc::new(io::Error::other("no folder of manifests was read")),
        })
    }
}

#[async_trait]
impl AliasResources for FolderAliases {
    async fn list(&self) -> Result<AliasListing, ResourceError> {
        let resources = self.read(("*", "*"), "listed", |known| known.values().cloned().collect())?;
        Ok(AliasListing { resources, unreadable: Vec::new() })
    }

    async fn get(&self, namespace: &str, name: &str) -> Result<Option<AliasResource>, ResourceError> {
        let key = (namespace.to_owned(), name.to_owned());
        self.read((namespace, name), "read", |known| known.get(&key).cloned())
    }

    fn wanting(&self, alias: &str) -> Vec<Wanting> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let all = known.iter().flat_map(BTreeMap::values);
        all.filter(|resource| resource.spec.alias_name == alias).map(Wanting::of).collect()
    }

    /// Tells the user on the log, once for each change.
    async fn report(&self, resource: &AliasResource, report: AliasReport) {
        let Some(ready) = ready_of(&report.conditions).cloned() else { return };
        let key = (resource.namespace.clone(), resource.name.clone());
        let before = self.reports().insert(key, report.conditions);
        let same = |before: &Condition| (before.reason, &before.message) == (ready.reason, &ready.message);
        if before.as_deref().and_then(ready_of).is_some_and(same) {
            return;
        }
        let name = format!("{}/{}", resource.namespace, resource.name);
        let (manager, alias, message) = (&resource.manager, &resource.spec.alias_name, ready.message);
        if ready.reason == ConditionReason::AsExpected {
            let key_id = report.target_key_id.unwrap_or_default();
            tracing::info!("{manager}: KeyAlias {name}: {alias} names the key {key_id}");
        } else {
            tracing::error!(reason = %ready.reason, "{manager}: KeyAlias {name}: {message}");
        }
    }

    async fn reported(&self, namespace: &str, name: &str) -> Vec<Condition> {
        self.reports().get(&(namespace.to_owned(), name.to_owned())).cloned().unwrap_or_default()
    }
}

fn ready_of(conditions: &[Condition]) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.kind == ConditionType::Ready)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::conformance;
    use futures::FutureExt as _;

    #[test]
    fn it_conforms_and_knows_nothing_before_the_first_reading() {
        let aliases = FolderAliases::default();
        assert!(aliases.list().now_or_never().unwrap().is_err());
        assert!(aliases.get("default", "main").now_or_never().unwrap().is_err());
        let put = |resources: Vec<AliasResource>| {
            let manifest = |resource: AliasResource| Manifest {
                file: "aliases.yaml".into(),
                namespace: resource.namespace,
                name: resource.name,
                spec: resource.spec,
            };
            let manifests: Vec<_> = resources.into_iter().map(manifest).collect();
            aliases.follow(&manifests, |_| ObjectUid::new([1; 16]));
        };
        futures::executor::block_on(conformance::alias_resources(&aliases, put));
    }
}
