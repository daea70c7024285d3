//! What stands behind the listeners: which Region, who calls, and the engine's answer.

use std::sync::Arc;

use async_trait::async_trait;

use super::credentials::Callers;
use super::regions::{LocalRegion, Regions, TooManyRegions};
use crate::adapters::http::request::{Refusal, WireRequest};
use crate::adapters::http::server::Application;
use crate::adapters::http::sigv4::Authorization;
use crate::adapters::system::SystemClock;
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::crypto::rng::{Rng, SystemRng, random_array};
use crate::engine::dispatch::{Answer, Call};
use crate::engine::refusals::Refusals;
use crate::ports::audit::Audit;
use crate::ports::clock::Clock as _;
use crate::types::account::Region;
use crate::types::revision::Revision;
use crate::types::time::Timestamp;

/// The application of `coffer local`.
pub struct LocalApplication {
    regions: Arc<Regions>,
    callers: Callers,
    pinned: Option<Region>,
    audit: Arc<dyn Audit>,
    refusals: Refusals,
    clock: SystemClock,
    rng: SystemRng,
}

impl LocalApplication {
    /// An application over these Regions.
    #[must_use]
    pub fn new(regions: Arc<Regions>, callers: Callers, pinned: Option<Region>, audit: Arc<dyn Audit>) -> Self {
        let (clock, rng) = (SystemClock::new(Timestamp::default()), SystemRng::new());
        Self { regions, callers, pinned, audit, refusals: Refusals::default(), clock, rng }
    }

    /// Writes the count of refusals, where it is time or the last chance.
    pub async fn flush_refusals(&self, last: bool) {
        let region = self.pinned.clone().unwrap_or_default();
        let Some(record) = self.refusals.record(&region, self.clock.wall(), last) else { return };
        if let Err(error) = self.audit.append(&record).await {
            tracing::error!(error = &error as &dyn std::error::Error, "refusals could not be recorded");
        }
    }

    /// The Region that is pinned, or that the signature names, or the default one.
    async fn region(&self, authorization: Option<&Authorization<'_>>) -> Result<LocalRegion, AwsError> {
        let region = match (&self.pinned, authorization) {
            (Some(pinned), _) => pinned.clone(),
            (None, None) => Region::default(),
            (None, Some(authorization)) => Region::parse(authorization.region).ok_or_else(|| {
                AwsError::new(ErrorCode::InvalidSignature, "Credential should be scoped to a valid region. ")
            })?,
        };
        self.regions.open(&region).await.map_err(|error| {
            if let Some(too_many) = error.downcast_ref::<TooManyRegions>() {
                return AwsError::new(ErrorCode::LimitExceeded, too_many.to_string());
            }
            tracing::error!(%region, "the Region cannot be opened: {error:#}");
            AwsError::internal()
        })
    }
}

#[async_trait]
impl Application for LocalApplication {
    fn request_id(&self) -> String {
        // The id only tells requests apart; without randomness nothing is served anyhow.
        let random = random_array::<16>(&self.rng as &dyn Rng).unwrap_or_default();
        uuid::Builder::from_random_bytes(random).into_uuid().to_string()
    }

    async fn answer(&self, request: WireRequest) -> Result<Answer, Refusal> {
        let authorization = Authorization::read(&request.headers);
        // Any credentials are accepted where none are known, so a header that is no signature is none.
        let authorization = match (&self.callers, authorization) {
            (Callers::Owner(_), Err(_)) => None,
            (_, read) => read?,
        };
        let principal = self.callers.authenticate(&request, authorization.as_ref(), self.clock.wall())?;
        let region = self.region(authorization.as_ref()).await?;
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
        Ok(region.engine.dispatch(&call).await)
    }

    async fn refused(&self, refusal: &Refusal) {
        self.refusals.count(refusal.error.code.as_str(), self.clock.wall());
    }
}
