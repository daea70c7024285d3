//! Sealed objects as files, one folder for each kind.
//!
//! One process writes; the folder's lock sees to that. Writers of one object take turns, writers of
//! different objects do not wait for each other's disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use futures::channel::mpsc;
use futures::stream::BoxStream;
use futures::{SinkExt as _, StreamExt as _};
use tokio::sync::{Mutex, MutexGuard, watch};

use super::atomic;
use crate::crypto::digest::sha256;
use crate::ports::store::{Event, Store, StoreError, Stored, Version};
use crate::types::limits::{STORED_OBJECT_MAX, WATCH_BACKLOG_MAX};
use crate::types::object::{Kind, ObjectName, WriteRule};
use crate::types::revision::Revision;

const WRITER_LOCKS: usize = 64;

/// A store over a folder.
pub struct FolderStore {
    folder: Arc<PathBuf>,
    writers: Vec<Mutex<()>>,
    watchers: Arc<Mutex<Vec<Watcher>>>,
    revision: watch::Sender<u64>,
    next_revision: std::sync::Mutex<u64>,
}

struct Watcher {
    kinds: &'static [Kind],
    events: mpsc::Sender<Event>,
}

impl FolderStore {
    /// Opens a folder, makes what is missing of it, and sweeps away what a lost process left. Revisions
    /// begin after `first`, which grows from start to start.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(folder: &Path, first: Revision) -> io::Result<Self> {
        for kind in Kind::ALL {
            let folder = folder.join(kind.as_str());
            atomic::create_folder(&folder)?;
            atomic::sweep(&folder)?;
        }
        Ok(Self::over(folder, first))
    }

    /// Reads a folder and leaves it as it is.
    #[must_use]
    pub fn over(folder: &Path, first: Revision) -> Self {
        Self {
            folder: Arc::new(folder.to_owned()),
            writers: (0..WRITER_LOCKS).map(|_| Mutex::new(())).collect(),
            watchers: Arc::default(),
            revision: watch::Sender::new(first.0),
            next_revision: std::sync::Mutex::new(first.0),
        }
    }

    /// The lock of an object's writers, chosen by its name.
    async fn writer(&self, name: &ObjectName) -> Option<MutexGuard<'_, ()>> {
        let [first, ..] = sha256(&[name.as_str().as_bytes()]);
        match self.writers.get(usize::from(first) % WRITER_LOCKS) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        }
    }

    /// Events are handed over in the order of their revisions: the list of watchers is locked meanwhile.
    async fn announce(&self, event: impl FnOnce(Revision) -> Event, kind: Kind) -> Revision {
        let mut watchers = self.watchers.lock().await;
        let revision = {
            let mut next = self.next_revision.lock().unwrap_or_else(PoisonError::into_inner);
            *next += 1;
            *next
        };
        let event = event(Revision(revision));
        let mut gone = Vec::new();
        for (index, watcher) in watchers.iter_mut().enumerate().filter(|(_, watcher)| watcher.kinds.contains(&kind)) {
            if watcher.events.send(event.clone()).await.is_err() {
                gone.push(index);
            }
        }
        gone.into_iter().rev().for_each(|index| drop(watchers.swap_remove(index)));
        self.revision.send_replace(revision);
        Revision(revision)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        name: &ObjectName,
        action: &'static str,
        run: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let path = object_path(&self.folder, name);
        let result = tokio::task::spawn_blocking(move || run(path)).await.unwrap_or_else(|error| Err(error.into()));
        result.map_err(|source| StoreError::Medium { name: name.clone(), action, source: Arc::new(source) })
    }

    async fn expect(&self, name: &ObjectName, expected: &Version) -> Result<(), StoreError> {
        let same = self.get(name).await?.is_some_and(|stored| stored.version == *expected);
        same.then_some(()).ok_or_else(|| StoreError::Conflict(name.clone()))
    }

    /// Writes and tells the watchers. After a failure nobody knows what the medium holds, so they are told what
    /// it shows now.
    async fn write(
        &self,
        name: &ObjectName,
        bytes: Vec<u8>,
        put: fn(&Path, &[u8]) -> io::Result<()>,
    ) -> Result<Revision, StoreError> {
        if bytes.len() > STORED_OBJECT_MAX {
            return Err(StoreError::TooLarge(name.clone()));
        }
        let mut stored = to_stored(bytes, Revision::default());
        let bytes = Arc::clone(&stored.bytes);
        if let Err(error) = self.blocking(name, "written", move |path| put(&path, &bytes)).await {
            if let Ok(Some(found)) = self.get(name).await {
                self.announce(|revision| Event::Applied(name.clone(), found, revision), name.kind()).await;
            }
            return Err(already_exists(name, error));
        }
        let applied = |revision| {
            stored.revision = revision;
            Event::Applied(name.clone(), stored, revision)
        };
        Ok(self.announce(applied, name.kind()).await)
    }
}

fn already_exists(name: &ObjectName, error: StoreError) -> StoreError {
    match &error {
        StoreError::Medium { source, .. }
            if source.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::AlreadyExists) =>
        {
            StoreError::AlreadyExists(name.clone())
        }
        _ => error,
    }
}

#[async_trait]
impl Store for FolderStore {
    async fn get(&self, name: &ObjectName) -> Result<Option<Stored>, StoreError> {
        let bytes = self.blocking(name, "read", |path| atomic::read(&path, STORED_OBJECT_MAX + 1)).await?;
        Ok(bytes.map(|bytes| to_stored(bytes, self.revision())))
    }

    async fn list(&self, kind: Kind) -> Result<Vec<(ObjectName, Stored)>, StoreError> {
        let (folder, at) = (Arc::clone(&self.folder), self.revision());
        let listed = tokio::task::spawn_blocking(move || read_kind(&folder, kind, at)).await;
        listed.unwrap_or_else(|error| Err(error.into())).map_err(|source| StoreError::Medium {
            name: ObjectName::root(0),
            action: "listed",
            source: Arc::new(source),
        })
    }

    async fn create(&self, name: &ObjectName, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        let _writer = self.writer(name).await;
        self.write(name, bytes, atomic::create).await
    }

    async fn replace(&self, name: &ObjectName, expected: &Version, bytes: Vec<u8>) -> Result<Revision, StoreError> {
        if name.kind().write_rule() == WriteRule::CreateOnly {
            return Err(StoreError::WrittenOnce(name.clone()));
        }
        let _writer = self.writer(name).await;
        self.expect(name, expected).await?;
        self.write(name, bytes, atomic::write).await
    }

    async fn delete(&self, name: &ObjectName, expected: &Version) -> Result<Revision, StoreError> {
        let _writer = self.writer(name).await;
        self.expect(name, expected).await?;
        self.blocking(name, "deleted", |path| atomic::remove(&path)).await?;
        Ok(self.announce(|revision| Event::Deleted(name.clone(), revision), name.kind()).await)
    }

    fn watch(&self, kinds: &'static [Kind]) -> BoxStream<'static, Event> {
        let (sender, receiver) = mpsc::channel(WATCH_BACKLOG_MAX);
        let (folder, watchers) = (Arc::clone(&self.folder), Arc::clone(&self.watchers));
        let revision = self.revision.subscribe();
        // The watcher is there before the folder is read, so that no write falls between the two.
        let reset = async move {
            watchers.lock().await.push(Watcher { kinds, events: sender });
            let at = Revision(*revision.borrow());
            Event::Reset(read_until_whole(folder, kinds, at).await, at)
        };
        futures::stream::once(reset).chain(receiver).boxed()
    }

    fn revision(&self) -> Revision {
        Revision(*self.revision.borrow())
    }

    async fn wait_for(&self, revision: Revision) {
        let mut current = self.revision.subscribe();
        // The sender lives as long as the store, so this ends only when the revision is reached.
        drop(current.wait_for(|current| *current >= revision.0).await);
    }
}

fn object_path(folder: &Path, name: &ObjectName) -> PathBuf {
    folder.join(name.kind().as_str()).join(name.as_str())
}

fn to_stored(bytes: Vec<u8>, revision: Revision) -> Stored {
    let digest = sha256(&[&bytes]);
    let version = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Stored { bytes: bytes.into(), version: Version(version), revision }
}

fn read_kinds(folder: &Path, kinds: &[Kind], at: Revision) -> io::Result<Vec<(ObjectName, Stored)>> {
    let mut objects = Vec::new();
    for kind in kinds {
        objects.extend(read_kind(folder, *kind, at)?);
    }
    Ok(objects)
}

/// A folder that cannot be listed is not an empty one: nothing is served until it can be.
async fn read_until_whole(folder: Arc<PathBuf>, kinds: &'static [Kind], at: Revision) -> Vec<(ObjectName, Stored)> {
    loop {
        let folder = Arc::clone(&folder);
        let read = tokio::task::spawn_blocking(move || read_kinds(&folder, kinds, at)).await;
        match read.unwrap_or_else(|error| Err(error.into())) {
            Ok(objects) => return objects,
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "the state could not be read"),
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

/// A file that cannot be read hurts only its own object: it is listed as empty, and empty does not open.
fn read_kind(folder: &Path, kind: Kind, at: Revision) -> io::Result<Vec<(ObjectName, Stored)>> {
    let folder = folder.join(kind.as_str());
    let names = atomic::names(&folder)?;
    let objects = names.iter().filter_map(|file| ObjectName::parse(kind, file)).map(|name| {
        let bytes = atomic::read(&folder.join(name.as_str()), STORED_OBJECT_MAX + 1).unwrap_or_else(|error| {
            tracing::error!(%name, error = &error as &dyn std::error::Error, "an object could not be read");
            None
        });
        (name, to_stored(bytes.unwrap_or_default(), at))
    });
    Ok(objects.collect())
}
