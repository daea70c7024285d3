//! Randomness as an argument.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use super::CryptoError;

/// A source of random bytes.
pub trait Rng: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// `CryptoError` where the source gives none; the caller must then not go on.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError>;
}

/// AWS-LC's generator, seeded by the operating system.
pub struct SystemRng(SystemRandom);

impl SystemRng {
    /// The generator of this process.
    #[must_use]
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for SystemRng {
    fn default() -> Self {
        Self::new()
    }
}

impl Rng for SystemRng {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        self.0.fill(bytes).map_err(|_| CryptoError)
    }
}

/// Reads a fixed number of random bytes that are not secret, such as ids and salts.
///
/// # Errors
/// Those of the source.
pub fn random_array<const N: usize>(rng: &dyn Rng) -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    rng.fill(&mut bytes)?;
    Ok(bytes)
}

/// A predictable source for tests: SHA-256 of a seed and a counter.
#[cfg(test)]
pub struct SeededRng {
    seed: u64,
    counter: std::sync::atomic::AtomicU64,
}

#[cfg(test)]
impl SeededRng {
    /// The source of this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, counter: std::sync::atomic::AtomicU64::new(0) }
    }
}

#[cfg(test)]
impl Rng for SeededRng {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        for chunk in bytes.chunks_mut(32) {
            let counter = self.counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let block = super::digest::sha256(&[&self.seed.to_be_bytes(), &counter.to_be_bytes()]);
            chunk.iter_mut().zip(block).for_each(|(byte, random)| *byte = random);
        }
        Ok(())
    }
}
