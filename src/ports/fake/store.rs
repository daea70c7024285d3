//! A store in memory that can lose its process at the n-th write.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::channel::{mpsc, oneshot};
use futures::stream::BoxStream;

use crate::ports::store::{Event, Store, StoreError, Stored, Version};
use crate::types::object::{Kind, ObjectName, WriteRule};
use crate::types::revision::Revision;

/// Where in a write the process is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Before the write happened.
    BeforeWrite,
    /// After the write happened and before the writer heard of it.
    AfterWrite,
    /// After the writer heard of it and before its next write.
    AfterAnswer,
}

/// A store in memory.
#[derive(Clone, Default)]
pub struct FakeStore {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    objects: BTreeMap<ObjectName, Stored>,
    /// What each object was, by the revision that made it so.
    history: BTreeMap<ObjectName, Vec<(u64, Option<Stored>)>>,
    revision: u64,
    watchers: Vec<(&'static [Kind], mpsc::UnboundedSender<Event>)>,
    waiters: Vec<(Revision, oneshot::Sender<()>)>,
    writes: usize,
    cut: Option<(usize, Cut)>,
}

impl FakeStore {
    /// Loses the process at the write with this number, counted from 0 and from now.
    pub fn cut_at(&self, write: usize, cut: Cut) {
        let mut inner = self.inner.lock().unwrap();
        inner.cut = Some((inner.writes + write, cut));
    }

    /// A process that starts again writes as ever.
    pub fn restart(&self) {
        self.inner.lock().unwrap().cut = None;
    }

    /// The names of all objects.
    pub fn names(&self) -> Vec<String> {
        self.inner.lock().unwrap().objects.keys().map(ToString::to_string).collect()
    }

    /// An object as it was at a revision.
    pub fn as_of(&self, name: &ObjectName, revision: u64) -> Option<Stored> {
        let inner = self.inner.lock().unwrap();
        let changes = inner.history.get(name).map_or(&[][..], Vec::as_slice);
        changes.iter().rev().find(|(at, _)| *at <= revision).and_then(|(_, stored)| stored.clone())
    }

    /// Takes an object away behind everyone's back.
    pub fn steal(&self, name: &ObjectName) -> Option<Stored> {
        self.inner.lock().unwrap().objects.remove(name)
    }

    /// Puts bytes there behind everyone's back.
    pub fn plant(&self, name: &ObjectName, bytes: Vec<u8>) {
        let mut inner = self.inner.lock().unwrap();
        let version = Version(format!("planted-{}", inner.revision));
        let revision = Revision(inner.revision);
        inner.objects.insert(name.clone(), Stored { bytes: bytes.into(), version, revision });
    }

    fn write(
        &self,
        name: &ObjectName,
        change: impl FnOnce(&mut Inner) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<Revision, StoreError> {
        let mut inner = self.inner.lock().unwrap();
        let number = inner.writes;
        let lost = |cut| inner.cut.is_some_and(|(at, kind)| at < number || (at == number && kind == cut));
        let medium = || StoreError::Medium {
            name: name.clone(),
            action: "written",
            source: Arc::new(std::io::Error::other("the process is lost")),
        };
        // After the answer to this write, nothing of the process is left but its next write.
        let (before, after) = (lost(Cut::BeforeWrite), lost(Cut::AfterWrite));
        let gone = inner.cut.is_some_and(|(at, _)| at < number);
        if before || gone {
            inner.writes += 1;
            return Err(medium());
        }
        let bytes = change(&mut inner)?;
        inner.writes += 1;
        let revision = inner.commit(name, bytes);
        if after { Err(medium()) } else { Ok(revision) }
    }
}

impl Inner {
    fn commit(&mut self, name: &ObjectName, bytes: Option<Vec<u8>>) -> Revision {
        self.revision += 1;
        let revision = Revision(self.revision);
        let event = match bytes {
            Some(bytes) => {
                let version = Version(self.revision.to_string());
                let stored = Stored { bytes: bytes.into(), version, revision };
                self.objects.insert(name.clone(), stored.clone());
                Event::Applied(name.clone(), stored, revision)
            }
            None => {
                self.objects.remove(name);
                Event::Deleted(name.clone(), revision)
            }
        };
        let now = self.objects.get(name).cloned();
        self.history.entry(name.clone()).or_default().push((self.revision, now));
        self.watchers
            .retain(|(kinds, sender)| !kinds.contains(&name.kind()) || sender.unbounded_send(event.clone()).is_ok());
        for (_, sender) in self.waiters.extract_if(.., |(at, _)| *at <= revision) {
            let _ = sender.send(());
        }
        revision
    }

    fn expect(&self, name: &ObjectName, expected: &Version) -> Result<(), StoreError> {
        let same = self.objects.get(name).is_some_and(|stored| stored.version == *expected);
        same.then_some(()).ok_or_else(|| StoreError::Conflict(name.clone()))
    }
}

#[async_trait]
impl Store for FakeStore {
    async fn get(&self, name: &ObjectName) -> Result<Option<Stored>, StoreError> {
        Ok(self.inner.lock().unwrap().objects.get(name).cloned())
    }

    async fn list(&self, kind: Kind) -> Result<Vec<(ObjectName, Stored)>, StoreError> {
        let inner = self.inner.lock().unwrap();
        let objects = inner.objects.iter().filter(|(name, _)| name.kind() == kind);
        Ok(objects.map(|(name, stored)| (name.clone(), stored.clone())).collect())
    }

    async fn create(&self, name: &ObjectName, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        self.write(name, |inner| match inner.objects.get(name) {
            Some(_) => Err(StoreError::AlreadyExists(name.clone())),
            None => Ok(Some(bytes)),
        })
    }

    async fn replace(&self, name: &ObjectName, expected: &Version, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        if name.kind().write_rule() == WriteRule::CreateOnly {
            return Err(StoreError::WrittenOnce(name.clone()));
        }
        self.write(name, |inner| inner.expect(name, expected).map(|()| Some(bytes)))
    }

    async fn delete(&self, name: &ObjectName, expected: &Version) -> Result<Revision, StoreError> {
        self.write(name, |inner| inner.expect(name, expected).map(|()| None))
    }

    fn watch(&self, kinds: &'static [Kind]) -> BoxStream<'static, Event> {
        let (sender, receiver) = mpsc::unbounded();
        let mut inner = self.inner.lock().unwrap();
        let objects = inner.objects.iter().filter(|(name, _)| kinds.contains(&name.kind()));
        let all = objects.map(|(name, stored)| (name.clone(), stored.clone())).collect();
        let reset = Event::Reset(all, Revision(inner.revision));
        inner.watchers.push((kinds, sender));
        futures::stream::once(async { reset }).chain(receiver).boxed()
    }

    fn revision(&self) -> Revision {
        Revision(self.inner.lock().unwrap().revision)
    }

    async fn wait_for(&self, revision: Revision) {
        let receiver = {
            let mut inner = self.inner.lock().unwrap();
            if inner.revision >= revision.0 {
                return;
            }
            let (sender, receiver) = oneshot::channel();
            inner.waiters.push((revision, sender));
            receiver
        };
        let _ = receiver.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::conformance;
    use crate::types::ids::KeyId;
    use futures::executor::block_on;

    #[test]
    fn it_is_a_store() {
        block_on(conformance::store(|| Arc::new(FakeStore::default())));
    }

    #[test]
    fn a_cut_loses_all_writes_from_its_own_on() {
        let names: Vec<ObjectName> = (0..3).map(|number| ObjectName::key(&KeyId::new([number; 16], false))).collect();
        for (cut, survivors, answers) in [
            (Cut::BeforeWrite, 1, [true, false, false]),
            (Cut::AfterWrite, 2, [true, false, false]),
            (Cut::AfterAnswer, 2, [true, true, false]),
        ] {
            let store = FakeStore::default();
            store.cut_at(1, cut);
            let written = names.iter().map(|name| block_on(store.create(name, Vec::new())).is_ok());
            assert_eq!(written.collect::<Vec<bool>>(), answers);
            assert_eq!(store.names().len(), survivors);
            store.restart();
            assert!(block_on(store.create(&names[2], Vec::new())).is_ok());
        }
    }
}
