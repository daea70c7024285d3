//! Namespaces by name: a new namespace of an old name has another uid.

use std::sync::Arc;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store, store};
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Api, Client, ResourceExt as _};

use super::patience::Patience;

use crate::types::ids::ObjectUid;
use crate::types::limits::NAMESPACE_WATCH_SECONDS;

/// What is known of namespaces.
#[derive(Clone)]
pub struct Namespaces(Store<PartialObjectMeta<Namespace>>);

impl Namespaces {
    /// Follows the namespaces of a cluster. The future ends with the process.
    pub fn follow(client: Client) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (reader, writer) = store();
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(client);
        let config = watcher::Config::default().timeout(NAMESPACE_WATCH_SECONDS);
        let events = watcher(api, config).backoff(Patience::default()).modify(|namespace| {
            namespace.managed_fields_mut().clear();
            namespace.annotations_mut().clear();
        });
        let work = reflector(writer, events).for_each(|event| async {
            if let Err(error) = event {
                tracing::warn!(error = &error as &dyn std::error::Error, "namespaces cannot be watched; trying again");
            }
        });
        (Self(reader), work)
    }

    /// Ends when the first list has arrived.
    pub async fn ready(&self) {
        // It fails only where the writer is gone, and then the process ends.
        drop(self.0.wait_until_ready().await);
    }

    /// The uid of a namespace that exists.
    #[must_use]
    pub fn uid_of(&self, name: &str) -> Option<ObjectUid> {
        self.find(name).and_then(|namespace| ObjectUid::parse(&namespace.uid()?))
    }

    /// The uid of a namespace that exists, from the API server itself.
    ///
    /// # Errors
    /// Those of the API server.
    pub async fn read_uid(&self, client: &Client, name: &str) -> kube::Result<Option<ObjectUid>> {
        let api: Api<Namespace> = Api::all(client.clone());
        let found = api.get_metadata_opt(name).await?;
        Ok(found.and_then(|namespace| ObjectUid::parse(&namespace.uid()?)))
    }

    /// The names of the namespaces that bear a label with this value.
    #[must_use]
    pub fn labelled(&self, label: &str, value: &str) -> Vec<String> {
        let bears = |namespace: &Arc<PartialObjectMeta<Namespace>>| {
            namespace.labels().get(label).is_some_and(|found| found == value)
                && namespace.metadata.deletion_timestamp.is_none()
        };
        self.0.state().iter().filter(|namespace| bears(namespace)).map(|namespace| namespace.name_any()).collect()
    }

    fn find(&self, name: &str) -> Option<Arc<PartialObjectMeta<Namespace>>> {
        self.0.get(&ObjectRef::new(name))
    }
}
