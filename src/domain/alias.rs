//! The claim on an alias: sealed, so that nobody who writes to the store decides which key a name means.

use minicbor::{Decode, Encode};

use super::encoding::Content;
use super::record::{ImmutableSpec, Owner, SCHEMA};
use crate::types::ids::{KeyId, ObjectUid};
use crate::types::key::KeySpec;
use crate::types::time::Timestamp;

/// Binds an alias to a key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AliasClaim {
    /// The schema that the writer knew.
    #[n(1)]
    pub schema: u32,
    /// The namespace of the key.
    #[n(2)]
    pub namespace: String,
    /// The uid of that namespace. The claims of a namespace that was made again are void.
    #[n(3)]
    pub namespace_uid: ObjectUid,
    /// The alias, with its prefix.
    #[n(4)]
    pub alias: String,
    /// The bytes of the id of the key that the alias names.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub key_bytes: [u8; 16],
    /// The multi-Region flag of the key id.
    #[n(6)]
    pub multi_region: bool,
    /// The name of the `KeyAlias` that keeps the alias; absent for one that the API made.
    #[n(7)]
    pub owner: Option<String>,
    /// When the alias was made.
    #[n(8)]
    pub created_at: Timestamp,
    /// When it was last bound to a key.
    #[n(9)]
    pub updated_at: Timestamp,
}

impl Content for AliasClaim {
    fn schema(&self) -> u32 {
        self.schema
    }
}

impl AliasClaim {
    /// A new claim on an alias for a key, whose owner is given.
    #[must_use]
    pub fn new(alias: &str, key_id: &KeyId, owner: &Owner, now: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            namespace: owner.namespace.clone(),
            namespace_uid: owner.namespace_uid,
            alias: alias.to_owned(),
            key_bytes: *key_id.as_bytes(),
            multi_region: key_id.is_multi_region(),
            owner: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// The key that the alias names.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        KeyId::new(self.key_bytes, self.multi_region)
    }

    /// The same alias for another key.
    #[must_use]
    pub fn moved(&self, key_id: &KeyId, owner: &Owner, now: Timestamp) -> Self {
        Self { owner: self.owner.clone(), created_at: self.created_at, ..Self::new(&self.alias, key_id, owner, now) }
    }

    /// Whether the alias and a key live in the same namespace, made once.
    #[must_use]
    pub fn lives_with(&self, owner: &Owner) -> bool {
        self.namespace == owner.namespace && self.namespace_uid == owner.namespace_uid
    }

    /// Whether the claim is one of an earlier namespace of this name, and so void.
    #[must_use]
    pub fn is_of_earlier(&self, namespace: &str, namespace_uid: ObjectUid) -> bool {
        self.namespace == namespace && self.namespace_uid != namespace_uid
    }
}

/// Whether an alias may be moved from one key to another: "both symmetric or both asymmetric or both HMAC", with the
/// same usage ([AWS: UpdateAlias](https://docs.aws.amazon.com/kms/latest/APIReference/API_UpdateAlias.html)).
#[must_use]
pub fn may_follow(old: ImmutableSpec, new: ImmutableSpec) -> bool {
    family(old.key_spec) == family(new.key_spec) && old.key_usage == new.key_usage
}

#[derive(PartialEq, Eq)]
enum Family {
    Symmetric,
    Hmac,
    Asymmetric,
}

const fn family(spec: KeySpec) -> Family {
    match spec {
        KeySpec::SymmetricDefault => Family::Symmetric,
        KeySpec::Hmac224 | KeySpec::Hmac256 | KeySpec::Hmac384 | KeySpec::Hmac512 => Family::Hmac,
        _ => Family::Asymmetric,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::encoding::{decode, encode};
    use crate::types::key::{KeyUsage, Origin};

    fn owner(namespace: &str, uid: u8) -> Owner {
        Owner {
            namespace: namespace.to_owned(),
            name: "orders".to_owned(),
            namespace_uid: ObjectUid::new([uid; 16]),
            resource_uid: ObjectUid::new([9; 16]),
            generation: 1,
        }
    }

    fn claim() -> AliasClaim {
        AliasClaim::new("alias/a", &KeyId::new([7; 16], true), &owner("shop", 1), Timestamp::from_milliseconds(5))
    }

    #[test]
    fn a_claim_reads_back_and_its_bytes_are_fixed() {
        for claim in [claim(), AliasClaim { owner: Some("orders".to_owned()), ..claim() }] {
            assert_eq!(decode::<AliasClaim>(&encode(&claim).unwrap()), Ok(claim));
        }
        let hex: String = encode(&claim()).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        let uid = "01".repeat(16);
        let key = "07".repeat(16);
        assert_eq!(hex, format!("a80101026473686f700350{uid}0467616c6961732f610550{key}06f508050905"));
    }

    #[test]
    fn a_claim_is_of_one_namespace_made_once() {
        let claim = claim();
        assert!(claim.lives_with(&owner("shop", 1)));
        assert!(!claim.lives_with(&owner("shop", 2)) && !claim.lives_with(&owner("mall", 1)));
        let earlier = |namespace, uid| claim.is_of_earlier(namespace, ObjectUid::new([uid; 16]));
        assert_eq!([earlier("shop", 2), earlier("shop", 1), earlier("mall", 2)], [true, false, false]);
        let moved = claim.moved(&KeyId::new([8; 16], false), &owner("shop", 1), Timestamp::from_milliseconds(9));
        assert_eq!((moved.created_at, moved.updated_at.milliseconds()), (claim.created_at, 9));
    }

    #[test]
    fn an_alias_moves_between_keys_of_one_type_and_usage() {
        let key = |key_spec, key_usage| ImmutableSpec { key_spec, key_usage, origin: Origin::AwsKms };
        let symmetric = key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        let rsa = key(KeySpec::Rsa2048, KeyUsage::EncryptDecrypt);
        let signing = key(KeySpec::Rsa4096, KeyUsage::SignVerify);
        let elliptic = key(KeySpec::EccNistP256, KeyUsage::SignVerify);
        let imported = ImmutableSpec { origin: Origin::External, ..symmetric };
        let hmac = |spec| key(spec, KeyUsage::GenerateVerifyMac);
        let may = [(symmetric, imported), (signing, elliptic), (hmac(KeySpec::Hmac224), hmac(KeySpec::Hmac512))];
        assert!(may.into_iter().all(|(old, new)| may_follow(old, new)));
        let may_not = [(symmetric, rsa), (rsa, signing), (symmetric, hmac(KeySpec::Hmac256))];
        assert!(!may_not.into_iter().any(|(old, new)| may_follow(old, new)));
    }
}
