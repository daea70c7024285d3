//! AWS-LC's generator in the shape that other crates ask for.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use ml_dsa::signature::rand_core::{TryCryptoRng, TryRng};

/// The generator as one of `rand_core`'s.
pub(super) struct LibraryRandom(pub(super) SystemRandom);

impl TryRng for LibraryRandom {
    type Error = Unspecified;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes).map(|()| u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes).map(|()| u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(bytes)
    }
}

impl TryCryptoRng for LibraryRandom {}
