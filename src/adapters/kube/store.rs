//! Sealed objects as Secrets of one namespace, each of a type of its own and labelled with what it is.
//!
//! Reads are quorum reads, creation is exclusive by name, and changes name uid and resourceVersion of what was
//! read. Names, types and labels are for finding; what is believed is sealed inside.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::channel::mpsc;
use futures::stream::BoxStream;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams, Preconditions};
use kube::core::DeserializeGuard;
use kube::{Api, Client, ResourceExt as _};

use super::progress::Progress;
use super::store_watch::{self, Pump};
use crate::api::crd::GROUP;
use crate::ports::clock::Clock;
use crate::ports::store::{Event, Store, StoreError, Stored, Version};
use crate::types::limits::{DELETION_EVENT_WAIT, LIST_PAGE_ITEMS, STORE_TIMEOUT, STORED_OBJECT_MAX, WATCH_BACKLOG_MAX};
use crate::types::object::{Kind, ObjectName, WriteRule};
use crate::types::revision::Revision;
use crate::types::time::Span;

/// The key of a Secret's data that holds the sealed bytes.
const DATA: &str = "sealed";
/// What a create does, in messages.
const MADE: &str = "made";

/// A store over the Secrets of one namespace.
pub struct SecretStore {
    api: Api<Secret>,
    guarded: Api<DeserializeGuard<Secret>>,
    progress: Arc<Progress>,
    clock: Arc<dyn Clock>,
}

impl SecretStore {
    /// A store in this namespace.
    #[must_use]
    pub fn new(client: Client, namespace: &str, clock: Arc<dyn Clock>) -> Self {
        let (api, guarded) = (Api::namespaced(client.clone(), namespace), Api::namespaced(client, namespace));
        let progress = Arc::new(Progress::new(clock.monotonic()));
        Self { api, guarded, progress, clock }
    }

    /// Time since the watch last brought anything. Heartbeats of replicas are written all the time, so silence
    /// means that what is known grows old.
    #[must_use]
    pub fn silence(&self) -> Span {
        self.progress.silence(self.clock.monotonic())
    }

    async fn in_time<T>(
        &self,
        name: &ObjectName,
        action: &'static str,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, StoreError> {
        let medium = |source: Arc<dyn std::error::Error + Send + Sync>| StoreError::Medium {
            name: name.clone(),
            action,
            source,
        };
        match tokio::time::timeout(STORE_TIMEOUT.duration(), call).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(kube::Error::Api(status))) if status.is_already_exists() => {
                Err(StoreError::AlreadyExists(name.clone()))
            }
            // Of a create, only the namespace can be what is not found.
            Ok(Err(kube::Error::Api(status))) if status.is_conflict() || (status.is_not_found() && action != MADE) => {
                Err(StoreError::Conflict(name.clone()))
            }
            Ok(Err(error)) => Err(medium(Arc::new(error))),
            Err(late) => Err(medium(Arc::new(late))),
        }
    }

    /// The revision of a deletion, which its answer does not tell: the watch brings it, and where nobody
    /// watches, a list that was made later is a safe bound.
    async fn deletion_revision(
        &self,
        name: &ObjectName,
        mut deletions: tokio::sync::broadcast::Receiver<(ObjectName, Revision)>,
    ) -> Result<Revision, StoreError> {
        let seen = async {
            while let Ok((deleted, revision)) = deletions.recv().await {
                if deleted == *name {
                    return Some(revision);
                }
            }
            None
        };
        if self.progress.has_watchers()
            && let Ok(Some(revision)) = tokio::time::timeout(DELETION_EVENT_WAIT.duration(), seen).await
        {
            return Ok(revision);
        }
        let parameters = ListParams::default().limit(1);
        let listed = self.in_time(name, "deleted", self.api.list_metadata(&parameters)).await?;
        let revision = parse_revision(listed.metadata.resource_version.as_deref());
        self.progress.written(revision);
        Ok(revision)
    }

    async fn page(
        &self,
        kind: Kind,
        next: Option<String>,
    ) -> Result<(Vec<DeserializeGuard<Secret>>, Option<String>), StoreError> {
        let selector = format!("type={}", secret_type(kind));
        let mut parameters = ListParams::default().fields(&selector).limit(LIST_PAGE_ITEMS);
        parameters.continue_token = next;
        let listing = self.in_time(&ObjectName::root(0), "listed", self.guarded.list(&parameters)).await?;
        Ok((listing.items, listing.metadata.continue_.filter(|token| !token.is_empty())))
    }
}

#[async_trait]
impl Store for SecretStore {
    async fn get(&self, name: &ObjectName) -> Result<Option<Stored>, StoreError> {
        let found = self.in_time(name, "read", self.api.get_opt(name.as_str())).await?;
        Ok(found.map(to_stored))
    }

    async fn list(&self, kind: Kind) -> Result<Vec<(ObjectName, Stored)>, StoreError> {
        let (mut objects, mut next) = (Vec::new(), None);
        loop {
            let (items, following) = self.page(kind, next).await?;
            objects.extend(items.into_iter().filter_map(|item| named(item, &[kind])));
            match following {
                Some(token) => next = Some(token),
                None => return Ok(objects),
            }
        }
    }

    async fn create(&self, name: &ObjectName, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        let secret = to_secret(name, bytes, None)?;
        let made = self.in_time(name, MADE, self.api.create(&PostParams::default(), &secret)).await?;
        let revision = parse_revision(made.metadata.resource_version.as_deref());
        self.progress.written(revision);
        Ok(revision)
    }

    async fn replace(&self, name: &ObjectName, expected: &Version, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        if name.kind().write_rule() == WriteRule::CreateOnly {
            return Err(StoreError::WrittenOnce(name.clone()));
        }
        let read = ReadVersion::parse(expected).ok_or_else(|| StoreError::Conflict(name.clone()))?;
        let secret = to_secret(name, bytes, Some(read))?;
        let parameters = PostParams::default();
        let call = self.api.replace(name.as_str(), &parameters, &secret);
        let written = self.in_time(name, "written", call).await?;
        let revision = parse_revision(written.metadata.resource_version.as_deref());
        self.progress.written(revision);
        Ok(revision)
    }

    async fn delete(&self, name: &ObjectName, expected: &Version) -> Result<Revision, StoreError> {
        let read = ReadVersion::parse(expected).ok_or_else(|| StoreError::Conflict(name.clone()))?;
        let preconditions = Preconditions { uid: Some(read.uid), resource_version: Some(read.resource_version) };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        let deletions = self.progress.deletions();
        self.in_time(name, "deleted", self.api.delete(name.as_str(), &parameters)).await?;
        self.deletion_revision(name, deletions).await
    }

    fn watch(&self, kinds: &'static [Kind]) -> BoxStream<'static, Event> {
        let (sender, receiver) = mpsc::channel(WATCH_BACKLOG_MAX);
        let (progress, clock) = (Arc::clone(&self.progress), Arc::clone(&self.clock));
        let pump = Pump { kinds, sender, reached: progress.register(), progress, clock };
        tokio::spawn(store_watch::run(self.guarded.clone(), pump));
        receiver.boxed()
    }

    fn revision(&self) -> Revision {
        self.progress.revision()
    }

    async fn wait_for(&self, revision: Revision) {
        self.progress.wait_for(revision).await;
    }
}

/// What a version token names: the object's uid and its resourceVersion.
struct ReadVersion {
    uid: String,
    resource_version: String,
}

impl ReadVersion {
    fn parse(version: &Version) -> Option<Self> {
        let (uid, resource_version) = version.0.split_once('/')?;
        Some(Self { uid: uid.to_owned(), resource_version: resource_version.to_owned() })
    }
}

fn secret_type(kind: Kind) -> String {
    format!("{GROUP}/{kind}")
}

fn to_secret(name: &ObjectName, bytes: Vec<u8>, read: Option<ReadVersion>) -> Result<Secret, StoreError> {
    if bytes.len() > STORED_OBJECT_MAX {
        return Err(StoreError::TooLarge(name.clone()));
    }
    let (uid, resource_version) = read.map(|read| (read.uid, read.resource_version)).unzip();
    let metadata = ObjectMeta {
        name: Some(name.to_string()),
        labels: Some(labels(name)),
        uid,
        resource_version,
        ..ObjectMeta::default()
    };
    Ok(Secret {
        metadata,
        type_: Some(secret_type(name.kind())),
        immutable: (name.kind().write_rule() == WriteRule::CreateOnly).then_some(true),
        data: Some(BTreeMap::from([(DATA.to_owned(), ByteString(bytes))])),
        ..Secret::default()
    })
}

/// Labels tell people and backup tools what an object is. Nothing is decided by them.
fn labels(name: &ObjectName) -> BTreeMap<String, String> {
    let kind = if name.kind() == Kind::Key { "record" } else { name.kind().as_str() };
    let mut labels = BTreeMap::from([
        (format!("{GROUP}/{kind}"), "true".to_owned()),
        ("app.kubernetes.io/managed-by".to_owned(), "coffer".to_owned()),
    ]);
    if let Some(key_id) = name.key_id() {
        labels.insert(format!("{GROUP}/key-id"), key_id.to_string());
    }
    if let Some(hash) = name.as_str().strip_prefix("owner-") {
        labels.insert(format!("{GROUP}/owner-hash"), hash.to_owned());
    }
    labels
}

/// An object of one of these kinds, by its name. One that cannot be understood counts as empty, and empty does
/// not open: it hurts its own key and no other.
pub(super) fn named(guarded: DeserializeGuard<Secret>, kinds: &[Kind]) -> Option<(ObjectName, Stored)> {
    let name = object_name(&guarded.name_any(), kinds)?;
    let secret = guarded.0.unwrap_or_else(|invalid| {
        // The reason may repeat what the object holds.
        tracing::error!(%name, "a sealed object cannot be understood");
        Secret { metadata: invalid.metadata, ..Secret::default() }
    });
    Some((name, to_stored(secret)))
}

pub(super) fn object_name(name: &str, kinds: &[Kind]) -> Option<ObjectName> {
    kinds.iter().find_map(|kind| ObjectName::parse(*kind, name))
}

fn to_stored(secret: Secret) -> Stored {
    let bytes = secret.data.and_then(|mut data| data.remove(DATA)).map(|bytes| bytes.0).unwrap_or_default();
    let uid = secret.metadata.uid.unwrap_or_default();
    let resource_version = secret.metadata.resource_version.unwrap_or_default();
    let revision = parse_revision(Some(&resource_version));
    Stored { bytes: bytes.into(), version: Version(format!("{uid}/{resource_version}")), revision }
}

/// Kubernetes makes resourceVersions comparable numbers
/// ([KEP-5504](https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/5504-comparable-resource-version)).
pub(super) fn parse_revision(resource_version: Option<&str>) -> Revision {
    Revision(resource_version.and_then(|text| text.parse().ok()).unwrap_or_default())
}
