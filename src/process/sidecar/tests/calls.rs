//! Calls that get through, and the files that they depend on.

use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};

use super::pod::{DISABLE_KEY, ENCRYPT, JSON, Pod};
use super::server::{Act, Authority, Server};

#[tokio::test]
async fn a_call_is_forwarded_with_the_pods_token_and_nothing_that_only_a_signature_needs() {
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost").await;
    let pod = Pod::prepare(&authority).start(server.port, &[]).await;
    let headers = [
        JSON,
        ENCRYPT,
        ("user-agent", "an-sdk"),
        ("amz-sdk-invocation-id", "an-id"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=0",
        ),
        ("x-amz-security-token", "a-session"),
        ("x-amz-date", "20261122T123456Z"),
        ("cookie", "a=b"),
    ];
    for got in [pod.socket("POST", "/", &headers, "{\"a\":1}").await, pod.tcp("POST", "/", &headers, "{\"a\":1}").await]
    {
        assert_eq!((got.status, got.body.as_str()), (200, "{\"good\":true}"));
        assert!(got.head.contains("x-amzn-requestid: from-the-server\r\n"), "{}", got.head);
        assert!(got.head.contains("x-coffer-revision: 7"), "{}", got.head);
        assert_eq!(got.head.matches("requestid").count(), 1);
    }
    for seen in server.seen() {
        assert_eq!(seen.body, "{\"a\":1}");
        assert!(seen.head.starts_with("POST / HTTP/1.1\r\n"), "{}", seen.head);
        assert_eq!(seen.header("authorization"), Some("Bearer the-token"));
        assert_eq!(seen.header("x-amz-target"), Some("TrentService.Encrypt"));
        assert_eq!(seen.header("content-type"), Some(JSON.1));
        assert_eq!((seen.header("user-agent"), seen.header("amz-sdk-invocation-id")), (Some("an-sdk"), Some("an-id")));
        assert_eq!(seen.header("host"), Some(format!("localhost:{}", server.port).as_str()));
        for gone in ["x-amz-security-token", "x-amz-date", "cookie", "AWS4"] {
            assert!(!seen.head.contains(gone), "{gone}");
        }
    }
    // One after the other, calls share a connection; another one was opened to have a first look.
    for _ in 0..8 {
        assert_eq!(pod.call(ENCRYPT).await.status, 200);
    }
    assert!(server.seen().len() == 10 && server.connections() <= 2, "{}", server.connections());
}

#[tokio::test]
async fn an_error_of_the_server_is_handed_back_as_it_is() {
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost").await;
    let pod = Pod::prepare(&authority).start(server.port, &[]).await;
    let body = "{\"__type\":\"NotFoundException\"}";
    server.will(&[Act::Answer(
        400,
        "content-type: application/x\r\nx-amzn-errortype: NotFoundException\r\nx-inner: 1\r\n",
        body,
    )]);
    let got = pod.call(ENCRYPT).await;
    assert_eq!((got.status, got.body.as_str()), (400, body));
    assert!(got.head.contains("content-type: application/x\r\n") && got.head.contains("x-amzn-errortype: not"));
    assert!(!got.head.contains("x-inner"));
}

#[tokio::test]
async fn the_highest_revision_goes_with_each_call() {
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost").await;
    let pod = Pod::prepare(&authority).start(server.port, &[]).await;
    let revision = |text| Act::Answer(200, text, "{}");
    server.will(&[revision("x-coffer-revision: 12\r\n"), revision("x-coffer-revision: 9\r\n"), revision("")]);
    for _ in 0..4 {
        assert_eq!(pod.call(ENCRYPT).await.status, 200);
    }
    pod.socket("POST", "/", &[JSON, ENCRYPT, ("x-coffer-revision", "20")], "{}").await;
    let sent: Vec<_> = server.seen().iter().map(|seen| seen.header("x-coffer-revision").map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some("12"), Some("12"), Some("12"), Some("20")].map(|text| text.map(str::to_owned)));
}

#[tokio::test]
async fn a_new_token_is_used_at_once() {
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost").await;
    let pod = Pod::prepare(&authority).start(server.port, &[]).await;
    assert_eq!(pod.call(ENCRYPT).await.status, 200);
    pod.write("token", "the-next-one");
    assert_eq!(pod.call(ENCRYPT).await.status, 200);
    std::fs::remove_file(pod.path("token")).unwrap();
    let got = pod.call(ENCRYPT).await;
    assert_eq!((got.status, got.code().as_str()), (503, "KMSInternalException"));
    assert!(got.message().starts_with("the sidecar has no token"), "{}", got.message());
    let tokens: Vec<_> = server.seen().iter().map(|seen| seen.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(tokens, ["Bearer the-token", "Bearer the-next-one"]);
}

#[tokio::test]
async fn a_new_bundle_is_used_at_once_and_a_broken_one_never() {
    let (first, second) = (Authority::new(), Authority::new());
    let server = Server::start(&second, "localhost").await;
    let pod = Pod::prepare(&first).start(server.port, &[]).await;
    let got = pod.call(ENCRYPT).await;
    assert_eq!((got.status, got.code().as_str()), (503, "DependencyTimeoutException"));
    assert!(got.message().starts_with("the key management server did not prove who it is"), "{}", got.message());
    pod.write("ca.crt", &[first.pem(), second.pem()].concat());
    assert_eq!(pod.call(ENCRYPT).await.status, 200);
    for broken in ["", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        pod.write("ca.crt", broken);
        assert_eq!(pod.call(ENCRYPT).await.status, 200);
    }
    // Without the second authority, the open connection is not believed any more either.
    pod.write("ca.crt", &first.pem());
    assert_eq!(pod.call(ENCRYPT).await.status, 503);
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn the_certificate_must_be_for_the_name() {
    let authority = Authority::new();
    let server = Server::start(&authority, "coffer.other.svc").await;
    let pod = Pod::prepare(&authority).start(server.port, &[]).await;
    assert!(pod.call(ENCRYPT).await.message().starts_with("the key management server did not prove who it is"));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn without_any_file_it_starts_and_begins_to_work_when_they_come() {
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost").await;
    let pod = Pod::empty().start(server.port, &[]).await;
    let ready = async || pod.socket("GET", "/v1/ready", &[], "").await;
    assert_eq!(pod.socket("GET", "/v1/health", &[], "").await.status, 200);
    assert_eq!(ready().await.status, 503);
    assert!(pod.call(ENCRYPT).await.message().starts_with("the sidecar has no token"));
    pod.write("token", "the-token");
    assert_eq!(ready().await.status, 503);
    assert!(pod.call(DISABLE_KEY).await.message().starts_with("the sidecar has no certificate authority"));
    pod.write("ca.crt", &authority.pem());
    assert_eq!(ready().await.status, 200);
    assert_eq!(pod.call(ENCRYPT).await.status, 200);
}

#[tokio::test]
async fn every_user_may_connect_and_a_lost_socket_is_replaced() {
    let authority = Authority::new();
    let pod = Pod::empty();
    // What a killed process leaves.
    drop(std::os::unix::net::UnixListener::bind(pod.path("coffer.sock")).unwrap());
    let pod = pod.start(1, &["--http", "off"]).await;
    assert!(pod.http.is_none());
    let metadata = std::fs::metadata(pod.path("coffer.sock")).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o666);
    // A second sidecar does not take the place of one that serves.
    assert!(crate::process::sidecar::listen(&pod.arguments(1, &[]).serve).await.is_err());
    let token = std::fs::read(pod.path("authorization")).unwrap();
    let pod = pod.stop().await;
    assert!(!pod.path("coffer.sock").exists());
    pod.write("ca.crt", &authority.pem());
    let pod = pod.start(1, &[]).await;
    assert_eq!(std::fs::read(pod.path("authorization")).unwrap(), token);
}

#[tokio::test]
async fn browsers_are_refused() {
    let pod = Pod::empty().start(1, &["--allow-host", "kms.test"]).await;
    let token = std::fs::read_to_string(pod.path("authorization")).unwrap();
    for headers in [("origin", "http://localhost"), ("host", "evil.test"), ("host", "localhost.evil.test:4599")] {
        let call = pod.tcp("POST", "/", &[JSON, ENCRYPT, headers], "{}").await;
        assert_eq!((call.status, call.code().as_str()), (403, "AccessDeniedException"), "{headers:?}");
        let credentials = pod.tcp("GET", "/v1/credentials", &[("authorization", &token), headers], "").await;
        assert_eq!(credentials.status, 403, "{headers:?}");
        assert!(!credentials.body.contains("SecretAccessKey"));
    }
    assert_eq!(pod.tcp("OPTIONS", "/", &[], "").await.status, 403);
    assert_eq!(pod.tcp("GET", "/", &[], "").await.status, 405);
    assert_eq!(pod.tcp("POST", "/", &[JSON, ENCRYPT, ("host", "kms.test:1")], "{}").await.status, 503);
}
