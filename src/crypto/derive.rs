//! Identifiers that are derived by hashing, as the manual's page of formats fixes them.

use super::digest::sha256;
use super::kdf::label;
use super::mac::hmac_sha256;
use crate::types::account::AccountId;
use crate::types::ids::{InstallationId, KeyId, MaterialId, ObjectUid};
use crate::types::object::ObjectName;

/// The key id of a resource: two replicas that meet the same resource derive the same id, so that their
/// records collide and one of them wins.
#[must_use]
pub fn key_id(installation: &InstallationId, uid: &ObjectUid, multi_region: bool) -> KeyId {
    let hash = sha256(&[label::KEY_ID, &[0], installation.as_bytes(), uid.as_bytes()]);
    KeyId::new(uuid::Builder::from_random_bytes(first(&hash)).into_uuid().into_bytes(), multi_region)
}

/// The account of a namespace in a cluster.
#[must_use]
pub fn account(namespace: &str) -> AccountId {
    let hash = sha256(&[label::ACCOUNT, &[0], namespace.as_bytes()]);
    AccountId::from_remainder(u64::from_be_bytes(first(&hash)))
}

/// The hash that names the claim of a resource, 32 characters of lower-case base32.
#[must_use]
pub fn owner_hash(namespace: &str, name: &str) -> String {
    let hash = sha256(&[label::OWNER, &[0], namespace.as_bytes(), b"/", name.as_bytes()]);
    base32_lower(&first::<20>(&hash))
}

/// The hash that names the claim of an alias in its scope, 32 characters of lower-case base32. The zero byte parts
/// the two: neither has one.
#[must_use]
pub fn alias_hash(scope: &str, alias: &str) -> String {
    let hash = sha256(&[label::ALIAS, &[0], scope.as_bytes(), &[0], alias.as_bytes()]);
    base32_lower(&first::<20>(&hash))
}

/// The id of a key's material.
#[must_use]
pub fn material_id(key_id: &KeyId, material: &[u8]) -> MaterialId {
    MaterialId::new(hmac_sha256(material, &[label::MATERIAL_ID, &[0], key_id.as_bytes()]))
}

/// The 16 bytes that stand for a key id where a sealed object belongs to no key.
#[must_use]
pub fn object_id(name: &ObjectName) -> [u8; 16] {
    first(&sha256(&[name.as_str().as_bytes()]))
}

/// A UUID, version 4, from these random bytes.
#[must_use]
pub fn object_uid(random: [u8; 16]) -> ObjectUid {
    ObjectUid::new(uuid::Builder::from_random_bytes(random).into_uuid().into_bytes())
}

/// Base32 (RFC 4648 §6) in lower case without padding, for names of Kubernetes objects.
#[must_use]
pub fn base32_lower(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let bit = |index: usize| bytes.get(index / 8).map_or(0, |byte| (byte >> (7 - index % 8)) & 1);
    let digit = |group: usize| (0..5).fold(0_u8, |value, offset| (value << 1) | bit(group * 5 + offset));
    (0..(bytes.len() * 8).div_ceil(5))
        .filter_map(|group| ALPHABET.get(usize::from(digit(group))).copied().map(char::from))
        .collect()
}

/// The first `N` of 32 bytes.
fn first<const N: usize>(hash: &[u8; 32]) -> [u8; N] {
    const { assert!(N <= 32) };
    let mut bytes = [0; N];
    bytes.iter_mut().zip(hash).for_each(|(byte, digit)| *byte = *digit);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_gives_the_answers_of_rfc_4648() {
        let cases =
            [("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foob", "mzxw6yq"), ("foobar", "mzxw6ytboi")];
        for (text, encoded) in cases {
            assert_eq!(base32_lower(text.as_bytes()), encoded);
        }
    }

    #[test]
    fn the_published_answers_hold() {
        let installation = InstallationId::parse("000102030405060708090a0b0c0d0e0f").unwrap();
        let uid = ObjectUid::parse("11111111-2222-4333-8444-555555555555").unwrap();
        assert_eq!(key_id(&installation, &uid, false).to_string(), "f6b163df-a8b4-4126-a262-b9a07684c57d");
        assert_eq!(account("default").to_string(), "401845065923");
    }
}
