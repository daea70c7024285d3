//! The frame of a ciphertext blob, layout 1: a strict parser and its inverse. No cryptography.

use crate::types::ids::KeyId;
use crate::types::limits::PLAINTEXT_MAX;

/// Length of the header in bytes; it is bound to the ciphertext as it stands.
pub const HEADER_LENGTH: usize = 36;
/// Length of the salt in bytes.
pub const SALT_LENGTH: usize = 32;
/// Length of the commitment in bytes.
pub const COMMITMENT_LENGTH: usize = 32;
/// Length of all that stands before the ciphertext, in bytes.
pub const PREFIX_LENGTH: usize = HEADER_LENGTH + SALT_LENGTH + COMMITMENT_LENGTH;
/// Length of the tag in bytes.
pub const TAG_LENGTH: usize = 16;

const MAGIC: [u8; 4] = [0x8a, 0x4b, 0x4d, 0x53];
const LAYOUT: u8 = 1;
const SUITE: u8 = 1;
const FLAG_MULTI_REGION: u16 = 1;

/// Which key, version and material a blob was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobHeader {
    /// The key; its multi-Region flag is the blob's.
    pub key_id: KeyId,
    /// The version of the material.
    pub version: u32,
    /// The first 8 bytes of the material id.
    pub material: [u8; 8],
}

/// The bytes are no ciphertext blob that this version reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a ciphertext blob")]
pub struct BlobError;

/// A parsed blob that borrows its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Blob<'a> {
    /// The parsed header.
    pub header: BlobHeader,
    /// The header's bytes.
    pub header_bytes: &'a [u8; HEADER_LENGTH],
    /// The salt.
    pub salt: &'a [u8; SALT_LENGTH],
    /// The commitment.
    pub commitment: &'a [u8; COMMITMENT_LENGTH],
    /// Ciphertext and tag.
    pub ciphertext_and_tag: &'a [u8],
}

impl BlobHeader {
    /// The bytes of the header.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LENGTH] {
        let flags = if self.key_id.is_multi_region() { FLAG_MULTI_REGION } else { 0 };
        let parts: [&[u8]; 6] = [
            &MAGIC,
            &[LAYOUT, SUITE],
            &flags.to_be_bytes(),
            self.key_id.as_bytes(),
            &self.version.to_be_bytes(),
            &self.material,
        ];
        let mut bytes = [0; HEADER_LENGTH];
        bytes.iter_mut().zip(parts.concat()).for_each(|(byte, value)| *byte = value);
        bytes
    }

    fn parse(bytes: &[u8; HEADER_LENGTH]) -> Result<Self, BlobError> {
        let (magic, rest) = bytes.split_first_chunk::<4>().ok_or(BlobError)?;
        let (&[layout, suite, flag_high, flag_low], rest) = rest.split_first_chunk::<4>().ok_or(BlobError)?;
        let (key_id, rest) = rest.split_first_chunk::<16>().ok_or(BlobError)?;
        let (version, material) = rest.split_first_chunk::<4>().ok_or(BlobError)?;
        let flags = u16::from_be_bytes([flag_high, flag_low]);
        let known = *magic == MAGIC && (layout, suite) == (LAYOUT, SUITE) && flags & !FLAG_MULTI_REGION == 0;
        let key_id = KeyId::new(*key_id, flags & FLAG_MULTI_REGION != 0);
        let material = material.try_into().map_err(|_| BlobError)?;
        known.then_some(Self { key_id, version: u32::from_be_bytes(*version), material }).ok_or(BlobError)
    }
}

impl<'a> Blob<'a> {
    /// Reads a blob. Bounds and header are checked here, everything else by the key.
    ///
    /// # Errors
    /// `BlobError` for any other bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BlobError> {
        let (header_bytes, rest) = bytes.split_first_chunk().ok_or(BlobError)?;
        let (salt, rest) = rest.split_first_chunk().ok_or(BlobError)?;
        let (commitment, ciphertext_and_tag) = rest.split_first_chunk().ok_or(BlobError)?;
        let plausible = (TAG_LENGTH..=PLAINTEXT_MAX + TAG_LENGTH).contains(&ciphertext_and_tag.len());
        let header = BlobHeader::parse(header_bytes)?;
        plausible.then_some(Self { header, header_bytes, salt, commitment, ciphertext_and_tag }).ok_or(BlobError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_parses_prints_back(bytes in proptest::collection::vec(any::<u8>(), 0..200), valid in any::<bool>()) {
            let mut bytes = bytes;
            if valid {
                for (byte, value) in bytes.iter_mut().zip([0x8a, 0x4b, 0x4d, 0x53, 1, 1, 0]) {
                    *byte = value;
                }
            }
            if let Ok(blob) = Blob::parse(&bytes) {
                prop_assert_eq!(&blob.header.to_bytes(), blob.header_bytes);
            }
        }
    }
}
