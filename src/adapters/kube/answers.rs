//! Answers of the API server that are kept for a while: bounded, asked for once at a time, renewed before
//! they are needed, and standing in for the API server while it cannot be reached.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

use super::outage::{Outage, Unasked};
use super::recent::{Digest, Recent};
use crate::ports::clock::Clock;
use crate::types::time::Span;

/// What the API server said: yes, with what belongs to it, or no, with the reason.
pub type Verdict<V> = Result<V, &'static str>;

/// How long answers are good for.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Answers that are kept.
    pub entries_max: usize,
    /// Age from which a yes is asked for again behind the call that uses it.
    pub renewed_after: Span,
    /// Age beyond which a call waits for a new yes.
    pub yes_max: Span,
    /// Age beyond which a call waits for a new no.
    pub no_max: Span,
}

/// There is no answer: it could not be asked for, and none that is known may stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered;

/// What became of the calls so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that were answered from memory.
    pub hits: u64,
    /// Calls that waited for the API server.
    pub misses: u64,
    /// Calls that were answered from memory because the API server could not be reached.
    pub stand_ins: u64,
    /// Calls that got no answer.
    pub errors: u64,
}

/// Answers by the digest of what was asked.
pub struct Answers<V> {
    terms: Terms,
    clock: Arc<dyn Clock>,
    outage: Arc<Outage>,
    state: Mutex<State<V>>,
    counters: [AtomicU64; 4],
}

struct State<V> {
    recent: Recent<Known<V>>,
    /// Questions that are on their way; at most as many as there are calls.
    pending: HashMap<Digest, Pending<V>>,
    /// Counts questions and flushes: a question that was asked before a flush is not kept after it.
    asked: u64,
    flushed: u64,
    /// Counts doubts: an answer from before one is good for an outage alone.
    doubted: u64,
}

struct Known<V> {
    verdict: Verdict<V>,
    /// When the question left, not when its answer came.
    asked_at: Span,
    round: u64,
    doubted: u64,
}

struct Pending<V> {
    number: u64,
    round: u64,
    outcome: Outcome<V>,
}

type Outcome<V> = Shared<BoxFuture<'static, Result<Verdict<V>, Failure>>>;

/// Why a question has no answer, without its cause, which was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Unreachable,
    Refused,
}

enum Step<V> {
    Known(Verdict<V>),
    StandIn,
    Wait(Outcome<V>),
}

impl<V: Clone + Send + Sync + 'static> Answers<V> {
    /// No answers yet.
    #[must_use]
    pub fn new(terms: Terms, clock: Arc<dyn Clock>, outage: Arc<Outage>) -> Arc<Self> {
        let recent = Recent::new(terms.entries_max);
        let state = Mutex::new(State { recent, pending: HashMap::new(), asked: 0, flushed: 0, doubted: 0 });
        Arc::new(Self { terms, clock, outage, state, counters: [const { AtomicU64::new(0) }; 4] })
    }

    /// The answer to a question, which is sent only where no answer is at hand.
    ///
    /// # Guarantees
    /// Calls about the same key wait for one question together. It is asked to its end although a caller
    /// hangs up. During an outage nobody waits.
    ///
    /// # Errors
    /// Where it could not be asked for, and no answer may stand in.
    pub async fn get<F>(self: &Arc<Self>, key: Digest, question: impl FnOnce() -> F) -> Result<Verdict<V>, Unanswered>
    where
        F: Future<Output = Result<Verdict<V>, Unasked>> + Send + 'static,
    {
        let outcome = match self.step(key, question) {
            Step::Known(verdict) => {
                self.count(HIT);
                return Ok(verdict);
            }
            Step::StandIn => return self.stand_in(&key),
            Step::Wait(outcome) => outcome,
        };
        self.count(MISS);
        let answered = tokio::select! {
            biased;
            answered = outcome => answered,
            // Whoever waits for another question than the one that found out need not find out, too.
            () = self.outage.begun() => Err(Failure::Unreachable),
        };
        match answered {
            Ok(verdict) => Ok(verdict),
            Err(Failure::Unreachable) => self.stand_in(&key),
            Err(Failure::Refused) => {
                self.count(ERROR);
                Err(Unanswered)
            }
        }
    }

    /// Forgets every answer, and those on their way.
    pub fn flush(&self) {
        let mut state = self.lock();
        state.recent.clear();
        state.pending.clear();
        state.flushed += 1;
    }

    /// Asks every question anew. Unlike after a flush, the answers that there are stand in during an outage.
    pub fn doubt(&self) {
        let mut state = self.lock();
        state.pending.clear();
        state.doubted += 1;
    }

    /// What became of the calls so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let [hits, misses, stand_ins, errors] = self.counters.each_ref().map(|count| count.load(Ordering::Relaxed));
        Counts { hits, misses, stand_ins, errors }
    }

    /// How many answers are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.lock().recent.len()
    }

    fn step<F>(self: &Arc<Self>, key: Digest, question: impl FnOnce() -> F) -> Step<V>
    where
        F: Future<Output = Result<Verdict<V>, Unasked>> + Send + 'static,
    {
        let Some(round) = self.outage.round() else { return Step::StandIn };
        let now = self.clock.monotonic();
        let mut state = self.lock();
        let doubted = state.doubted;
        let is_good = |known: &&Known<V>| known.round == round && known.doubted == doubted;
        let known = state.recent.get(&key).filter(is_good).map(|known| {
            let age = now.milliseconds().saturating_sub(known.asked_at.milliseconds());
            (known.verdict.clone(), Span::from_milliseconds(age))
        });
        match known {
            Some((verdict, age)) if age <= self.age_max(&verdict) => {
                if age > self.terms.renewed_after {
                    drop(self.question(&mut state, key, round, question));
                }
                Step::Known(verdict)
            }
            _ => Step::Wait(self.question(&mut state, key, round, question)),
        }
    }

    fn age_max(&self, verdict: &Verdict<V>) -> Span {
        if verdict.is_ok() { self.terms.yes_max } else { self.terms.no_max }
    }

    /// The question that is on its way, or a new one, in a task of its own.
    fn question<F>(
        self: &Arc<Self>,
        state: &mut State<V>,
        key: Digest,
        round: u64,
        question: impl FnOnce() -> F,
    ) -> Outcome<V>
    where
        F: Future<Output = Result<Verdict<V>, Unasked>> + Send + 'static,
    {
        if let Some(pending) = state.pending.get(&key).filter(|pending| pending.round == round) {
            return pending.outcome.clone();
        }
        state.asked += 1;
        let (number, flushed, doubted) = (state.asked, state.flushed, state.doubted);
        let ticket = Ticket { key, number, flushed, doubted, round, asked_at: self.clock.monotonic() };
        let (answers, answer) = (Arc::clone(self), question());
        let task = tokio::spawn(async move {
            let outcome = answer.await.map_err(|error| failure(&error));
            answers.settle(&ticket, &outcome);
            outcome
        });
        let outcome = task.map(|joined| joined.unwrap_or(Err(Failure::Refused))).boxed().shared();
        state.pending.insert(key, Pending { number: state.asked, round, outcome: outcome.clone() });
        outcome
    }

    fn settle(&self, ticket: &Ticket, outcome: &Result<Verdict<V>, Failure>) {
        let mut state = self.lock();
        if state.pending.get(&ticket.key).is_some_and(|pending| pending.number == ticket.number) {
            state.pending.remove(&ticket.key);
        }
        if let (Ok(verdict), true) = (outcome, state.flushed == ticket.flushed) {
            let Ticket { key, asked_at, round, doubted, .. } = *ticket;
            state.recent.put(key, Known { verdict: verdict.clone(), asked_at, round, doubted });
        }
    }

    /// What is known, where the API server cannot be reached. A no stays a no for as long as it is known.
    fn stand_in(&self, key: &Digest) -> Result<Verdict<V>, Unanswered> {
        let known = self.lock().recent.get(key).map(|known| (known.verdict.clone(), known.asked_at));
        let (verdict, counter) = match known {
            Some((Err(reason), _)) => (Ok(Err(reason)), STAND_IN),
            Some((Ok(value), asked_at)) if self.outage.stands_in(asked_at) => (Ok(Ok(value)), STAND_IN),
            _ => (Err(Unanswered), ERROR),
        };
        self.count(counter);
        verdict
    }

    fn lock(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, counter: usize) {
        if let Some(counter) = self.counters.get(counter) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What is remembered of a question while it is on its way.
struct Ticket {
    key: Digest,
    number: u64,
    flushed: u64,
    doubted: u64,
    round: u64,
    asked_at: Span,
}

const HIT: usize = 0;
const MISS: usize = 1;
const STAND_IN: usize = 2;
const ERROR: usize = 3;

/// Logs a refusal by its code and reason alone: what the API server writes might repeat what it was sent.
fn failure(error: &Unasked) -> Failure {
    let refused = match error {
        Unasked::Unreachable => return Failure::Unreachable,
        Unasked::Refused(refused) => refused,
    };
    match refused {
        kube::Error::Api(status) => tracing::warn!(code = status.code, reason = %status.reason, "a review was refused"),
        other => tracing::warn!(error = other as &dyn std::error::Error, "a review failed"),
    }
    Failure::Refused
}

#[cfg(test)]
mod tests;
