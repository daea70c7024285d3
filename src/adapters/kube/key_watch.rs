//! The watch of `KmsKey`s, or of another kind that is followed: keeps what is known of them, and tells whoever reconciles.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use futures::channel::mpsc;
use futures::{SinkExt as _, StreamExt as _};
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{Store, store};
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::patience::Patience;
use crate::api::crd::kms_key::KmsKey;
use crate::types::limits::{LIST_PAGE_ITEMS, WATCH_BACKLOG_MAX};

/// What happened to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// It was made or changed.
    Applied(String, String),
    /// It is gone.
    Removed(String, String),
    /// Everything was listed again: events may have been lost.
    Listed,
}

type Follower = Arc<Mutex<Option<mpsc::Sender<Touched>>>>;

/// A kind that can be followed.
pub trait Followed: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static {}

impl<K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static> Followed for K {}

/// What is known of the resources of a kind.
#[derive(Clone)]
pub struct KeyWatch<K: Followed = KmsKey> {
    /// The resources, as the watch shows them.
    pub seen: Store<DeserializeGuard<K>>,
    follower: Follower,
}

impl<K: Followed> KeyWatch<K> {
    /// Follows the resources of all namespaces. The future ends with the process.
    pub fn follow(client: Client) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (seen, writer) = store();
        let follower = Follower::default();
        let config = watcher::Config::default().page_size(LIST_PAGE_ITEMS);
        let events =
            watcher(Api::<DeserializeGuard<K>>::all(client), config).backoff(Patience::default()).modify(prune);
        let told = Arc::clone(&follower);
        let work = reflector(writer, events).for_each(move |event| tell(Arc::clone(&told), event));
        (Self { seen, follower }, work)
    }

    /// From now on, what happens is told to this follower and to no earlier one.
    #[must_use]
    pub fn subscribe(&self) -> mpsc::Receiver<Touched> {
        let (sender, receiver) = mpsc::channel(WATCH_BACKLOG_MAX);
        *self.follower.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }
}

/// Nothing of this is needed, and it is most of an object's size.
fn prune<K: Followed>(key: &mut DeserializeGuard<K>) {
    key.managed_fields_mut().clear();
    key.annotations_mut().remove("kubectl.kubernetes.io/last-applied-configuration");
}

async fn tell<K: Followed>(follower: Follower, event: Result<watcher::Event<DeserializeGuard<K>>, watcher::Error>) {
    let place = |key: &DeserializeGuard<K>| (key.namespace().unwrap_or_default(), key.name_any());
    let touched = match &event {
        Ok(watcher::Event::Apply(key) | watcher::Event::InitApply(key)) => {
            let (namespace, name) = place(key);
            Touched::Applied(namespace, name)
        }
        Ok(watcher::Event::Delete(key)) => {
            let (namespace, name) = place(key);
            Touched::Removed(namespace, name)
        }
        Ok(watcher::Event::InitDone) => Touched::Listed,
        Ok(watcher::Event::Init) => return,
        Err(error) => {
            let error: &dyn std::error::Error = error;
            tracing::warn!(error, "{} cannot be watched; trying again", K::plural(&()));
            return;
        }
    };
    let sender = follower.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(mut sender) = sender
        && sender.send(touched).await.is_err()
    {
        // Nobody leads here any more; the next leader begins with everything that is there.
        let mut follower = follower.lock().unwrap_or_else(PoisonError::into_inner);
        if follower.as_ref().is_some_and(mpsc::Sender::is_closed) {
            *follower = None;
        }
    }
}
