//! What stands behind the listeners of a sidecar.

use std::sync::Arc;

use async_trait::async_trait;
use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;

use super::credentials::{AccessKey, Issuer};
use super::forward::Forwarder;
use crate::adapters::http::request::{Refusal, WireRequest};
use crate::adapters::http::server::{Application, Reply};
use crate::adapters::http::sigv4::Authorization;
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::crypto::mac::equal;
use crate::crypto::rng::{Rng, random_array};
use crate::engine::dispatch::Answer;
use crate::ports::clock::Clock;
use crate::types::revision::Revision;
use crate::types::secret::SecretBytes;

/// Where AWS SDKs ask for credentials.
pub const CREDENTIALS_PATH: &str = "/v1/credentials";
/// Answers as soon as the sidecar serves.
pub const HEALTH_PATH: &str = "/v1/health";
/// Answers 200 where calls can be forwarded, 503 where they cannot.
pub const READY_PATH: &str = "/v1/ready";

/// Whose calls are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signatures {
    /// Everyone's, but for a wrong signature under a key of ours.
    Optional,
    /// Those that are signed with a key of ours.
    Required,
}

/// The application of `coffer-sidecar`.
pub struct Sidecar {
    forwarder: Forwarder,
    issuer: Option<Issuer>,
    signatures: Signatures,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl Sidecar {
    /// An application over this forwarder; without an issuer it gives no credentials.
    #[must_use]
    pub fn new(
        forwarder: Forwarder,
        issuer: Option<Issuer>,
        signatures: Signatures,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        Self { forwarder, issuer, signatures, clock, rng }
    }

    /// What calls go through.
    #[must_use]
    pub fn forwarder(&self) -> &Forwarder {
        &self.forwarder
    }

    /// Checks a signature that was made with credentials of ours.
    fn authenticate(&self, request: &WireRequest) -> Result<(), AwsError> {
        let required = self.signatures == Signatures::Required;
        // Any credentials are accepted where none are required, so a header that is no signature is none.
        let authorization = match Authorization::read(&request.headers) {
            Err(error) if required => return Err(error),
            read => read.unwrap_or_default(),
        };
        let Some(authorization) = authorization else {
            let missing = || AwsError::new(ErrorCode::MissingAuthenticationToken, "Missing Authentication Token");
            return if required { Err(missing()) } else { Ok(()) };
        };
        let now = self.clock.wall();
        let key = self.issuer.as_ref().map(|issuer| issuer.find(authorization.access_key, now));
        match key.unwrap_or(AccessKey::Foreign) {
            AccessKey::Foreign if required => Err(unrecognized(INVALID)),
            AccessKey::Foreign => Ok(()),
            AccessKey::Expired => Err(unrecognized(EXPIRED)),
            AccessKey::Issued { secret, token } => {
                let sent = request.headers.get("x-amz-security-token").map(HeaderValue::as_bytes).unwrap_or_default();
                if !equal(sent, token.expose()) {
                    return Err(unrecognized(INVALID));
                }
                authorization.verify(&request.headers, request.body.expose(), &secret, now)
            }
        }
    }

    /// Credentials for whoever can read the authorization token file.
    fn credentials(&self, headers: &HeaderMap) -> Reply {
        let Some(issuer) = &self.issuer else {
            return json_error(404, "NotFound", "this sidecar gives no credentials");
        };
        match headers.get(AUTHORIZATION) {
            None => json_error(401, "Unauthorized", "send what the authorization token file holds in Authorization"),
            Some(header) if !issuer.authorizes(header.as_bytes()) => json_error(
                403,
                "AccessDenied",
                "the Authorization header is not what the authorization token file holds",
            ),
            Some(_) => match issuer.issue(self.clock.wall(), self.rng.as_ref()) {
                Ok(body) => json(200, body),
                Err(_) => json_error(500, "InternalError", "there are no random numbers to make credentials of"),
            },
        }
    }

    async fn ready(&self) -> Reply {
        match self.forwarder.ready().await {
            Ok(()) => json(200, SecretBytes::new(br#"{"ready":true}"#.to_vec())),
            Err(failure) => json_error(503, "NotReady", &failure.message(self.forwarder.server())),
        }
    }
}

#[async_trait]
impl Application for Sidecar {
    fn request_id(&self) -> String {
        // The id only tells requests apart.
        let random = random_array::<16>(self.rng.as_ref()).unwrap_or_default();
        uuid::Builder::from_random_bytes(random).into_uuid().to_string()
    }

    async fn answer(&self, request: WireRequest) -> Result<Answer, Refusal> {
        let Reply { status, body, revision, .. } = self.reply(request).await?;
        Ok(Answer { status, body, revision: Revision(revision.unwrap_or_default()) })
    }

    async fn reply(&self, request: WireRequest) -> Result<Reply, Refusal> {
        self.authenticate(&request)?;
        Ok(self.forwarder.forward(request).await)
    }

    async fn side_request(&self, head: &Parts) -> Option<Reply> {
        match (head.method == Method::GET, head.uri.path()) {
            (true, CREDENTIALS_PATH) => Some(self.credentials(&head.headers)),
            (true, HEALTH_PATH) => Some(json(200, SecretBytes::new(br#"{"serving":true}"#.to_vec()))),
            (true, READY_PATH) => Some(self.ready().await),
            _ => None,
        }
    }

    async fn refused(&self, refusal: &Refusal) {
        tracing::debug!(code = refusal.error.code.as_str(), "a request was refused");
    }
}

const INVALID: &str = "The security token included in the request is invalid.";
const EXPIRED: &str = "The security token included in the request is expired";

fn unrecognized(message: &str) -> AwsError {
    AwsError::new(ErrorCode::UnrecognizedClient, message)
}

fn json(status: u16, body: SecretBytes) -> Reply {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    Reply { status, body, revision: None, headers }
}

/// The form in which the container credential provider of AWS reports a refusal.
fn json_error(status: u16, code: &str, message: &str) -> Reply {
    let body = serde_json::json!({ "code": code, "message": message });
    json(status, SecretBytes::new(body.to_string().into_bytes()))
}
