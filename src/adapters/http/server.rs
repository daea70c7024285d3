//! Serves connections: bounded in number, in time for a head, and in time to finish.

use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc, watch};

use super::guard::{self, Hosts};
use super::listen::Listener;
use super::protocol::{self, Activity, Protocol};
use super::request::{Refusal, WireRequest, read};
use crate::api::aws::error::AwsError;
use crate::engine::dispatch::Answer;
use crate::types::limits::{
    CONNECTIONS_MAX, DRAIN_LINGER, DRAIN_TIMEOUT, HEAD_MAX, HEADER_TIMEOUT, HTTP2_HEAD_MAX, HTTP2_PING_PERIOD,
    HTTP2_STREAMS_MAX, HTTP2_WINDOW, REQUESTS_READ_MAX,
};
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
    /// Open while a connection is, or an answer is being made, so that stopping can wait for both: the client of an
    /// answer may be gone.
    answering: mpsc::Sender<()>,
    /// Whether the process is asked to stop.
    stop: watch::Receiver<bool>,
    /// Places for requests that are being read.
    reading: Semaphore,
}

/// Accepts connections until `stop` changes, then lets open requests finish.
pub async fn serve(
    listener: Listener,
    hosts: Hosts,
    application: Arc<dyn Application>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (answering, mut answered) = mpsc::channel(1);
    let reading = Semaphore::new(REQUESTS_READ_MAX);
    let shared = Arc::new(Shared { hosts, application, answering, stop: stop.clone(), reading });
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
        let (shared, secure) = (Arc::clone(&shared), listener.secure());
        tokio::spawn(async move {
            let greeting = async { protocol::detect(secure(stream).await?).await };
            // Who has said nothing yet when the process stops has nothing to wait for.
            let told = tokio::select! {
                told = greeting => told,
                () = shared.stopping() => None,
            };
            // A client that breaks off, or does not get through the handshake, is its own affair.
            if let Some((protocol, stream)) = told {
                attend(protocol, stream, source, shared).await;
            }
            drop(place);
        });
    }
    drop((listener, shared));
    let drained = tokio::time::timeout(DRAIN_TIMEOUT.duration(), answered.recv()).await;
    if drained.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

/// A connection, whatever it runs over.
pub type Stream = Box<dyn Duplex>;

/// A connection of either kind.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Shared {
    /// Returns once the process is asked to stop.
    async fn stopping(&self) {
        drop(self.stop.clone().wait_for(|stop| *stop).await);
    }
}

/// Serves one connection to its end.
async fn attend(
    protocol: Protocol,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    source: Option<String>,
    shared: Arc<Shared>,
) {
    let activity = Arc::new(Activity::default());
    let (stopping, noted) = (Arc::clone(&shared), Arc::clone(&activity));
    let service = service_fn(move |request| {
        let (shared, source, activity) = (Arc::clone(&shared), source.clone(), Arc::clone(&noted));
        async move {
            let _open = activity.request();
            Ok::<_, std::convert::Infallible>(respond_or_last(request, &shared, source).await)
        }
    });
    let stream = TokioIo::new(stream);
    match protocol {
        // What was sent before its client could know is answered, for HTTP/1.1 has no word to say which requests were
        // not. Its reader of heads closes what is idle.
        Protocol::One => {
            let leave = async {
                stopping.stopping().await;
                tokio::time::sleep(DRAIN_LINGER.duration()).await;
            };
            carry(http1().serve_connection(stream, service), leave, std::future::pending()).await;
        }
        Protocol::Two => {
            let leave = async {
                tokio::select! {
                    () = activity.idle() => {}
                    () = stopping.stopping() => {}
                }
            };
            carry(http2().serve_connection(stream, service), leave, activity.idle()).await;
        }
    }
}

/// Serves a connection until it should end, takes leave of its client, and then answers what the client had begun.
/// `late` is when a client is waited for no longer that does not take leave in turn.
async fn carry(connection: impl GracefulConnection, leave: impl Future<Output = ()>, late: impl Future<Output = ()>) {
    let mut connection = pin!(connection);
    // A request that has come is read before anything is closed.
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        () = leave => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection => {}
        () = late => {}
    }
}

fn http1() -> hyper::server::conn::http1::Builder {
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT.duration()).max_buf_size(HEAD_MAX);
    builder
}

fn http2() -> hyper::server::conn::http2::Builder<TokioExecutor> {
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(HTTP2_HEAD_MAX)
        .initial_stream_window_size(HTTP2_WINDOW)
        .keep_alive_interval(HTTP2_PING_PERIOD.duration())
        .keep_alive_timeout(HTTP2_PING_PERIOD.duration());
    builder
}

/// HTTP/2 names the host in the target of a request, and all that comes after looks for the header.
fn name_host(head: &mut Parts) {
    let authority = head.uri.authority().filter(|_| head.version == Version::HTTP_2);
    let Some(host) = authority.and_then(|authority| HeaderValue::from_str(authority.as_str()).ok()) else { return };
    if head.headers.get(HOST) != Some(&host) {
        // Two different ones are refused with what else has two.
        head.headers.append(HOST, host);
    }
}

/// Answers; one of HTTP/1.1 that comes when the process stops is the last of its connection, and says so.
async fn respond_or_last(request: Request<Incoming>, shared: &Shared, source: Option<String>) -> Response<Full<Bytes>> {
    let version = request.version();
    let mut response = respond(request, shared, source).await;
    if version != Version::HTTP_2 && *shared.stop.borrow() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn respond(request: Request<Incoming>, shared: &Shared, source: Option<String>) -> Response<Full<Bytes>> {
    let request_id = shared.application.request_id();
    let (mut head, body) = request.into_parts();
    name_host(&mut head);
    let version = head.version;
    if guard::check_sender(&head.method, &head.headers, &shared.hosts).is_ok()
        && let Some(reply) = shared.application.side_request(&head).await
    {
        return response(&request_id, reply);
    }
    let request = Request::from_parts(head, body);
    // A connection may carry many requests at a time; what all of them hold before anybody is known stays bounded.
    let place = shared.reading.acquire().await;
    let read = read(request, &shared.hosts, source, request_id.clone()).await;
    drop(place);
    let answered = match read {
        Ok(request) => answer(request, shared).await,
        Err(refusal) => Err(refusal),
    };
    match answered {
        Ok(reply) => response(&request_id, reply),
        Err(refusal) => {
            shared.application.refused(&refusal).await;
            let body = SecretBytes::new(refusal.error.body());
            // The body may not have been read, and what is left of it is no next request.
            let close = (version != Version::HTTP_2).then(|| (CONNECTION, HeaderValue::from_static("close")));
            let headers = HeaderMap::from_iter(close);
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

#[cfg(test)]
mod tests;
