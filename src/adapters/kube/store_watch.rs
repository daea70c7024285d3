//! The one watch: brings what happens to sealed objects, in order, to one watcher of the store.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use futures::channel::mpsc;
use futures::{SinkExt as _, StreamExt as _};
use k8s_openapi::api::core::v1::Secret;
use kube::core::DeserializeGuard;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};

use super::patience::Patience;
use super::progress::Progress;
use super::store::{named, object_name, parse_revision};
use crate::ports::clock::Clock;
use crate::ports::store::{Event, Stored};
use crate::types::limits::LIST_PAGE_ITEMS;
use crate::types::object::{Kind, ObjectName};
use crate::types::revision::Revision;

/// One watcher and what it wants to know.
pub(super) struct Pump {
    pub(super) kinds: &'static [Kind],
    pub(super) sender: mpsc::Sender<Event>,
    pub(super) reached: Arc<AtomicU64>,
    pub(super) progress: Arc<Progress>,
    pub(super) clock: Arc<dyn Clock>,
}

/// The watcher does not listen any more.
struct Gone;

/// A list that is still arriving.
#[derive(Default)]
struct Listing {
    objects: Vec<(ObjectName, Stored)>,
    newest: Revision,
}

/// Runs until the watcher is gone. Lost connections are made again, and lost events end in a new `Reset`.
pub(super) async fn run(api: Api<DeserializeGuard<Secret>>, mut pump: Pump) {
    let config = watcher::Config::default().page_size(LIST_PAGE_ITEMS);
    let mut events = std::pin::pin!(watcher(api, config).backoff(Patience::default()));
    let mut listing = Listing::default();
    while let Some(event) = events.next().await {
        let handed = match event {
            Ok(event) => pump.take(event, &mut listing).await,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the sealed objects cannot be watched; trying again");
                Ok(())
            }
        };
        if handed.is_err() {
            return;
        }
    }
}

impl Pump {
    async fn take(
        &mut self,
        event: watcher::Event<DeserializeGuard<Secret>>,
        listing: &mut Listing,
    ) -> Result<(), Gone> {
        self.progress.heard(self.clock.monotonic());
        match event {
            watcher::Event::Init => *listing = Listing::default(),
            watcher::Event::InitApply(object) => {
                listing.newest = listing.newest.max(revision_of(&object));
                listing.objects.extend(named(object, self.kinds));
            }
            watcher::Event::InitDone => {
                let Listing { objects, newest } = std::mem::take(listing);
                self.hand(Some(Event::Reset(objects, newest)), newest).await?;
            }
            watcher::Event::Apply(object) => {
                let revision = revision_of(&object);
                let event = named(object, self.kinds).map(|(name, stored)| Event::Applied(name, stored, revision));
                self.hand(event, revision).await?;
            }
            watcher::Event::Delete(object) => {
                let revision = revision_of(&object);
                let name = object_name(&object.name_any(), self.kinds);
                self.hand(name.clone().map(|name| Event::Deleted(name, revision)), revision).await?;
                if let Some(name) = name {
                    self.progress.deleted(&name, revision);
                }
            }
        }
        Ok(())
    }

    /// An event of another kind is handed to nobody and shows progress all the same.
    async fn hand(&mut self, event: Option<Event>, revision: Revision) -> Result<(), Gone> {
        if let Some(event) = event {
            self.sender.send(event).await.map_err(|_| Gone)?;
        } else if self.sender.is_closed() {
            return Err(Gone);
        }
        self.progress.reached(&self.reached, revision);
        Ok(())
    }
}

fn revision_of(object: &DeserializeGuard<Secret>) -> Revision {
    parse_revision(object.resource_version().as_deref())
}
