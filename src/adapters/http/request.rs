//! From an HTTP request to a call: headers, the operation, and a body within its bounds.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::body::{Body as _, Bytes};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use hyper::{Request, StatusCode, Version};

use super::guard::{self, Hosts};
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::operation::Operation;
use crate::engine::table;
use crate::types::limits::{BODY_ABSOLUTE_MAX, BODY_TIMEOUT, HEADER_TIMEOUT};
use crate::types::secret::SecretBytes;

/// A request that is well formed; who made it is not known yet.
pub struct WireRequest {
    /// The operation.
    pub operation: Operation,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, which may hold plaintext.
    pub body: SecretBytes,
    /// The address of the peer, where there is one.
    pub source: Option<String>,
    /// The id of this request.
    pub request_id: String,
}

/// A refusal, with the status where it is not the error's own.
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The error.
    pub error: AwsError,
}

impl From<AwsError> for Refusal {
    fn from(error: AwsError) -> Self {
        Self { status: error.code.status(), error }
    }
}

impl WireRequest {
    /// A header that is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Reads a request, in the order in which AWS finds fault: method, content type, target, size.
///
/// # Errors
/// The refusal to answer with.
pub async fn read(
    request: Request<Incoming>,
    hosts: &Hosts,
    source: Option<String>,
    request_id: String,
) -> Result<WireRequest, Refusal> {
    let (head, mut body) = request.into_parts();
    let asked = match check_head(&head, hosts) {
        Ok(operation) => read_body(&mut body, table::find(operation).body_max).await.map(|body| (operation, body)),
        Err(refusal) => Err(refusal),
    };
    if asked.is_err() && head.version == Version::HTTP_2 {
        pass_over(&mut body).await;
    }
    let (operation, body) = asked?;
    Ok(WireRequest { operation, headers: head.headers, body, source, request_id })
}

fn check_head(head: &Parts, hosts: &Hosts) -> Result<Operation, Refusal> {
    guard::check(&head.method, &head.headers, hosts).map_err(|(status, reason)| {
        let code = if status == StatusCode::FORBIDDEN { ErrorCode::AccessDenied } else { ErrorCode::UnknownOperation };
        Refusal { status: status.as_u16(), error: AwsError::new(code, reason) }
    })?;
    if head.uri.path() != "/" {
        let error = AwsError::new(ErrorCode::UnknownOperation, "the aws kms api is served at the path /");
        return Err(Refusal { status: 404, error });
    }
    Ok(operation(&head.headers)?)
}

fn operation(headers: &HeaderMap) -> Result<Operation, AwsError> {
    let unknown = AwsError::silent(ErrorCode::UnknownOperation);
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let media_type = text(CONTENT_TYPE.as_str()).and_then(|value| value.split(';').next()).unwrap_or_default();
    if media_type.trim() != "application/x-amz-json-1.1" {
        return Err(AwsError::new(ErrorCode::UnknownOperation, "the content type must be application/x-amz-json-1.1"));
    }
    text("x-amz-target").and_then(Operation::from_target).ok_or(unknown)
}

/// Collects a body into one buffer that never grows, so that no copy of it is left behind.
async fn read_body(body: &mut Incoming, max: usize) -> Result<SecretBytes, Refusal> {
    let announced = body.size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if announced.is_some_and(|length| length > max) {
        return Err(too_large(max).into());
    }
    let mut buffer = zeroize::Zeroizing::new(Vec::with_capacity(announced.unwrap_or(max)));
    let collect = async {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| AwsError::silent(ErrorCode::Serialization))?;
            let Some(data) = frame.data_ref() else { continue };
            if buffer.len() + data.len() > max.min(BODY_ABSOLUTE_MAX) {
                return Err(too_large(max));
            }
            buffer.extend_from_slice(data);
        }
        Ok(())
    };
    let limit: Duration = BODY_TIMEOUT.duration();
    match tokio::time::timeout(limit, collect).await {
        Ok(collected) => collected?,
        Err(_) => {
            let error = AwsError::new(ErrorCode::Serialization, "the body did not arrive in time");
            return Err(Refusal { status: StatusCode::REQUEST_TIMEOUT.as_u16(), error });
        }
    }
    Ok(SecretBytes::new(std::mem::take(&mut *buffer)))
}

/// Reads what is left of a body, up to a bound, and keeps nothing. A client of HTTP/2 that is answered before it has sent
/// all is told to stop, and some take that for a failure and never read the answer.
async fn pass_over(body: &mut Incoming) {
    let mut left = BODY_ABSOLUTE_MAX;
    let discard = async {
        while left > 0
            && let Some(Ok(frame)) = body.frame().await
        {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        }
    };
    drop(tokio::time::timeout(HEADER_TIMEOUT.duration(), discard).await);
}

fn too_large(max: usize) -> AwsError {
    let message = format!("the body is larger than the {max} bytes that this operation takes");
    AwsError::new(ErrorCode::RequestEntityTooLarge, message)
}
