//! Exchanges with the server over pooled connections.

use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::Full;
use hyper::header::{HOST, HeaderValue};
use hyper::{Method, Request, Uri};
use rustls::ClientConfig;

use super::address::ServerAddress;
use super::connection::{Answered, Connection, ExchangeError, Outgoing};
use super::pool::Pool;
use super::trust::Trust;
use crate::ports::clock::Clock;

/// Which connection an exchange may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// One that was used before, or a new one where there is none.
    Any,
    /// A new one.
    New,
}

/// A client of one server.
pub struct Upstream {
    address: ServerAddress,
    host: HeaderValue,
    trust: Trust,
    pool: Pool,
    clock: Arc<dyn Clock>,
}

impl Upstream {
    /// A client of the server at this address, which must prove its name to the authorities of `bundle`.
    /// Nothing is read or opened yet.
    #[must_use]
    pub fn new(address: ServerAddress, bundle: PathBuf, clock: Arc<dyn Clock>) -> Self {
        // A server name has no character that a header cannot hold.
        let host = HeaderValue::from_str(&address.authority()).unwrap_or_else(|_| HeaderValue::from_static("coffer"));
        let trust = Trust::new(bundle, Arc::clone(&clock));
        Self { address, host, trust, pool: Pool::default(), clock }
    }

    /// The server.
    #[must_use]
    pub fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// The bundle of certificate authorities.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Makes sure that there is a connection to the server.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn reach(&self) -> Result<(), ExchangeError> {
        let trust = self.trust.current().map_err(ExchangeError::Trust)?;
        if self.pool.holds(&trust, self.clock.monotonic()) {
            return Ok(());
        }
        let _place = self.pool.place().await;
        let now = self.clock.monotonic();
        self.pool.give(Connection::open(&self.address, trust, now).await?, now);
        Ok(())
    }

    /// Sends a request and waits for the answer, for as long as its caller does.
    ///
    /// A pooled connection that turns out to be closed before anything was sent is no failure: it is
    /// left, and a new one opened.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn exchange(&self, outgoing: &Outgoing, freshness: Freshness) -> Result<Answered, ExchangeError> {
        let _place = self.pool.place().await;
        let trust = self.trust.current().map_err(ExchangeError::Trust)?;
        let mut freshness = freshness;
        loop {
            let mut connection = self.connection(&trust, freshness).await?;
            match connection.exchange(self.request(outgoing)).await {
                Ok((answered, again)) => {
                    if again {
                        self.pool.give(connection, self.clock.monotonic());
                    }
                    return Ok(answered);
                }
                Err(ExchangeError::Closed) if freshness == Freshness::Any => freshness = Freshness::New,
                Err(error) => return Err(error),
            }
        }
    }

    async fn connection(&self, trust: &Arc<ClientConfig>, freshness: Freshness) -> Result<Connection, ExchangeError> {
        let now = self.clock.monotonic();
        let pooled = match freshness {
            Freshness::Any => self.pool.take(trust, now),
            Freshness::New => None,
        };
        match pooled {
            Some(connection) => Ok(connection),
            None => Connection::open(&self.address, Arc::clone(trust), now).await,
        }
    }

    fn request(&self, outgoing: &Outgoing) -> Request<Full<hyper::body::Bytes>> {
        let mut request = Request::new(Full::new(outgoing.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static("/");
        *request.headers_mut() = outgoing.headers.clone();
        request.headers_mut().insert(HOST, self.host.clone());
        request
    }
}
