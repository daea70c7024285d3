//! Encryption contexts: equal contexts have equal bytes and others have not, in whatever order their pairs come.

#![no_main]

use std::collections::BTreeMap;

use coffer::api::aws::json::Json;
use coffer::api::aws::member::Input;
use coffer::api::aws::operation::Operation;
use coffer::engine::table;
use coffer::types::context::EncryptionContext;
use coffer::types::limits::CONTEXT_BYTES_MAX;
use libfuzzer_sys::fuzz_target;

type Pairs = Vec<(String, String)>;

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    if mode % 2 == 0 { from_json(rest) } else { compare(rest) }
});

/// The context of a request, as operations read it.
fn from_json(body: &[u8]) {
    let Ok(json) = Json::parse(body) else { return };
    let Ok(input) = Input::read(json, table::find(Operation::GenerateDataKey).members) else { return };
    if let Ok(context) = input.context("EncryptionContext") {
        check(&context);
    }
}

/// Two contexts from pairs whose lengths come before them.
fn compare(bytes: &[u8]) {
    let mut rest = bytes;
    let (left, right) = (pairs(&mut rest), pairs(&mut rest));
    let Some(left) = context(left) else { return };
    let Some(right) = context(right) else { return };
    assert_eq!(left == right, left.canonical() == right.canonical());
}

fn pairs(rest: &mut &[u8]) -> Pairs {
    let count = take(rest, 1).first().map_or(0, |count| count % 8);
    (0..count).map(|_| (text(rest), text(rest))).collect()
}

fn text(rest: &mut &[u8]) -> String {
    let length = take(rest, 1).first().map_or(0, |length| usize::from(*length));
    String::from_utf8_lossy(take(rest, length)).into_owned()
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, after) = rest.split_at(length.min(rest.len()));
    *rest = after;
    taken
}

fn context(pairs: Pairs) -> Option<EncryptionContext> {
    let forwards: BTreeMap<String, String> = pairs.into_iter().collect();
    let backwards = forwards.clone().into_iter().rev().collect();
    let context = EncryptionContext::new(forwards).ok()?;
    assert_eq!(EncryptionContext::new(backwards).as_ref(), Ok(&context));
    check(&context);
    Some(context)
}

/// The bytes, read by another reader than the product's, are the pairs again.
fn check(context: &EncryptionContext) {
    let bytes = context.canonical();
    assert!(bytes.len() <= CONTEXT_BYTES_MAX);
    assert_eq!(bytes.is_empty(), context.is_empty());
    let mut rest = bytes.as_slice();
    let count = number(&mut rest);
    let read: Vec<(&[u8], &[u8])> = (0..count).map(|_| (counted(&mut rest), counted(&mut rest))).collect();
    assert!(rest.is_empty());
    assert!(read.is_sorted_by(|left, right| left.0 < right.0));
    assert!(context.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes())).eq(read));
}

fn number(rest: &mut &[u8]) -> usize {
    take(rest, 2).iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

fn counted<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let length = number(rest);
    take(rest, length)
}
