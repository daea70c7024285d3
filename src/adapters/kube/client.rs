//! Clients of the API server.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use kube::client::ClientBuilder;
use kube::{Client, Config};

use crate::types::limits::{API_CONNECT_TIMEOUT, REVIEW_TIMEOUT};
use crate::types::time::Timestamp;

/// The date that the API server showed last, in milliseconds since 1970, or zero.
#[derive(Clone, Debug, Default)]
pub struct ServerDate(Arc<AtomicI64>);

impl ServerDate {
    /// The date, where there was one.
    #[must_use]
    pub fn get(&self) -> Option<Timestamp> {
        Some(self.0.load(Ordering::Relaxed)).filter(|date| *date > 0).map(Timestamp::from_milliseconds)
    }

    fn note(&self, header: Option<&str>) {
        let parsed = header.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
        if let Some(date) = parsed {
            self.0.store(date.timestamp().as_millisecond(), Ordering::Relaxed);
        }
    }
}

/// The clients of one process.
#[derive(Clone)]
pub struct Clients {
    /// Tries again where the API server asks for patience. For reconcilers and watches.
    pub patient: Client,
    /// Answers soon, with an error where need be. For what a request waits for.
    pub prompt: Client,
    /// The API server's own clock.
    pub date: ServerDate,
}

impl Clients {
    /// Clients for the cluster that this process runs in, or that `KUBECONFIG` names.
    ///
    /// # Errors
    /// Where no configuration is found, or it cannot be used.
    pub async fn connect() -> anyhow::Result<Self> {
        Self::of(Config::infer().await?)
    }

    /// Clients for a configuration.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub fn of(mut config: Config) -> anyhow::Result<Self> {
        let date = ServerDate::default();
        config.connect_timeout = Some(API_CONNECT_TIMEOUT.duration());
        let patient = build(config.clone(), &date)?;
        config.default_retry = false;
        let limit: Duration = REVIEW_TIMEOUT.duration();
        (config.read_timeout, config.write_timeout) = (Some(limit), Some(limit));
        let prompt = build(config, &date)?;
        Ok(Self { patient, prompt, date })
    }
}

fn build(config: Config, date: &ServerDate) -> anyhow::Result<Client> {
    let date = date.clone();
    let note = tower::util::MapResponseLayer::new(move |response: hyper::Response<_>| {
        date.note(response.headers().get("date").and_then(|value| value.to_str().ok()));
        response
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&note).build())
}
