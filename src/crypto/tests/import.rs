//! Unwrapping of imported material: what OpenSSL wrapped opens, and every change of it gives the one error.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::negatives::flips;
use super::vectors::{Cases, Hex, RootInputs};
use crate::crypto::CryptoError;
use crate::crypto::import::unwrap;
use crate::crypto::rsa_pair::generate_rsa_pair;
use crate::types::ids::{InstallationId, KeyId};
use crate::types::import::WrappingAlgorithm;
use crate::types::key::RsaSize;
use crate::types::limits::IMPORT_TOKEN_MAX;
use crate::types::object::{ObjectName, TokenPurpose};
use crate::types::secret::SecretBytes;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};

/// `import.json`.
#[derive(Deserialize)]
struct Vectors {
    keys: BTreeMap<String, Key>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Key {
    private_key: Hex,
    public_key: Hex,
}

#[derive(Deserialize)]
struct Case {
    spec: String,
    algorithm: String,
    material: Hex,
    wrapped: Hex,
}

impl Vectors {
    fn load() -> Self {
        serde_json::from_str(include_str!("../../../e2e/vectors/import.json")).unwrap()
    }

    /// The first case of this spec and algorithm, which wraps 32 bytes, and its private key.
    fn first(&self, spec: &str, algorithm: WrappingAlgorithm) -> (SecretBytes, &Case) {
        let case = self.cases.iter().find(|case| case.spec == spec && case.algorithm == algorithm.as_str()).unwrap();
        (self.keys[spec].private_key.secret(), case)
    }
}

impl Case {
    fn algorithm(&self) -> WrappingAlgorithm {
        WrappingAlgorithm::parse(&self.algorithm).unwrap()
    }
}

const SUPPORTED: [WrappingAlgorithm; 4] = [
    WrappingAlgorithm::RsaesOaepSha1,
    WrappingAlgorithm::RsaesOaepSha256,
    WrappingAlgorithm::RsaAesKeyWrapSha1,
    WrappingAlgorithm::RsaAesKeyWrapSha256,
];

fn opened(key: &SecretBytes, algorithm: WrappingAlgorithm, wrapped: &[u8]) -> Result<Vec<u8>, CryptoError> {
    unwrap(key, algorithm, wrapped).map(|material| material.expose().to_vec())
}

#[test]
fn what_openssl_wrapped_is_unwrapped() {
    let vectors = Vectors::load();
    for case in &vectors.cases {
        let key = vectors.keys[&case.spec].private_key.secret();
        let material = opened(&key, case.algorithm(), &case.wrapped).unwrap();
        assert_eq!(material, *case.material, "{} {}", case.spec, case.algorithm);
    }
    assert_eq!((vectors.keys.len(), vectors.cases.len()), (3, 3 * 4 * 3));
}

#[test]
fn another_algorithm_or_another_key_gives_the_one_error() {
    let vectors = Vectors::load();
    for case in &vectors.cases {
        let key = vectors.keys[&case.spec].private_key.secret();
        for algorithm in WrappingAlgorithm::ALL.iter().filter(|other| **other != case.algorithm()) {
            assert_eq!(opened(&key, *algorithm, &case.wrapped), Err(CryptoError), "{} {algorithm}", case.spec);
        }
        for (spec, other) in vectors.keys.iter().filter(|(spec, _)| **spec != case.spec) {
            let other = other.private_key.secret();
            assert_eq!(opened(&other, case.algorithm(), &case.wrapped), Err(CryptoError), "{} {spec}", case.spec);
        }
    }
}

#[test]
fn another_key_of_the_same_size_gives_the_one_error() {
    let vectors = Vectors::load();
    let other = generate_rsa_pair(RsaSize::Rsa2048).unwrap();
    for algorithm in SUPPORTED {
        let (_, case) = vectors.first("RSA_2048", algorithm);
        assert_eq!(opened(&other.private_key, algorithm, &case.wrapped), Err(CryptoError), "{algorithm}");
    }
}

#[test]
fn each_truncation_and_each_longer_input_gives_the_one_error() {
    let vectors = Vectors::load();
    for algorithm in SUPPORTED {
        let (key, case) = vectors.first("RSA_2048", algorithm);
        for length in 0..case.wrapped.len() {
            assert_eq!(opened(&key, algorithm, &case.wrapped[..length]), Err(CryptoError), "{algorithm} {length}");
        }
        for extra in [1, 7, 8, 16, 256] {
            let longer = [&*case.wrapped, &vec![0; extra]].concat();
            assert_eq!(opened(&key, algorithm, &longer), Err(CryptoError), "{algorithm} {extra} more");
        }
    }
}

/// Each flip costs an RSA operation, so of the RSA part every seventh bit is tried and of the rest each.
#[test]
fn flipped_bits_give_the_one_error() {
    const MODULUS_BITS: usize = 2048;
    let vectors = Vectors::load();
    for algorithm in SUPPORTED {
        let (key, case) = vectors.first("RSA_2048", algorithm);
        for (bit, flipped) in flips(&case.wrapped).filter(|(bit, _)| *bit >= MODULUS_BITS || bit % 7 == 0) {
            assert_eq!(opened(&key, algorithm, &flipped), Err(CryptoError), "{algorithm} bit {bit}");
        }
    }
}

/// AWS KMS takes no other size of the ephemeral key, and so does nobody here.
#[test]
fn an_ephemeral_key_of_another_length_gives_the_one_error() {
    let vectors = Vectors::load();
    let (key, case) = vectors.first("RSA_2048", WrappingAlgorithm::RsaAesKeyWrapSha256);
    let public = PublicEncryptingKey::from_der(&vectors.keys["RSA_2048"].public_key).unwrap();
    let public = OaepPublicEncryptingKey::new(public).unwrap();
    for length in [0, 16, 24, 31, 33] {
        let mut wrapped = vec![0; public.ciphertext_size()];
        public.encrypt(&OAEP_SHA256_MGF1SHA256, &vec![7; length], &mut wrapped, None).unwrap();
        wrapped.extend_from_slice(&case.wrapped[public.ciphertext_size()..]);
        assert_eq!(opened(&key, case.algorithm(), &wrapped), Err(CryptoError), "{length}");
    }
}

#[test]
fn a_private_key_that_is_none_gives_the_one_error() {
    let vectors = Vectors::load();
    let (key, case) = vectors.first("RSA_2048", WrappingAlgorithm::RsaesOaepSha256);
    let cut = SecretBytes::new(key.expose()[..key.len() - 1].to_vec());
    for wrong in [SecretBytes::new(Vec::new()), SecretBytes::new(vec![0x30; 64]), cut] {
        assert_eq!(opened(&wrong, case.algorithm(), &case.wrapped), Err(CryptoError));
    }
}

#[test]
fn a_new_wrapping_key_is_unwrapped_with() {
    for (size, modulus) in [(RsaSize::Rsa2048, 256), (RsaSize::Rsa3072, 384)] {
        let key = generate_rsa_pair(size).unwrap();
        let public = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&key.public_key).unwrap()).unwrap();
        let mut wrapped = vec![0; public.ciphertext_size()];
        public.encrypt(&OAEP_SHA256_MGF1SHA256, &[7; 32], &mut wrapped, None).unwrap();
        assert_eq!(wrapped.len(), modulus, "{size:?}");
        assert_eq!(opened(&key.private_key, WrappingAlgorithm::RsaesOaepSha256, &wrapped), Ok(vec![7; 32]), "{size:?}");
    }
}

#[test]
fn nothing_secret_of_a_wrapping_key_is_printed() {
    let key = generate_rsa_pair(RsaSize::Rsa2048).unwrap();
    assert!(format!("{key:?}").contains("private_key: SecretBytes([redacted])"));
}

/// A case of `import_tokens.json`.
#[derive(Deserialize)]
struct TokenCase {
    #[serde(flatten)]
    inputs: RootInputs,
    name: String,
    purpose: String,
    number: u64,
    value: TokenValue,
    cbor: Hex,
    token: Hex,
}

#[derive(Deserialize)]
struct TokenValue {
    key_id: Hex,
    multi_region: bool,
}

impl TokenCase {
    fn load() -> Vec<Self> {
        let text = include_str!("../../../e2e/vectors/import_tokens.json");
        serde_json::from_str::<Cases<Self>>(text).unwrap().cases
    }

    fn key_id(&self) -> KeyId {
        KeyId::new(self.value.key_id.array(), self.value.multi_region)
    }

    fn opens(&self, key_id: &KeyId, token: &[u8]) -> bool {
        self.inputs.root().open_token(TokenPurpose::Import, key_id, token).is_ok()
    }
}

#[test]
fn the_published_tokens_are_sealed_and_open() {
    let cases = TokenCase::load();
    for case in &cases {
        let (root, key_id) = (case.inputs.root(), case.key_id());
        assert_eq!(case.purpose, TokenPurpose::Import.as_str());
        let token = root.seal_token(TokenPurpose::Import, &key_id, case.number, &case.cbor).unwrap();
        assert_eq!(token, *case.token, "{}", case.name);
        assert!(token.len() <= IMPORT_TOKEN_MAX, "{}", case.name);
        let (number, content) = root.open_token(TokenPurpose::Import, &key_id, &token).unwrap();
        assert_eq!((number, content.expose()), (case.number, &*case.cbor), "{}", case.name);
    }
    assert_eq!(cases.len(), 3);
}

#[test]
fn changed_tokens_are_refused() {
    let case = TokenCase::load().pop().unwrap();
    let (key_id, length) = (case.key_id(), case.token.len());
    assert_eq!(flips(&case.token).filter(|(_, flipped)| !case.opens(&key_id, flipped)).count(), length * 8);
    assert_eq!((0..length).filter(|length| !case.opens(&key_id, &case.token[..*length])).count(), length);
    assert!(!case.opens(&key_id, &[&*case.token, &[0]].concat()));
}

#[test]
fn a_token_is_bound_to_key_installation_and_term() {
    let case = TokenCase::load().pop().unwrap();
    for (bit, flipped) in flips(&case.value.key_id) {
        assert!(!case.opens(&KeyId::new(flipped.try_into().unwrap(), false), &case.token), "bit {bit}");
    }
    let inputs = &case.inputs;
    let others = [(InstallationId::new([9; 16]), inputs.term), (inputs.installation(), inputs.term + 1)];
    for (installation, term) in others {
        let other = inputs.root_of(installation, term);
        let moved = [&case.token[..8], &other.header().to_bytes(), &case.token[28..]].concat();
        for token in [&*case.token, &moved] {
            assert!(other.open_token(TokenPurpose::Import, &case.key_id(), token).is_err(), "{installation} {term}");
        }
    }
}

/// Both have the same layout, so only the purpose keeps them apart.
#[test]
fn a_token_is_no_object_and_an_object_is_no_token() {
    let case = TokenCase::load().pop().unwrap();
    let (root, key_id) = (case.inputs.root(), case.key_id());
    let stored = root.seal_object(&ObjectName::key(&key_id), case.number, &case.cbor).unwrap();
    assert!(!case.opens(&key_id, &stored));
    assert!(root.open_object(&ObjectName::key(&key_id), &case.token).is_err());
}
