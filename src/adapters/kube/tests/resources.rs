//! `KmsKey` resources on the API server. One test, because the suite's listings see everything that there is.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSONSchemaProps};
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::cluster::{alone_with_resources, clients, definitions};
use super::field_ownership::fields_have_one_owner;
use crate::adapters::kube::events::Events;
use crate::adapters::kube::key_watch::KeyWatch;
use crate::adapters::kube::namespaces::Namespaces;
use crate::adapters::kube::resources::{Guarded, KubeResources};
use crate::api::crd::kms_key::KmsKey;
use crate::ports::conformance;
use crate::ports::resources::Resources;

const NAMESPACES: [&str; 2] = ["default", "account-000000000002"];

/// What a process has: resources over watches that are already running.
pub(super) async fn open(client: &Client) -> Arc<KubeResources> {
    let (namespaces, following) = Namespaces::follow(client.clone());
    tokio::spawn(following);
    let (watch, following) = KeyWatch::follow(client.clone());
    tokio::spawn(following);
    let (events, publishing) = Events::new(client.clone(), None);
    tokio::spawn(publishing);
    namespaces.ready().await;
    watch.seen.wait_until_ready().await.unwrap();
    Arc::new(KubeResources::new(client.clone(), namespaces, watch.seen, events))
}

async fn empty(client: &Client) {
    for name in NAMESPACES {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        let made = Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await;
        assert!(made.is_ok() || matches!(made, Err(kube::Error::Api(status)) if status.is_already_exists()));
        let keys: Api<Guarded> = Api::namespaced(client.clone(), name);
        keys.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_resources_of_the_api_server_conform_and_one_that_cannot_be_read_is_there_all_the_same() {
    let clients = clients().await;
    let client = &clients.patient;
    let _alone = alone_with_resources().await;
    definitions(client).await;
    let make = || -> Arc<dyn Resources> {
        let made = async {
            empty(client).await;
            open(client).await
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(made))
    };
    conformance::resources(make).await;

    empty(client).await;
    fields_have_one_owner(client, open(client).await.as_ref()).await;

    empty(client).await;
    plant(client).await;
    let resources = open(client).await;
    let listing = resources.list().await.unwrap();
    assert!(listing.resources.is_empty());
    assert_eq!(listing.unreadable, [("default".to_owned(), "planted".to_owned())]);
    assert!(resources.get("default", "planted").await.is_err(), "what cannot be read is not what is gone");
    empty(client).await;
}

/// A resource that an older, looser definition let in.
async fn plant(client: &Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let strict = definitions.get("kmskeys.kms.coffer.dev").await.unwrap();
    let mut loose = strict.clone();
    for version in &mut loose.spec.versions {
        let open = JSONSchemaProps {
            type_: Some("object".to_owned()),
            x_kubernetes_preserve_unknown_fields: Some(true),
            ..JSONSchemaProps::default()
        };
        version.schema.as_mut().unwrap().open_api_v3_schema = Some(open);
        version.selectable_fields = None;
    }
    definitions.replace(&loose.name_any(), &PostParams::default(), &loose).await.unwrap();
    let planted = json!({
        "apiVersion": "kms.coffer.dev/v1alpha1", "kind": "KmsKey",
        "metadata": { "name": "planted", "namespace": "default" }, "spec": { "enabled": "yes" },
    });
    // The new definition is in force a moment after it was accepted.
    while definition_still_refuses(client, &planted).await {
        tokio::task::yield_now().await;
    }
    let mut strict = strict;
    strict.metadata.resource_version = definitions.get(&strict.name_any()).await.unwrap().resource_version();
    definitions.replace(&strict.name_any(), &PostParams::default(), &strict).await.unwrap();
}

async fn definition_still_refuses(client: &Client, planted: &serde_json::Value) -> bool {
    let resource = kube::api::ApiResource::erase::<KmsKey>(&());
    let api: Api<kube::api::DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);
    let parameters = PatchParams::apply("test").force();
    api.patch("planted", &parameters, &Patch::Apply(planted)).await.is_err()
}
