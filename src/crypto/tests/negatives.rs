//! Blobs that must be refused, and where.

use super::vectors::{Formats, KnownBlob};
use crate::api::blob::{Blob, BlobHeader};
use crate::crypto::blob;
use crate::crypto::digest::sha256;
use crate::crypto::kdf::{kbkdf, label};
use crate::types::context::EncryptionContext;
use crate::types::ids::KeyId;
use crate::types::limits::PLAINTEXT_MAX;
use crate::types::secret::SecretBytes;

/// How far a blob gets on its way through a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Parse,
    UnknownKey,
    Commitment,
    Tag,
    Opened,
}

/// A reader that knows one material of one key.
struct Reader {
    material: SecretBytes,
    header: BlobHeader,
    context: EncryptionContext,
}

impl Reader {
    /// The stage at which a blob ends. Whatever the classification says, opening must agree with it.
    fn stage(&self, bytes: &[u8]) -> Stage {
        let Ok(blob) = Blob::parse(bytes) else { return Stage::Parse };
        let named = (blob.header.key_id.as_bytes(), blob.header.material);
        if named != (self.header.key_id.as_bytes(), self.header.material) {
            return Stage::UnknownKey;
        }
        if blob.header.key_id != self.header.key_id {
            return Stage::Parse;
        }
        let opened = blob::open(&self.material, &blob, &self.context).is_ok();
        let committed = self.commitment(&blob) == *blob.commitment;
        assert!(committed || !opened, "a blob with a wrong commitment opened");
        match (committed, opened) {
            (false, _) => Stage::Commitment,
            (true, false) => Stage::Tag,
            (true, true) => Stage::Opened,
        }
    }

    /// The second block of the derivation, which tells a refusal at the commitment from one at the tag.
    fn commitment(&self, blob: &Blob<'_>) -> [u8; 32] {
        let mut derived = [0; 76];
        let digest = sha256(&[&self.context.canonical()]);
        kbkdf(self.material.expose(), &[label::BLOB, &[0], blob.header_bytes, blob.salt, &digest], &mut derived)
            .unwrap();
        derived[32..64].try_into().unwrap()
    }
}

/// The known answer and a reader that can open it.
fn known() -> (Vec<u8>, Reader) {
    let KnownBlob { material, blob, context, .. } = &Formats::load().blobs[0];
    let header = Blob::parse(blob).unwrap().header;
    (blob.to_vec(), Reader { material: material.secret(), header, context: context.context() })
}

/// The known answer's plaintext for another header and salt.
fn sealed(reader: &Reader, header: &BlobHeader, salt: u8) -> Vec<u8> {
    blob::seal_with_salt(&reader.material, header, &reader.context, &[0; 32], &[salt; 32]).unwrap()
}

/// Each variant of `bytes` in which one bit differs, with the number of that bit.
pub(super) fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 0x80 >> (bit % 8);
        (bit, flipped)
    })
}

#[test]
fn each_single_bit_flip_is_refused_at_its_stage() {
    let (bytes, reader) = known();
    assert_eq!(reader.stage(&bytes), Stage::Opened);
    let stages: Vec<Stage> = flips(&bytes).map(|(_, flipped)| reader.stage(&flipped)).collect();
    let count = |wanted: Stage| stages.iter().filter(|stage| **stage == wanted).count();
    let counts = [Stage::Parse, Stage::UnknownKey, Stage::Commitment, Stage::Tag, Stage::Opened].map(count);
    assert_eq!(counts, [64, 192, 544, 384, 0]);
    assert_eq!(stages.len(), 1184);
}

#[test]
fn a_flipped_bit_of_the_version_fails_at_the_commitment() {
    let (bytes, reader) = known();
    for (bit, flipped) in flips(&bytes).filter(|(bit, _)| (24 * 8..28 * 8).contains(bit)) {
        assert_eq!(reader.stage(&flipped), Stage::Commitment, "bit {bit}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let (bytes, reader) = known();
    for length in 0..bytes.len() {
        // Below 116 bytes there is no room for a tag; above, the last 16 bytes are taken for one.
        let expected = if length < 116 { Stage::Parse } else { Stage::Tag };
        assert_eq!(reader.stage(&bytes[..length]), expected, "{length} bytes");
    }
}

#[test]
fn up_to_64_extra_bytes_are_refused() {
    let (bytes, reader) = known();
    for extra in 1..=64 {
        for fill in [0, 0xa5] {
            let longer = [bytes.as_slice(), &vec![fill; extra]].concat();
            assert_eq!(reader.stage(&longer), Stage::Tag, "{extra} bytes of {fill}");
        }
    }
}

#[test]
fn salts_and_commitments_cannot_move_between_blobs() {
    let (_, reader) = known();
    let (left, right) = (sealed(&reader, &reader.header, 1), sealed(&reader, &reader.header, 2));
    let cases = [
        (36..68, Stage::Commitment),
        (68..100, Stage::Commitment),
        (36..100, Stage::Tag),
        (100..132, Stage::Tag),
        (132..148, Stage::Tag),
        (100..148, Stage::Tag),
        (36..148, Stage::Opened),
    ];
    for (range, expected) in cases {
        let mut mixed = left.clone();
        mixed[range.clone()].copy_from_slice(&right[range.clone()]);
        assert_eq!(reader.stage(&mixed), expected, "{range:?}");
    }
}

#[test]
fn of_256_layouts_and_suites_one_is_read() {
    let (bytes, reader) = known();
    for offset in [4, 5] {
        for value in 0..=u8::MAX {
            let mut other = bytes.clone();
            other[offset] = value;
            let expected = if value == 1 { Stage::Opened } else { Stage::Parse };
            assert_eq!(reader.stage(&other), expected, "byte {offset} = {value}");
        }
    }
}

/// The two blobs differ in their flag only, so each would be the other if a reader ignored it.
#[test]
fn every_flag_but_the_keys_own_is_refused() {
    let (_, reader) = known();
    for multi_region in [false, true] {
        let key_id = KeyId::new(*reader.header.key_id.as_bytes(), multi_region);
        let header = BlobHeader { key_id, ..reader.header };
        let reader = Reader { material: SecretBytes::new(reader.material.expose().to_vec()), header, ..known().1 };
        let bytes = sealed(&reader, &header, 7);
        assert_eq!(reader.stage(&bytes), Stage::Opened);
        for (bit, flipped) in flips(&bytes).filter(|(bit, _)| (6 * 8..8 * 8).contains(bit)) {
            assert_eq!(reader.stage(&flipped), Stage::Parse, "bit {bit}");
        }
    }
}

/// Even a reader that trusted the flag of a blob would not open it, because the header is bound.
#[test]
fn the_flag_is_bound_to_the_ciphertext() {
    let (mut bytes, reader) = known();
    bytes[7] ^= 1;
    let blob = Blob::parse(&bytes).unwrap();
    assert!(blob::open(&reader.material, &blob, &reader.context).is_err());
}

#[test]
fn another_material_or_context_fails_at_the_commitment() {
    let (bytes, reader) = known();
    let blob = Blob::parse(&bytes).unwrap();
    for (bit, flipped) in flips(reader.material.expose()) {
        let other = Reader { material: SecretBytes::new(flipped), ..known().1 };
        assert_eq!(other.stage(&bytes), Stage::Commitment, "bit {bit} of the material");
    }
    let empty = Reader { context: EncryptionContext::default(), ..known().1 };
    assert_eq!(empty.stage(&bytes), Stage::Commitment);
    assert!(blob::open(&empty.material, &blob, &empty.context).is_err());
}

#[test]
fn a_plaintext_of_4097_bytes_is_neither_sealed_nor_read() {
    let (_, reader) = known();
    let seal = |length: usize| {
        let plaintext = vec![1; length];
        blob::seal_with_salt(&reader.material, &reader.header, &reader.context, &plaintext, &[0; 32])
    };
    let longest = seal(PLAINTEXT_MAX).unwrap();
    assert_eq!((longest.len(), reader.stage(&longest)), (4212, Stage::Opened));
    assert!(seal(PLAINTEXT_MAX + 1).is_err());
    assert_eq!(reader.stage(&[longest.as_slice(), &[0]].concat()), Stage::Parse);
}
