//! Ciphertext blobs: what parses prints back, nothing foreign opens, and a blob opens only as it was made.

#![no_main]

use coffer::api::blob::{Blob, BlobHeader};
use coffer::crypto::blob::{Hedge, open, seal};
use coffer::crypto::rng::SystemRng;
use coffer::types::context::EncryptionContext;
use coffer::types::ids::KeyId;
use coffer::types::limits::PLAINTEXT_MAX;
use coffer::types::secret::SecretBytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    if mode % 4 == 0 { damage(rest) } else { read(rest) }
});

fn material() -> SecretBytes {
    SecretBytes::new(vec![9; 32])
}

fn read(bytes: &[u8]) {
    let Ok(blob) = Blob::parse(bytes) else { return };
    assert_eq!(&blob.header.to_bytes(), blob.header_bytes);
    let parts: [&[u8]; 4] = [&blob.header.to_bytes(), blob.salt, blob.commitment, blob.ciphertext_and_tag];
    assert_eq!(parts.concat(), bytes);
    assert!(open(&material(), &blob, &EncryptionContext::default()).is_err(), "a blob was forged");
}

/// A position and a change, and the plaintext of a blob that is changed there.
fn damage(bytes: &[u8]) {
    let Some((&[high, low, change, version], plaintext)) = bytes.split_first_chunk() else { return };
    let key_id = KeyId::new([version; 16], version % 2 == 1);
    let header = BlobHeader { key_id, version: u32::from(version), material: [change; 8] };
    let hedge = Hedge { replica: "fuzz", counter: 0 };
    let context = EncryptionContext::default();
    let sealed = seal(&material(), &header, &context, plaintext, &hedge, &SystemRng::new());
    assert_eq!(sealed.is_ok(), plaintext.len() <= PLAINTEXT_MAX);
    let Ok(mut sealed) = sealed else { return };
    let opened = open(&material(), &Blob::parse(&sealed).expect("a blob parses"), &context);
    assert_eq!(opened.expect("a blob opens").expose(), plaintext);
    let position = usize::from(u16::from_be_bytes([high, low])) % sealed.len();
    sealed[position] ^= change;
    if let Ok(blob) = Blob::parse(&sealed) {
        assert_eq!(open(&material(), &blob, &context).is_ok(), change == 0, "byte {position} is not bound");
    }
}
