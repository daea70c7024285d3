//! The cluster of a test run, and namespaces of its own for each test.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, Config, ResourceExt as _};

use crate::adapters::kube::client::Clients;

/// Clients of the test cluster. Each test has its own, because connections belong to the test's runtime.
pub(super) async fn clients() -> Clients {
    Clients::of(config().await).unwrap()
}

/// The configuration of the test cluster, for tests that put something between.
#[expect(clippy::disallowed_methods, reason = "the environment names the cluster")]
pub(super) async fn config() -> Config {
    let path = std::env::var("COFFER_TEST_KUBECONFIG")
        .expect("set COFFER_TEST_KUBECONFIG, for example to the output of `e2e/cluster up --size control-plane`");
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

/// A new namespace of a name that nothing else has.
pub(super) async fn namespace(client: &Client) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("test-{}-{number}-{}", std::process::id(), jiff::Timestamp::now().as_millisecond());
    let metadata = ObjectMeta { name: Some(name.clone()), labels: Some(labels()), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    name
}

fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([("kms.coffer.dev/test".to_owned(), "true".to_owned())])
}

/// The right to have `KmsKey` resources, for one test at a time: listings see all that there are.
pub(super) async fn alone_with_resources() -> tokio::sync::MutexGuard<'static, ()> {
    static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    ALONE.lock().await
}

/// Applies our definitions, once for each run.
pub(super) async fn definitions(client: &Client) {
    static DONE: OnceLock<()> = OnceLock::new();
    if DONE.get().is_some() {
        return;
    }
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for (_, definition) in crate::api::crd::definitions() {
        let name = definition.name_any();
        let parameters = PatchParams::apply("test").force();
        api.patch(&name, &parameters, &Patch::Apply(&definition)).await.unwrap();
        await_condition(api.clone(), &name, conditions::is_crd_established()).await.unwrap();
    }
    let _ = DONE.set(());
}
