//! What RBAC says of a principal, by SubjectAccessReview.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};

use super::answers::{Answers, Counts, Terms};
use super::client::Clients;
use super::namespaces::Namespaces;
use super::outage::Outage;
use super::recent::Digest;
use crate::crypto::digest::sha256;
use crate::domain::authorize::Verb;
use crate::ports::clock::Clock;
use crate::ports::reviewer::{ReviewError, Reviewer, Scope};
use crate::types::ids::ObjectUid;
use crate::types::limits::{ACCESS_REVIEW_MAX, ACCESS_REVIEW_RENEWED_AFTER, ACCESS_REVIEWS_MAX};
use crate::types::principal::{Principal, PrincipalKind};

/// Asks the API server.
///
/// # Guarantees
/// Answers are at most ten seconds old, unless the API server cannot be reached; `rbac_watch` forgets them
/// earlier. A caller that comes often never waits for one. What cannot be answered is an error, which denies.
///
/// # Caveats
/// Extras of a principal (pod, node, credential) are not sent: RBAC does not look at them, and they would
/// keep the pods of one ServiceAccount from sharing an answer.
pub struct KubeReviewer {
    client: Client,
    namespaces: Namespaces,
    outage: Arc<Outage>,
    answers: Arc<Answers<()>>,
}

impl KubeReviewer {
    /// A reviewer without answers.
    #[must_use]
    pub fn new(clients: &Clients, namespaces: Namespaces, clock: Arc<dyn Clock>, outage: Arc<Outage>) -> Self {
        let terms = Terms {
            entries_max: ACCESS_REVIEWS_MAX,
            renewed_after: ACCESS_REVIEW_RENEWED_AFTER,
            yes_max: ACCESS_REVIEW_MAX,
            no_max: ACCESS_REVIEW_MAX,
        };
        let answers = Answers::new(terms, clock, Arc::clone(&outage));
        Self { client: clients.prompt.clone(), namespaces, outage, answers }
    }

    /// Forgets every answer, and those on their way.
    pub fn flush(&self) {
        self.answers.flush();
    }

    /// Asks every question anew, as soon as the API server can be reached.
    pub fn doubt(&self) {
        self.answers.doubt();
    }

    /// What became of the calls so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.answers.counts()
    }

    /// How many answers are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.answers.kept()
    }
}

#[async_trait]
impl Reviewer for KubeReviewer {
    async fn review(&self, principal: &Principal, verb: Verb, scope: &Scope<'_>) -> Result<bool, ReviewError> {
        let Some(uid) = self.namespaces.uid_of(scope.namespace) else { return Ok(false) };
        if scope.namespace_uid.is_some_and(|owner| owner != uid) {
            return Ok(false);
        }
        let question = || {
            let review = subject_access_review(principal, verb, scope);
            let (outage, api) = (Arc::clone(&self.outage), Api::all(self.client.clone()));
            let client = self.client.clone();
            async move {
                let parameters = PostParams::default();
                let answer = outage.ask(&client, || api.create(&parameters, &review)).await?;
                let status = answer.status.unwrap_or_default();
                let allowed = status.allowed && status.denied != Some(true);
                Ok(if allowed { Ok(()) } else { Err("rbac does not allow it") })
            }
        };
        match self.answers.get(digest(principal, verb, scope, &uid), question).await {
            Ok(answer) => Ok(answer.is_ok()),
            Err(_) => Err(ReviewError),
        }
    }
}

fn subject_access_review(principal: &Principal, verb: Verb, scope: &Scope<'_>) -> SubjectAccessReview {
    let attributes = ResourceAttributes {
        group: Some("kms.coffer.dev".to_owned()),
        resource: Some("kmskeys".to_owned()),
        verb: Some(verb.0.to_owned()),
        namespace: Some(scope.namespace.to_owned()),
        name: scope.name.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    let spec = SubjectAccessReviewSpec {
        user: Some(username(principal)),
        uid: principal.uid.clone(),
        groups: Some(principal.groups.clone()),
        resource_attributes: Some(attributes),
        ..SubjectAccessReviewSpec::default()
    };
    SubjectAccessReview { spec, ..SubjectAccessReview::default() }
}

fn username(principal: &Principal) -> String {
    match (&principal.namespace, principal.kind) {
        (Some(namespace), PrincipalKind::ServiceAccount) => {
            format!("system:serviceaccount:{namespace}:{}", principal.name)
        }
        _ => principal.name.clone(),
    }
}

/// Everything that the answer depends on, each part with its length, so that no two questions are alike.
fn digest(principal: &Principal, verb: Verb, scope: &Scope<'_>, namespace: &ObjectUid) -> Digest {
    let user = username(principal);
    let mut parts: Vec<&[u8]> = vec![user.as_bytes(), verb.0.as_bytes(), namespace.as_bytes()];
    parts.push(scope.namespace.as_bytes());
    // A name is never empty, so an empty one can stand for none; the same holds for a uid.
    parts.push(scope.name.unwrap_or_default().as_bytes());
    parts.push(principal.uid.as_deref().unwrap_or_default().as_bytes());
    parts.extend(principal.groups.iter().map(String::as_bytes));
    let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
    let framed: Vec<&[u8]> = lengths.iter().zip(&parts).flat_map(|(length, part)| [&length[..], part]).collect();
    sha256(&framed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::account::AccountId;

    fn caller() -> Principal {
        let mut caller = Principal::local_root(AccountId::from_remainder(1));
        caller.kind = PrincipalKind::ServiceAccount;
        (caller.namespace, caller.name) = (Some("shop".to_owned()), "app".to_owned());
        caller.uid = Some("u".to_owned());
        caller.groups = vec!["ab".to_owned(), "c".to_owned()];
        caller
    }

    #[test]
    fn the_review_names_the_principal_as_kubernetes_does() {
        let scope = Scope { namespace: "shop", namespace_uid: None, name: Some("orders") };
        let review = serde_json::to_value(subject_access_review(&caller(), Verb("decrypt"), &scope)).unwrap();
        assert_eq!(
            review["spec"],
            serde_json::json!({
                "user": "system:serviceaccount:shop:app", "uid": "u", "groups": ["ab", "c"],
                "resourceAttributes": {
                    "group": "kms.coffer.dev", "resource": "kmskeys", "verb": "decrypt",
                    "namespace": "shop", "name": "orders",
                },
            })
        );
    }

    #[test]
    fn whatever_the_answer_depends_on_is_part_of_the_key() {
        let uid = ObjectUid::new([1; 16]);
        let scope = Scope { namespace: "shop", namespace_uid: None, name: Some("orders") };
        let changed = |change: fn(&mut Principal)| {
            let mut principal = caller();
            change(&mut principal);
            digest(&principal, Verb("decrypt"), &scope, &uid)
        };
        let mut digests = vec![
            changed(|_| {}),
            changed(|principal| principal.name = "other".to_owned()),
            changed(|principal| principal.namespace = Some("other".to_owned())),
            changed(|principal| principal.uid = None),
            changed(|principal| principal.groups = vec!["a".to_owned(), "bc".to_owned()]),
            changed(|principal| principal.groups = Vec::new()),
            digest(&caller(), Verb("encrypt"), &scope, &uid),
            digest(&caller(), Verb("decrypt"), &Scope { name: None, ..scope }, &uid),
            digest(&caller(), Verb("decrypt"), &Scope { namespace: "other", ..scope }, &uid),
            digest(&caller(), Verb("decrypt"), &scope, &ObjectUid::new([2; 16])),
        ];
        assert_eq!(changed(|principal| principal.pod_uid = Some("p".to_owned())), digests[0], "pods share answers");
        let questions = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), questions);
    }
}
