//! What stands behind the listener of `coffer server`: a bearer token names the caller, and the engine answers.

use std::sync::Arc;

use async_trait::async_trait;
use hyper::header::AUTHORIZATION;

use crate::adapters::http::request::{Refusal, WireRequest};
use crate::adapters::http::server::Application;
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::crypto::rng::random_array;
use crate::engine::Engine;
use crate::engine::dispatch::{Answer, Call};
use crate::engine::refusals::Refusals;
use crate::ports::authenticator::{AuthenticationError, Authenticator};
use crate::types::principal::Principal;
use crate::types::revision::Revision;
use crate::types::secret::SecretBytes;

/// The application of `coffer server`.
pub struct ServerApplication {
    /// The installation.
    pub engine: Arc<Engine>,
    /// Who calls.
    pub authenticator: Arc<dyn Authenticator>,
    /// Requests that were refused before anybody knew whose they were.
    pub refusals: Refusals,
    /// What the metrics count.
    pub calls: Arc<super::metrics::Calls>,
}

impl ServerApplication {
    /// Writes the count of refusals, where it is time or the last chance.
    pub async fn flush_refusals(&self, last: bool) {
        let ports = &self.engine.ports;
        let Some(record) = self.refusals.record(&self.engine.region, ports.clock.wall(), last) else { return };
        if let Err(error) = ports.audit.append(&record).await {
            tracing::error!(error = &error as &dyn std::error::Error, "refusals could not be recorded");
        }
    }

    async fn authenticate(&self, request: &WireRequest) -> Result<Principal, AwsError> {
        let token = request.headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let missing = "the request carries no ServiceAccount token; send it through the sidecar";
        let token = token.ok_or_else(|| AwsError::new(ErrorCode::MissingAuthenticationToken, missing))?;
        let token = SecretBytes::new(token.to_vec());
        self.authenticator.authenticate(&token).await.map_err(|error| match error {
            AuthenticationError::Invalid(why) => AwsError::new(
                ErrorCode::UnrecognizedClient,
                format!("The security token included in the request is invalid. ({why})"),
            ),
            AuthenticationError::Unavailable => AwsError::new(ErrorCode::DependencyTimeout, error.to_string()),
        })
    }
}

#[async_trait]
impl Application for ServerApplication {
    fn request_id(&self) -> String {
        // The id only tells requests apart; without randomness nothing is served anyhow.
        let random = random_array::<16>(self.engine.ports.rng.as_ref()).unwrap_or_default();
        uuid::Builder::from_random_bytes(random).into_uuid().to_string()
    }

    async fn answer(&self, mut request: WireRequest) -> Result<Answer, Refusal> {
        let begun = self.engine.ports.clock.monotonic();
        let principal = self.authenticate(&request).await?;
        // Nothing that follows needs the token, and what does not have it cannot leak it.
        request.headers.remove(AUTHORIZATION);
        let call = Call {
            request_id: &request.request_id,
            operation: request.operation,
            body: request.body.expose(),
            principal,
            source: request.source.as_deref(),
            user_agent: request.header("user-agent"),
            invocation_id: request.header("amz-sdk-invocation-id"),
            seen_revision: request.header("x-coffer-revision").and_then(|value| value.parse().ok()).map(Revision),
        };
        let answer = self.engine.dispatch(&call).await;
        let ended = self.engine.ports.clock.monotonic();
        self.calls.note(request.operation, answer.status, ended.milliseconds() - begun.milliseconds());
        Ok(answer)
    }

    async fn refused(&self, refusal: &Refusal) {
        self.refusals.count(refusal.error.code.as_str(), self.engine.ports.clock.wall());
        self.calls.refused(refusal.error.code);
    }
}
