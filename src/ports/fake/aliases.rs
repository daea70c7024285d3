//! `KeyAlias` resources in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::api::crd::condition::Condition;
use crate::domain::resource::AliasResource;
use crate::ports::alias_resources::{AliasListing, AliasReport, AliasResources, Wanting};
use crate::ports::resources::ResourceError;

type Name = (String, String);

/// Resources in memory, and a list that can fail.
#[derive(Clone, Default)]
pub struct FakeAliases {
    inner: Arc<Mutex<BTreeMap<Name, AliasResource>>>,
    reports: Arc<Mutex<BTreeMap<Name, AliasReport>>>,
    broken: Arc<Mutex<bool>>,
    unreadable: Arc<Mutex<Option<String>>>,
}

impl FakeAliases {
    /// Puts or replaces a resource.
    pub fn put(&self, resource: AliasResource) {
        let key = (resource.namespace.clone(), resource.name.clone());
        self.inner.lock().unwrap().insert(key, resource);
    }

    /// Removes a resource.
    pub fn remove(&self, namespace: &str, name: &str) {
        self.inner.lock().unwrap().remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// Lets lists and reads fail, or answer again.
    pub fn set_broken(&self, broken: bool) {
        *self.broken.lock().unwrap() = broken;
    }

    /// Lets reads of the resources of one name fail, or of none.
    pub fn set_unreadable(&self, name: Option<&str>) {
        *self.unreadable.lock().unwrap() = name.map(str::to_owned);
    }

    /// The last report of a resource.
    pub fn last_report(&self, namespace: &str, name: &str) -> Option<AliasReport> {
        self.reports.lock().unwrap().get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    fn check(&self, action: &'static str, fails: bool) -> Result<(), ResourceError> {
        let (namespace, name) = ("*".to_owned(), "*".to_owned());
        let source = Arc::new(std::io::Error::other("404 page not found"));
        let failed = ResourceError::Alias { namespace, name, action, source };
        if fails || *self.broken.lock().unwrap() { Err(failed) } else { Ok(()) }
    }
}

#[async_trait]
impl AliasResources for FakeAliases {
    async fn list(&self) -> Result<AliasListing, ResourceError> {
        self.check("listed", false)?;
        let resources = self.inner.lock().unwrap().values().cloned().collect();
        Ok(AliasListing { resources, unreadable: Vec::new() })
    }

    async fn get(&self, namespace: &str, name: &str) -> Result<Option<AliasResource>, ResourceError> {
        self.check("read", self.unreadable.lock().unwrap().as_deref() == Some(name))?;
        Ok(self.inner.lock().unwrap().get(&(namespace.to_owned(), name.to_owned())).cloned())
    }

    fn wanting(&self, alias: &str) -> Vec<Wanting> {
        let all = self.inner.lock().unwrap();
        let wanting = all.values().filter(|resource| resource.spec.alias_name == alias);
        wanting.map(Wanting::of).collect()
    }

    async fn report(&self, resource: &AliasResource, report: AliasReport) {
        self.reports.lock().unwrap().insert((resource.namespace.clone(), resource.name.clone()), report);
    }

    async fn reported(&self, namespace: &str, name: &str) -> Vec<Condition> {
        self.last_report(namespace, name).map(|report| report.conditions).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::conformance;

    #[test]
    fn it_conforms() {
        let aliases = FakeAliases::default();
        let put = aliases.clone();
        futures::executor::block_on(conformance::alias_resources(&aliases, |resources| {
            put.inner.lock().unwrap().clear();
            resources.into_iter().for_each(|resource| put.put(resource));
        }));
    }
}
