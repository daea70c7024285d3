//! Callers while the API server cannot be reached, by a proxy that is cut or frozen, and afterwards.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::authentication_kit::{AUDIENCE, Kit, secret, until};
use crate::adapters::kube::token_review::{AuthenticationOptions, TokenAuthenticator};
use crate::ports::authenticator::{AuthenticationError, Authenticator as _};
use crate::types::limits::REVIEW_TIMEOUT;
use crate::types::secret::SecretBytes;
use crate::types::time::Span;

const REVIEWS: &str = "/tokenreviews";
/// What needs no answer of anybody is decided well within this, on a busy machine too.
const AT_ONCE: Duration = Duration::from_millis(100);

struct Callers {
    authenticator: Arc<TokenAuthenticator>,
    /// Reviewed before the outage.
    known: SecretBytes,
    /// Never seen before.
    new: SecretBytes,
}

impl Callers {
    async fn new(kit: &Kit) -> Self {
        let pod = kit.pod("app-0", None).await;
        let known = secret(&kit.token(Some(&pod), AUDIENCE).await);
        let new = secret(&kit.token(Some(&pod), AUDIENCE).await);
        let authenticator = Arc::new(kit.authenticator(AuthenticationOptions::default()));
        authenticator.authenticate(&known).await.unwrap();
        Self { authenticator, known, new }
    }

    async fn call(&self, token: &SecretBytes) -> (Result<(), AuthenticationError>, Duration) {
        let started = Instant::now();
        let outcome = self.authenticator.authenticate(token).await.map(drop);
        (outcome, started.elapsed())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn known_callers_go_on_for_the_grace_and_everything_is_asked_anew_afterwards() {
    let kit = Kit::new().await;
    let callers = Callers::new(&kit).await;
    kit.proxy.cut();
    kit.pass(Span::from_seconds(180));
    let (outcome, first) = callers.call(&callers.known).await;
    println!("cut: the call that finds out takes {first:?}");
    assert_eq!((outcome, kit.outage.round()), (Ok(()), None));
    assert!(first < REVIEW_TIMEOUT.duration() + AT_ONCE);
    let (outcome, took) = callers.call(&callers.new).await;
    assert_eq!(outcome, Err(AuthenticationError::Unavailable), "a new caller is refused");
    assert!(took < AT_ONCE, "{took:?}");
    let reviews = kit.requests(REVIEWS);
    for _ in 0..100 {
        let (outcome, took) = callers.call(&callers.known).await;
        assert!(outcome.is_ok() && took < AT_ONCE, "{took:?}");
    }
    assert_eq!(kit.requests(REVIEWS), reviews, "one task asks, and not the callers");

    kit.pass(Span::from_seconds(420));
    assert_eq!(callers.call(&callers.known).await.0, Ok(()), "ten minutes after the last contact");
    kit.pass(Span::from_seconds(1));
    assert_eq!(callers.call(&callers.known).await.0, Err(AuthenticationError::Unavailable), "the grace is over");

    kit.remove_pod("app-0").await;
    kit.proxy.mend();
    until(Duration::from_secs(30), "mended: the api server is found again", || async { kit.outage.round() == Some(1) })
        .await;
    until(Duration::from_secs(50), "a pod deleted during the outage is refused", || async {
        kit.pass(Span::from_seconds(61));
        matches!(callers.call(&callers.known).await.0, Err(AuthenticationError::Invalid(_)))
    })
    .await;
    assert!(kit.requests(REVIEWS) > reviews);
}

#[tokio::test(flavor = "multi_thread")]
async fn signature_and_times_are_checked_during_an_outage_too() {
    let kit = Kit::new().await;
    let callers = Callers::new(&kit).await;
    // Contact until shortly before the expiry, so that the grace is not what refuses.
    kit.pass(Span::from_minutes(55));
    callers.authenticator.authenticate(&callers.known).await.unwrap();
    kit.proxy.cut();
    kit.pass(Span::from_seconds(61));
    assert_eq!(callers.call(&callers.known).await.0, Ok(()));
    assert_eq!(kit.outage.round(), None);
    kit.pass(Span::from_minutes(5));
    let expired = AuthenticationError::Invalid("it has expired");
    assert_eq!(callers.call(&callers.known).await.0, Err(expired));
    let mut forged = callers.known.expose().to_vec();
    let last = forged.len() - 3;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    let outcome = callers.call(&SecretBytes::new(forged)).await.0;
    assert!(matches!(outcome, Err(AuthenticationError::Invalid(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_api_server_slows_the_first_call_alone() {
    let kit = Kit::new().await;
    let callers = Callers::new(&kit).await;
    kit.proxy.freeze();
    kit.pass(Span::from_seconds(61));
    let calls = (0..50).map(|_| callers.call(&callers.known));
    let longest = futures::future::join_all(calls).await.into_iter().map(|(outcome, took)| {
        assert_eq!(outcome, Ok(()));
        took
    });
    let longest = longest.max().unwrap();
    println!("frozen: the calls that find out take up to {longest:?}");
    assert!(longest < REVIEW_TIMEOUT.duration() + AT_ONCE * 5);
    for _ in 0..100 {
        let (outcome, took) = callers.call(&callers.known).await;
        assert!(outcome.is_ok() && took < AT_ONCE, "{took:?}");
    }
    let (outcome, took) = callers.call(&callers.new).await;
    assert_eq!(outcome, Err(AuthenticationError::Unavailable));
    assert!(took < AT_ONCE, "{took:?}");
    kit.proxy.mend();
    until(Duration::from_secs(30), "thawed: a new caller is accepted", || async {
        callers.call(&callers.new).await.0.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_steady_caller_does_not_notice_that_the_api_server_froze() {
    let kit = Kit::new().await;
    let callers = Callers::new(&kit).await;
    kit.proxy.freeze();
    kit.pass(Span::from_seconds(31));
    let (outcome, took) = callers.call(&callers.known).await;
    assert!(outcome.is_ok() && took < AT_ONCE, "the question is asked behind the call: {took:?}");
    until(Duration::from_secs(10), "frozen: noticed behind the caller", || async { kit.outage.round().is_none() })
        .await;
    kit.pass(Span::from_seconds(60));
    let (outcome, took) = callers.call(&callers.known).await;
    assert!(outcome.is_ok() && took < AT_ONCE, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_read_and_an_outage_is_noticed_without_any_caller() {
    let kit = Kit::new().await;
    let authenticator = Arc::new(kit.authenticator(AuthenticationOptions::default()));
    let running = tokio::spawn(Arc::clone(&authenticator).run());
    until(Duration::from_secs(10), "the keys are read", || async { kit.requests("/openid/v1/jwks") == 1 }).await;
    assert_eq!(kit.requests("/readyz"), 0);
    kit.pass(Span::from_seconds(31));
    until(Duration::from_secs(10), "an idle way is tried", || async { kit.requests("/readyz") > 0 }).await;
    kit.proxy.cut();
    until(Duration::from_secs(10), "an outage is noticed", || async {
        // The answer to the try before may have come after any step of the clock.
        kit.pass(Span::from_seconds(31));
        kit.outage.round().is_none()
    })
    .await;
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_broke_is_no_outage() {
    let kit = Kit::new().await;
    let callers = Callers::new(&kit).await;
    for _ in 0..10 {
        kit.proxy.cut();
        // Every connection breaks, and no request is on its way.
        tokio::time::sleep(Duration::from_millis(50)).await;
        kit.proxy.mend();
        kit.pass(Span::from_seconds(61));
        assert_eq!(callers.call(&callers.known).await.0, Ok(()));
        assert_eq!(kit.outage.round(), Some(0));
    }
    // A request is on its way when its connection breaks.
    for _ in 0..5 {
        kit.pass(Span::from_seconds(61));
        kit.proxy.tear();
        assert_eq!(callers.call(&callers.known).await.0, Ok(()));
        assert!(kit.proxy.is_torn());
        assert_eq!(kit.outage.round(), Some(0));
    }
    // Idle for most of the time that the client waits for answers.
    for idle in [1900, 1990, 2000, 2100] {
        tokio::time::sleep(Duration::from_millis(idle)).await;
        kit.pass(Span::from_seconds(61));
        assert_eq!(callers.call(&callers.known).await.0, Ok(()));
        assert_eq!(kit.outage.round(), Some(0), "after {idle} ms");
    }
}
