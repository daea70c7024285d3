//! Who owns which field after calls of the API, as the API server itself keeps account of it.

use std::collections::BTreeMap;

use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use crate::adapters::kube::resources::API_MANAGER;
use crate::api::crd::kms_key::{KmsKey, KmsKeySpec};
use crate::domain::resource::Resource;
use crate::domain::spec_change::SpecChange;
use crate::ports::resources::{ResourceError, Resources};

const NAMESPACE: &str = "default";
const GIT: &str = "argocd-controller";
const KUBECTL: &str = "kubectl-client-side-apply";

/// Resources on a real API server, and what other programs do to them.
struct Bench<'a> {
    resources: &'a dyn Resources,
    api: Api<KmsKey>,
}

impl Bench<'_> {
    async fn live(&self, name: &str) -> KmsKey {
        self.api.get(name).await.unwrap()
    }

    /// A server-side apply, as GitOps tools make it.
    async fn apply(&self, name: &str, spec: Value, parameters: PatchParams) -> kube::Result<KmsKey> {
        let manifest = json!({
            "apiVersion": "kms.coffer.dev/v1alpha1", "kind": "KmsKey",
            "metadata": { "name": name, "namespace": NAMESPACE }, "spec": spec,
        });
        self.api.patch(name, &parameters, &Patch::Apply(manifest)).await
    }

    /// A creation as another program makes it, which owns what it wrote by the operation Update.
    async fn post(&self, name: &str, spec: Value, manager: &str) {
        let key = KmsKey::new(name, serde_json::from_value(spec).unwrap());
        let parameters = PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() };
        self.api.create(&parameters, &key).await.unwrap();
    }

    async fn resource(&self, name: &str) -> Resource {
        self.resources.get(NAMESPACE, name).await.unwrap().unwrap()
    }

    /// A change that must be made, by one write and no more, or by none where the spec stays as it is.
    async fn change(&self, name: &str, change: &SpecChange) -> KmsKey {
        let before = self.live(name).await;
        let resource = self.resource(name).await;
        let changed = self.resources.change(&resource, change).await.unwrap();
        let after = self.live(name).await;
        assert_eq!(changed.spec, change.applied(&before.spec));
        assert_eq!(after.spec, changed.spec);
        let same = changed.spec == before.spec;
        assert_eq!(after.resource_version() == before.resource_version(), same);
        let generation = before.metadata.generation.unwrap() + i64::from(!same);
        assert_eq!((after.metadata.generation.unwrap(), changed.generation), (generation, generation.cast_unsigned()));
        after
    }

    /// A change that must be refused, with the field and its manager.
    async fn refused(&self, name: &str, change: &SpecChange) -> (String, String) {
        let before = self.live(name).await;
        let answer = self.resources.change(&self.resource(name).await, change).await;
        let Err(ResourceError::Managed { field, manager, .. }) = answer else { panic!("not refused: {answer:?}") };
        assert_eq!(self.live(name).await, before);
        (field.to_string(), manager)
    }
}

/// Who owns what of the spec, by manager and operation.
fn owned(key: &KmsKey) -> BTreeMap<String, Value> {
    let entries = key.metadata.managed_fields.iter().flatten().filter(|entry| entry.subresource.is_none());
    let owned = entries.filter_map(|entry| {
        let fields = entry.fields_v1.as_ref()?.0.get("f:spec")?.clone();
        Some((format!("{} {}", entry.manager.as_deref()?, entry.operation.as_deref()?), fields))
    });
    owned.collect()
}

fn api_owner() -> String {
    format!("{API_MANAGER} Apply")
}

fn tag(key: &str, value: Option<&str>) -> SpecChange {
    SpecChange { tags: [(key.to_owned(), value.map(str::to_owned))].into(), ..SpecChange::default() }
}

fn describe(text: &str) -> SpecChange {
    SpecChange { description: Some(text.to_owned()), ..SpecChange::default() }
}

fn rotate(automatic: bool, days: Option<u32>) -> SpecChange {
    SpecChange { rotation: Some((automatic, days)), ..SpecChange::default() }
}

fn managed(field: &str, manager: &str) -> (String, String) {
    (field.to_owned(), manager.to_owned())
}

pub(super) async fn fields_have_one_owner(client: &Client, resources: &dyn Resources) {
    let bench = Bench { resources, api: Api::namespaced(client.clone(), NAMESPACE) };
    what_the_api_made_is_its_own(&bench).await;
    what_git_applies_is_gits(&bench).await;
    what_kubectl_applied_is_kubectls(&bench).await;
    what_two_own_is_not_taken_away(&bench).await;
    what_an_earlier_version_posted_is_the_apis(&bench).await;
    what_nobody_owns_is_anybodys(&bench).await;
}

async fn what_the_api_made_is_its_own(bench: &Bench<'_>) {
    let tags =
        [("a", "1"), ("odd key/with.dots: and\nlines", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let spec = KmsKeySpec { tags: Some(tags.into()), ..KmsKeySpec::default() };
    bench.resources.create(NAMESPACE, "made", spec).await.unwrap();
    let odd = "f:odd key/with.dots: and\nlines";
    assert_eq!(owned(&bench.live("made").await), [(api_owner(), json!({"f:tags": {"f:a": {}, odd: {}}}))].into());
    bench.change("made", &describe("x")).await;
    bench.change("made", &tag("b", Some("3"))).await;
    bench.change("made", &tag("a", Some("4"))).await;
    let key = bench.change("made", &rotate(true, Some(90))).await;
    let all = json!({
        "f:description": {}, "f:tags": {"f:a": {}, "f:b": {}, odd: {}},
        "f:rotation": {"f:automatic": {}, "f:periodDays": {}},
    });
    assert_eq!(owned(&key), [(api_owner(), all)].into());
    bench.change("made", &tag("a", None)).await;
    bench.change("made", &tag("odd key/with.dots: and\nlines", None)).await;
    bench.change("made", &rotate(false, None)).await;
    let key = bench.change("made", &tag("b", None)).await;
    assert_eq!(key.spec.tags, None);
    assert!(owned(&key)[&api_owner()].get("f:tags").is_none());
    for silent in [tag("b", None), rotate(false, None), describe("x"), SpecChange::default()] {
        bench.change("made", &silent).await;
    }
    // Several fields at once, some set and some taken away.
    bench.change("made", &tag("c", Some(""))).await;
    let tags = [("c".to_owned(), None), ("d".to_owned(), Some("1".to_owned()))].into();
    bench.change("made", &SpecChange { tags, ..describe("") }).await;
}

async fn what_git_applies_is_gits(bench: &Bench<'_>) {
    let git = PatchParams::apply(GIT);
    let manifest = json!({"description": "git", "tags": {"team": "blue"}, "rotation": {"automatic": true}});
    bench.apply("git", manifest.clone(), git.clone()).await.unwrap();
    let before = owned(&bench.live("git").await);
    for change in [describe("x"), describe("")] {
        assert_eq!(bench.refused("git", &change).await, managed("description", GIT));
    }
    for change in [tag("team", Some("red")), tag("team", None)] {
        assert_eq!(bench.refused("git", &change).await, managed("tags.team", GIT));
    }
    assert_eq!(bench.refused("git", &rotate(false, None)).await, managed("rotation.automatic", GIT));
    bench.change("git", &describe("git")).await;
    bench.change("git", &tag("cost", Some("1"))).await;
    let key = bench.change("git", &rotate(true, Some(90))).await;
    let api = json!({"f:tags": {"f:cost": {}}, "f:rotation": {"f:periodDays": {}}});
    let mut expected = before;
    expected.insert(api_owner(), api);
    assert_eq!(owned(&key), expected, "what is Git's was not touched");
    assert_eq!(bench.resource("git").await.manager.to_string(), GIT);
    // Git finds nothing to put right, and applies without a conflict.
    let dry = bench.apply("git", manifest.clone(), PatchParams { dry_run: true, ..git.clone() }).await.unwrap();
    assert_eq!((dry.spec, dry.metadata.generation), (key.spec.clone(), key.metadata.generation));
    bench.apply("git", manifest, git.clone()).await.unwrap();
    assert_eq!(bench.live("git").await.spec, key.spec);
    // What Git gives up is nobody's, and so the API's to set; but a period needs somebody who says whether it acts.
    let refused = bench.apply("git", json!({"tags": {"team": "blue"}}), git.clone()).await;
    assert!(matches!(refused, Err(kube::Error::Api(status)) if status.message.contains("spec.rotation.automatic")));
    bench.apply("git", json!({"tags": {"team": "blue"}, "rotation": {"automatic": false}}), git).await.unwrap();
    let key = bench.change("git", &describe("api")).await;
    assert_eq!(key.spec.rotation.and_then(|rotation| rotation.period_days), Some(90));
    bench.change("git", &tag("cost", None)).await;
}

async fn what_kubectl_applied_is_kubectls(bench: &Bench<'_>) {
    bench.post("kubectl", json!({"description": "kubectl", "tags": {"team": "blue"}}), KUBECTL).await;
    assert_eq!(bench.refused("kubectl", &describe("x")).await, managed("description", KUBECTL));
    assert_eq!(bench.refused("kubectl", &tag("team", None)).await, managed("tags.team", KUBECTL));
    let before = owned(&bench.live("kubectl").await);
    bench.change("kubectl", &tag("cost", Some("1"))).await;
    let key = bench.change("kubectl", &tag("cost", None)).await;
    let kubectl = format!("{KUBECTL} Update");
    assert_eq!(owned(&key)[&kubectl], before[&kubectl]);
    assert_eq!(bench.resource("kubectl").await.manager.to_string(), KUBECTL);
}

async fn what_two_own_is_not_taken_away(bench: &Bench<'_>) {
    bench.resources.create(NAMESPACE, "two", KmsKeySpec::default()).await.unwrap();
    bench.change("two", &tag("x", Some("1"))).await;
    bench.apply("two", json!({"tags": {"x": "1"}}), PatchParams::apply(GIT)).await.unwrap();
    assert_eq!(owned(&bench.live("two").await).len(), 2, "equal values are no conflict");
    assert_eq!(bench.refused("two", &tag("x", None)).await, managed("tags.x", GIT));
    let conflict = bench.apply("two", json!({"tags": {"x": "2"}}), PatchParams::apply(GIT)).await;
    assert!(matches!(conflict, Err(kube::Error::Api(status)) if status.is_conflict()), "Git learns of it too");
    bench.apply("two", json!({"tags": {"x": "2"}}), PatchParams::apply(GIT).force()).await.unwrap();
    assert_eq!(bench.refused("two", &tag("x", Some("1"))).await, managed("tags.x", GIT));
    let key = bench.change("two", &tag("y", Some("1"))).await;
    assert_eq!(key.spec.tags.unwrap()["x"], "2", "what was lost to Git is not applied again");
}

async fn what_an_earlier_version_posted_is_the_apis(bench: &Bench<'_>) {
    let spec = json!({"description": "old", "keySpec": "SYMMETRIC_DEFAULT", "tags": {"a": "1", "b": "2"}});
    bench.post("old", spec, API_MANAGER).await;
    bench.change("old", &describe("new")).await;
    bench.change("old", &tag("a", Some("3"))).await;
    bench.change("old", &tag("b", None)).await;
    bench.change("old", &tag("c", Some("4"))).await;
    bench.change("old", &rotate(true, Some(90))).await;
    bench.change("old", &rotate(false, None)).await;
    for key in ["a", "c"] {
        bench.change("old", &tag(key, None)).await;
    }
    bench.apply("old", json!({"tags": {"team": "blue"}}), PatchParams::apply(GIT)).await.unwrap();
    assert_eq!(bench.refused("old", &tag("team", None)).await, managed("tags.team", GIT));
    let key = bench.change("old", &tag("d", Some("5"))).await;
    assert_eq!(key.spec.key_spec.map(crate::types::key::KeySpec::as_str), Some("SYMMETRIC_DEFAULT"));
}

async fn what_nobody_owns_is_anybodys(bench: &Bench<'_>) {
    let spec = json!({"description": "old", "tags": {"a": "1", "b": "2"}});
    bench.post("free", spec, KUBECTL).await;
    let metadata = |fields: Value| json!({ "metadata": { "managedFields": fields } });
    let forget = Patch::Merge(metadata(json!([{}])));
    bench.api.patch("free", &PatchParams::default(), &forget).await.unwrap();
    assert_eq!(bench.live("free").await.metadata.managed_fields, None);
    bench.change("free", &describe("new")).await;
    bench.change("free", &tag("a", None)).await;
    bench.change("free", &tag("b", Some("3"))).await;
    let key = bench.change("free", &tag("c", Some("4"))).await;
    assert_eq!(owned(&key), BTreeMap::new(), "the account begins with somebody's first apply");

    // What one gave up by another way than an apply, beside somebody who owns the rest.
    bench.apply("rest", json!({"description": "git"}), PatchParams::apply(GIT)).await.unwrap();
    bench.apply("rest", json!({"tags": {"a": "1"}}), PatchParams::apply("other")).await.unwrap();
    let kept: Vec<Value> = bench
        .live("rest")
        .await
        .metadata
        .managed_fields
        .iter()
        .flatten()
        .filter(|entry| entry.manager.as_deref() == Some(GIT))
        .map(|entry| json!(entry))
        .collect();
    bench.api.patch("rest", &PatchParams::default(), &Patch::Merge(metadata(json!(kept)))).await.unwrap();
    assert_eq!(owned(&bench.live("rest").await).len(), 1);
    bench.change("rest", &tag("a", Some("2"))).await;
    bench.change("rest", &tag("a", None)).await;
    assert_eq!(bench.refused("rest", &describe("x")).await, managed("description", GIT));
}
