//! Private and public keys as callers bring them: what is imported opens and is imported again as the same material.
//!
//! The first byte is the spec, with its highest bit for a public key.

#![no_main]

use coffer::crypto::key::{KeyError, PrivateKey, encapsulate, encrypt, generate, import, verify};
use coffer::types::algorithm::{EncryptionAlgorithm, MessageType, SigningAlgorithm};
use coffer::types::key::{KeySpec, KeyUsage};
use coffer::types::secret::SecretBytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let spec = KeySpec::ALL[usize::from(first & 0x7f) % KeySpec::ALL.len()];
    if first & 0x80 == 0 { private(spec, rest) } else { public(spec, rest) }
});

fn private(spec: KeySpec, bytes: &[u8]) {
    let Ok(stored) = import(spec, &SecretBytes::new(bytes.to_vec())) else { return };
    let key = match PrivateKey::open(spec, &stored) {
        Err(KeyError::Algorithm) if spec == KeySpec::SymmetricDefault => return,
        opened => opened.expect("what was imported opens"),
    };
    let Ok(der) = key.private_key_der() else { return };
    let again = import(spec, &der).expect("what is shown can be imported");
    assert!(again.expose() == stored.expose(), "one key is two materials");
    assert!(key.public_key().is_ok());
}

fn public(spec: KeySpec, bytes: &[u8]) {
    if !spec.is_implemented() {
        return;
    }
    for algorithm in SigningAlgorithm::ALL {
        for kind in [MessageType::Raw, MessageType::Digest] {
            assert!(verify(spec, bytes, *algorithm, kind, &[1; 32], &[2; 64]).is_err(), "a signature was forged");
        }
    }
    for algorithm in EncryptionAlgorithm::ALL {
        let _ = encrypt(spec, bytes, *algorithm, b"plaintext");
    }
    let _ = encapsulate(spec, bytes);
    if spec.usages().contains(&KeyUsage::KeyAgreement) {
        let own = PrivateKey::open(spec, &generate(spec).expect("a key is made")).expect("a key opens");
        let _ = own.derive_shared_secret(bytes);
    }
}
