//! Credentials of the pod, and what is done with signatures.

use std::sync::Arc;

use hyper::header::HeaderName;

use super::pod::{ENCRYPT, JSON, Pod};
use super::server::{Authority, Server};
use crate::adapters::http::request::WireRequest;
use crate::adapters::http::server::Application as _;
use crate::adapters::upstream::address::ServerAddress;
use crate::api::aws::operation::Operation;
use crate::crypto::digest::sha256;
use crate::crypto::mac::hmac_sha256;
use crate::crypto::rng::SeededRng;
use crate::ports::fake::FakeClock;
use crate::process::sidecar::application::{Sidecar, Signatures};
use crate::process::sidecar::credentials::Issuer;
use crate::process::sidecar::forward::Forwarder;
use crate::types::secret::SecretBytes;
use crate::types::time::{Span, Timestamp};

const NOW: Timestamp = Timestamp::from_milliseconds(1_795_350_896_789);
const DATE: &str = "20261122T123456Z";

/// A sidecar whose server is nowhere, so that a call which is let in ends with 503.
struct Fixture {
    sidecar: Sidecar,
    clock: FakeClock,
    credentials: serde_json::Value,
    _folder: tempfile::TempDir,
}

fn fixture(signatures: Signatures) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let (clock, rng) = (FakeClock::default(), Arc::new(SeededRng::new(1)));
    clock.set(NOW);
    let file = folder.path().join("authorization");
    let issuer = Issuer::open(&file, rng.as_ref()).unwrap();
    let credentials = serde_json::from_slice(issuer.issue(NOW, rng.as_ref()).unwrap().expose()).unwrap();
    let address = ServerAddress::parse("https://localhost:1").unwrap();
    let (bundle, token) = (folder.path().join("ca.crt"), folder.path().join("token"));
    let forwarder = Forwarder::new(address, bundle, token, Arc::new(clock.clone()), Arc::clone(&rng) as _);
    let sidecar = Sidecar::new(forwarder, Some(issuer), signatures, Arc::new(clock.clone()), rng);
    Fixture { sidecar, clock, credentials, _folder: folder }
}

impl Fixture {
    /// What becomes of a call with these headers: `forwarded`, or the refusal.
    async fn call(&self, headers: &[(&'static str, String)]) -> String {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let request = WireRequest {
            operation: Operation::Encrypt,
            headers: headers.collect(),
            body: SecretBytes::new(b"{}".to_vec()),
            source: None,
            request_id: String::new(),
        };
        match self.sidecar.reply(request).await {
            Ok(reply) => {
                assert_eq!(reply.status, 503);
                "forwarded".to_owned()
            }
            Err(refusal) => format!("{} {}", refusal.error.code.as_str(), refusal.error.message.unwrap_or_default()),
        }
    }

    fn text(&self, name: &str) -> String {
        self.credentials[name].as_str().unwrap().to_owned()
    }

    fn signed(&self) -> Vec<(&'static str, String)> {
        signed(&self.text("AccessKeyId"), &self.text("SecretAccessKey"), &self.text("Token"))
    }
}

/// What an SDK sends for `{}` with these credentials.
fn signed(id: &str, secret: &str, token: &str) -> Vec<(&'static str, String)> {
    let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let names = "host;x-amz-date;x-amz-security-token";
    let canonical = format!(
        "POST\n/\n\nhost:localhost\nx-amz-date:{DATE}\nx-amz-security-token:{token}\n\n{names}\n{}",
        hex(sha256(&[b"{}"]))
    );
    let scope = "20261122/eu-west-1/kms/aws4_request";
    let to_sign = format!("AWS4-HMAC-SHA256\n{DATE}\n{scope}\n{}", hex(sha256(&[canonical.as_bytes()])));
    let first = hmac_sha256(format!("AWS4{secret}").as_bytes(), &[b"20261122"]);
    let key = scope.split('/').skip(1).fold(first, |key, part| hmac_sha256(&key, &[part.as_bytes()]));
    let signature = hex(hmac_sha256(&key, &[to_sign.as_bytes()]));
    let header = format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
    vec![
        ("host", "localhost".to_owned()),
        ("x-amz-date", DATE.to_owned()),
        ("x-amz-security-token", token.to_owned()),
        ("authorization", header),
    ]
}

fn with(headers: &[(&'static str, String)], name: &str, value: &str) -> Vec<(&'static str, String)> {
    headers.iter().map(|(key, old)| (*key, if *key == name { value.to_owned() } else { old.clone() })).collect()
}

#[tokio::test]
async fn a_signature_with_a_key_of_ours_must_be_right() {
    for signatures in [Signatures::Optional, Signatures::Required] {
        let fixture = fixture(signatures);
        let good = fixture.signed();
        assert_eq!(fixture.call(&good).await, "forwarded");
        let wrong = fixture.call(&with(&good, "host", "127.0.0.1")).await;
        assert!(wrong.starts_with("InvalidSignatureException The request signature we calculated"), "{wrong}");
        let id = fixture.text("AccessKeyId");
        let forged = fixture.call(&signed(&id, "a-guess", &fixture.text("Token"))).await;
        assert!(forged.starts_with("InvalidSignatureException"), "{forged}");
        let invalid = "UnrecognizedClientException The security token included in the request is invalid.";
        let token = signed(&id, &fixture.text("SecretAccessKey"), "another");
        assert_eq!(fixture.call(&token).await, invalid);
        // Another end of its life is another key.
        let later = id.replacen("COFFERA", "COFFERB", 1);
        assert_ne!(later, id);
        let stretched = fixture.call(&signed(&later, &fixture.text("SecretAccessKey"), &fixture.text("Token"))).await;
        assert_eq!(stretched, invalid);
        fixture.clock.set(NOW.plus(Span::from_minutes(61)));
        let expired = "UnrecognizedClientException The security token included in the request is expired";
        assert_eq!(fixture.call(&good).await, expired);
    }
}

#[tokio::test]
async fn other_signatures_are_accepted_unless_ours_are_required() {
    let foreign = signed("AKIAIOSFODNN7EXAMPLE", "any", "any");
    let bearer = [("authorization", "Bearer x".to_owned())];
    let free = fixture(Signatures::Optional);
    for headers in [&foreign[..], &bearer[..], &[]] {
        assert_eq!(free.call(headers).await, "forwarded");
    }
    let strict = fixture(Signatures::Required);
    let refused = strict.call(&foreign).await;
    assert_eq!(refused, "UnrecognizedClientException The security token included in the request is invalid.");
    assert_eq!(strict.call(&[]).await, "MissingAuthenticationTokenException Missing Authentication Token");
    assert!(strict.call(&bearer).await.starts_with("IncompleteSignatureException"));
}

#[tokio::test]
async fn credentials_are_for_who_reads_the_token_file() {
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost").await;
    let pod = Pod::prepare(&authority).start(server.port, &["--require-signature"]).await;
    let token = std::fs::read_to_string(pod.path("authorization")).unwrap();
    let ask = async |headers: &[(&str, &str)]| pod.tcp("GET", "/v1/credentials", headers, "").await;
    assert_eq!(ask(&[]).await.status, 401);
    let refused = ask(&[("authorization", "another")]).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("AccessDenied")));
    let given = ask(&[("authorization", &token)]).await;
    assert_eq!(given.status, 200);
    assert!(given.head.contains("content-type: application/json\r\n") && given.head.contains("no-store"));
    let given = given.json();
    for member in ["AccessKeyId", "SecretAccessKey", "Token", "Expiration"] {
        assert!(given[member].as_str().is_some_and(|value| !value.is_empty()), "{member}");
    }
    assert!(given["Expiration"].as_str().unwrap().ends_with('Z'));
    let refused = pod.tcp("POST", "/", &[JSON, ENCRYPT], "{}").await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "MissingAuthenticationTokenException"));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn credentials_can_be_off() {
    let pod = Pod::empty().start(1, &["--authorization-token-file", "off"]).await;
    assert_eq!(pod.tcp("GET", "/v1/credentials", &[], "").await.status, 404);
    let arguments = pod.arguments(1, &["--authorization-token-file", "off", "--require-signature"]);
    assert!(crate::process::sidecar::open(&arguments.serve).is_err());
}
