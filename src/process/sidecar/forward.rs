//! Calls on their way to the server: with the pod's token, within a deadline, and again where that is safe.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};

use super::budget::Budget;
use super::condition::Condition;
use super::failure::Failure;
use super::revisions::Revisions;
use crate::adapters::http::request::WireRequest;
use crate::adapters::http::server::Reply;
use crate::adapters::upstream::address::ServerAddress;
use crate::adapters::upstream::client::{Freshness, Upstream};
use crate::adapters::upstream::connection::{Answered, ExchangeError, Exposed, Outgoing};
use crate::adapters::upstream::file::WatchedFile;
use crate::api::aws::operation::Operation;
use crate::crypto::rng::{Rng, random_array};
use crate::engine::table;
use crate::ports::clock::Clock;
use crate::types::limits::{READINESS_TIMEOUT, RETRY_PAUSE, TOKEN_FILE_MAX, UPSTREAM_DEADLINE, UPSTREAM_RETRIES_MAX};
use crate::types::secret::SecretBytes;
use crate::types::time::Span;

/// Forwards calls.
pub struct Forwarder {
    upstream: Upstream,
    token: WatchedFile<HeaderValue>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    budget: Mutex<Budget>,
    revisions: Mutex<Revisions>,
    server: Condition,
}

/// When a call may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    /// After any failure: made twice, it has the effect of once.
    Always,
    /// Only where the server has not seen it.
    Unseen,
}

const INVOCATION: HeaderName = HeaderName::from_static("amz-sdk-invocation-id");
const REVISION: HeaderName = HeaderName::from_static("x-coffer-revision");
/// What the server is told of a call besides its body. The signature of the container stays behind, and with it
/// everything that only a signature needs.
const FORWARDED: [HeaderName; 4] = [CONTENT_TYPE, USER_AGENT, INVOCATION, HeaderName::from_static("x-amz-target")];
/// What the container is told of an answer besides its body.
const ANSWERED: [HeaderName; 5] = [
    CONTENT_TYPE,
    RETRY_AFTER,
    REVISION,
    HeaderName::from_static("x-amzn-requestid"),
    HeaderName::from_static("x-amzn-errortype"),
];

impl Forwarder {
    /// A forwarder to the server at this address. Nothing is read or opened yet.
    #[must_use]
    pub fn new(
        address: ServerAddress,
        bundle: PathBuf,
        token: PathBuf,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        Self {
            upstream: Upstream::new(address, bundle, Arc::clone(&clock)),
            token: WatchedFile::new(token, TOKEN_FILE_MAX, Arc::clone(&clock), Box::new(|token| bearer(&token))),
            budget: Mutex::new(Budget::new(clock.monotonic())),
            revisions: Mutex::default(),
            server: Condition::default(),
            clock,
            rng,
        }
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &ServerAddress {
        self.upstream.address()
    }

    /// Whether a call could be made now.
    ///
    /// # Errors
    /// What is in its way.
    pub async fn ready(&self) -> Result<(), Failure> {
        let reach = async {
            self.token.current().map_err(Failure::Token)?;
            self.upstream.reach().await.map_err(Failure::Exchange)
        };
        let reached = self.within(READINESS_TIMEOUT, reach).await;
        self.note(reached.as_ref().err());
        reached
    }

    /// Makes a call, and hands back the server's answer as it is.
    pub async fn forward(&self, request: WireRequest) -> Reply {
        let repeat = repeat(request.operation, request.headers.contains_key(INVOCATION));
        let forwarded = self.within(UPSTREAM_DEADLINE, self.try_call(request, repeat)).await;
        self.note(forwarded.as_ref().err());
        match forwarded {
            Ok(answered) => self.reply(answered),
            Err(failure) => failure.reply(self.upstream.address()),
        }
    }

    async fn try_call(&self, request: WireRequest, repeat: Repeat) -> Result<Answered, Failure> {
        let headers = self.headers(&request)?;
        let outgoing = Outgoing::new(headers, request.body);
        lock(&self.budget).called();
        // A pooled connection may break at the very moment of sending, and then nobody knows what was done.
        let mut freshness = if repeat == Repeat::Always { Freshness::Any } else { Freshness::New };
        let mut retries = 0;
        loop {
            let result = self.upstream.exchange(&outgoing, freshness).await;
            let again = may_repeat(&result, repeat) && retries < UPSTREAM_RETRIES_MAX;
            if !again || !lock(&self.budget).take(self.clock.monotonic()) {
                return result.map_err(Failure::Exchange);
            }
            if retries > 0 {
                self.clock.sleep(self.pause()).await;
            }
            retries += 1;
            // Another connection may lead to another replica.
            freshness = Freshness::New;
        }
    }

    fn headers(&self, request: &WireRequest) -> Result<HeaderMap, Failure> {
        let token = self.token.current().map_err(Failure::Token)?;
        let mut headers: HeaderMap = pick(&request.headers, &FORWARDED).collect();
        headers.insert(AUTHORIZATION, HeaderValue::clone(&token));
        let asked = request.header(REVISION.as_str()).and_then(|value| value.parse().ok());
        if let Some(revision) = lock(&self.revisions).highest().max(asked) {
            headers.insert(REVISION, HeaderValue::from(revision));
        }
        Ok(headers)
    }

    fn reply(&self, answered: Answered) -> Reply {
        let revision = answered.headers.get(REVISION).and_then(|value| value.to_str().ok()?.parse().ok());
        if let Some(revision) = revision {
            lock(&self.revisions).saw(revision, self.clock.monotonic());
        }
        let headers = pick(&answered.headers, &ANSWERED).collect();
        Reply { status: answered.status, body: answered.body, revision: None, headers }
    }

    async fn within<T>(&self, limit: Span, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        tokio::select! {
            done = work => done,
            () = self.clock.sleep(limit) => Err(Failure::Deadline),
        }
    }

    /// Not the same for all, so that those who failed together do not come back together.
    fn pause(&self) -> Span {
        let [random] = random_array::<1>(self.rng.as_ref()).unwrap_or_default();
        let pause = RETRY_PAUSE.milliseconds();
        Span::from_milliseconds(pause + pause * i64::from(random) / 255)
    }

    /// Says in the log when calls begin to fail, and when they go through again.
    fn note(&self, failure: Option<&Failure>) {
        if !self.server.changed(failure.is_none(), self.clock.monotonic()) {
            return;
        }
        let server = self.upstream.address();
        let (ca_file, token_file) = (self.upstream.trust().path().display(), self.token.path().display());
        match failure {
            None => tracing::info!(%server, "the server is reached"),
            Some(failure) => {
                let error = failure as &dyn std::error::Error;
                tracing::warn!(%server, %ca_file, %token_file, error, "calls cannot be forwarded");
            }
        }
    }
}

/// Only what the table knows to change nothing is harmless; the server may be newer than the table.
fn repeat(operation: Operation, has_invocation_id: bool) -> Repeat {
    let row = table::find(operation);
    let reads = row.handler.is_some() && !row.changes;
    // The server makes one key for one invocation id.
    let named = operation == Operation::CreateKey && has_invocation_id;
    if reads || named { Repeat::Always } else { Repeat::Unseen }
}

fn may_repeat(result: &Result<Answered, ExchangeError>, repeat: Repeat) -> bool {
    match result {
        // Whoever stands between has no server to speak to.
        Ok(answered) => repeat == Repeat::Always && matches!(answered.status, 502..=504),
        Err(ExchangeError::Trust(_) | ExchangeError::TooLarge) => false,
        Err(error) => repeat == Repeat::Always || error.nothing_was_sent(),
    }
}

fn pick<'a>(headers: &'a HeaderMap, names: &'a [HeaderName]) -> impl Iterator<Item = (HeaderName, HeaderValue)> + 'a {
    names.iter().filter_map(|name| headers.get(name).map(|value| (name.clone(), value.clone())))
}

/// The header of a token, as a secret that is wiped once nobody sends it any more.
fn bearer(token: &SecretBytes) -> Result<HeaderValue, &'static str> {
    let token = token.expose().trim_ascii();
    if token.is_empty() {
        return Err("it is empty");
    }
    if !token.iter().all(u8::is_ascii_graphic) {
        return Err("it does not hold a token");
    }
    let header = Exposed(SecretBytes::new([b"Bearer ", token].concat()));
    let mut header =
        HeaderValue::from_maybe_shared(Bytes::from_owner(header)).map_err(|_| "it does not hold a token")?;
    header.set_sensitive(true);
    Ok(header)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
