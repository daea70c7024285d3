//! Clients of the API server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::client::ClientBuilder;
use kube::{Client, Config};
use tokio::time::Instant;

use crate::types::limits::{API_ANSWER_TIMEOUT, API_CONNECT_TIMEOUT, API_SILENCE_MAX, REVIEW_TIMEOUT};
use crate::types::time::{Span, Timestamp};

/// The API server's clock: the date that it showed last and how long ago that was.
#[derive(Clone, Debug, Default)]
pub struct ServerDate(Arc<Mutex<Option<(Timestamp, Instant)>>>);

impl ServerDate {
    /// What the API server's clock shows now, where it ever showed anything.
    #[must_use]
    pub fn get(&self) -> Option<Timestamp> {
        let shown = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.map(|(date, at)| {
            let elapsed = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
            date.plus(Span::from_milliseconds(elapsed))
        })
    }

    fn note(&self, header: Option<&str>) {
        let parsed = header.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
        if let Some(date) = parsed {
            let date = Timestamp::from_milliseconds(date.timestamp().as_millisecond());
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((date, Instant::now()));
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
        // A connection that has silently broken must not hold up a list or a watch; a watch gets bookmarks.
        config.read_timeout = Some(API_SILENCE_MAX.duration());
        let patient = build(config.clone(), &date)?;
        config.default_retry = false;
        let limit: Duration = REVIEW_TIMEOUT.duration();
        (config.read_timeout, config.write_timeout) = (Some(limit), Some(limit));
        // Without this, the time that a kept connection was idle counts against the answer.
        config.reset_reader_on_write = true;
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
    // An answer that never begins must not hold up whoever waits for it. Watches begin to answer at once.
    let in_time = tower::timeout::TimeoutLayer::new(API_ANSWER_TIMEOUT.duration());
    Ok(ClientBuilder::try_from(config)?.with_layer(&note).with_layer(&in_time).build())
}
