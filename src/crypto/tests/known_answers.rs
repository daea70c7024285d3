//! Identifiers, contexts, derivations and blobs against the second implementation.

use aws_lc_rs::kdf::{KbkdfCtrHmacAlgorithmId, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac};

use super::vectors::{Attack, BlobText, Formats, GeneratedBlob, Hex, KbkdfCase, KnownBlob};
use crate::api::blob::{Blob, BlobHeader};
use crate::crypto::blob::{self, Hedge};
use crate::crypto::digest::sha256;
use crate::crypto::kdf::{kbkdf, label};
use crate::crypto::{CryptoError, aead, derive, selftest};
use crate::types::ids::{InstallationId, KeyId, ObjectUid};
use crate::types::secret::{MessageKey, SecretBytes};

#[test]
fn the_self_test_passes() {
    assert_eq!(selftest::run(), Ok(()));
}

#[test]
fn key_ids_and_material_ids_are_the_published_ones() {
    let known = Formats::load().identifiers;
    for case in &known.key_ids {
        let installation = InstallationId::new(case.installation.array());
        let uid = ObjectUid::new(case.resource_uid.array());
        let key_id = derive::key_id(&installation, &uid, false);
        assert_eq!(key_id.as_bytes(), &case.key_id.array());
        assert_eq!(key_id.to_string(), case.printed);
        assert_eq!(derive::key_id(&installation, &uid, true).to_string(), case.printed_multi_region);
    }
    for case in &known.material_ids {
        let expected = case.material_id.array();
        for multi_region in [false, true] {
            let key_id = KeyId::new(case.key_id.array(), multi_region);
            assert_eq!(derive::material_id(&key_id, &case.material).as_bytes(), &expected);
        }
    }
    assert_eq!((known.key_ids.len(), known.material_ids.len()), (1, 3));
}

#[test]
fn accounts_and_owner_hashes_are_the_published_ones() {
    let known = Formats::load().identifiers;
    for case in &known.accounts {
        assert_eq!(derive::account(&case.namespace).to_string(), case.account, "{}", case.namespace);
    }
    for case in &known.owner_hashes {
        assert_eq!(derive::owner_hash(&case.namespace, &case.name), case.owner_hash, "{}", case.name);
    }
    assert_eq!((known.accounts.len(), known.owner_hashes.len()), (4, 4));
}

#[test]
fn a_context_has_one_encoding() {
    let cases = Formats::load().contexts;
    for case in &cases {
        assert_eq!(case.pairs.context().canonical(), *case.encoded, "{}", case.name);
    }
    assert_eq!(cases.len(), 14);
}

#[test]
fn the_published_blobs_are_made_and_open() {
    let known = Formats::load().blobs;
    for case in &known {
        let (header, context) = (case.header(), case.context.context());
        let material_id = derive::material_id(&header.key_id, &case.material);
        assert_eq!(material_id.as_bytes(), &case.material_id.array(), "{}", case.name);
        let sealed =
            blob::seal_with_salt(&case.material.secret(), &header, &context, &case.plaintext, &case.salt.array());
        assert_eq!(sealed.unwrap(), *case.blob, "{}", case.name);
        assert_eq!(sha256(&[&case.blob]), *case.blob_sha256);
        let parsed = Blob::parse(&case.blob).unwrap();
        assert_eq!((parsed.header, parsed.commitment), (header, &case.commitment.array()));
        let opened = blob::open(&case.material.secret(), &parsed, &context).unwrap();
        assert_eq!(opened.expose(), &*case.plaintext, "{}", case.name);
    }
    assert_eq!(known.len(), 2);
}

#[test]
fn all_64_generated_blobs_are_made_and_open() {
    let cases = GeneratedBlob::load();
    for case in &cases {
        let (material, context, plaintext) = (case.material.secret(), case.context.context(), case.plaintext.bytes());
        let key_id = KeyId::new(case.key_id.array(), case.multi_region);
        let prefix = derive::material_id(&key_id, material.expose()).prefix();
        let header = BlobHeader { key_id, version: case.version, material: prefix };
        let sealed = blob::seal_with_salt(&material, &header, &context, &plaintext, &case.salt.array()).unwrap();
        match &case.blob {
            BlobText::Whole(whole) => assert_eq!(sealed, **whole, "{}", case.name),
            BlobText::Digest { first_100, sha256: digest } => {
                assert_eq!(sealed[..100], **first_100, "{}", case.name);
                assert_eq!(sha256(&[&sealed]), **digest, "{}", case.name);
            }
        }
        let parsed = Blob::parse(&sealed).unwrap();
        assert_eq!((parsed.header, parsed.salt), (header, &case.salt.array()));
        assert_eq!(blob::open(&material, &parsed, &context).unwrap().expose(), plaintext, "{}", case.name);
    }
    assert_eq!(cases.len(), 64);
}

#[test]
fn the_published_salts_are_made() {
    let cases = Formats::load().salts;
    for case in &cases {
        let mut hedge_key = [0; 32];
        kbkdf(&case.material, &[label::SALT, &[0], &case.header], &mut hedge_key).unwrap();
        assert_eq!(hedge_key, *case.hedge_key, "{}", case.name);
        let header = header_of(&case.header);
        let hedge = Hedge { replica: &case.replica_id, counter: case.counter };
        let (material, context, random) = (case.material.secret(), case.context.context(), case.random.array());
        let salt = blob::hedged_salt(&material, &header, &context, &case.plaintext, &hedge, &random).unwrap();
        assert_eq!(salt, *case.salt, "{}", case.name);
    }
    assert_eq!(cases.len(), 3);
}

/// Reads a header alone by giving it an empty body.
fn header_of(bytes: &[u8]) -> BlobHeader {
    Blob::parse(&[bytes, &[0; 80]].concat()).unwrap().header
}

/// The vectors have a fixed input of any form, while ours always ends with the length of the output. So
/// the library is held to the vectors, and our function to the library.
#[test]
fn key_derivation_gives_the_published_outputs() {
    let cases = KbkdfCase::load();
    for case in &cases {
        assert_eq!(library_kbkdf(&case.key, &case.fixed_input, case.length), *case.output);
        let bits = u32::try_from(case.length * 8).unwrap().to_be_bytes();
        let mut output = vec![0; case.length];
        let (left, right) = case.fixed_input.split_at(case.fixed_input.len() / 2);
        kbkdf(&case.key, &[left, right], &mut output).unwrap();
        assert_eq!(output, library_kbkdf(&case.key, &[&case.fixed_input, bits.as_slice()].concat(), case.length));
    }
    assert_eq!(cases.len(), 20);
}

fn library_kbkdf(key: &[u8], fixed_input: &[u8], length: usize) -> Vec<u8> {
    let algorithm = get_kbkdf_ctr_hmac_algorithm(KbkdfCtrHmacAlgorithmId::Sha256).unwrap();
    let mut output = vec![0; length];
    kbkdf_ctr_hmac(algorithm, key, fixed_input, &mut output).unwrap();
    output
}

#[test]
fn aes_gcm_alone_opens_one_ciphertext_under_two_keys() {
    let attack = Attack::load().gcm;
    for (key, plaintext) in [(&attack.key1, &attack.plaintext1), (&attack.key2, &attack.plaintext2)] {
        let opened = open_gcm(key, &attack.nonce, &attack.aad, &attack.ciphertext_and_tag).unwrap();
        assert_eq!(opened.expose(), &**plaintext);
    }
}

#[test]
fn a_blob_opens_under_one_of_two_colliding_materials() {
    let attack = Attack::load().blob;
    let (parsed, context) = (Blob::parse(&attack.blob).unwrap(), attack.context.context());
    assert_eq!(parsed.header.key_id.as_bytes(), &attack.key_id.array());
    let sides =
        [(&attack.key1, &attack.nonce1, &attack.plaintext1), (&attack.key2, &attack.nonce2, &attack.plaintext2)];
    for (key, nonce, plaintext) in sides {
        let opened = open_gcm(key, nonce, &attack.aad, parsed.ciphertext_and_tag).unwrap();
        assert_eq!(opened.expose(), &**plaintext);
    }
    let opened = blob::open(&attack.material1.secret(), &parsed, &context).unwrap();
    assert_eq!(opened.expose(), &*attack.plaintext1);
    assert!(blob::open(&attack.material2.secret(), &parsed, &context).is_err());
}

/// Without this the test before could pass because the second key does not come from the second material.
#[test]
fn both_colliding_keys_are_derived_from_their_materials() {
    let attack = Attack::load().blob;
    let (parsed, context) = (Blob::parse(&attack.blob).unwrap(), attack.context.context());
    let sides = [(&attack.material1, &attack.key1, &attack.nonce1), (&attack.material2, &attack.key2, &attack.nonce2)];
    for (material, key, nonce) in sides {
        let mut derived = [0; 76];
        let parts: [&[u8]; 5] = [label::BLOB, &[0], parsed.header_bytes, parsed.salt, &sha256(&[&context.canonical()])];
        kbkdf(material, &parts, &mut derived).unwrap();
        assert_eq!((&derived[..32], &derived[64..]), (&**key, &**nonce));
        assert_eq!(derived[32..64] == *parsed.commitment, **key == *attack.key1);
    }
}

fn open_gcm(key: &Hex, nonce: &Hex, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, CryptoError> {
    aead::open(&MessageKey::init_with(|bytes| bytes.copy_from_slice(key)), nonce.array(), aad, sealed)
}

#[test]
fn the_order_of_a_context_does_not_matter_and_its_pairs_do() {
    let known = Formats::load().blobs;
    let KnownBlob { material, blob: sealed, .. } = &known[0];
    let parsed = Blob::parse(sealed).unwrap();
    let open = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let context = crate::types::context::EncryptionContext::new(pairs.collect()).unwrap();
        blob::open(&material.secret(), &parsed, &context).is_ok()
    };
    assert!(open(&[("app", "orders"), ("tenant", "blue")]));
    assert!(open(&[("tenant", "blue"), ("app", "orders")]));
    for wrong in
        [&[][..], &[("app", "orders")], &[("app", "orders"), ("tenant", "Blue")], &[("apporders", "tenantblue")]]
    {
        assert!(!open(wrong), "{wrong:?}");
    }
}
