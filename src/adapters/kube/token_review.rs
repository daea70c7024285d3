//! Who presents a token: the cluster's own keys say whether it is genuine and in time, on each call, and the
//! API server says whether its ServiceAccount and its pod still exist.

use std::collections::BTreeMap;
use std::str;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus, UserInfo};
use kube::Client;
use kube::api::PostParams;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::answers::{Answers, Counts, Terms, Verdict};
use super::client::Clients;
use super::jwks::{Jwks, Unverified};
use super::jwt::Claims;
use super::outage::Outage;
use crate::crypto::derive;
use crate::crypto::digest::sha256;
use crate::ports::authenticator::{AuthenticationError, Authenticator};
use crate::ports::clock::Clock;
use crate::types::limits::{
    REVIEWED_TOKENS_MAX, TOKEN_MAX, TOKEN_REFUSAL_MAX, TOKEN_REVIEW_MAX, TOKEN_REVIEW_RENEWED_AFTER,
};
use crate::types::principal::{AuthenticationMethod, Principal, PrincipalKind};
use crate::types::secret::SecretBytes;

/// What an operator may choose.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuthenticationOptions {
    /// Accept tokens that are not bound to a pod: they live on when the workload is gone.
    pub allow_unbound: bool,
}

/// Authenticates ServiceAccounts by their tokens.
///
/// # Guarantees
/// Those of the port. A token that is not genuine, not in time or not for us costs no request to the API
/// server. One review at a time is made for each token; a caller that comes often never waits for one.
///
/// # Caveats
/// The API server itself keeps a yes for ten seconds, and accepts the token of a pod that is being deleted for
/// a minute. So the token of a pod that is gone may be accepted for 70 s.
pub struct TokenAuthenticator {
    client: Client,
    audience: String,
    options: AuthenticationOptions,
    outage: Arc<Outage>,
    jwks: Arc<Jwks>,
    reviews: Arc<Answers<Arc<Principal>>>,
}

impl TokenAuthenticator {
    /// An authenticator for tokens of this audience.
    #[must_use]
    pub fn new(
        clients: &Clients,
        audience: String,
        clock: Arc<dyn Clock>,
        outage: Arc<Outage>,
        options: AuthenticationOptions,
    ) -> Self {
        let client = clients.prompt.clone();
        let jwks = Jwks::new(client.clone(), Arc::clone(&outage), Arc::clone(&clock));
        let terms = Terms {
            entries_max: REVIEWED_TOKENS_MAX,
            renewed_after: TOKEN_REVIEW_RENEWED_AFTER,
            yes_max: TOKEN_REVIEW_MAX,
            no_max: TOKEN_REFUSAL_MAX,
        };
        let reviews = Answers::new(terms, clock, Arc::clone(&outage));
        Self { client, audience, options, outage, jwks, reviews }
    }

    /// Keeps the cluster's keys fresh and the API server in view. The future ends with the process.
    pub async fn run(self: Arc<Self>) {
        let watch = Arc::clone(&self.outage).keep_watch(self.client.clone());
        futures::future::join(Arc::clone(&self.jwks).run(), watch).await;
    }

    /// What became of the calls with genuine tokens so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.reviews.counts()
    }

    /// How many reviewed tokens are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.reviews.kept()
    }
}

#[async_trait]
impl Authenticator for TokenAuthenticator {
    async fn authenticate(&self, token: &SecretBytes) -> Result<Principal, AuthenticationError> {
        // Nothing is computed over what is too long.
        if token.len() > TOKEN_MAX {
            return Err(AuthenticationError::Invalid("it is too long"));
        }
        let claims = self.jwks.verify(token.expose(), &self.audience).await.map_err(|unverified| match unverified {
            Unverified::Invalid(reason) => AuthenticationError::Invalid(reason),
            Unverified::NoKeys => AuthenticationError::Unavailable,
        })?;
        if claims.pod_uid.is_none() && !self.options.allow_unbound {
            return Err(AuthenticationError::Invalid(UNBOUND));
        }
        let question = || {
            let (outage, client) = (Arc::clone(&self.outage), self.client.clone());
            let request = body(token, &self.audience);
            let (audience, options) = (self.audience.clone(), self.options);
            async move {
                let status = outage.ask(&client, || send(&client, &request)).await?;
                Ok(judge(status, &claims, &audience, options))
            }
        };
        match self.reviews.get(sha256(&[token.expose()]), question).await {
            Ok(Ok(principal)) => Ok(Principal::clone(&principal)),
            Ok(Err(reason)) => Err(AuthenticationError::Invalid(reason)),
            Err(_) => Err(AuthenticationError::Unavailable),
        }
    }
}

const UNBOUND: &str = "it is not bound to a pod; mount a projected token instead";
const REFUSED: &str = "the api server does not accept it: its pod or service account may be gone";

/// The bytes of a review, wiped after use.
fn body(token: &SecretBytes, audience: &str) -> Zeroizing<Vec<u8>> {
    // A token whose signature was verified is ASCII.
    let text = str::from_utf8(token.expose()).unwrap_or_default();
    let spec = TokenReviewSpec { audiences: Some(vec![audience.to_owned()]), token: text.to_owned() };
    let mut review = TokenReview { spec, ..TokenReview::default() };
    let bytes = Zeroizing::new(serde_json::to_vec(&review).unwrap_or_default());
    zeroize::Zeroize::zeroize(&mut review.spec.token);
    bytes
}

#[derive(Deserialize)]
struct Reviewed {
    status: Option<TokenReviewStatus>,
}

/// The answer is read here and not by the client, which logs what it cannot read: it repeats the token.
async fn send(client: &Client, body: &[u8]) -> Result<TokenReviewStatus, kube::Error> {
    let path = kube::core::Request::new("/apis/authentication.k8s.io/v1/tokenreviews");
    let request = path.create(&PostParams::default(), body.to_vec()).map_err(kube::Error::BuildRequest)?;
    let text = Zeroizing::new(client.request_text(request).await?);
    let reviewed: Reviewed = serde_json::from_str(&text).map_err(kube::Error::SerdeError)?;
    Ok(reviewed.status.unwrap_or_default())
}

/// Who it is. What the token says of itself and what the API server says of it must agree.
fn judge(
    status: TokenReviewStatus,
    claims: &Claims,
    audience: &str,
    options: AuthenticationOptions,
) -> Verdict<Arc<Principal>> {
    let ours = status.audiences.is_some_and(|audiences| audiences.iter().any(|one| one == audience));
    if status.authenticated != Some(true) || !ours {
        return Err(REFUSED);
    }
    let user = status.user.ok_or(REFUSED)?;
    if user.username.as_ref() != Some(&claims.subject) || user.uid.as_ref() != Some(&claims.uid) {
        return Err(REFUSED);
    }
    let principal = principal(user, claims);
    if principal.pod_uid != claims.pod_uid {
        return Err(REFUSED);
    }
    if principal.pod_uid.is_none() && !options.allow_unbound {
        return Err(UNBOUND);
    }
    Ok(Arc::new(principal))
}

fn principal(user: UserInfo, claims: &Claims) -> Principal {
    let extra = user.extra.unwrap_or_default();
    let credential_id = first(&extra, "credential-id");
    Principal {
        account: derive::account(&claims.namespace),
        kind: PrincipalKind::ServiceAccount,
        namespace: Some(claims.namespace.clone()),
        name: claims.name.clone(),
        uid: user.uid,
        groups: user.groups.unwrap_or_default(),
        pod_uid: first(&extra, "pod-uid"),
        node: first(&extra, "node-name"),
        credential_id: credential_id.map(|id| id.strip_prefix("JTI=").unwrap_or(&id).to_owned()),
        method: AuthenticationMethod::ServiceAccountToken,
    }
}

fn first(extra: &BTreeMap<String, Vec<String>>, name: &str) -> Option<String> {
    extra.get(&format!("authentication.kubernetes.io/{name}"))?.first().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIENCE: &str = "kms.coffer.dev/test";

    fn claims(pod_uid: Option<&str>) -> Claims {
        Claims {
            subject: "system:serviceaccount:shop:app".to_owned(),
            namespace: "shop".to_owned(),
            name: "app".to_owned(),
            uid: "s".to_owned(),
            pod_uid: pod_uid.map(str::to_owned),
        }
    }

    fn status(change: impl Fn(&mut serde_json::Value)) -> TokenReviewStatus {
        let mut status = serde_json::json!({
            "authenticated": true,
            "audiences": [AUDIENCE],
            "user": {
                "username": "system:serviceaccount:shop:app", "uid": "s", "groups": ["g"],
                "extra": {"authentication.kubernetes.io/pod-uid": ["p"]},
            },
        });
        change(&mut status);
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn what_the_token_says_and_what_the_api_server_says_must_agree() {
        let cases: [(&str, fn(&mut serde_json::Value)); 9] = [
            ("not authenticated", |status| status["authenticated"] = false.into()),
            ("nothing said of it", |status| status["authenticated"] = serde_json::Value::Null),
            // A server that knows no audiences answers yes and names none.
            ("no audiences", |status| status["audiences"] = serde_json::Value::Null),
            ("another audience", |status| status["audiences"] = serde_json::json!(["kms.coffer.dev/tes"])),
            ("no user", |status| status["user"] = serde_json::Value::Null),
            ("another name", |status| status["user"]["username"] = "system:serviceaccount:shop:admin".into()),
            ("another uid", |status| status["user"]["uid"] = "t".into()),
            ("another pod", |status| status["user"]["extra"]["authentication.kubernetes.io/pod-uid"][0] = "q".into()),
            ("no pod", |status| status["user"]["extra"] = serde_json::Value::Null),
        ];
        let options = AuthenticationOptions { allow_unbound: true };
        assert!(judge(status(|_| ()), &claims(Some("p")), AUDIENCE, options).is_ok());
        for (what, change) in cases {
            let verdict = judge(status(change), &claims(Some("p")), AUDIENCE, options);
            assert_eq!(verdict, Err(REFUSED), "{what}");
        }
        let unbound = status(|status| status["user"]["extra"] = serde_json::Value::Null);
        let verdict = judge(unbound, &claims(None), AUDIENCE, AuthenticationOptions::default());
        assert_eq!(verdict, Err(UNBOUND));
    }

    #[test]
    fn nothing_of_a_token_is_printed() {
        let token = SecretBytes::new(b"aaaa.bbbb.cccc".to_vec());
        let errors = [AuthenticationError::Invalid(REFUSED), AuthenticationError::Unavailable];
        let printed = format!("{token:?} {errors:?} {} {}", errors[0], errors[1]);
        assert!(!printed.contains("bbbb"), "{printed}");
        assert!(String::from_utf8_lossy(&body(&token, AUDIENCE)).contains("aaaa.bbbb.cccc"), "only the review has it");
    }
}
