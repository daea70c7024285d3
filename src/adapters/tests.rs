//! Every adapter passes the suite of its port, and what only files can do wrong does no harm.

#![cfg(feature = "local")]

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tempfile::TempDir;

use super::audit::file::FileAudit;
use super::folder::manifests::{Manifest, read_folder};
use super::folder::resources::FolderResources;
use super::folder::store::FolderStore;
use super::memory_usage::MemoryUsage;
use super::system::SystemClock;
use crate::api::crd::kms_key::KmsKeySpec;
use crate::crypto::rng::SeededRng;
use crate::domain::resource::{Manager, Resource};
use crate::domain::spec_change::SpecChange;
use crate::ports::conformance;
use crate::ports::resources::{ResourceError, Resources};
use crate::ports::store::{Store, StoreError};
use crate::types::ids::{InstallationId, KeyId};
use crate::types::limits::STORED_OBJECT_MAX;
use crate::types::object::{Kind, ObjectName};
use crate::types::revision::Revision;
use crate::types::time::Timestamp;

/// Folders that live as long as the test.
#[derive(Default)]
struct Folders(Mutex<Vec<TempDir>>);

impl Folders {
    fn make(&self) -> std::path::PathBuf {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        self.0.lock().unwrap().push(folder);
        path
    }
}

fn name() -> ObjectName {
    ObjectName::key(&KeyId::new([7; 16], false))
}

fn open(folder: &Path) -> FolderStore {
    FolderStore::open(folder, Revision(1)).unwrap()
}

fn resources(folder: &Path) -> FolderResources {
    let clock = Arc::new(SystemClock::new(Timestamp::default()));
    FolderResources::open(folder, InstallationId::new([1; 16]), clock, Arc::new(SeededRng::new(5))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_store_conforms() {
    let folders = Folders::default();
    conformance::store(|| Arc::new(open(&folders.make()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_resources_conform() {
    let folders = Folders::default();
    conformance::resources(|| Arc::new(resources(&folders.make()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_file_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = FileAudit::open(&path).unwrap();
    let read = || fs::read_to_string(&path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    conformance::audit(&audit, read).await;
    let (records, commits) = audit.counts();
    assert!(records > 0 && commits > 0 && commits <= records);
}

#[tokio::test]
async fn the_system_clock_and_the_memory_usage_conform() {
    conformance::clock(&SystemClock::new(Timestamp::default())).await;
    conformance::usage(&MemoryUsage::default());
}

#[test]
fn an_audit_line_that_was_never_finished_is_removed_and_whole_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    for (before, after) in [("", ""), ("{}\n", "{}\n"), ("{}\n{\"half", "{}\n"), ("{\"half", ""), ("a\nb\nc", "a\nb\n")]
    {
        fs::write(&path, before).unwrap();
        drop(FileAudit::open(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), after);
    }
}

/// A process can be lost at any point of a write: with a part of the temporary file, with all of it, or after
/// the new name is there. Each leaves the old object or the new one.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_write_leaves_is_the_old_object_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.create(&name(), b"old object".to_vec()).await.unwrap();
    let path = folder.path().join("key").join(name().as_str());
    for length in 0..=b"new object".len() {
        fs::write(path.with_file_name(format!(".{}.9.tmp", name())), &b"new object"[..length]).unwrap();
        let restarted = open(folder.path());
        assert_eq!(restarted.get(&name()).await.unwrap().unwrap().bytes.as_ref(), b"old object");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
    fs::write(&path, b"new object").unwrap();
    assert_eq!(open(folder.path()).get(&name()).await.unwrap().unwrap().bytes.as_ref(), b"new object");
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_files_are_no_objects_and_huge_ones_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for foreign in ["README", "key-UPPER", "owner-x", ".hidden", "key-"] {
        fs::write(folder.path().join("key").join(foreign), b"x").unwrap();
    }
    assert!(store.list(Kind::Key).await.unwrap().is_empty());
    fs::write(folder.path().join("key").join(name().as_str()), vec![0; STORED_OBJECT_MAX * 2]).unwrap();
    assert_eq!(store.get(&name()).await.unwrap().unwrap().bytes.len(), STORED_OBJECT_MAX + 1);
    let too_large = store.create(&ObjectName::root(2), vec![0; STORED_OBJECT_MAX + 1]).await;
    assert!(matches!(too_large, Err(StoreError::TooLarge(_))));
}

/// What cannot be looked at is not gone: neither is a removal noted, nor is anything destroyed that may be back.
#[tokio::test(flavor = "multi_thread")]
async fn before_manifests_are_read_no_resource_is_known_to_be_gone() {
    let folder = tempfile::tempdir().unwrap();
    let resources = resources(folder.path());
    let manifest = |namespace: &str, name: &str| Manifest {
        file: "orders.yaml".into(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        spec: KmsKeySpec::default(),
    };
    let gone = |namespace: &'static str, name: &'static str| {
        let found = resources.get(namespace, name);
        async move { matches!(found.await, Ok(None)) }
    };
    resources.follow(&[manifest("default", "orders")]).await.unwrap();
    assert!(gone("default", "away").await);
    resources.lose_sight();
    assert!(!gone("default", "away").await && resources.get("default", "away").await.is_err());
    assert!(resources.get("default", "orders").await.unwrap().is_some());
    resources.follow(&[manifest("default", "orders")]).await.unwrap();
    assert!(gone("default", "away").await);
    // One whose own folder cannot be made is not gone either, and keeps none of the others.
    fs::write(folder.path().join("broken"), b"").unwrap();
    resources.follow(&[manifest("broken", "orders")]).await.unwrap();
    assert!(!gone("broken", "orders").await);
    assert!(gone("default", "orders").await && gone("default", "away").await);
}

/// A folder that goes away while it is read, or that cannot be looked into, is no empty one.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_looked_at_is_no_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let resources = resources(folder.path());
    std::os::unix::fs::symlink("/nonexistent/away", folder.path().join("default")).unwrap();
    assert!(resources.list().await.is_err());
    let manifests = folder.path().join("manifests");
    std::os::unix::fs::symlink("/nonexistent/away", &manifests).unwrap();
    assert!(read_folder(&manifests).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_keep_their_uid_and_grow_their_generation() {
    let folder = tempfile::tempdir().unwrap();
    let resources = resources(folder.path());
    let manifest = |description: &str| Manifest {
        file: "orders.yaml".into(),
        namespace: "default".to_owned(),
        name: "orders".to_owned(),
        spec: KmsKeySpec { description: Some(description.to_owned()), ..KmsKeySpec::default() },
    };
    let read = || async { resources.get("default", "orders").await.unwrap() };
    resources.follow(&[manifest("one")]).await.unwrap();
    let first = read().await.unwrap();
    resources.follow(&[manifest("one")]).await.unwrap();
    assert_eq!(read().await.unwrap(), first);
    resources.follow(&[manifest("two")]).await.unwrap();
    let second = read().await.unwrap();
    assert!(second.uid == first.uid && second.generation > first.generation);
    assert_eq!(second.manager, Manager::Manifest("orders.yaml".to_owned()));
    let made = resources.create("default", "k-api", KmsKeySpec::default()).await.unwrap();
    resources.follow(&[]).await.unwrap();
    assert_eq!(read().await, None);
    assert_eq!(resources.list().await.unwrap().resources, [made]);
    resources.follow(&[manifest("two")]).await.unwrap();
    assert_ne!(read().await.unwrap().uid, first.uid);
}

/// The manifest `orders.yaml` of one key with this spec.
fn orders(spec: serde_json::Value) -> [Manifest; 1] {
    let (namespace, name) = ("default".to_owned(), "orders".to_owned());
    [Manifest { file: "orders.yaml".into(), namespace, name, spec: serde_json::from_value(spec).unwrap() }]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_changes_what_a_manifest_leaves_out_and_that_survives_every_reading() {
    let folder = tempfile::tempdir().unwrap();
    let first = resources(folder.path());
    let manifest = orders(json!({"description": "from git", "tags": {"team": "blue"}}));
    first.follow(&manifest).await.unwrap();
    let made = first.get("default", "orders").await.unwrap().unwrap();
    let tag = |key: &str, value: Option<&str>| SpecChange {
        tags: [(key.to_owned(), value.map(str::to_owned))].into(),
        ..SpecChange::default()
    };
    let refused = [
        (tag("team", Some("red")), "tags.team"),
        (tag("team", None), "tags.team"),
        (SpecChange { description: Some(String::new()), ..SpecChange::default() }, "description"),
    ];
    for (change, named) in refused {
        let Err(ResourceError::Managed { field, manager, .. }) = first.change(&made, &change).await else {
            panic!("{named} is the manifest's");
        };
        assert_eq!((field.to_string().as_str(), manager.as_str()), (named, "orders.yaml"));
    }
    assert_eq!(first.change(&made, &tag("team", Some("blue"))).await.unwrap(), made, "it says so already");
    // A line break and what looks like another path, because a tag key is any text.
    let odd = "cost\ndescription";
    let tagged = first.change(&made, &tag(odd, Some("1"))).await.unwrap();
    let rotation = SpecChange { rotation: Some((true, Some(90))), ..SpecChange::default() };
    let rotated = first.change(&tagged, &rotation).await.unwrap();
    assert!(rotated.generation > tagged.generation && tagged.generation > made.generation);
    first.remember_key("default", "orders").await.unwrap();
    drop(first);

    let second = resources(folder.path());
    second.follow(&manifest).await.unwrap();
    let read = second.get("default", "orders").await.unwrap().unwrap();
    assert_eq!(read, Resource { key_was_made: true, ..rotated }, "the manifest says nothing new");
    let gone = second.change(&read, &tag(odd, None)).await.unwrap();
    assert_eq!(gone.spec.tags, Some([("team".to_owned(), "blue".to_owned())].into()));
    let Err(ResourceError::Managed { .. }) = second.change(&gone, &tag("team", None)).await else {
        panic!("the tag is still the manifest's");
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_manifest_begins_to_set_is_its_own_again() {
    let folder = tempfile::tempdir().unwrap();
    let resources = resources(folder.path());
    let read = || async { resources.get("default", "orders").await.unwrap().unwrap() };
    let change = |key: &str| SpecChange {
        description: Some("api".to_owned()),
        tags: [(key.to_owned(), Some("api".to_owned()))].into(),
        ..SpecChange::default()
    };
    resources.follow(&orders(json!({}))).await.unwrap();
    let changed = resources.change(&read().await, &change("team")).await.unwrap();
    // The same value, and so the same spec; and then another value of another field.
    resources.follow(&orders(json!({"tags": {"team": "api"}}))).await.unwrap();
    assert_eq!(read().await, changed);
    let Err(ResourceError::Managed { field, .. }) = resources
        .change(&changed, &SpecChange { tags: [("team".to_owned(), None)].into(), ..SpecChange::default() })
        .await
    else {
        panic!("the tag is the manifest's by now");
    };
    assert_eq!(field.to_string(), "tags.team");
    resources.follow(&orders(json!({"description": "git"}))).await.unwrap();
    let after = read().await;
    assert_eq!((after.spec.description.as_deref(), &after.spec.tags), (Some("git"), &None));
    assert!(after.generation > changed.generation);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_a_resource_that_the_api_made_leaves_what_it_does_not_set() {
    let folder = tempfile::tempdir().unwrap();
    let resources = resources(folder.path());
    let spec = json!({"description": "api", "tags": {"team": "blue"}, "rotation": {"automatic": true}});
    let made = resources.create("default", "orders", serde_json::from_value(spec).unwrap()).await.unwrap();
    resources.follow(&orders(json!({"description": "git"}))).await.unwrap();
    let adopted = resources.get("default", "orders").await.unwrap().unwrap();
    assert_eq!((adopted.uid, adopted.spec.description.as_deref()), (made.uid, Some("git")));
    assert_eq!((&adopted.spec.tags, &adopted.spec.rotation), (&made.spec.tags, &made.spec.rotation));
    let untag = SpecChange { tags: [("team".to_owned(), None)].into(), ..SpecChange::default() };
    assert_eq!(resources.change(&adopted, &untag).await.unwrap().spec.tags, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_resource_is_there_and_hurts_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let resources = resources(folder.path());
    let good = resources.create("default", "good", KmsKeySpec::default()).await.unwrap();
    fs::write(folder.path().join("default").join("bad.json"), b"{").unwrap();
    fs::write(folder.path().join("stray.txt"), b"x").unwrap();
    let listing = resources.list().await.unwrap();
    assert_eq!(listing.resources, [good]);
    assert_eq!(listing.unreadable, [("default".to_owned(), "bad".to_owned())]);
}
