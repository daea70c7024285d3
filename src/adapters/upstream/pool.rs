//! Connections that wait for their next exchange.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::connection::Connection;
use crate::types::limits::{UPSTREAM_CALLS_MAX, UPSTREAM_CONNECTION_AGE_MAX, UPSTREAM_IDLE_TIMEOUT};
use crate::types::time::Span;

/// Idle connections, and the number of those that may be in use.
pub struct Pool {
    places: Semaphore,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: Connection,
    since: Span,
}

impl Default for Pool {
    fn default() -> Self {
        Self { places: Semaphore::new(UPSTREAM_CALLS_MAX), idle: Mutex::default() }
    }
}

impl Pool {
    /// A place for one more exchange, in the order of asking; its holder may use one connection. The pool never
    /// closes, so there is always one in the end.
    pub async fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.places.acquire().await.ok()
    }

    /// The connection that was used last, if it is still good under this trust at this time. The latest one is
    /// the most likely to be open, and the others may grow old and go.
    #[must_use]
    pub fn take(&self, trust: &Arc<ClientConfig>, now: Span) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| idle.is_good(trust, now));
        idle.pop().map(|idle| idle.connection)
    }

    /// Whether there is such a connection.
    #[must_use]
    pub fn holds(&self, trust: &Arc<ClientConfig>, now: Span) -> bool {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.iter().any(|idle| idle.is_good(trust, now))
    }

    /// Takes a connection back.
    pub fn give(&self, connection: Connection, now: Span) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= UPSTREAM_CALLS_MAX {
            idle.remove(0);
        }
        idle.push(Idle { connection, since: now });
    }
}

impl Idle {
    fn is_good(&self, trust: &Arc<ClientConfig>, now: Span) -> bool {
        let within = |since: Span, most: Span| now.milliseconds() - since.milliseconds() < most.milliseconds();
        self.connection.is_open()
            && Arc::ptr_eq(&self.connection.trust, trust)
            && within(self.since, UPSTREAM_IDLE_TIMEOUT)
            && within(self.connection.opened_at, UPSTREAM_CONNECTION_AGE_MAX)
    }
}
