//! Tokens that a real API server issued, and those that others made of them.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::{Api, ResourceExt as _};
use tokio::time::Instant;

use super::authentication_kit::{AUDIENCE, Kit, node, remove_node, secret, until};
use crate::adapters::kube::answers::Counts;
use crate::adapters::kube::token_review::AuthenticationOptions;
use crate::crypto::derive;
use crate::crypto::mac::hmac_sha256;
use crate::ports::authenticator::{AuthenticationError, Authenticator as _};
use crate::types::principal::{AuthenticationMethod, Principal, PrincipalKind};
use crate::types::time::Span;

const BOUND: AuthenticationOptions = AuthenticationOptions { allow_unbound: false };
const REVIEWS: &str = "/tokenreviews";
const KEYS: &str = "/openid/v1/jwks";

#[tokio::test]
async fn a_token_bound_to_a_pod_names_everything_about_its_principal() {
    let kit = Kit::new().await;
    let node_name = format!("node-{}", kit.namespace);
    node(&kit.admin, &node_name).await;
    let pod = kit.pod("app-0", Some(&node_name)).await;
    let account = kit.api::<ServiceAccount>().get("app").await.unwrap();
    let token = kit.token(Some(&pod), AUDIENCE).await;
    let principal = kit.authenticator(BOUND).authenticate(&secret(&token)).await.unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&part(&token, 1)).unwrap();
    let groups = ["system:serviceaccounts", &format!("system:serviceaccounts:{}", kit.namespace)];
    let expected = Principal {
        account: derive::account(&kit.namespace),
        kind: PrincipalKind::ServiceAccount,
        namespace: Some(kit.namespace.clone()),
        name: "app".to_owned(),
        uid: account.uid(),
        groups: groups.iter().map(ToString::to_string).chain(["system:authenticated".to_owned()]).collect(),
        pod_uid: pod.uid(),
        node: Some(node_name.clone()),
        credential_id: claims["jti"].as_str().map(str::to_owned),
        method: AuthenticationMethod::ServiceAccountToken,
    };
    assert_eq!(principal, expected);
    assert!(principal.credential_id.is_some() && principal.uid.is_some() && principal.pod_uid.is_some());
    remove_node(&kit.admin, &node_name).await;
}

#[tokio::test]
async fn what_the_cluster_did_not_sign_for_us_and_for_now_is_refused_without_a_review() {
    let kit = Kit::new().await;
    let pod = kit.pod("app-0", None).await;
    let token = kit.token(Some(&pod), AUDIENCE).await;
    let authenticator = kit.authenticator(BOUND);
    let other_audience = kit.token(Some(&pod), "kms.coffer.dev/ffffffffffffffffffffffffffffffff").await;
    let api_server = kit.token(Some(&pod), "https://kubernetes.default.svc").await;
    let cases = [
        ("another audience", other_audience, "it is for another audience"),
        ("the api server's audience", api_server, "it is for another audience"),
        ("nothing", String::new(), "it is no token of a service account"),
        ("garbage", "aGFsbG8.aGFsbG8.aGFsbG8".to_owned(), "it is no token of a service account"),
        ("not signed", unsigned(&token), "it is signed in a way that is not accepted"),
        (
            "HMAC with the public key",
            hmac_with(&token, &kit.public_keys().await),
            "it is signed in a way that is not accepted",
        ),
        (
            "another namespace",
            tampered(&token, &kit.namespace, "kube-system"),
            "its signature is not one of this cluster",
        ),
        ("a later expiry", later(&token), "its signature is not one of this cluster"),
        ("a key of one's own", signed_by_another(&token), "its signature is not one of this cluster"),
        ("another issuer", another_issuer(&token), "it was issued by another cluster"),
        ("half of it", token[..token.len() / 2].to_owned(), "it is no token of a service account"),
        ("too long", "a".repeat(20_000), "it is too long"),
    ];
    for (what, forged, reason) in cases {
        let outcome = authenticator.authenticate(&secret(&forged)).await;
        assert_eq!(outcome, Err(AuthenticationError::Invalid(reason)), "{what}");
    }
    assert_eq!(kit.requests(REVIEWS), 0, "a cheap refusal costs the API server nothing");
    authenticator.authenticate(&secret(&token)).await.unwrap();
    kit.pass(Span::from_minutes(61));
    let expired = authenticator.authenticate(&secret(&token)).await;
    assert_eq!(expired, Err(AuthenticationError::Invalid("it has expired")), "although it was reviewed");
    assert_eq!(kit.requests(REVIEWS), 1);
}

#[tokio::test]
async fn a_token_without_a_pod_is_for_those_who_allow_it() {
    let kit = Kit::new().await;
    let token = kit.token(None, AUDIENCE).await;
    let outcome = kit.authenticator(BOUND).authenticate(&secret(&token)).await;
    assert!(matches!(outcome, Err(AuthenticationError::Invalid(reason)) if reason.contains("not bound to a pod")));
    assert_eq!(kit.requests(REVIEWS), 0);
    let lenient = kit.authenticator(AuthenticationOptions { allow_unbound: true });
    let principal = lenient.authenticate(&secret(&token)).await.unwrap();
    assert_eq!((principal.name.as_str(), principal.pod_uid), ("app", None));
}

#[tokio::test]
async fn the_token_of_a_deleted_pod_dies_within_a_minute() {
    let kit = Kit::new().await;
    let pod = kit.pod("app-0", None).await;
    let text = kit.token(Some(&pod), AUDIENCE).await;
    let (token, authenticator) = (secret(&text), kit.authenticator(BOUND));
    authenticator.authenticate(&token).await.unwrap();
    kit.remove_pod("app-0").await;
    // The API server itself keeps a yes for ten seconds.
    until(Duration::from_secs(50), "the api server refuses a deleted pod's token", || async {
        !kit.accepts(&text).await
    })
    .await;
    kit.pass(Span::from_seconds(60));
    authenticator.authenticate(&token).await.unwrap();
    kit.pass(Span::from_seconds(1));
    let reason = "the api server does not accept it: its pod or service account may be gone";
    let refused = AuthenticationError::Invalid(reason);
    // It waits for the question that the call before began behind itself.
    assert_eq!(authenticator.authenticate(&token).await, Err(refused.clone()));
    let reviews = kit.requests(REVIEWS);
    for _ in 0..20 {
        assert_eq!(authenticator.authenticate(&token).await, Err(refused.clone()));
    }
    assert_eq!(kit.requests(REVIEWS), reviews, "a no is kept for five seconds");
    kit.pass(Span::from_seconds(6));
    assert_eq!(authenticator.authenticate(&token).await, Err(refused));
    assert_eq!(kit.requests(REVIEWS), reviews + 1);
}

#[tokio::test]
async fn a_steady_caller_costs_one_review_in_thirty_seconds_and_never_waits_for_it() {
    let kit = Kit::new().await;
    let pod = kit.pod("app-0", None).await;
    let token = secret(&kit.token(Some(&pod), AUDIENCE).await);
    let authenticator = kit.authenticator(BOUND);
    let crowd = futures::future::join_all((0..100).map(|_| authenticator.authenticate(&token))).await;
    assert!(crowd.iter().all(Result::is_ok));
    assert_eq!((kit.requests(REVIEWS), kit.requests(KEYS)), (1, 1), "a hundred calls at once ask once");
    let before = authenticator.counts();
    for minute in 1..=10 {
        kit.pass(Span::from_seconds(31));
        authenticator.authenticate(&token).await.unwrap();
        until(Duration::from_secs(5), "renewed behind the call", || async { kit.requests(REVIEWS) == minute + 1 })
            .await;
        // The answer has been asked for; the next step of the clock must not come before it.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(authenticator.counts(), Counts { hits: before.hits + 10, ..before }, "nobody waited any more");
    assert_eq!((before.hits + before.misses, authenticator.remembered()), (100, 1));
    let (started, calls) = (Instant::now(), 1000);
    for _ in 0..calls {
        authenticator.authenticate(&token).await.unwrap();
    }
    println!("a reviewed call, signature verified: {:?} (unoptimised)", started.elapsed() / calls);
}

#[tokio::test]
async fn unknown_keys_are_looked_for_once_in_ten_seconds_whoever_asks() {
    let kit = Kit::new().await;
    let pod = kit.pod("app-0", None).await;
    let token = kit.token(Some(&pod), AUDIENCE).await;
    let authenticator = kit.authenticator(BOUND);
    authenticator.authenticate(&secret(&token)).await.unwrap();
    assert_eq!(kit.requests(KEYS), 1);
    kit.pass(Span::from_seconds(11));
    let unknown = AuthenticationError::Invalid("it is signed with a key that this cluster does not use");
    for round in 2..=3 {
        let forged: Vec<_> = (0..30).map(|number| secret(&with_key_id(&token, &format!("k{number}")))).collect();
        let outcomes = futures::future::join_all(forged.iter().map(|forged| authenticator.authenticate(forged))).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Err(unknown.clone())));
        for forged in &forged {
            assert_eq!(authenticator.authenticate(forged).await, Err(unknown.clone()));
        }
        assert_eq!(kit.requests(KEYS), round);
        kit.pass(Span::from_seconds(11));
    }
    assert_eq!(kit.requests(REVIEWS), 1);
    authenticator.authenticate(&secret(&token)).await.unwrap();
}

impl Kit {
    /// What the API server says of a token itself.
    async fn accepts(&self, token: &str) -> bool {
        let spec = TokenReviewSpec { audiences: Some(vec![AUDIENCE.to_owned()]), token: token.to_owned() };
        let review = TokenReview { spec, ..TokenReview::default() };
        let api = Api::<TokenReview>::all(self.admin.clone());
        let answer = api.create(&PostParams::default(), &review).await.unwrap();
        answer.status.and_then(|status| status.authenticated) == Some(true)
    }

    /// The cluster's public keys, as anyone may read them.
    async fn public_keys(&self) -> Vec<u8> {
        let request = hyper::Request::get(KEYS).body(Vec::new()).unwrap();
        self.admin.request_text(request).await.unwrap().into_bytes()
    }
}

fn part(token: &str, index: usize) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()
}

fn text(token: &str, index: usize) -> String {
    String::from_utf8(part(token, index)).unwrap()
}

fn joined(header: &str, payload: &str, signature: &[u8]) -> String {
    [header.as_bytes(), payload.as_bytes(), signature].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

fn unsigned(token: &str) -> String {
    joined(&text(token, 0).replace("RS256", "none"), &text(token, 1), b"")
}

fn hmac_with(token: &str, key: &[u8]) -> String {
    let header = text(token, 0).replace("RS256", "HS256");
    let signed = joined(&header, &text(token, 1), b"");
    let signature = hmac_sha256(key, &[signed.trim_end_matches('.').as_bytes()]);
    joined(&header, &text(token, 1), &signature)
}

fn tampered(token: &str, from: &str, to: &str) -> String {
    let payload = text(token, 1).replace(from, to);
    assert_ne!(payload, text(token, 1));
    joined(&text(token, 0), &payload, &part(token, 2))
}

fn later(token: &str) -> String {
    let claims: serde_json::Value = serde_json::from_slice(&part(token, 1)).unwrap();
    let expiry = claims["exp"].as_i64().unwrap();
    tampered(token, &format!("\"exp\":{expiry}"), &format!("\"exp\":{}", expiry + 36_000))
}

fn sign(header: &str, payload: &str) -> String {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let unsigned = joined(header, payload, b"");
    let mut signature = vec![0; pair.public_modulus_len()];
    let message = unsigned.trim_end_matches('.').as_bytes();
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
    joined(header, payload, &signature)
}

/// The header still names the cluster's key.
fn signed_by_another(token: &str) -> String {
    sign(&text(token, 0), &text(token, 1))
}

fn another_issuer(token: &str) -> String {
    sign(&text(token, 0), &text(token, 1).replace("\"iss\":\"https://", "\"iss\":\"https://evil."))
}

fn with_key_id(token: &str, id: &str) -> String {
    let mut header: serde_json::Value = serde_json::from_slice(&part(token, 0)).unwrap();
    header["kid"] = id.into();
    joined(&header.to_string(), &text(token, 1), &part(token, 2))
}
