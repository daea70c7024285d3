//! Whether the API server can be reached, and for how long its last answers stand in for it.
//!
//! An outage begins with a request that got no answer at all: connection refused or reset, a time-out. An
//! answer with a status is none, whatever the status says, and neither is a certificate that is not trusted:
//! then something answers, and the reviews fail closed. From the first such request to the end of the outage
//! nobody waits for the API server: one task asks it each second, and everyone else decides by what is known.
//!
//! The grace counts from the last contact, not from the last answer about a caller. So all callers lose
//! access at the same moment, and a caller who was reviewed just before cannot stretch it. What stands in
//! must itself have been answered within the same grace before that contact: no answer is ever used for
//! longer than twice the grace.

use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::Client;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::ports::clock::Clock;
use crate::types::limits::{CONTACT_PERIOD, PROBE_PERIOD, REVIEW_TIMEOUT, UNREADY_PROBES_MAX};
use crate::types::time::Span;

/// Why a question to the API server has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unasked {
    /// It cannot be reached.
    #[error("the api server cannot be reached")]
    Unreachable,
    /// It answered, but not the question.
    #[error("the api server refused a request")]
    Refused(#[source] kube::Error),
}

/// What is known of the way to the API server. All that a process asks in a hurry shares one.
pub struct Outage {
    grace: Span,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Whether the API server can be reached, for those who wait.
    reachable: watch::Sender<bool>,
}

struct State {
    reachable: bool,
    /// Counts outages: answers from before one are stale after it, whatever their age.
    round: u64,
    last_contact: Span,
    /// Counts answers, so that one slow request among good ones is no outage.
    contacts: u64,
    /// Whether the one task that asks for the end of the outage is at work.
    probing: bool,
}

impl Outage {
    /// A way that works, as far as is known. The grace begins to count now.
    #[must_use]
    pub fn new(grace: Span, clock: Arc<dyn Clock>) -> Self {
        let last_contact = clock.monotonic();
        let state = State { reachable: true, round: 0, last_contact, contacts: 0, probing: false };
        Self { grace, clock, state: Mutex::new(state), reachable: watch::Sender::new(true) }
    }

    /// The number of outages so far, or none during one.
    #[must_use]
    pub fn round(&self) -> Option<u64> {
        let state = self.lock();
        state.reachable.then_some(state.round)
    }

    /// Whether an answer of that time may stand in for the API server.
    #[must_use]
    pub fn stands_in(&self, asked_at: Span) -> bool {
        let last_contact = self.lock().last_contact.milliseconds();
        let grace = self.grace.milliseconds();
        let since_contact = self.clock.monotonic().milliseconds().saturating_sub(last_contact);
        since_contact <= grace && last_contact.saturating_sub(asked_at.milliseconds()) <= grace
    }

    /// Ends when an outage begins.
    pub async fn begun(&self) {
        let mut reachable = self.reachable.subscribe();
        // It fails only where the sender is gone, and that is ours.
        drop(reachable.wait_for(|reachable| !reachable).await);
    }

    /// Sends a request and learns from what becomes of it.
    ///
    /// A connection that broke is no proof, because an idle one breaks when its server restarts: the request
    /// is sent once more, on another one. Whatever is asked here may be asked twice.
    ///
    /// # Errors
    /// Where there is no answer, or not the one that was asked for.
    pub async fn ask<T, F>(self: &Arc<Self>, client: &Client, request: impl Fn() -> F) -> Result<T, Unasked>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        let before = self.lock().contacts;
        let twice = async {
            match request().await {
                Err(error) if is_transport(&error) => request().await,
                outcome => outcome,
            }
        };
        match timeout(REVIEW_TIMEOUT.duration(), twice).await {
            Ok(Ok(answer)) => {
                self.reached();
                Ok(answer)
            }
            Ok(Err(error)) if !is_transport(&error) => {
                self.note_status(&error);
                Err(Unasked::Refused(error))
            }
            Ok(Err(_)) | Err(_) => {
                self.lost(client, before);
                Err(Unasked::Unreachable)
            }
        }
    }

    /// Asks the API server whenever nothing else has for a while: the grace then counts from the beginning of
    /// an outage also where nobody calls, and the first caller does not find out by waiting.
    pub async fn keep_watch(self: Arc<Self>, client: Client) {
        loop {
            sleep(PROBE_PERIOD.duration()).await;
            let last_contact = self.lock().last_contact.milliseconds();
            let idle = self.clock.monotonic().milliseconds().saturating_sub(last_contact);
            if self.round().is_some() && idle >= CONTACT_PERIOD.milliseconds() {
                drop(self.ask(&client, || ready(&client)).await);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A complete answer: the way is open.
    fn reached(&self) {
        let ended = {
            let mut state = self.lock();
            state.last_contact = self.clock.monotonic();
            state.contacts = state.contacts.wrapping_add(1);
            let ended = !state.reachable;
            state.round += u64::from(ended);
            state.reachable = true;
            ended
        };
        if ended {
            self.reachable.send_replace(true);
            tracing::info!("the api server can be reached again; every answer is asked for anew");
        }
    }

    /// An answer with an error status is a contact, but does not end an outage: a server that starts refuses
    /// everyone until it has read its own rules.
    fn note_status(&self, error: &kube::Error) {
        let mut state = self.lock();
        if state.reachable && matches!(error, kube::Error::Api(_)) {
            state.last_contact = self.clock.monotonic();
            state.contacts = state.contacts.wrapping_add(1);
        }
    }

    fn lost(self: &Arc<Self>, client: &Client, contacts_before: u64) {
        let probe = {
            let mut state = self.lock();
            if !state.reachable || state.contacts != contacts_before {
                return;
            }
            state.reachable = false;
            !std::mem::replace(&mut state.probing, true)
        };
        self.reachable.send_replace(false);
        tracing::warn!("the api server cannot be reached; known callers go on with its last answers");
        if probe {
            tokio::spawn(Arc::clone(self).probe(client.clone()));
        }
    }

    async fn probe(self: Arc<Self>, client: Client) {
        let mut unready = 0;
        while !self.finish_probing() {
            sleep(PROBE_PERIOD.duration()).await;
            match timeout(REVIEW_TIMEOUT.duration(), ready(&client)).await {
                Ok(Ok(_)) => self.reached(),
                Ok(Err(kube::Error::Api(_))) if unready >= UNREADY_PROBES_MAX => self.reached(),
                Ok(Err(kube::Error::Api(_))) => unready += 1,
                Ok(Err(_)) | Err(_) => unready = 0,
            }
        }
    }

    fn finish_probing(&self) -> bool {
        let mut state = self.lock();
        state.probing = !state.reachable;
        state.reachable
    }
}

/// Asks the API server whether it is ready to answer, which everyone may ask.
async fn ready(client: &Client) -> Result<String, kube::Error> {
    let request = hyper::Request::get("/readyz").body(Vec::new()).map_err(kube::Error::HttpError)?;
    client.request_text(request).await
}

/// Whether a request failed on its way, so that nothing is known of an answer.
#[must_use]
pub fn is_transport(error: &kube::Error) -> bool {
    matches!(error, kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_))
        && chain(error).any(broke)
        && !chain(error).any(<dyn StdError>::is::<rustls::Error>)
}

fn broke(error: &(dyn StdError + 'static)) -> bool {
    let hyper = error.downcast_ref::<hyper::Error>();
    error.is::<io::Error>()
        || error.is::<tower::timeout::error::Elapsed>()
        || hyper.is_some_and(|error| {
            error.is_timeout() || error.is_closed() || error.is_canceled() || error.is_incomplete_message()
        })
}

/// An error and its causes.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error)).take(CAUSES_MAX)
}

/// What an I/O error wraps is not its source but its inner error.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// Causes of one error that are looked at.
const CAUSES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::kube::client::Clients;
    use crate::ports::fake::FakeClock;
    use crate::types::time::Timestamp;
    use kube::Config;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn outage(clock: &FakeClock) -> Outage {
        Outage::new(Span::from_minutes(10), Arc::new(clock.clone()))
    }

    #[test]
    fn the_grace_counts_from_the_last_contact() {
        let minute = |minute| Timestamp::default().plus(Span::from_minutes(minute));
        let cases = [
            // (minute of the answer, minute now, whether it stands in): the last contact was in minute 20.
            (20, 20, true),
            (20, 30, true),
            (20, 31, false),
            (10, 30, true),
            (9, 21, false),
        ];
        for (asked, now, stands) in cases {
            let clock = FakeClock::default();
            clock.set(minute(20));
            let outage = outage(&clock);
            clock.set(minute(now));
            assert_eq!(outage.stands_in(Span::from_minutes(asked)), stands, "asked {asked}, now {now}");
        }
    }

    #[test]
    fn only_what_got_no_answer_is_an_outage() {
        let service = |error: io::Error| kube::Error::Service(Box::new(error));
        let untrusted = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let cases = [
            (service(io::ErrorKind::ConnectionRefused.into()), true),
            (service(io::ErrorKind::ConnectionReset.into()), true),
            (service(io::ErrorKind::UnexpectedEof.into()), true),
            (service(io::Error::new(io::ErrorKind::TimedOut, "timed out")), true),
            (kube::Error::Service(Box::new(tower::timeout::error::Elapsed::new())), true),
            (service(io::Error::other(io::Error::other(untrusted.clone()))), false),
            (service(io::Error::new(io::ErrorKind::InvalidData, untrusted)), false),
            (kube::Error::Service("a layer's own error".into()), false),
            (kube::Error::Api(kube::core::Status::failure("", "").with_code(503).boxed()), false),
            (kube::Error::LinesCodecMaxLineLengthExceeded, false),
        ];
        for (error, expected) in cases {
            assert_eq!(is_transport(&error), expected, "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_server_that_starts_does_not_end_an_outage_before_it_is_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let uri = format!("http://{address}").parse().unwrap();
        let client = Clients::of(Config::new(uri)).unwrap().prompt;
        let outage = Arc::new(outage(&FakeClock::default()));
        assert!(matches!(outage.ask(&client, || ready(&client)).await, Err(Unasked::Unreachable)));
        assert_eq!(outage.round(), None);
        let listener = TcpListener::bind(address).unwrap();
        let served = Arc::new(AtomicU32::new(0));
        let serving = Arc::clone(&served);
        std::thread::spawn(move || {
            for status in ["503 Service Unavailable", "500 Internal Server Error", "200 OK"] {
                let mut stream = listener.accept().unwrap().0;
                drop(stream.read(&mut [0; 4096]));
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                serving.fetch_add(1, Ordering::SeqCst);
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        outage.reachable.subscribe().wait_for(|reachable| *reachable).await.unwrap();
        assert_eq!((served.load(Ordering::SeqCst), outage.round()), (3, Some(1)));
    }

    #[test]
    fn one_lost_request_among_answered_ones_is_no_outage() {
        let outage = outage(&FakeClock::default());
        assert_eq!(outage.round(), Some(0));
        let before = outage.lock().contacts;
        outage.reached();
        assert_ne!(outage.lock().contacts, before);
        assert_eq!(outage.round(), Some(0), "nothing was lost, so nothing is stale");
    }
}
