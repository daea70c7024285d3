//! `KeyAlias` resources on the API server. One test, because the suite's listings see everything that there is.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use kube::{Api, Client};

use super::cluster::{clients, definitions};
use crate::adapters::kube::aliases::{GuardedAlias, KubeAliases};
use crate::adapters::kube::events::Events;
use crate::adapters::kube::key_watch::KeyWatch;
use crate::adapters::kube::namespaces::Namespaces;
use crate::api::crd::key_alias::KeyAlias;
use crate::domain::resource::AliasResource;
use crate::ports::alias_resources::AliasResources as _;
use crate::ports::conformance;

const NAMESPACES: [&str; 2] = ["default", "account-000000000002"];

async fn open(client: &Client) -> Arc<KubeAliases> {
    let (namespaces, following) = Namespaces::follow(client.clone());
    tokio::spawn(following);
    let (watch, following) = KeyWatch::<KeyAlias>::follow(client.clone());
    tokio::spawn(following);
    let (events, publishing) = Events::new(client.clone(), None);
    tokio::spawn(publishing);
    namespaces.ready().await;
    watch.seen.wait_until_ready().await.unwrap();
    Arc::new(KubeAliases::new(client.clone(), namespaces, watch.seen, events))
}

async fn put(client: &Client, resources: Vec<AliasResource>) {
    for name in NAMESPACES {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        let made = Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await;
        assert!(made.is_ok() || matches!(made, Err(kube::Error::Api(status)) if status.is_already_exists()));
        let aliases: Api<GuardedAlias> = Api::namespaced(client.clone(), name);
        aliases.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    }
    for resource in resources {
        let api: Api<KeyAlias> = Api::namespaced(client.clone(), &resource.namespace);
        let alias = KeyAlias::new(&resource.name, resource.spec);
        api.create(&PostParams::default(), &alias).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aliases_of_the_api_server_conform() {
    let clients = clients().await;
    let client = &clients.patient;
    definitions(client).await;
    let aliases = open(client).await;
    let replace = |resources| {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(put(client, resources)));
    };
    conformance::alias_resources(aliases.as_ref(), replace).await;
    put(client, Vec::new()).await;
    assert_eq!(aliases.get("none-of-this-name", "main").await.unwrap(), None);
}
