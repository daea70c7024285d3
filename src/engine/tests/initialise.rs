//! An installation begins once, and is unlocked with its own key alone.

use std::sync::Arc;

use async_trait::async_trait;
use futures::executor::block_on;

use super::support::INSTALLATION;
use crate::crypto::rng::SeededRng;
use crate::crypto::root;
use crate::crypto::seal::Root;
use crate::engine::initialise::{FIRST_TERM, InitialiseError, initialise, is_empty, unlock};
use crate::engine::vault::Roots;
use crate::ports::fake::{Cut, FakeStore};
use crate::ports::root::{RootError, RootProvider};
use crate::ports::store::{Store, StoreError};
use crate::types::ids::{InstallationId, KeyId};
use crate::types::object::{Kind, ObjectName};
use crate::types::secret::FileKey;

/// A provider whose key is one byte, repeated.
struct TestProvider(FileKey);

impl TestProvider {
    fn new(byte: u8) -> Self {
        Self(FileKey::init_with(|bytes| bytes.fill(byte)))
    }
}

#[async_trait]
impl RootProvider for TestProvider {
    async fn wrap(&self, root: &Root) -> Result<Vec<u8>, RootError> {
        let failed = |_| RootError::Provider { what: "the cipher failed".to_owned(), source: None };
        root::wrap(root, &self.0, "test").map_err(failed)
    }

    async fn unwrap(&self, stored: &[u8], installation: InstallationId, term: u32) -> Result<Root, RootError> {
        root::unwrap(stored, &self.0, "test", installation, term)
            .map_err(|_| RootError::DoesNotOpen { term, provider: "test".to_owned() })
    }
}

fn begin(store: &FakeStore, provider: &TestProvider) -> Result<Roots, InitialiseError> {
    block_on(initialise(store, provider, INSTALLATION, &SeededRng::new(1)))
}

fn open(store: &FakeStore, provider: &TestProvider) -> Result<Roots, InitialiseError> {
    block_on(unlock(store, provider, INSTALLATION))
}

fn name_of(kind: Kind) -> ObjectName {
    ObjectName::parse(kind, &format!("{kind}-{}", KeyId::new([1; 16], false))).unwrap()
}

#[test]
fn an_installation_begins_once_and_opens_ever_after() {
    let (store, provider) = (FakeStore::default(), TestProvider::new(1));
    assert!(matches!(open(&store, &provider), Err(InitialiseError::Empty)));
    let made = begin(&store, &provider).unwrap();
    assert_eq!((made.active_term(), made.installation()), (FIRST_TERM, Some(INSTALLATION)));
    assert_eq!(store.names(), ["root-1"]);
    let opened = open(&store, &provider).unwrap();
    let check_value = |roots: &Roots| roots.of_term(FIRST_TERM).unwrap().header();
    assert_eq!(check_value(&made), check_value(&opened));
    let again = begin(&store, &provider);
    assert!(matches!(again, Err(InitialiseError::EarlierLife(name)) if name == ObjectName::root(1)));
}

#[test]
fn an_object_of_any_kind_is_evidence_of_an_earlier_life() {
    for kind in Kind::ALL {
        let (store, provider) = (FakeStore::default(), TestProvider::new(1));
        let as_port: Arc<dyn Store> = Arc::new(store.clone());
        assert!(block_on(is_empty(&as_port)).unwrap());
        block_on(store.create(&name_of(*kind), b"anything".to_vec())).unwrap();
        assert!(!block_on(is_empty(&as_port)).unwrap());
        let refused = begin(&store, &provider);
        assert!(matches!(refused, Err(InitialiseError::EarlierLife(name)) if name == name_of(*kind)), "{kind}");
        assert_eq!(store.names().len(), 1, "nothing was made");
    }
}

#[test]
fn objects_without_a_root_are_a_loss() {
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Root) {
        let store = FakeStore::default();
        block_on(store.create(&name_of(*kind), b"anything".to_vec())).unwrap();
        let refused = open(&store, &TestProvider::new(1));
        assert!(matches!(refused, Err(InitialiseError::RootMissing(name)) if name == name_of(*kind)), "{kind}");
    }
}

#[test]
fn another_key_another_installation_or_a_changed_root_does_not_open() {
    let (store, provider) = (FakeStore::default(), TestProvider::new(1));
    begin(&store, &provider).unwrap();
    let does_not_open = |refused: Result<Roots, InitialiseError>| {
        matches!(refused, Err(InitialiseError::Root(RootError::DoesNotOpen { term: 1, .. })))
    };
    assert!(does_not_open(open(&store, &TestProvider::new(2))));
    let other = InstallationId::new([6; 16]);
    assert!(does_not_open(block_on(unlock(&store, &provider, other))));
    let stored = store.steal(&ObjectName::root(1)).unwrap();
    for index in 0..stored.bytes.len() {
        let mut changed = stored.bytes.to_vec();
        changed[index] ^= 1;
        store.plant(&ObjectName::root(1), changed);
        assert!(does_not_open(open(&store, &provider)), "{index}");
    }
    store.plant(&ObjectName::root(1), stored.bytes.to_vec());
    assert!(open(&store, &provider).is_ok());
}

#[test]
fn a_root_whose_name_has_no_term_is_refused() {
    let store = FakeStore::default();
    block_on(store.create(&name_of(Kind::Root), b"anything".to_vec())).unwrap();
    assert!(matches!(open(&store, &TestProvider::new(1)), Err(InitialiseError::RootName(_))));
}

#[test]
fn a_beginning_that_was_cut_is_either_none_or_whole() {
    for (cut, whole) in [(Cut::BeforeWrite, false), (Cut::AfterWrite, true)] {
        let (store, provider) = (FakeStore::default(), TestProvider::new(1));
        store.cut_at(0, cut);
        assert!(matches!(begin(&store, &provider), Err(InitialiseError::Store(StoreError::Medium { .. }))));
        store.restart();
        assert_eq!(open(&store, &provider).is_ok(), whole);
        assert_eq!(begin(&store, &provider).is_ok(), !whole);
        assert!(open(&store, &provider).is_ok());
    }
}
