//! Import tokens, and the other sealed contents: one encoding for each content, and nothing foreign opens.

#![no_main]

use std::sync::LazyLock;

use coffer::api::container::{ContainerHeader, HEADER_LENGTH};
use coffer::crypto::import::unwrap;
use coffer::crypto::seal::Root;
use coffer::domain::alias::AliasClaim;
use coffer::domain::authority::Authority;
use coffer::domain::encoding::{Content, decode, encode};
use coffer::domain::import_token::ImportToken;
use coffer::domain::last_usage::UsageShard;
use coffer::domain::record::{AccountEntry, OwnerClaim, Record};
use coffer::domain::replica::Replica;
use coffer::types::ids::{InstallationId, KeyId};
use coffer::types::object::TokenPurpose;
use coffer::types::secret::RootKey;
use coffer::types::time::Timestamp;
use libfuzzer_sys::fuzz_target;

static ROOT: LazyLock<Root> = LazyLock::new(|| {
    Root::new(InstallationId::new([5; 16]), 1, RootKey::init_with(|bytes| bytes.fill(7))).expect("a root is derived")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    match mode % 10 {
        0 => header(rest),
        1 => foreign(rest),
        2 => token(rest),
        3 => content::<Record>(rest),
        4 => content::<OwnerClaim>(rest),
        5 => content::<AccountEntry>(rest),
        6 => content::<AliasClaim>(rest),
        7 => content::<Replica>(rest),
        8 => content::<Authority>(rest),
        _ => content::<UsageShard>(rest),
    }
});

fn header(bytes: &[u8]) {
    let Some((bytes, _)) = bytes.split_first_chunk::<HEADER_LENGTH>() else { return };
    if let Ok(header) = ContainerHeader::parse(bytes) {
        assert_eq!(header.to_bytes(), *bytes);
    }
}

/// Bytes that nobody sealed, with and without the header of this root.
fn foreign(bytes: &[u8]) {
    let key_id = KeyId::new([3; 16], false);
    let headed = [ROOT.header().to_bytes().as_slice(), bytes].concat();
    for token in [bytes, &headed] {
        assert!(ROOT.open_token(TokenPurpose::Import, &key_id, token).is_err(), "a token was forged");
    }
}

/// Bytes that a holder of the root sealed: the content of a token, used as the second half of an import does.
fn token(bytes: &[u8]) {
    content::<ImportToken>(bytes);
    let key_id = KeyId::new([3; 16], false);
    let sealed = ROOT.seal_token(TokenPurpose::Import, &key_id, 1, bytes).expect("a token is sealed");
    let (number, opened) = ROOT.open_token(TokenPurpose::Import, &key_id, &sealed).expect("a token opens");
    assert_eq!((number, opened.expose()), (1, bytes));
    assert!(ROOT.open_token(TokenPurpose::Import, &KeyId::new([4; 16], false), &sealed).is_err());
    let Ok(token) = decode::<ImportToken>(bytes) else { return };
    let own = KeyId::new(token.key_id, token.multi_region);
    let good = token.check(&own, &token.principal, token.import_epoch, Timestamp::default()).is_ok();
    assert_eq!(good, token.expires_at > Timestamp::default());
    let wrapped = [0x5a; 256];
    assert!(unwrap(&token.private_key, token.algorithm, &wrapped).is_err(), "bytes unwrap that nobody wrapped");
}

/// What decodes is encoded as the same bytes, and those decode again.
fn content<T: Content>(bytes: &[u8]) {
    let Ok(read) = decode::<T>(bytes) else { return };
    let again = encode(&read);
    assert_eq!(again.is_ok(), read.schema() <= T::SCHEMA, "what is read of a known schema may be written");
    let Ok(again) = again else { return };
    assert!(again == bytes, "a content has two encodings");
    assert!(decode::<T>(&again).and_then(|read| encode(&read)).is_ok_and(|third| third == again));
}
