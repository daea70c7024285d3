//! Serves connections: bounded in number, in time for a head, and in time to finish.

use std::sync::Arc;

use async_trait::async_trait;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc, watch};

use super::guard::{self, Hosts};
use super::listen::Listener;
use super::request::{Refusal, WireRequest, read};
use crate::api::aws::error::AwsError;
use crate::engine::dispatch::Answer;
use crate::types::limits::{CONNECTIONS_MAX, DRAIN_TIMEOUT, HEAD_MAX, HEADER_TIMEOUT};
use crate::types::secret::SecretBytes;

/// What stands behind a listener.
#[async_trait]
pub trait Application: Send + Sync + 'static {
    /// A new id for a request.
    fn request_id(&self) -> String;

    /// Authenticates and answers a request.
    async fn answer(&self, request: WireRequest) -> Result<Answer, Refusal>;

    /// The same with headers, for an application that hands on what another server answered.
    async fn reply(&self, request: WireRequest) -> Result<Reply, Refusal> {
        self.answer(request).await.map(Reply::from)
    }

    /// Answers what is no call of the API, such as a request for credentials. It has passed the guard against
    /// browsers; its body is not read.
    async fn side_request(&self, _head: &Parts) -> Option<Reply> {
        None
    }

    /// Notes a request that was refused before anybody knew whose it was.
    async fn refused(&self, refusal: &Refusal);
}

/// An answer with headers of its own.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body, which may hold plaintext.
    pub body: SecretBytes,
    /// The revision that the answer was made from, where it is known.
    pub revision: Option<u64>,
    /// Headers in the place of those that every answer has.
    pub headers: HeaderMap,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        let Answer { status, body, revision } = answer;
        Self { status, body, revision: Some(revision.0), headers: HeaderMap::new() }
    }
}

/// What each connection shares.
struct Shared {
    hosts: Hosts,
    application: Arc<dyn Application>,
    /// Open while an answer is being made, so that stopping can wait for those whose client is gone.
    answering: mpsc::Sender<()>,
}

/// Accepts connections until `stop` changes, then lets open requests finish.
pub async fn serve(
    listener: Listener,
    hosts: Hosts,
    application: Arc<dyn Application>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let (answering, mut answered) = mpsc::channel(1);
    let shared = Arc::new(Shared { hosts, application, answering });
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Some((stream, source)) = accepted else { continue };
        let (watcher, shared, secure) = (graceful.watcher(), Arc::clone(&shared), listener.secure());
        tokio::spawn(async move {
            // A client that breaks off, or does not get through the handshake, is its own affair.
            if let Some(stream) = secure(stream).await {
                drop(watcher.watch(connection(stream, source, shared)).await);
            }
            drop(place);
        });
    }
    drop((listener, shared));
    let drain = async {
        graceful.shutdown().await;
        answered.recv().await
    };
    let drained = tokio::time::timeout(DRAIN_TIMEOUT.duration(), drain).await;
    if drained.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

/// A connection, whatever it runs over.
pub type Stream = Box<dyn Duplex>;

/// A connection of either kind.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

fn connection(
    stream: Stream,
    source: Option<String>,
    shared: Arc<Shared>,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    let service = service_fn(move |request| {
        let (shared, source) = (Arc::clone(&shared), source.clone());
        async move { Ok::<_, std::convert::Infallible>(respond(request, &shared, source).await) }
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT.duration())
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service)
}

async fn respond(request: Request<Incoming>, shared: &Shared, source: Option<String>) -> Response<Full<Bytes>> {
    let request_id = shared.application.request_id();
    let (head, body) = request.into_parts();
    if guard::check_sender(&head.method, &head.headers, &shared.hosts).is_ok()
        && let Some(reply) = shared.application.side_request(&head).await
    {
        return response(&request_id, reply);
    }
    let request = Request::from_parts(head, body);
    let answered = match read(request, &shared.hosts, source, request_id.clone()).await {
        Ok(request) => answer(request, shared).await,
        Err(refusal) => Err(refusal),
    };
    match answered {
        Ok(reply) => response(&request_id, reply),
        Err(refusal) => {
            shared.application.refused(&refusal).await;
            let body = SecretBytes::new(refusal.error.body());
            // The body may not have been read, and what is left of it is no next request.
            let headers = HeaderMap::from_iter([(CONNECTION, HeaderValue::from_static("close"))]);
            response(&request_id, Reply { status: refusal.status, body, revision: None, headers })
        }
    }
}

/// Makes the answer in a task of its own. A client that hangs up ends its connection, and with it everything
/// that runs inside; a change that has begun must come to its end all the same.
async fn answer(request: WireRequest, shared: &Shared) -> Result<Reply, Refusal> {
    let (application, answering) = (Arc::clone(&shared.application), shared.answering.clone());
    let task = tokio::spawn(async move {
        let reply = application.reply(request).await;
        drop(answering);
        reply
    });
    task.await.unwrap_or_else(|_| Err(AwsError::internal().into()))
}

fn response(request_id: &str, reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_owner(Wiped(reply.body))));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate, private"));
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", value);
    }
    if let Some(revision) = reply.revision {
        headers.insert("x-coffer-revision", HeaderValue::from(revision));
    }
    headers.extend(reply.headers);
    response
}

/// A body that is wiped once the last reference to it is gone.
struct Wiped(SecretBytes);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}
