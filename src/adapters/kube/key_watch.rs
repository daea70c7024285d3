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
        let mut teller = Teller { follower: Arc::clone(&follower), listed: Vec::new() };
        let work = async move {
            let mut events = std::pin::pin!(reflector(writer, events));
            while let Some(event) = events.next().await {
                teller.take(event).await;
            }
        };
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

fn place<K: Followed>(key: &DeserializeGuard<K>) -> (String, String) {
    (key.namespace().unwrap_or_default(), key.name_any())
}

/// Tells the follower what happened, once `seen` shows it: who looks for a new resource sooner does not find it, and
/// would take it for one that is gone.
struct Teller {
    follower: Follower,
    /// What a list that is still arriving holds; `seen` shows none of it until all of it is there.
    listed: Vec<(String, String)>,
}

impl Teller {
    async fn take<K: Followed>(&mut self, event: Result<watcher::Event<DeserializeGuard<K>>, watcher::Error>) {
        match event {
            Ok(watcher::Event::Init) => self.listed.clear(),
            Ok(watcher::Event::InitApply(key)) => self.listed.push(place(&key)),
            Ok(watcher::Event::InitDone) => {
                for (namespace, name) in std::mem::take(&mut self.listed) {
                    self.tell(Touched::Applied(namespace, name)).await;
                }
                self.tell(Touched::Listed).await;
            }
            Ok(watcher::Event::Apply(key)) => {
                let (namespace, name) = place(&key);
                self.tell(Touched::Applied(namespace, name)).await;
            }
            Ok(watcher::Event::Delete(key)) => {
                let (namespace, name) = place(&key);
                self.tell(Touched::Removed(namespace, name)).await;
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "{} cannot be watched; trying again", K::plural(&()));
            }
        }
    }

    async fn tell(&self, touched: Touched) {
        let sender = self.follower.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(mut sender) = sender
            && sender.send(touched).await.is_err()
        {
            // Nobody leads here any more; the next leader begins with everything that is there.
            let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
            if follower.as_ref().is_some_and(mpsc::Sender::is_closed) {
                *follower = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    fn key(name: &str) -> DeserializeGuard<KmsKey> {
        let manifest = serde_json::json!({
            "apiVersion": "kms.coffer.dev/v1alpha1", "kind": "KmsKey",
            "metadata": { "namespace": "shop", "name": name }, "spec": {},
        });
        serde_json::from_value(manifest).unwrap()
    }

    #[tokio::test]
    async fn what_a_list_holds_is_told_when_all_of_it_can_be_seen() {
        let (seen, mut writer) = store();
        let (sender, mut told) = mpsc::channel(WATCH_BACKLOG_MAX);
        let mut teller = Teller { follower: Arc::new(Mutex::new(Some(sender))), listed: Vec::new() };
        let applied = |name: &str| Touched::Applied("shop".to_owned(), name.to_owned());
        let lost = [watcher::Event::Init, watcher::Event::InitApply(key("lost"))];
        let listing = [watcher::Event::Init, watcher::Event::InitApply(key("a")), watcher::Event::InitApply(key("b"))];
        for event in lost.into_iter().chain(listing) {
            writer.apply_watcher_event(&event);
            teller.take(Ok(event)).await;
            assert_eq!(told.next().now_or_never(), None, "nothing can be seen yet");
        }
        for event in [watcher::Event::InitDone, watcher::Event::Apply(key("c"))] {
            writer.apply_watcher_event(&event);
            teller.take(Ok(event)).await;
        }
        for expected in [applied("a"), applied("b"), Touched::Listed, applied("c")] {
            assert_eq!(told.next().now_or_never(), Some(Some(expected)));
        }
        assert_eq!(seen.state().len(), 3);
    }
}
