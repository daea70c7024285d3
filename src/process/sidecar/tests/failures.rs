//! Servers that go away, and what is tried again.

use std::sync::Arc;

use super::pod::{CREATE_KEY, DISABLE_KEY, ENCRYPT, JSON, Pod};
use super::server::{Act, Authority, Server};
use crate::adapters::http::request::WireRequest;
use crate::adapters::upstream::address::ServerAddress;
use crate::api::aws::operation::Operation;
use crate::crypto::rng::SeededRng;
use crate::ports::fake::FakeClock;
use crate::process::sidecar::forward::Forwarder;
use crate::types::limits::{BODY_MAX, RETRY_RESERVE, UPSTREAM_ANSWER_MAX};
use crate::types::secret::SecretBytes;

async fn pod_and_server() -> (Pod, Server) {
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost").await;
    (Pod::prepare(&authority).start(server.port, &[]).await, server)
}

#[tokio::test]
async fn what_changes_nothing_is_tried_again_on_a_new_connection() {
    let (pod, server) = pod_and_server().await;
    let away = Act::Answer(503, "", "no");
    for acts in [vec![Act::HangUp], vec![Act::HangUp, Act::HangUp], vec![away, Act::HangUp]] {
        let before = server.seen().len();
        server.will(&acts);
        assert_eq!(pod.call(ENCRYPT).await.status, 200, "{acts:?}");
        let seen = server.seen().split_off(before);
        let mut connections: Vec<_> = seen.iter().map(|seen| seen.connection).collect();
        connections.dedup();
        assert_eq!((seen.len(), connections.len()), (acts.len() + 1, acts.len() + 1), "{acts:?}");
    }
    // Two retries and no more.
    server.will(&[Act::HangUp, Act::HangUp, Act::HangUp]);
    let got = pod.call(ENCRYPT).await;
    assert_eq!((got.status, got.code().as_str()), (503, "DependencyTimeoutException"));
    server.will(&[away, away, away]);
    assert_eq!(pod.call(ENCRYPT).await.body, "no");
}

#[tokio::test]
async fn a_change_that_may_have_been_made_is_not_made_again() {
    let (pod, server) = pod_and_server().await;
    for target in [DISABLE_KEY, CREATE_KEY, ("x-amz-target", "TrentService.CreateGrant")] {
        let before = server.seen().len();
        server.will(&[Act::HangUp]);
        let got = pod.call(target).await;
        assert!(got.status == 503 && got.message().contains("may have been carried out"), "{got:?}");
        server.will(&[Act::Answer(503, "", "no")]);
        assert_eq!(pod.call(target).await.body, "no");
        assert_eq!(server.seen().len() - before, 2, "{target:?}");
    }
    // With an invocation id, the server makes one key however often it is asked.
    server.will(&[Act::HangUp]);
    let named = [JSON, CREATE_KEY, ("amz-sdk-invocation-id", "an-id")];
    assert_eq!(pod.socket("POST", "/", &named, "{}").await.status, 200);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_no_failure() {
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost").await;
    let port = server.port;
    let pod = Pod::prepare(&authority).start(port, &[]).await;
    for target in [ENCRYPT, DISABLE_KEY, ENCRYPT] {
        assert_eq!(pod.call(target).await.status, 200);
    }
    drop(server);
    let got = pod.call(ENCRYPT).await;
    assert_eq!((got.status, got.code().as_str()), (503, "DependencyTimeoutException"));
    let server = Server::start_on(&authority, "localhost", port).await;
    for target in [ENCRYPT, DISABLE_KEY] {
        assert_eq!(pod.call(target).await.status, 200);
    }
    // A server that drains says so, and its connection is not used again.
    server.will(&[Act::Answer(200, "connection: close\r\n", "{}")]);
    for _ in 0..2 {
        assert_eq!(pod.call(ENCRYPT).await.status, 200);
    }
    let connections: Vec<_> = server.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections.len(), 4);
    assert_ne!(connections[2], connections[3]);
}

#[tokio::test]
async fn an_outage_is_not_amplified() {
    let (pod, server) = pod_and_server().await;
    let calls = 100;
    server.will(&vec![Act::HangUp; 1000]);
    for _ in 0..calls {
        assert_eq!(pod.call(ENCRYPT).await.status, 503);
    }
    // All beyond the calls themselves are retries; one more for each ten seconds that the test takes.
    let retries = server.seen().len() - calls;
    let most = RETRY_RESERVE as usize + calls / 10;
    assert!((most - 1..=most + 2).contains(&retries), "{retries}");
}

#[tokio::test]
async fn a_server_that_is_silent_does_not_hold_a_call_for_ever() {
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost").await;
    server.will(&[Act::Hang]);
    let pod = Pod::prepare(&authority);
    // The waits of this clock end at once.
    let (clock, rng) = (Arc::new(FakeClock::default()), Arc::new(SeededRng::new(1)));
    let address = ServerAddress::parse(&format!("https://localhost:{}", server.port)).unwrap();
    let forwarder = Forwarder::new(address, pod.path("ca.crt"), pod.path("token"), clock, rng);
    let request = WireRequest {
        operation: Operation::Encrypt,
        headers: hyper::HeaderMap::new(),
        body: SecretBytes::new(Vec::new()),
        source: None,
        request_id: String::new(),
    };
    let reply = forwarder.forward(request).await;
    assert_eq!(reply.status, 503);
    assert!(String::from_utf8_lossy(reply.body.expose()).contains("did not answer in time"));
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_refused() {
    let (pod, server) = pod_and_server().await;
    let text = |length| -> &'static str { Box::leak("x".repeat(length).into_boxed_str()) };
    let (largest, larger) = (text(UPSTREAM_ANSWER_MAX), text(UPSTREAM_ANSWER_MAX + 1));
    server.will(&[Act::Answer(200, "", largest), Act::Answer(200, "", larger)]);
    // The body of the call is as large as it may be, too.
    let got = pod.socket("POST", "/", &[JSON, ENCRYPT], text(BODY_MAX)).await;
    assert!(got.status == 200 && got.body == largest);
    assert!(server.seen()[0].body == text(BODY_MAX));
    let got = pod.call(ENCRYPT).await;
    assert!(got.status == 503 && got.message().starts_with("the answer of the key management server is too large"));
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_probe_tells_whether_the_server_is_there() {
    use crate::process::sidecar::arguments::ProbeArguments;
    use crate::process::sidecar::probe;
    let authority = Authority::new();
    let server = Server::start(&authority, "localhost").await;
    let pod = Pod::prepare(&authority).start(server.port, &[]).await;
    let ask = async |startup, ready_without_server| {
        let arguments = ProbeArguments { socket: pod.path("coffer.sock"), startup, ready_without_server };
        let asked = tokio::task::spawn_blocking(move || probe::run(&arguments).map_err(|error| format!("{error:#}")));
        asked.await.unwrap().map(|_| ())
    };
    assert_eq!(ask(false, false).await, Ok(()));
    drop(server);
    assert_eq!(ask(true, false).await, Ok(()));
    assert_eq!(ask(false, true).await, Ok(()));
    let refused = ask(false, false).await.unwrap_err();
    assert!(refused.starts_with("not ready: the key management server cannot be reached"), "{refused}");
    let pod = pod.stop().await;
    let arguments = ProbeArguments { socket: pod.path("coffer.sock"), startup: true, ready_without_server: false };
    assert!(probe::run(&arguments).is_err());
}
