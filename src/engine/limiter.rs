//! Request rates of principals and classes, and of quorum reads.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::quota::{Bucket, QuotaClass, Rate};
use crate::types::account::AccountId;
use crate::types::limits::{QUORUM_READS_PER_SECOND, RATE_BUCKETS_MAX};
use crate::types::principal::Principal;
use crate::types::time::Timestamp;

/// How many requests per second are served; `None` is without limit.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Of one principal, all operations together.
    pub principal: Option<Rate>,
    /// Of one account in one class.
    pub class: fn(QuotaClass) -> Option<Rate>,
}

impl Rates {
    /// No limits: the process serves its owner alone.
    pub const UNLIMITED: Self = Self { principal: None, class: |_| None };
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Subject {
    Principal(String),
    Class(AccountId, QuotaClass),
    QuorumReads,
}

/// The buckets of everyone seen lately.
pub struct Limiter {
    rates: Rates,
    buckets: Mutex<HashMap<Subject, Bucket>>,
}

impl Limiter {
    /// A limiter with these rates.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self { rates, buckets: Mutex::default() }
    }

    /// Whether this principal may make one more request now.
    #[must_use]
    pub fn admit_principal(&self, principal: &Principal, now: Timestamp) -> bool {
        self.rates.principal.is_none_or(|rate| self.take(Subject::Principal(principal.arn()), rate, now))
    }

    /// Whether this account may make one more request of this class now.
    #[must_use]
    pub fn admit_class(&self, account: AccountId, class: QuotaClass, now: Timestamp) -> bool {
        (self.rates.class)(class).is_none_or(|rate| self.take(Subject::Class(account, class), rate, now))
    }

    /// Whether one more quorum read for something unknown may be made now.
    #[must_use]
    pub fn admit_quorum_read(&self, now: Timestamp) -> bool {
        self.take(Subject::QuorumReads, Rate { per_second: QUORUM_READS_PER_SECOND }, now)
    }

    fn take(&self, subject: Subject, rate: Rate, now: Timestamp) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= RATE_BUCKETS_MAX && !buckets.contains_key(&subject) {
            let oldest = buckets.iter().min_by_key(|(_, bucket)| bucket.used_at()).map(|(subject, _)| subject.clone());
            oldest.and_then(|oldest| buckets.remove(&oldest));
        }
        buckets.entry(subject).or_insert_with(|| Bucket::full(rate, now)).take(rate, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_principal_and_class_has_its_own_bucket() {
        let rates = Rates { principal: Some(Rate { per_second: 2 }), class: |_| Some(Rate { per_second: 1 }) };
        let limiter = Limiter::new(rates);
        let now = Timestamp::default();
        let [one, two] = [1, 2].map(|account| Principal::local_root(AccountId::from_remainder(account)));
        let admitted = |principal| (0..5).filter(|_| limiter.admit_principal(principal, now)).count();
        assert_eq!((admitted(&one), admitted(&two)), (2, 2));
        let class = |class| (0..5).filter(|_| limiter.admit_class(one.account, class, now)).count();
        assert_eq!((class(QuotaClass::Symmetric), class(QuotaClass::List)), (1, 1));
    }
}
