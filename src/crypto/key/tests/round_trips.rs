//! Every spec with itself: made, exported, imported, used.

use super::{open, quick_specs, sample};
use crate::crypto::key::{KeyError, PrivateKey, encapsulate, encrypt, generate, import, plaintext_max, verify};
use crate::types::algorithm::{EncryptionAlgorithm, MessageType, SigningAlgorithm};
use crate::types::key::KeySpec;

const KINDS: &[MessageType] = &[MessageType::Raw, MessageType::Digest, MessageType::ExternalMu];

#[test]
fn a_pair_that_is_exported_and_imported_is_the_same_material() {
    for spec in quick_specs().filter(|spec| spec.is_pair()) {
        let material = generate(spec).unwrap();
        let der = PrivateKey::open(spec, &material).unwrap().private_key_der().unwrap();
        assert_eq!(import(spec, &der).unwrap().expose(), material.expose(), "{spec}");
    }
}

#[test]
fn material_has_the_length_that_is_written_down() {
    for spec in quick_specs() {
        let expected = match spec {
            KeySpec::SymmetricDefault | KeySpec::Hmac256 => 32,
            KeySpec::Hmac224 => 28,
            KeySpec::Hmac384 | KeySpec::EccNistP384 => 48,
            KeySpec::Hmac512 | KeySpec::MlKem512 | KeySpec::MlKem768 | KeySpec::MlKem1024 => 64,
            KeySpec::EccNistP521 => 66,
            KeySpec::Rsa2048 => continue,
            _ => 32,
        };
        assert_eq!(generate(spec).unwrap().len(), expected, "{spec}");
        assert_ne!(generate(spec).unwrap().expose(), generate(spec).unwrap().expose(), "{spec}");
    }
}

#[test]
fn signatures_verify_under_their_message_kind_and_key_alone() {
    for spec in quick_specs() {
        for algorithm in spec.signing_algorithms() {
            for kind in algorithm.message_types() {
                sign_and_verify(spec, *algorithm, *kind);
            }
        }
    }
}

fn sign_and_verify(spec: KeySpec, algorithm: SigningAlgorithm, kind: MessageType) {
    let key = sample(spec);
    let public_key = key.public_key().unwrap();
    let message = vec![7; algorithm.message_length(kind).unwrap_or(4096)];
    let signature = key.sign(algorithm, kind, &message).unwrap();
    let check = |public_key: &[u8], kind, message: &[u8], signature: &[u8]| {
        verify(spec, public_key, algorithm, kind, message, signature)
    };
    assert_eq!(check(&public_key, kind, &message, &signature), Ok(()), "{spec} {algorithm} {kind}");
    let mut other = message.clone();
    other[0] ^= 1;
    assert_eq!(check(&public_key, kind, &other, &signature), Err(KeyError::InvalidSignature));
    let mut other = signature.clone();
    other[signature.len() / 2] ^= 1;
    assert_eq!(check(&public_key, kind, &message, &other), Err(KeyError::InvalidSignature));
    assert_eq!(check(&public_key, kind, &message, &[]), Err(KeyError::InvalidSignature));
    if spec != KeySpec::Rsa2048 {
        let stranger = sample(spec).public_key().unwrap();
        assert_eq!(check(&stranger, kind, &message, &signature), Err(KeyError::InvalidSignature));
    }
    if kind != MessageType::Raw && algorithm.message_types().contains(&MessageType::Raw) {
        assert_eq!(check(&public_key, MessageType::Raw, &message, &signature), Err(KeyError::InvalidSignature));
    }
}

/// A caller who hashes has the signature of a caller who does not.
#[test]
fn a_signature_of_a_digest_is_one_of_the_message() {
    use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
    let message = b"the message";
    for (spec, hash) in [
        (KeySpec::EccNistP256, &SHA256),
        (KeySpec::EccNistP384, &SHA384),
        (KeySpec::EccNistP521, &SHA512),
        (KeySpec::EccSecgP256k1, &SHA256),
        (KeySpec::Rsa2048, &SHA256),
    ] {
        let key = sample(spec);
        let algorithm = spec.signing_algorithms()[0];
        let signature = key.sign(algorithm, MessageType::Digest, digest(hash, message).as_ref()).unwrap();
        let public_key = key.public_key().unwrap();
        assert_eq!(verify(spec, &public_key, algorithm, MessageType::Raw, message, &signature), Ok(()), "{spec}");
    }
}

#[test]
fn digests_of_another_length_and_kinds_of_other_algorithms_are_refused() {
    for spec in quick_specs() {
        let Some(algorithm) = spec.signing_algorithms().first().copied() else { continue };
        let key = sample(spec);
        for kind in KINDS {
            let Some(length) = algorithm.message_length(*kind) else { continue };
            let result = key.sign(algorithm, *kind, &vec![0; length + 1]);
            let expected = if algorithm.message_types().contains(kind) {
                KeyError::DigestLength { expected: length, actual: length + 1 }
            } else {
                KeyError::MessageType
            };
            assert_eq!(result, Err(expected), "{spec} {kind}");
        }
    }
}

#[test]
fn algorithms_of_other_specs_are_refused() {
    for spec in quick_specs().filter(|spec| *spec != KeySpec::SymmetricDefault) {
        let key = sample(spec);
        for algorithm in SigningAlgorithm::ALL {
            if !spec.signing_algorithms().contains(algorithm) {
                let kind = algorithm.message_types()[0];
                assert_eq!(key.sign(*algorithm, kind, &[0; 64]), Err(KeyError::Algorithm));
                assert_eq!(verify(spec, &[], *algorithm, kind, &[0; 64], &[]), Err(KeyError::Algorithm));
            }
        }
        for algorithm in EncryptionAlgorithm::ALL {
            if plaintext_max(spec, *algorithm).is_none() {
                assert_eq!(key.decrypt(*algorithm, &[0; 256]).err(), Some(KeyError::Algorithm));
                assert_eq!(encrypt(spec, &[], *algorithm, &[0; 16]), Err(KeyError::Algorithm));
            }
        }
        if spec.key_agreement_algorithms().is_empty() {
            assert_eq!(key.derive_shared_secret(&[]).err(), Some(KeyError::Algorithm));
        }
        if spec.encapsulation_algorithms().is_empty() {
            assert_eq!(key.decapsulate(&[]).err(), Some(KeyError::Algorithm));
            assert_eq!(encapsulate(spec, &[]).err(), Some(KeyError::Algorithm));
        }
        assert_eq!(key.public_key().is_ok(), spec.is_pair());
    }
}

#[test]
fn the_longest_plaintext_is_encrypted_and_the_next_is_refused() {
    for (spec, algorithm, maximum) in [
        (KeySpec::Rsa2048, EncryptionAlgorithm::RsaesOaepSha1, 214),
        (KeySpec::Rsa2048, EncryptionAlgorithm::RsaesOaepSha256, 190),
    ] {
        let key = sample(spec);
        let public_key = key.public_key().unwrap();
        for length in [0, 1, maximum] {
            let ciphertext = encrypt(spec, &public_key, algorithm, &vec![9; length]).unwrap();
            assert_eq!(key.decrypt(algorithm, &ciphertext).unwrap().expose(), vec![9; length]);
        }
        let result = encrypt(spec, &public_key, algorithm, &vec![9; maximum + 1]);
        assert_eq!(result, Err(KeyError::PlaintextLength { maximum }));
    }
    let maximum = |spec| EncryptionAlgorithm::ALL.iter().map(|it| plaintext_max(spec, *it)).collect::<Vec<_>>();
    assert_eq!(maximum(KeySpec::Rsa3072), [None, Some(342), Some(318), None]);
    assert_eq!(maximum(KeySpec::Rsa4096), [None, Some(470), Some(446), None]);
    assert_eq!(maximum(KeySpec::Sm2), [None, None, None, Some(1024)]);
    assert_eq!(maximum(KeySpec::SymmetricDefault), [None; 4]);
}

#[test]
fn both_sides_of_an_agreement_have_one_secret() {
    for spec in quick_specs().filter(|spec| !spec.key_agreement_algorithms().is_empty()) {
        let [left, right] = [(); 2].map(|()| sample(spec));
        let secret = left.derive_shared_secret(&right.public_key().unwrap()).unwrap();
        assert_eq!(secret.expose(), right.derive_shared_secret(&left.public_key().unwrap()).unwrap().expose());
        assert_eq!(secret.len(), generate(spec).unwrap().len(), "{spec}");
    }
}

#[test]
fn what_is_encapsulated_is_opened_and_what_is_altered_gives_something_else() {
    for (spec, length) in [(KeySpec::MlKem512, 768), (KeySpec::MlKem768, 1088), (KeySpec::MlKem1024, 1568)] {
        let key = sample(spec);
        let mut sent = encapsulate(spec, &key.public_key().unwrap()).unwrap();
        assert_eq!((sent.ciphertext.len(), sent.shared_secret.len()), (length, 32));
        assert_eq!(key.decapsulate(&sent.ciphertext).unwrap().expose(), sent.shared_secret.expose());
        sent.ciphertext[5] ^= 1;
        let rejected = key.decapsulate(&sent.ciphertext).unwrap();
        assert_eq!(rejected.len(), 32);
        assert_ne!(rejected.expose(), sent.shared_secret.expose());
        assert_eq!(key.decapsulate(&sent.ciphertext).unwrap().expose(), rejected.expose());
        for wrong in [0, length - 1, length + 1] {
            assert_eq!(key.decapsulate(&vec![0; wrong]).err(), Some(KeyError::InvalidCiphertext));
        }
    }
}

#[test]
fn a_key_is_used_by_several_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<PrivateKey>();
}

#[test]
fn codes_of_a_mac_are_whole() {
    for spec in quick_specs() {
        let Some(algorithm) = spec.mac_algorithms().first().copied() else { continue };
        let key = open(spec, &vec![5; algorithm.length()]).unwrap();
        let code = key.generate_mac(algorithm, b"message").unwrap();
        assert_eq!(code.len(), algorithm.length());
        assert_eq!(key.verify_mac(algorithm, b"message", &code), Ok(()));
        for wrong in [&code[..code.len() - 1], &[], &[&code[..], &[0]].concat()] {
            assert_eq!(key.verify_mac(algorithm, b"message", wrong), Err(KeyError::InvalidMac));
        }
    }
}

#[cfg(not(feature = "sm2"))]
#[test]
fn a_build_without_sm2_says_so() {
    let unsupported = KeyError::Unsupported { spec: KeySpec::Sm2 };
    assert!(!KeySpec::Sm2.is_implemented());
    assert_eq!(generate(KeySpec::Sm2).err(), Some(unsupported));
    assert_eq!(open(KeySpec::Sm2, &[1; 32]).err(), Some(unsupported));
}

#[cfg(feature = "sm2")]
#[test]
fn sm2_encrypts() {
    assert!(KeySpec::Sm2.is_implemented());
    let key = PrivateKey::open(KeySpec::Sm2, &generate(KeySpec::Sm2).unwrap()).unwrap();
    let public_key = key.public_key().unwrap();
    for length in [1, 1024] {
        let ciphertext = encrypt(KeySpec::Sm2, &public_key, EncryptionAlgorithm::Sm2Pke, &vec![3; length]).unwrap();
        let opened = key.decrypt(EncryptionAlgorithm::Sm2Pke, &ciphertext).unwrap();
        assert_eq!(opened.expose(), vec![3; length]);
        let altered = [&ciphertext[..ciphertext.len() - 1], &[ciphertext.last().unwrap() ^ 1]].concat();
        assert_eq!(key.decrypt(EncryptionAlgorithm::Sm2Pke, &altered).err(), Some(KeyError::InvalidCiphertext));
    }
}
