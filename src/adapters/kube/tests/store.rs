//! The store of Secrets conforms, and one object that cannot be understood hurts nothing else.

use std::sync::Arc;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::json;

use super::cluster::{clients, namespace};
use crate::adapters::kube::store::SecretStore;
use crate::adapters::system::SystemClock;
use crate::ports::conformance;
use crate::ports::store::{Event, Store, StoreError, Version};
use crate::types::ids::KeyId;
use crate::types::limits::STORED_OBJECT_MAX;
use crate::types::object::{Kind, ObjectName};
use crate::types::time::Timestamp;

fn open(client: &kube::Client, namespace: &str) -> SecretStore {
    SecretStore::new(client.clone(), namespace, Arc::new(SystemClock::new(Timestamp::default())))
}

fn key(number: u8) -> ObjectName {
    ObjectName::key(&KeyId::new([number; 16], false))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_store_conforms() {
    let clients = clients().await;
    let make = || -> Arc<dyn Store> {
        let made = async { open(&clients.patient, &namespace(&clients.patient).await) };
        Arc::new(tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(made)))
    };
    conformance::store(make).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_say_what_they_are_and_never_change_where_they_must_not() {
    let clients = clients().await;
    let namespace = namespace(&clients.patient).await;
    let store = open(&clients.patient, &namespace);
    let (record, material) = (key(1), ObjectName::material(&KeyId::new([1; 16], false), 1, 1));
    let owner = ObjectName::owner(&"a".repeat(32));
    for name in [&record, &material, &owner] {
        store.create(name, b"sealed".to_vec()).await.unwrap();
    }
    let api: Api<Secret> = Api::namespaced(clients.patient.clone(), &namespace);
    let label = |secret: &Secret, name: &str| -> Option<String> {
        secret.metadata.labels.as_ref()?.get(&format!("kms.coffer.dev/{name}")).cloned()
    };
    let [record, material, owner] = [api.get(record.as_str()), api.get(material.as_str()), api.get(owner.as_str())]
        .map(|get| async { get.await.unwrap() });
    let (record, material, owner) = (record.await, material.await, owner.await);
    assert_eq!(label(&record, "record").as_deref(), Some("true"));
    assert_eq!(label(&record, "key-id"), Some(KeyId::new([1; 16], false).to_string()));
    assert_eq!(label(&owner, "owner-hash"), Some("a".repeat(32)));
    assert_eq!((label(&material, "material").as_deref(), material.immutable), (Some("true"), Some(true)));
    assert_eq!(material.type_.as_deref(), Some("kms.coffer.dev/material"));
    assert_eq!((record.immutable, owner.immutable), (None, None));
    let changed = Secret { data: Some([("sealed".to_owned(), k8s_openapi::ByteString(vec![1]))].into()), ..material };
    assert!(
        api.replace(&changed.metadata.name.clone().unwrap(), &kube::api::PostParams::default(), &changed)
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_and_versions_of_an_earlier_object_are_refused() {
    let clients = clients().await;
    let store = open(&clients.patient, &namespace(&clients.patient).await);
    let too_large = store.create(&key(1), vec![0; STORED_OBJECT_MAX + 1]).await;
    assert!(matches!(too_large, Err(StoreError::TooLarge(_))));
    store.create(&key(1), vec![7; STORED_OBJECT_MAX]).await.unwrap();
    let Version(first) = store.get(&key(1)).await.unwrap().unwrap().version;
    store.delete(&key(1), &Version(first.clone())).await.unwrap();
    store.create(&key(1), b"again".to_vec()).await.unwrap();
    let Version(second) = store.get(&key(1)).await.unwrap().unwrap().version;
    // The uid of one object with the resourceVersion of another: what a recreated object must not be changed by.
    let (old_uid, new_resource_version) = (first.split_once('/').unwrap().0, second.split_once('/').unwrap().1);
    let mixed = Version(format!("{old_uid}/{new_resource_version}"));
    assert!(matches!(store.replace(&key(1), &mixed, b"no".to_vec()).await, Err(StoreError::Conflict(_))));
    assert!(matches!(store.delete(&key(1), &mixed).await, Err(StoreError::Conflict(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_somebody_planted_stalls_itself_and_not_the_watch() {
    let clients = clients().await;
    let namespace = namespace(&clients.patient).await;
    let store = open(&clients.patient, &namespace);
    let api: Api<Secret> = Api::namespaced(clients.patient.clone(), &namespace);
    let planted: Secret = serde_json::from_value(json!({
        "metadata": { "name": key(1).to_string() }, "type": "Opaque", "stringData": { "other": "x" }
    }))
    .unwrap();
    api.create(&kube::api::PostParams::default(), &planted).await.unwrap();
    store.create(&key(2), b"good".to_vec()).await.unwrap();
    let mut events = store.watch(&[Kind::Key]);
    let Some(Event::Reset(objects, _)) = events.next().await else { panic!("a watch begins with everything") };
    assert_eq!(objects.len(), 2);
    assert_eq!(store.get(&key(1)).await.unwrap().unwrap().bytes.as_ref(), b"");
    assert!(matches!(store.create(&key(1), b"mine".to_vec()).await, Err(StoreError::AlreadyExists(_))));
    store.create(&key(3), b"later".to_vec()).await.unwrap();
    let Some(Event::Applied(name, ..)) = events.next().await else { panic!("the watch goes on") };
    assert_eq!(name, key(3));
}
