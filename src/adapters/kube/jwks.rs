//! The cluster's issuer and keys, read from the API server and kept in memory.

use std::sync::{Arc, Mutex, PoisonError};

use kube::Client;
use serde::Deserialize;
use tokio::time::sleep;

use super::jwt::{Claims, KeySet, Rejection};
use super::outage::{Outage, Unasked};
use crate::ports::clock::Clock;
use crate::types::limits::{JWKS_PERIOD, JWKS_RETRY_PERIOD};
use crate::types::time::Span;

/// The keys that a cluster signs tokens with, as they were read last.
///
/// # Guarantees
/// They are read every ten minutes, and at most once in ten seconds when a token names a key that is not
/// among them; never once for each request, whatever tokens come. Keys that were read stay good while the API
/// server cannot be reached.
pub struct Jwks {
    client: Client,
    outage: Arc<Outage>,
    clock: Arc<dyn Clock>,
    current: Mutex<Option<Arc<KeySet>>>,
    /// When the keys were asked for last. Whoever holds the lock asks; the others wait for what it finds.
    asked_at: tokio::sync::Mutex<Option<Span>>,
}

/// Why a token has no claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unverified {
    /// It is not valid, for this reason.
    Invalid(&'static str),
    /// The keys that might verify it could not be read.
    NoKeys,
}

impl Jwks {
    /// No keys yet.
    #[must_use]
    pub fn new(client: Client, outage: Arc<Outage>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (current, asked_at) = (Mutex::default(), tokio::sync::Mutex::default());
        Arc::new(Self { client, outage, clock, current, asked_at })
    }

    /// Checks a token by the keys that are known, and by new ones where it names an unknown one.
    ///
    /// # Errors
    /// Where it is not valid, or there are no keys to tell.
    pub async fn verify(self: &Arc<Self>, token: &[u8], audience: &str) -> Result<Claims, Unverified> {
        let known = self.current();
        match known.as_ref().map(|keys| keys.verify(token, audience, self.clock.wall())) {
            Some(Ok(claims)) => return Ok(claims),
            Some(Err(Rejection::Invalid(reason))) => return Err(Unverified::Invalid(reason)),
            Some(Err(Rejection::UnknownKey)) | None => {}
        }
        let keys = self.newer(known.as_ref()).await.ok_or(Unverified::NoKeys)?;
        keys.verify(token, audience, self.clock.wall()).map_err(|rejection| match rejection {
            Rejection::Invalid(reason) => Unverified::Invalid(reason),
            Rejection::UnknownKey => Unverified::Invalid("it is signed with a key that this cluster does not use"),
        })
    }

    /// Reads the keys again and again. The future ends with the process.
    pub async fn run(self: Arc<Self>) {
        loop {
            // During an outage the one task that looks for its end is enough.
            let read = self.outage.round().is_some() && {
                *self.asked_at.lock().await = Some(self.clock.monotonic());
                self.read().await.is_some()
            };
            sleep(if read { JWKS_PERIOD } else { JWKS_RETRY_PERIOD }.duration()).await;
        }
    }

    fn current(&self) -> Option<Arc<KeySet>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keys other than `known`, where there are some, or the known ones.
    async fn newer(self: &Arc<Self>, known: Option<&Arc<KeySet>>) -> Option<Arc<KeySet>> {
        self.outage.round()?;
        let mut asked_at = self.asked_at.lock().await;
        let current = self.current();
        let is_newer = match (&current, known) {
            (Some(current), Some(known)) => !Arc::ptr_eq(current, known),
            (current, _) => current.is_some(),
        };
        let now = self.clock.monotonic();
        let elapsed = |asked: Span| now.milliseconds().saturating_sub(asked.milliseconds());
        let lately = asked_at.is_some_and(|asked| elapsed(asked) < JWKS_RETRY_PERIOD.milliseconds());
        if is_newer || lately {
            return current;
        }
        *asked_at = Some(now);
        // In a task of its own, so that a caller that hangs up does not use up the attempt.
        let jwks = Arc::clone(self);
        tokio::spawn(async move { jwks.read().await }).await.ok().flatten().or(current)
    }

    async fn read(&self) -> Option<Arc<KeySet>> {
        match self.outage.ask(&self.client, || fetch(&self.client)).await {
            Ok((issuer, json)) => match KeySet::read(issuer, &json) {
                Ok(keys) => return Some(self.take(keys)),
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "{UNREADABLE}"),
            },
            Err(Unasked::Unreachable) => {}
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "{UNREADABLE}"),
        }
        None
    }

    fn take(&self, keys: KeySet) -> Arc<KeySet> {
        if keys.is_empty() {
            tracing::warn!("the cluster names no key that tokens can be verified with");
        }
        let keys = Arc::new(keys);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&keys));
        keys
    }
}

const UNREADABLE: &str = "the keys of service account tokens could not be read; trying again";

/// Every ServiceAccount may read these two, by the ClusterRole `system:service-account-issuer-discovery`.
async fn fetch(client: &Client) -> Result<(String, String), kube::Error> {
    let get = |path| hyper::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError);
    let configuration = client.request_text(get("/.well-known/openid-configuration")?).await?;
    let configuration: Configuration = serde_json::from_str(&configuration).map_err(kube::Error::SerdeError)?;
    Ok((configuration.issuer, client.request_text(get("/openid/v1/jwks")?).await?))
}

#[derive(Deserialize)]
struct Configuration {
    issuer: String,
}
