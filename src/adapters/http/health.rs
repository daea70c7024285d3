//! Health and metrics over plain HTTP: nothing secret, for the kubelet and for Prometheus.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::types::limits::{HEADER_TIMEOUT, HEALTH_CONNECTIONS_MAX};

/// What is told.
pub trait Health: Send + Sync + 'static {
    /// Why the process is not ready; empty where it is.
    fn not_ready(&self) -> Vec<String>;

    /// The metrics in Prometheus' text format.
    fn metrics(&self) -> String;
}

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, health: Arc<dyn Health>) {
    let places = Arc::new(Semaphore::new(HEALTH_CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: wait a moment for some to come back.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let health = Arc::clone(&health);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let response = respond(&request, health.as_ref());
                async move { Ok::<_, std::convert::Infallible>(response) }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            // One request for each connection, so that nobody keeps the kubelet out by holding places.
            builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT.duration()).keep_alive(false);
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
            drop(place);
        });
    }
}

fn respond(request: &Request<Incoming>, health: &dyn Health) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/livez") => (StatusCode::OK, "ok\n".to_owned()),
        (&Method::GET, "/readyz") => match health.not_ready() {
            reasons if reasons.is_empty() => (StatusCode::OK, "ok\n".to_owned()),
            reasons => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n"),
        },
        (&Method::GET, "/metrics") => (StatusCode::OK, health.metrics()),
        _ => (StatusCode::NOT_FOUND, "the paths are /livez, /readyz and /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
