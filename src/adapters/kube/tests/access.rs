//! What RBAC of a real API server says, how soon a change of it counts, and what happens without the server.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::authentication_kit::{Kit, until};
use crate::adapters::kube::access_review::KubeReviewer;
use crate::adapters::kube::answers::Counts;
use crate::adapters::kube::namespaces::Namespaces;
use crate::adapters::kube::rbac_watch;
use crate::crypto::derive;
use crate::domain::authorize::Verb;
use crate::ports::reviewer::{ReviewError, Reviewer as _, Scope};
use crate::types::ids::ObjectUid;
use crate::types::limits::REVIEW_TIMEOUT;
use crate::types::principal::{AuthenticationMethod, Principal, PrincipalKind};
use crate::types::time::Span;

const REVIEWS: &str = "/subjectaccessreviews";
const AT_ONCE: Duration = Duration::from_millis(100);
const DECRYPT: Verb = Verb("decrypt");
/// The promise is two seconds; a busy machine gets five times that.
const SOON: Duration = Duration::from_secs(10);

struct Access {
    kit: Kit,
    namespaces: Namespaces,
    reviewer: Arc<KubeReviewer>,
    caller: Principal,
    tasks: Vec<AbortHandle>,
}

impl Drop for Access {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Access {
    /// Namespaces and RBAC are followed by a way of their own, which no proxy cuts.
    async fn new() -> Self {
        let kit = Kit::new().await;
        let (namespaces, following) = Namespaces::follow(kit.admin.clone());
        let tasks = vec![tokio::spawn(following).abort_handle()];
        namespaces.ready().await;
        let clock = Arc::new(kit.clock.clone());
        let reviewer = KubeReviewer::new(&kit.clients, namespaces.clone(), clock, Arc::clone(&kit.outage));
        let caller = caller(&kit.namespace);
        let access = Self { kit, namespaces, reviewer: Arc::new(reviewer), caller, tasks };
        access.until_followed().await;
        access
    }

    fn watch_rbac(&mut self) {
        let watching = rbac_watch::follow(self.kit.admin.clone(), Arc::clone(&self.reviewer));
        self.tasks.push(tokio::spawn(watching).abort_handle());
    }

    async fn until_followed(&self) {
        let api: Api<Namespace> = Api::all(self.kit.admin.clone());
        let uid = api.get(&self.kit.namespace).await.unwrap().uid().and_then(|uid| ObjectUid::parse(&uid));
        until(SOON, "the namespace is followed", || async { self.namespaces.uid_of(&self.kit.namespace) == uid }).await;
    }

    fn uid(&self) -> ObjectUid {
        self.namespaces.uid_of(&self.kit.namespace).unwrap()
    }

    async fn ask(&self, verb: Verb, name: Option<&str>) -> Result<bool, ReviewError> {
        let scope = Scope { namespace: &self.kit.namespace, namespace_uid: Some(self.uid()), name };
        self.reviewer.review(&self.caller, verb, &scope).await
    }

    async fn allows(&self, name: Option<&str>) -> bool {
        self.ask(DECRYPT, name).await.unwrap()
    }

    /// A Role that allows to decrypt with the keys of these names, or with all.
    async fn role(&self, name: &str, keys: &[&str]) {
        let rule = json!({
            "apiGroups": ["kms.coffer.dev"], "resources": ["kmskeys"], "verbs": ["decrypt"], "resourceNames": keys,
        });
        self.kit.create::<Role>(json!({"metadata": {"name": name}, "rules": [rule]})).await;
    }

    async fn bind(&self, role: &str) {
        let subject = json!({"kind": "ServiceAccount", "name": "app", "namespace": self.kit.namespace});
        let role_ref = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role});
        let binding = json!({"metadata": {"name": role}, "roleRef": role_ref, "subjects": [subject]});
        self.kit.create::<RoleBinding>(binding).await;
    }

    async fn unbind(&self, role: &str) {
        self.kit.api::<RoleBinding>().delete(role, &DeleteParams::default()).await.unwrap();
    }
}

fn caller(namespace: &str) -> Principal {
    let groups = ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
    Principal {
        account: derive::account(namespace),
        kind: PrincipalKind::ServiceAccount,
        namespace: Some(namespace.to_owned()),
        name: "app".to_owned(),
        uid: None,
        groups: groups.into_iter().chain(["system:authenticated".to_owned()]).collect(),
        pod_uid: None,
        node: None,
        credential_id: None,
        method: AuthenticationMethod::ServiceAccountToken,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_for_one_key_allows_that_key_alone() {
    let mut access = Access::new().await;
    access.watch_rbac();
    access.role("one", &["orders"]).await;
    access.bind("one").await;
    until(SOON, "a role for one key counts", || access.allows(Some("orders"))).await;
    assert!(!access.allows(None).await, "not the whole namespace");
    assert!(!access.allows(Some("invoices")).await);
    assert!(!access.ask(Verb("encrypt"), Some("orders")).await.unwrap());
    access.role("all", &[]).await;
    access.bind("all").await;
    until(SOON, "a role for the namespace counts", || access.allows(None)).await;
    assert!(access.allows(Some("invoices")).await);
    let stranger = Principal { name: "other".to_owned(), ..access.caller.clone() };
    let scope = Scope { namespace: &access.kit.namespace, namespace_uid: None, name: None };
    assert!(!access.reviewer.review(&stranger, DECRYPT, &scope).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_count_within_two_seconds_and_so_does_their_end() {
    let mut access = Access::new().await;
    access.watch_rbac();
    access.role("all", &[]).await;
    assert!(!access.allows(None).await);
    for round in 1..=5 {
        // Each answer would be good for ten seconds, by a clock that stands still for ever.
        access.bind("all").await;
        until(SOON, &format!("{round}: a new RoleBinding counts"), || access.allows(None)).await;
        access.unbind("all").await;
        until(SOON, &format!("{round}: its removal counts"), || async { !access.allows(None).await }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_news_an_answer_is_ten_seconds_old_at_most() {
    let access = Access::new().await;
    assert!(!access.allows(None).await);
    access.role("all", &[]).await;
    access.bind("all").await;
    // The API server's own authorizer has to learn of it first.
    let other = Scope { namespace: &access.kit.namespace, namespace_uid: None, name: Some("probe") };
    until(SOON, "the api server's authorizer knows", || async {
        access.reviewer.flush();
        access.reviewer.review(&access.caller, DECRYPT, &other).await.unwrap()
    })
    .await;
    access.unbind("all").await;
    until(SOON, "the api server's authorizer knows of the end", || async {
        access.kit.pass(Span::from_seconds(11));
        !access.reviewer.review(&access.caller, DECRYPT, &other).await.unwrap()
    })
    .await;
    let before = access.kit.requests(REVIEWS);
    assert!(!access.reviewer.review(&access.caller, DECRYPT, &other).await.unwrap());
    assert_eq!(access.kit.requests(REVIEWS), before, "from memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_came_back_under_an_old_name_is_another_one() {
    let mut access = Access::new().await;
    access.watch_rbac();
    access.role("all", &[]).await;
    access.bind("all").await;
    until(SOON, "a RoleBinding counts", || access.allows(None)).await;
    let old = access.uid();
    let api: Api<Namespace> = Api::all(access.kit.admin.clone());
    api.delete(&access.kit.namespace, &DeleteParams::default()).await.unwrap();
    until(Duration::from_secs(100), "the namespace is gone", || async {
        api.get_opt(&access.kit.namespace).await.unwrap().is_none()
            && access.namespaces.uid_of(&access.kit.namespace).is_none()
    })
    .await;
    let scope = |namespace_uid| Scope { namespace: &access.kit.namespace, namespace_uid, name: None };
    for uid in [Some(old), None] {
        assert!(!access.reviewer.review(&access.caller, DECRYPT, &scope(uid)).await.unwrap(), "it does not exist");
    }
    let metadata = ObjectMeta { name: Some(access.kit.namespace.clone()), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    api.create(&PostParams::default(), &namespace).await.unwrap();
    access.until_followed().await;
    access.role("all", &[]).await;
    access.bind("all").await;
    until(SOON, "the new namespace's RBAC counts for the new one", || access.allows(None)).await;
    let answer = access.reviewer.review(&access.caller, DECRYPT, &scope(Some(old))).await.unwrap();
    assert!(!answer, "and says nothing about what belonged to the old one");
    assert_ne!(access.uid(), old);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_calls_at_once_ask_once_and_a_steady_caller_does_not_wait() {
    let access = Access::new().await;
    let crowd = futures::future::join_all((0..100).map(|_| access.allows(None))).await;
    assert!(crowd.iter().all(|allowed| !allowed));
    assert_eq!(access.kit.requests(REVIEWS), 1);
    let before = access.reviewer.counts();
    for round in 1..=5 {
        access.kit.pass(Span::from_seconds(6));
        access.allows(None).await;
        until(SOON, "renewed behind the call", || async { access.kit.requests(REVIEWS) == round + 1 }).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(access.reviewer.counts(), Counts { hits: before.hits + 5, ..before }, "nobody waited any more");
    assert_eq!(before.hits + before.misses, 100);
    assert_eq!(access.reviewer.remembered(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_an_outage_the_last_answers_hold_for_the_grace() {
    let access = Access::new().await;
    access.role("one", &["orders"]).await;
    access.bind("one").await;
    until(SOON, "a role for one key counts", || async {
        access.reviewer.flush();
        access.allows(Some("orders")).await
    })
    .await;
    assert!(!access.allows(None).await);
    access.kit.proxy.freeze();
    access.kit.pass(Span::from_seconds(11));
    let started = Instant::now();
    assert!(!access.allows(None).await, "a known no stays a no, so that the question about the key is asked");
    println!("frozen: the call that finds out takes {:?}", started.elapsed());
    assert!(started.elapsed() < REVIEW_TIMEOUT.duration() + AT_ONCE * 5);
    let started = Instant::now();
    for _ in 0..100 {
        assert!(access.allows(Some("orders")).await);
    }
    assert!(access.ask(Verb("encrypt"), Some("orders")).await.is_err(), "what was never asked is denied");
    assert!(access.allows(Some("orders")).await);
    assert!(started.elapsed() < AT_ONCE * 5, "{:?}", started.elapsed());
    access.kit.pass(Span::from_minutes(10));
    assert!(access.ask(DECRYPT, Some("orders")).await.is_err(), "the grace is over");
    access.unbind("one").await;
    access.kit.proxy.mend();
    until(Duration::from_secs(30), "thawed: rights that ended meanwhile are gone", || async {
        matches!(access.ask(DECRYPT, Some("orders")).await, Ok(false))
    })
    .await;
}
