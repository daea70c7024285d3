//! Keys, signatures, ciphertexts and secrets that other libraries made, and the vectors of RFC 8032 and RFC 4231.

use serde::Deserialize;

use super::{hex, open, secret};
use crate::crypto::key::{PrivateKey, ed25519, import, verify};
use crate::types::algorithm::{EncryptionAlgorithm, MacAlgorithm, MessageType, SigningAlgorithm};
use crate::types::key::KeySpec;

#[derive(Deserialize)]
struct OutsideKey {
    spec: KeySpec,
    material: String,
    #[serde(default)]
    pkcs8: String,
    #[serde(default)]
    public_key: String,
    #[serde(default)]
    signatures: Vec<OutsideSignature>,
    #[serde(default)]
    ciphertexts: Vec<OutsideCiphertext>,
    #[serde(default)]
    agreements: Vec<OutsideAgreement>,
    #[serde(default)]
    encapsulations: Vec<OutsideEncapsulation>,
    #[serde(default)]
    macs: Vec<OutsideMac>,
}

#[derive(Deserialize)]
struct OutsideSignature {
    algorithm: SigningAlgorithm,
    kind: MessageType,
    message: String,
    signature: String,
}

#[derive(Deserialize)]
struct OutsideCiphertext {
    algorithm: EncryptionAlgorithm,
    plaintext: String,
    ciphertext: String,
}

#[derive(Deserialize)]
struct OutsideAgreement {
    public_key: String,
    shared_secret: String,
}

#[derive(Deserialize)]
struct OutsideEncapsulation {
    ciphertext: String,
    shared_secret: String,
}

#[derive(Deserialize)]
struct OutsideMac {
    algorithm: MacAlgorithm,
    message: String,
    mac: String,
}

#[test]
fn what_other_libraries_made_is_read_verified_and_opened() {
    let keys: Vec<OutsideKey> = serde_json::from_str(include_str!("../../../../e2e/vectors/keys.json")).unwrap();
    assert_eq!(keys.len(), 18);
    for outside in keys.iter().filter(|outside| outside.spec.is_implemented()) {
        let (spec, material) = (outside.spec, hex(&outside.material));
        let key = open(spec, &material).unwrap();
        if spec.is_pair() {
            compare_pair(outside, &key, &material);
        }
        for mac in &outside.macs {
            assert_eq!(key.generate_mac(mac.algorithm, &hex(&mac.message)).unwrap(), hex(&mac.mac), "{spec}");
        }
    }
}

fn compare_pair(outside: &OutsideKey, key: &PrivateKey, material: &[u8]) {
    let (spec, public_key) = (outside.spec, hex(&outside.public_key));
    assert_eq!(import(spec, &secret(&hex(&outside.pkcs8))).unwrap().expose(), material, "{spec}");
    assert_eq!(key.private_key_der().unwrap().expose(), hex(&outside.pkcs8), "{spec}");
    assert_eq!(key.public_key().unwrap(), public_key, "{spec}");
    for case in &outside.signatures {
        let (message, signature) = (hex(&case.message), hex(&case.signature));
        let result = verify(spec, &public_key, case.algorithm, case.kind, &message, &signature);
        assert_eq!(result, Ok(()), "{spec} {} {}", case.algorithm, case.kind);
    }
    for case in &outside.ciphertexts {
        let opened = key.decrypt(case.algorithm, &hex(&case.ciphertext)).unwrap();
        assert_eq!(opened.expose(), hex(&case.plaintext), "{spec}");
    }
    for case in &outside.agreements {
        let shared = key.derive_shared_secret(&hex(&case.public_key)).unwrap();
        assert_eq!(shared.expose(), hex(&case.shared_secret), "{spec}");
    }
    for case in &outside.encapsulations {
        assert_eq!(key.decapsulate(&hex(&case.ciphertext)).unwrap().expose(), hex(&case.shared_secret), "{spec}");
    }
}

/// RFC 8032 §7.3, with the message `abc`, and §7.1, test 3.
#[test]
fn ed25519_and_its_prehashed_variant_sign_what_rfc_8032_says() {
    let cases = [
        (
            SigningAlgorithm::Ed25519Sha512,
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
        (
            SigningAlgorithm::Ed25519PhSha512,
            "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            "616263",
            "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41
             31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
        ),
    ];
    for (algorithm, seed, public_key, message, signature) in cases {
        let key = ed25519::Ed25519Key::open(&hex(seed)).unwrap();
        let spki = key.public_key().unwrap();
        assert!(spki.ends_with(&hex(public_key)));
        assert_eq!(key.sign(algorithm, &hex(message)).unwrap(), hex(signature), "{algorithm}");
        let result = ed25519::verify(&spki, algorithm, &hex(message), &hex(signature));
        assert_eq!(result, Ok(()));
    }
}

/// AWS KMS takes a digest as the message of Ed25519ph, which hashes it once more.
#[test]
fn the_digest_of_ed25519ph_is_hashed_again() {
    use ed25519_dalek::{Digest, Sha512, Signature, SigningKey};
    let spec = KeySpec::EccNistEdwards25519;
    let digest = Sha512::digest(b"message");
    let signature = open(spec, &[3; 32]).unwrap().sign(SigningAlgorithm::Ed25519PhSha512, MessageType::Digest, &digest);
    let signature = Signature::from_slice(&signature.unwrap()).unwrap();
    let outside = SigningKey::from_bytes(&[3; 32]);
    assert!(outside.verify_prehashed(Sha512::new().chain_update(digest), None, &signature).is_ok());
    assert!(outside.verify_prehashed(Sha512::new().chain_update(b"message"), None, &signature).is_err());
}

/// The keys of RFC 4231 have lengths that keys of ours do not: what is compared is the library's HMAC, of which
/// ours is a call.
#[test]
fn hmac_gives_what_rfc_4231_says() {
    use aws_lc_rs::hmac;
    let answers = [
        (hmac::HMAC_SHA224, "896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22"),
        (hmac::HMAC_SHA256, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            hmac::HMAC_SHA384,
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c
             faea9ea9076ede7f4af152e8b2fa9cb6",
        ),
        (
            hmac::HMAC_SHA512,
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde
             daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        ),
    ];
    for (algorithm, answer) in answers {
        let key = hmac::Key::new(algorithm, &[0x0b; 20]);
        assert_eq!(hmac::sign(&key, b"Hi There").as_ref(), hex(answer));
    }
}
