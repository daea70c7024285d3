//! Request rates: a token bucket as a value, and the classes in which AWS KMS counts requests.

use crate::types::key::KeySpec;
use crate::types::time::Timestamp;

/// The class that a request counts in
/// ([AWS: request quotas](https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuotaClass {
    /// Symmetric and HMAC cryptography, which share one quota.
    Symmetric,
    /// Cryptography with RSA keys.
    Rsa,
    /// Cryptography with elliptic-curve and SM2 keys.
    EllipticCurve,
    /// Cryptography with ML-DSA and ML-KEM keys.
    Lattice,
    /// Making key pairs.
    KeyPairs,
    /// Looking at one key.
    Describe,
    /// Lists.
    List,
    /// Grants.
    Grants,
    /// Everything else.
    Manage,
}

impl QuotaClass {
    /// The class of a request whose operation counts as cryptography, which goes by the key that it uses.
    #[must_use]
    pub const fn of_key(self, spec: KeySpec) -> Self {
        use KeySpec as K;
        match (self, spec) {
            (Self::Symmetric, K::Rsa2048 | K::Rsa3072 | K::Rsa4096) => Self::Rsa,
            (
                Self::Symmetric,
                K::EccNistP256 | K::EccNistP384 | K::EccNistP521 | K::EccSecgP256k1 | K::EccNistEdwards25519 | K::Sm2,
            ) => Self::EllipticCurve,
            (Self::Symmetric, K::MlDsa44 | K::MlDsa65 | K::MlDsa87 | K::MlKem512 | K::MlKem768 | K::MlKem1024) => {
                Self::Lattice
            }
            (class, _) => class,
        }
    }
}

/// Tokens per second, and as many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens per second.
    pub per_second: u32,
}

/// A bucket that fills with time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    thousandths: u64,
    filled_at: Timestamp,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub const fn full(rate: Rate, now: Timestamp) -> Self {
        Self { thousandths: rate.per_second as u64 * 1000, filled_at: now }
    }

    /// Takes one token, if there is one. Each millisecond adds a thousandth of the rate, and a clock that
    /// goes back adds nothing.
    #[must_use]
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> bool {
        let elapsed = u64::try_from(now.since(self.filled_at).milliseconds()).unwrap_or(0);
        let gained = elapsed.saturating_mul(u64::from(rate.per_second));
        self.thousandths = self.thousandths.saturating_add(gained).min(u64::from(rate.per_second) * 1000);
        self.filled_at = self.filled_at.max(now);
        let left = self.thousandths.checked_sub(1000);
        self.thousandths = left.unwrap_or(self.thousandths);
        left.is_some()
    }

    /// When a token was last asked for.
    #[must_use]
    pub const fn used_at(&self) -> Timestamp {
        self.filled_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_rate_and_no_more() {
        let rate = Rate { per_second: 10 };
        let at = Timestamp::from_milliseconds;
        let mut bucket = Bucket::full(rate, at(0));
        assert_eq!((0..20).filter(|_| bucket.take(rate, at(0))).count(), 10);
        assert!(!bucket.take(rate, at(99)));
        assert!(bucket.take(rate, at(100)));
        assert!(!bucket.take(rate, at(-5000)));
        assert_eq!((0..20).filter(|_| bucket.take(rate, at(1_000_000))).count(), 10);
    }
}
