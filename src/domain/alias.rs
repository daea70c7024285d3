//! Aliases: names for keys, claimed once for each account ([AWS: aliases](https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html)).

use minicbor::{Decode, Encode};

use super::encoding::Content;
use super::record::{ImmutableSpec, Record};
use crate::types::ids::{KeyId, ObjectUid};
use crate::types::time::Timestamp;

/// What binds an alias to a key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AliasClaim {
    /// The schema that the writer knew.
    #[n(1)]
    pub schema: u32,
    /// The namespace that holds the alias.
    #[n(2)]
    pub namespace: String,
    /// The uid of that namespace. A namespace that was made again may take the name over.
    #[n(3)]
    pub namespace_uid: ObjectUid,
    /// The alias, with its `alias/`.
    #[n(4)]
    pub alias: String,
    /// The bytes of the key id.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub key_bytes: [u8; 16],
    /// The multi-Region flag of the key id.
    #[n(6)]
    pub multi_region: bool,
    /// The `KeyAlias` that keeps the alias; absent where the API made it.
    #[n(7)]
    pub owner: Option<String>,
    /// When it was made.
    #[n(8)]
    pub created_at: Timestamp,
    /// When it was moved last.
    #[n(9)]
    pub updated_at: Timestamp,
}

impl Content for AliasClaim {
    fn schema(&self) -> u32 {
        self.schema
    }
}

impl AliasClaim {
    /// The key that the alias names.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        KeyId::new(self.key_bytes, self.multi_region)
    }

    /// The same alias for another key.
    #[must_use]
    pub fn moved_to(&self, key_id: &KeyId, now: Timestamp) -> Self {
        let (key_bytes, multi_region) = (*key_id.as_bytes(), key_id.is_multi_region());
        Self { key_bytes, multi_region, updated_at: now, ..self.clone() }
    }
}

/// Whether an alias may be moved from one key to another: "The current and new KMS key must be the same type, and they
/// must have the same key usage."
#[must_use]
pub fn may_move(from: &Record, to: &Record) -> bool {
    let kind = |spec: ImmutableSpec| (spec.key_spec.usages(), spec.key_usage);
    kind(from.immutable) == kind(to.immutable)
}

/// Why a text is no alias that a customer may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasNameFault {
    /// It does not begin with `alias/`.
    NoPrefix,
    /// It begins with `alias/aws/`.
    Reserved,
    /// It has nothing after `alias/`, or a colon in it.
    Malformed,
}

/// Checks the name of a customer's alias, whose characters were checked before.
///
/// # Errors
/// What is wrong with it.
pub fn check_alias_name(alias: &str) -> Result<(), AliasNameFault> {
    let Some(name) = alias.strip_prefix("alias/") else { return Err(AliasNameFault::NoPrefix) };
    if name.starts_with("aws/") {
        return Err(AliasNameFault::Reserved);
    }
    if name.is_empty() || name.contains(':') { Err(AliasNameFault::Malformed) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reconcile::tests::record_with_material;
    use crate::types::key::{KeySpec, KeyUsage};

    #[test]
    fn names_are_accepted_and_refused_as_awss() {
        for right in ["alias/a", "alias/a/b", "alias/aws", "alias/awsome", "alias/_-9"] {
            assert_eq!(check_alias_name(right), Ok(()), "{right}");
        }
        let cases = [
            ("", AliasNameFault::NoPrefix),
            ("a", AliasNameFault::NoPrefix),
            ("alias", AliasNameFault::NoPrefix),
            ("alias/", AliasNameFault::Malformed),
            ("alias/a:b", AliasNameFault::Malformed),
            ("alias/aws/", AliasNameFault::Reserved),
            ("alias/aws/s3", AliasNameFault::Reserved),
        ];
        for (wrong, fault) in cases {
            assert_eq!(check_alias_name(wrong), Err(fault), "{wrong}");
        }
    }

    #[test]
    fn an_alias_moves_between_keys_of_one_type_and_usage() {
        let symmetric = record_with_material();
        let of = |key_spec, key_usage| {
            let mut record = symmetric.clone();
            (record.immutable.key_spec, record.immutable.key_usage) = (key_spec, key_usage);
            record
        };
        let signing = of(KeySpec::Rsa2048, KeyUsage::SignVerify);
        assert!(may_move(&symmetric, &symmetric) && may_move(&signing, &of(KeySpec::Rsa4096, KeyUsage::SignVerify)));
        assert!(!may_move(&symmetric, &signing));
        assert!(!may_move(&signing, &of(KeySpec::Rsa2048, KeyUsage::EncryptDecrypt)));
        assert!(!may_move(&signing, &of(KeySpec::EccNistP256, KeyUsage::SignVerify)));
    }
}
