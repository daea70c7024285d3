//! A store whose watch misbehaves, and whose reads may be old: what a real API server, its proxies and its restarts do
//! to a watcher.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};

use super::FakeStore;
use crate::domain::tests_support::Dice;
use crate::ports::store::{Event, Store, StoreError, Stored, Version};
use crate::types::object::{Kind, ObjectName};
use crate::types::revision::Revision;

/// What is wrong with a watch. Whatever it is, when it heals everything is listed again or handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchFault {
    /// Events are lost, now and then.
    Drop,
    /// Events come twice.
    Duplicate,
    /// Events come late, several at a time.
    Delay,
    /// Events of different objects change places.
    Reorder,
    /// Every event is answered with 410 and a list.
    Gone,
    /// The connection breaks, and comes back with a list.
    Disconnect,
    /// Nothing comes, and nothing says so.
    Freeze,
}

impl WatchFault {
    /// Every fault.
    pub const ALL: [Self; 7] =
        [Self::Drop, Self::Duplicate, Self::Delay, Self::Reorder, Self::Gone, Self::Disconnect, Self::Freeze];
}

/// Whether the fault is there, which tests decide.
#[derive(Clone)]
pub struct Fault(Arc<Mutex<Option<WatchFault>>>);

impl Fault {
    /// A watch that is in order.
    pub fn none() -> Self {
        Self(Arc::default())
    }

    /// Begins or ends a fault.
    pub fn set(&self, fault: Option<WatchFault>) {
        *self.0.lock().unwrap() = fault;
    }

    fn get(&self) -> Option<WatchFault> {
        *self.0.lock().unwrap()
    }
}

/// A store with a faulty watch.
#[derive(Clone)]
pub struct FaultyStore {
    /// The store behind it.
    pub store: FakeStore,
    /// What is wrong.
    pub fault: Fault,
    /// Which events it hits.
    pub seed: u64,
}

struct FaultyWatch {
    store: FakeStore,
    kinds: &'static [Kind],
    events: BoxStream<'static, Event>,
    fault: Fault,
    dice: Dice,
    held: VecDeque<Event>,
    lost: bool,
}

impl FaultyWatch {
    /// What becomes of an event while the fault is there.
    fn disturb(&mut self, fault: WatchFault, event: Event) -> Option<Event> {
        match fault {
            WatchFault::Freeze | WatchFault::Disconnect => {
                self.lost |= fault == WatchFault::Disconnect;
                self.held.push_back(event);
                None
            }
            WatchFault::Drop => {
                let dropped = self.dice.below(2) == 0;
                self.lost |= dropped;
                (!dropped).then_some(event)
            }
            WatchFault::Duplicate => {
                self.held.push_back(event.clone());
                Some(event)
            }
            WatchFault::Delay => {
                self.held.push_back(event);
                if self.held.len() > 3 { self.held.pop_front() } else { None }
            }
            WatchFault::Reorder => {
                self.held.push_back(event);
                (self.held.len() > 2).then(|| self.take_any())?
            }
            WatchFault::Gone => {
                self.lost = true;
                None
            }
        }
    }

    /// One of the held events, whose object has no earlier one among them.
    fn take_any(&mut self) -> Option<Event> {
        let start = usize::try_from(self.dice.below(self.held.len() as u64)).unwrap();
        let name = name_of(self.held.get(start)?);
        let first = self.held.iter().position(|event| name_of(event) == name)?;
        self.held.remove(first)
    }

    fn list_again(&mut self) {
        self.held.clear();
        self.lost = false;
        self.events = self.store.watch(self.kinds);
    }
}

fn name_of(event: &Event) -> Option<ObjectName> {
    match event {
        Event::Reset(..) => None,
        Event::Applied(name, ..) | Event::Deleted(name, _) => Some(name.clone()),
    }
}

impl Stream for FaultyWatch {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let this = self.get_mut();
        let fault = this.fault.get();
        if fault.is_none() || fault == Some(WatchFault::Gone) {
            if this.lost {
                this.list_again();
            } else if let Some(event) = this.held.pop_front() {
                return Poll::Ready(Some(event));
            }
        }
        if fault == Some(WatchFault::Duplicate)
            && let Some(event) = this.held.pop_front()
        {
            return Poll::Ready(Some(event));
        }
        while let Poll::Ready(Some(event)) = this.events.poll_next_unpin(context) {
            let passed = match fault {
                Some(fault) if !matches!(event, Event::Reset(..)) => this.disturb(fault, event),
                _ => Some(event),
            };
            if passed.is_some() {
                return Poll::Ready(passed);
            }
        }
        Poll::Pending
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn get(&self, name: &ObjectName) -> Result<Option<Stored>, StoreError> {
        self.store.get(name).await
    }

    async fn list(&self, kind: Kind) -> Result<Vec<(ObjectName, Stored)>, StoreError> {
        self.store.list(kind).await
    }

    async fn create(&self, name: &ObjectName, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        self.store.create(name, bytes).await
    }

    async fn replace(&self, name: &ObjectName, expected: &Version, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        self.store.replace(name, expected, bytes).await
    }

    async fn delete(&self, name: &ObjectName, expected: &Version) -> Result<Revision, StoreError> {
        self.store.delete(name, expected).await
    }

    fn watch(&self, kinds: &'static [Kind]) -> BoxStream<'static, Event> {
        FaultyWatch {
            store: self.store.clone(),
            kinds,
            events: self.store.watch(kinds),
            fault: self.fault.clone(),
            dice: Dice::new(self.seed),
            held: VecDeque::new(),
            lost: false,
        }
        .boxed()
    }

    fn revision(&self) -> Revision {
        self.store.revision()
    }

    async fn wait_for(&self, revision: Revision) {
        self.store.wait_for(revision).await;
    }
}

/// A store whose reads are those of some writes ago, as of an API server that was restarted and is behind, while its
/// writes go to where everything is known.
#[derive(Clone)]
pub struct StaleStore {
    /// The store behind it.
    pub store: FakeStore,
    /// How many writes its reads are behind.
    pub behind: Arc<Mutex<u64>>,
}

#[async_trait]
impl Store for StaleStore {
    async fn get(&self, name: &ObjectName) -> Result<Option<Stored>, StoreError> {
        let behind = *self.behind.lock().unwrap();
        Ok(self.store.as_of(name, self.store.revision().0.saturating_sub(behind)))
    }

    async fn list(&self, kind: Kind) -> Result<Vec<(ObjectName, Stored)>, StoreError> {
        self.store.list(kind).await
    }

    async fn create(&self, name: &ObjectName, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        self.store.create(name, bytes).await
    }

    async fn replace(&self, name: &ObjectName, expected: &Version, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        self.store.replace(name, expected, bytes).await
    }

    async fn delete(&self, name: &ObjectName, expected: &Version) -> Result<Revision, StoreError> {
        self.store.delete(name, expected).await
    }

    fn watch(&self, kinds: &'static [Kind]) -> BoxStream<'static, Event> {
        self.store.watch(kinds)
    }

    fn revision(&self) -> Revision {
        self.store.revision()
    }

    async fn wait_for(&self, revision: Revision) {
        self.store.wait_for(revision).await;
    }
}

/// A store whose client asks once more for every write that is done, as where its first answer is lost behind a 504.
#[derive(Clone)]
pub struct TwiceStore(pub FakeStore);

#[async_trait]
impl Store for TwiceStore {
    async fn get(&self, name: &ObjectName) -> Result<Option<Stored>, StoreError> {
        self.0.get(name).await
    }

    async fn list(&self, kind: Kind) -> Result<Vec<(ObjectName, Stored)>, StoreError> {
        self.0.list(kind).await
    }

    async fn create(&self, name: &ObjectName, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        self.0.create(name, bytes.clone()).await?;
        self.0.create(name, bytes).await
    }

    async fn replace(&self, name: &ObjectName, expected: &Version, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        self.0.replace(name, expected, bytes.clone()).await?;
        self.0.replace(name, expected, bytes).await
    }

    async fn delete(&self, name: &ObjectName, expected: &Version) -> Result<Revision, StoreError> {
        self.0.delete(name, expected).await?;
        self.0.delete(name, expected).await
    }

    fn watch(&self, kinds: &'static [Kind]) -> BoxStream<'static, Event> {
        self.0.watch(kinds)
    }

    fn revision(&self) -> Revision {
        self.0.revision()
    }

    async fn wait_for(&self, revision: Revision) {
        self.0.wait_for(revision).await;
    }
}
