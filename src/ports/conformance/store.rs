//! What every store must do.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};

use crate::ports::store::{Event, Store, StoreError, Stored, Version};
use crate::types::ids::KeyId;
use crate::types::object::{Kind, ObjectName, WriteRule};
use crate::types::revision::Revision;

const WATCHED: &[Kind] = &[Kind::Key, Kind::Material];

/// The whole suite. Each part gets an empty store of its own.
pub async fn store(make: impl Fn() -> Arc<dyn Store>) {
    absent_objects_are_absent(make().as_ref()).await;
    create_is_exclusive(make().as_ref()).await;
    replace_compares_versions(make().as_ref()).await;
    what_is_written_once_is_never_replaced(make().as_ref()).await;
    delete_compares_versions(make().as_ref()).await;
    kinds_are_listed_apart(make().as_ref()).await;
    of_two_writers_one_wins(make().as_ref()).await;
    revisions_grow(make().as_ref()).await;
    watchers_see_everything_in_order(make().as_ref()).await;
    two_watchers_see_the_same(make().as_ref()).await;
    waiting_ends_after_the_events(make().as_ref()).await;
}

fn key(number: u8) -> ObjectName {
    ObjectName::key(&KeyId::new([number; 16], false))
}

fn material(number: u8) -> ObjectName {
    ObjectName::material(&KeyId::new([number; 16], false), 1, 1)
}

/// One name of each kind, such as Coffer could have written it.
fn name_of(kind: Kind) -> ObjectName {
    let key_id = KeyId::new([7; 16], false);
    match kind {
        Kind::Root => ObjectName::root(1),
        Kind::Key => ObjectName::key(&key_id),
        Kind::Material => ObjectName::material(&key_id, 1, 1),
        Kind::Owner => ObjectName::owner(&"a".repeat(32)),
        Kind::Policy | Kind::Grants => ObjectName::parse(kind, &format!("{kind}-{key_id}-1")).unwrap(),
        Kind::Alias | Kind::Account | Kind::Authority | Kind::Replica | Kind::Usage => {
            ObjectName::parse(kind, &format!("{kind}-1")).unwrap()
        }
    }
}

async fn bytes_of(store: &dyn Store, name: &ObjectName) -> Option<Vec<u8>> {
    store.get(name).await.unwrap().map(|stored| stored.bytes.to_vec())
}

async fn version_of(store: &dyn Store, name: &ObjectName) -> Version {
    store.get(name).await.unwrap().expect("the object is there").version
}

async fn absent_objects_are_absent(store: &dyn Store) {
    for kind in Kind::ALL {
        assert_eq!(store.get(&name_of(*kind)).await.unwrap(), None);
        assert!(store.list(*kind).await.unwrap().is_empty(), "{kind}");
    }
}

async fn create_is_exclusive(store: &dyn Store) {
    for kind in Kind::ALL {
        let name = name_of(*kind);
        // Bytes are arbitrary to a store: nothing in them is text, and none of them is an end.
        let bytes: Vec<u8> = (0..=255).collect();
        store.create(&name, bytes.clone()).await.unwrap();
        assert_eq!(bytes_of(store, &name).await, Some(bytes.clone()));
        let again = store.create(&name, b"other".to_vec()).await;
        assert!(matches!(again, Err(StoreError::AlreadyExists(refused)) if refused == name));
        assert_eq!(bytes_of(store, &name).await, Some(bytes), "a refused write changes nothing");
    }
}

async fn replace_compares_versions(store: &dyn Store) {
    for kind in Kind::ALL.iter().filter(|kind| kind.write_rule() == WriteRule::CompareAndSwap) {
        let name = name_of(*kind);
        let foreign = Version("no version of this store".to_owned());
        let absent = store.replace(&name, &foreign, b"zero".to_vec()).await;
        assert!(matches!(absent, Err(StoreError::Conflict(_))), "what is absent is in no version");
        store.create(&name, b"one".to_vec()).await.unwrap();
        let first = version_of(store, &name).await;
        store.replace(&name, &first, b"two".to_vec()).await.unwrap();
        let second = version_of(store, &name).await;
        assert_ne!(first, second);
        for wrong in [&first, &foreign] {
            let refused = store.replace(&name, wrong, b"three".to_vec()).await;
            assert!(matches!(refused, Err(StoreError::Conflict(refused)) if refused == name));
        }
        assert_eq!(bytes_of(store, &name).await, Some(b"two".to_vec()));
        assert_eq!(version_of(store, &name).await, second, "reading and refusing leave the version");
    }
}

async fn what_is_written_once_is_never_replaced(store: &dyn Store) {
    for kind in Kind::ALL.iter().filter(|kind| kind.write_rule() == WriteRule::CreateOnly) {
        let name = name_of(*kind);
        store.create(&name, b"one".to_vec()).await.unwrap();
        let version = version_of(store, &name).await;
        let refused = store.replace(&name, &version, b"two".to_vec()).await;
        assert!(matches!(refused, Err(StoreError::WrittenOnce(refused)) if refused == name), "{kind}");
        assert_eq!(bytes_of(store, &name).await, Some(b"one".to_vec()));
    }
}

async fn delete_compares_versions(store: &dyn Store) {
    for name in [key(1), material(1)] {
        store.create(&name, b"one".to_vec()).await.unwrap();
        let wrong = Version("no version of this store".to_owned());
        assert!(matches!(store.delete(&name, &wrong).await, Err(StoreError::Conflict(_))));
        assert!(bytes_of(store, &name).await.is_some(), "a refused delete changes nothing");
        let version = version_of(store, &name).await;
        store.delete(&name, &version).await.unwrap();
        assert_eq!(bytes_of(store, &name).await, None);
        assert!(matches!(store.delete(&name, &version).await, Err(StoreError::Conflict(_))));
        store.create(&name, b"again".to_vec()).await.unwrap();
        assert_eq!(bytes_of(store, &name).await, Some(b"again".to_vec()));
    }
}

async fn kinds_are_listed_apart(store: &dyn Store) {
    for kind in Kind::ALL {
        store.create(&name_of(*kind), kind.as_str().as_bytes().to_vec()).await.unwrap();
    }
    store.create(&key(1), b"second".to_vec()).await.unwrap();
    for kind in Kind::ALL {
        let listed = store.list(*kind).await.unwrap();
        assert_eq!(listed.len(), if *kind == Kind::Key { 2 } else { 1 }, "{kind}");
        for (name, stored) in listed {
            assert_eq!(name.kind(), *kind);
            assert_eq!(store.get(&name).await.unwrap(), Some(stored), "list and get say the same");
        }
    }
    let version = version_of(store, &key(1)).await;
    store.delete(&key(1), &version).await.unwrap();
    assert_eq!(store.list(Kind::Key).await.unwrap().len(), 1);
}

async fn of_two_writers_one_wins(store: &dyn Store) {
    let name = key(1);
    let (one, two) = futures::join!(store.create(&name, b"one".to_vec()), store.create(&name, b"two".to_vec()));
    let winner = if one.is_ok() { b"one" } else { b"two" };
    assert_ne!(one.is_ok(), two.is_ok());
    assert!(matches!(one.and(two), Err(StoreError::AlreadyExists(_))));
    assert_eq!(bytes_of(store, &name).await, Some(winner.to_vec()));

    let version = version_of(store, &name).await;
    let (three, four) = futures::join!(
        store.replace(&name, &version, b"three".to_vec()),
        store.replace(&name, &version, b"four".to_vec()),
    );
    let winner: &[u8] = if three.is_ok() { b"three" } else { b"four" };
    assert_ne!(three.is_ok(), four.is_ok());
    assert!(matches!(three.and(four), Err(StoreError::Conflict(_))));
    assert_eq!(bytes_of(store, &name).await, Some(winner.to_vec()));
}

async fn revisions_grow(store: &dyn Store) {
    let created = store.create(&key(1), b"one".to_vec()).await.unwrap();
    let other = store.create(&material(1), b"material".to_vec()).await.unwrap();
    let replaced = store.replace(&key(1), &version_of(store, &key(1)).await, b"two".to_vec()).await.unwrap();
    let deleted = store.delete(&key(1), &version_of(store, &key(1)).await).await.unwrap();
    assert!(created < other && other < replaced && replaced < deleted);
    store.wait_for(deleted).await;
    assert!(store.revision() >= deleted);
}

/// An event without what each store names in its own way.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Reset(Vec<(String, Vec<u8>)>),
    Applied(String, Vec<u8>, Version),
    Deleted(String),
}

fn seen(event: &Event) -> Seen {
    let pair = |(name, stored): &(ObjectName, Stored)| (name.to_string(), stored.bytes.to_vec());
    match event {
        Event::Reset(objects, _) => {
            let mut objects: Vec<_> = objects.iter().map(pair).collect();
            objects.sort();
            Seen::Reset(objects)
        }
        Event::Applied(name, stored, _) => {
            Seen::Applied(name.to_string(), stored.bytes.to_vec(), stored.version.clone())
        }
        Event::Deleted(name, _) => Seen::Deleted(name.to_string()),
    }
}

fn revision_of(event: &Event) -> Revision {
    match event {
        Event::Reset(_, revision) | Event::Applied(_, _, revision) | Event::Deleted(_, revision) => *revision,
    }
}

async fn next(events: &mut BoxStream<'static, Event>) -> Event {
    events.next().await.expect("a watch does not end while its store lives")
}

async fn watchers_see_everything_in_order(store: &dyn Store) {
    store.create(&key(1), b"before".to_vec()).await.unwrap();
    store.create(&name_of(Kind::Owner), b"of a kind that is not watched".to_vec()).await.unwrap();
    let mut events = store.watch(WATCHED);
    let first = next(&mut events).await;
    assert_eq!(seen(&first), Seen::Reset(vec![(key(1).to_string(), b"before".to_vec())]));

    let mut written = vec![(store.create(&key(2), b"one".to_vec()).await.unwrap(), key(2), Some("one"))];
    written.push((store.create(&material(2), b"made".to_vec()).await.unwrap(), material(2), Some("made")));
    let one = version_of(store, &key(2)).await;
    written.push((store.replace(&key(2), &one, b"two".to_vec()).await.unwrap(), key(2), Some("two")));
    let two = version_of(store, &key(2)).await;
    written.push((store.delete(&key(2), &two).await.unwrap(), key(2), None));

    let mut last = revision_of(&first);
    for (revision, name, content) in written {
        let event = next(&mut events).await;
        assert_eq!(revision_of(&event), revision, "an event bears the revision that its writer was told");
        assert!(revision > last);
        last = revision;
        match (seen(&event), content) {
            (Seen::Applied(applied, bytes, _), Some(content)) => {
                assert_eq!((applied, bytes), (name.to_string(), content.as_bytes().to_vec()));
            }
            (Seen::Deleted(deleted), None) => assert_eq!(deleted, name.to_string()),
            (other, _) => panic!("{other:?} in place of {name}"),
        }
    }
    assert!(events.next().now_or_never().is_none(), "nothing else happened");
}

async fn two_watchers_see_the_same(store: &dyn Store) {
    let mut early = store.watch(WATCHED);
    assert_eq!(seen(&next(&mut early).await), Seen::Reset(Vec::new()));
    store.create(&key(1), b"one".to_vec()).await.unwrap();
    let mut late = store.watch(WATCHED);
    assert_eq!(seen(&next(&mut late).await), Seen::Reset(vec![(key(1).to_string(), b"one".to_vec())]));
    store.replace(&key(1), &version_of(store, &key(1)).await, b"two".to_vec()).await.unwrap();
    let version = version_of(store, &key(1)).await;
    let applied = Seen::Applied(key(1).to_string(), b"two".to_vec(), version);
    assert_eq!(seen(&next(&mut late).await), applied);
    assert!(matches!(seen(&next(&mut early).await), Seen::Applied(_, bytes, _) if bytes == b"one"));
    assert_eq!(seen(&next(&mut early).await), applied);
}

async fn waiting_ends_after_the_events(store: &dyn Store) {
    assert!(store.wait_for(Revision(u64::MAX)).now_or_never().is_none(), "what never comes is never reached");
    let mut events = store.watch(WATCHED);
    assert!(matches!(seen(&next(&mut events).await), Seen::Reset(_)));
    let written = store.create(&key(1), b"one".to_vec()).await.unwrap();
    store.wait_for(written).await;
    assert!(store.revision() >= written);
    let event = events.next().now_or_never().flatten().expect("the event was handed over before the wait ended");
    assert_eq!(revision_of(&event), written);

    let later = store.wait_for(Revision(written.0 + 1));
    let other = async { store.create(&key(2), b"two".to_vec()).await.unwrap() };
    let ((), later) = futures::join!(later, other);
    let event = events.next().now_or_never().flatten().expect("as above");
    assert_eq!(revision_of(&event), later);
}
