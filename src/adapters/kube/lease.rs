//! Leadership by a Lease. It is a hint that saves work: what keeps state right are create-only names and
//! resourceVersions, so two leaders for a moment are harmless.
//!
//! As in client-go, a lease is judged by what this process observes with its own monotonic clock, never by
//! comparing times that two machines wrote.

use std::sync::Arc;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;

use crate::ports::clock::Clock;
use crate::types::limits::{LEASE_DURATION, LEASE_RENEW_DEADLINE, LEASE_RETRY_PERIOD};
use crate::types::time::Span;

/// One candidate for leadership.
pub struct Candidate {
    api: Api<Lease>,
    name: &'static str,
    identity: String,
    clock: Arc<dyn Clock>,
}

/// The last state of the lease that was new, and when it was seen first.
struct Observed {
    resource_version: String,
    at: Span,
}

impl Candidate {
    /// A candidate for the lease of this name. The client must answer soon, with an error where need be.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &'static str, identity: String, clock: Arc<dyn Clock>) -> Self {
        Self { api: Api::namespaced(client, namespace), name, identity, clock }
    }

    /// Tries to lead and to go on leading, and tells whether it does. Ends, and lets go of the lease, when
    /// `stop` changes.
    pub async fn run(&self, leads: &watch::Sender<bool>, mut stop: watch::Receiver<bool>) {
        let (mut observed, mut last) = (None, None);
        let mut renewed_at = self.clock.monotonic();
        loop {
            let held = self.try_hold(&mut observed, &mut last).await;
            let now = self.clock.monotonic();
            match &held {
                Ok(true) => renewed_at = now,
                Ok(false) => {}
                Err(error) => {
                    let error: &dyn std::error::Error = error;
                    tracing::warn!(error, "the lease could not be read or renewed");
                }
            }
            let late = now.milliseconds() - renewed_at.milliseconds() > LEASE_RENEW_DEADLINE.milliseconds();
            self.tell(leads, matches!(held, Ok(true)) || (held.is_err() && *leads.borrow() && !late));
            tokio::select! {
                () = tokio::time::sleep(LEASE_RETRY_PERIOD.duration()) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        self.tell(leads, false);
        if let Err(error) = self.release().await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the lease was not released; it will expire");
        }
    }

    fn tell(&self, leads: &watch::Sender<bool>, now: bool) {
        let changed = leads.send_if_modified(|before| std::mem::replace(before, now) != now);
        if changed {
            let role = if now { "leads: its reconcilers and timers act" } else { "does not lead" };
            tracing::info!(identity = self.identity, "this replica {role}");
        }
    }

    /// Renews a lease that this process wrote last, without reading it; the resourceVersion tells whether it did.
    async fn renew(&self, held: &mut Option<Lease>) -> kube::Result<bool> {
        let Some(last) = held.take() else { return Ok(false) };
        let renewed = self.api.replace(self.name, &PostParams::default(), &self.lease(Some(&last))).await;
        accept(renewed, held)
    }

    /// One attempt: makes the lease, renews it, takes it over where it expired, or finds it held.
    async fn try_hold(&self, observed: &mut Option<Observed>, held: &mut Option<Lease>) -> kube::Result<bool> {
        if self.renew(held).await? {
            return Ok(true);
        }
        let Some(lease) = self.api.get_opt(self.name).await? else {
            return accept(self.api.create(&PostParams::default(), &self.lease(None)).await, held);
        };
        let resource_version = lease.metadata.resource_version.clone().unwrap_or_default();
        let now = self.clock.monotonic();
        let seen = match observed.take() {
            Some(seen) if seen.resource_version == resource_version => seen,
            _ => Observed { resource_version, at: now },
        };
        let expired = now.milliseconds() - seen.at.milliseconds() > LEASE_DURATION.milliseconds();
        *observed = Some(seen);
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone()).unwrap_or_default();
        if !holder.is_empty() && holder != self.identity && !expired {
            return Ok(false);
        }
        let parameters = PostParams::default();
        accept(self.api.replace(self.name, &parameters, &self.lease(Some(&lease))).await, held)
    }

    fn lease(&self, before: Option<&Lease>) -> Lease {
        let now = jiff::Timestamp::from_millisecond(self.clock.wall().milliseconds()).unwrap_or_default();
        let spec = before.and_then(|lease| lease.spec.clone()).unwrap_or_default();
        let is_mine = spec.holder_identity.as_deref() == Some(&self.identity);
        let transitions = spec.lease_transitions.unwrap_or(0);
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(LEASE_DURATION.milliseconds() / 1000).ok(),
            acquire_time: if is_mine { spec.acquire_time } else { Some(MicroTime(now)) },
            renew_time: Some(MicroTime(now)),
            lease_transitions: Some(if is_mine { transitions } else { transitions.saturating_add(1) }),
            ..LeaseSpec::default()
        };
        let metadata = before.map_or_else(
            || ObjectMeta { name: Some(self.name.to_owned()), ..ObjectMeta::default() },
            |lease| lease.metadata.clone(),
        );
        Lease { metadata, spec: Some(spec) }
    }

    async fn release(&self) -> kube::Result<()> {
        let Some(mut lease) = self.api.get_opt(self.name).await? else { return Ok(()) };
        let Some(spec) = lease.spec.as_mut() else { return Ok(()) };
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return Ok(());
        }
        spec.holder_identity = None;
        self.api.replace(self.name, &PostParams::default(), &lease).await.map(drop)
    }
}

/// Another candidate was faster: that is an answer, not a failure.
fn accept(written: kube::Result<Lease>, held: &mut Option<Lease>) -> kube::Result<bool> {
    match written {
        Ok(lease) => {
            *held = Some(lease);
            Ok(true)
        }
        Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(false),
        Err(error) => Err(error),
    }
}
