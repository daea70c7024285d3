//! Amazon resource names of keys and aliases, and the forms in which a request names a key.

use super::account::{AccountId, Region};
use super::ids::KeyId;

/// Where a key lives, as a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The Region part of the ARN.
    pub region: Region,
    /// The account part of the ARN.
    pub account: AccountId,
}

impl Place {
    /// The ARN of a key here.
    #[must_use]
    pub fn key_arn(&self, key_id: &KeyId) -> String {
        format!("arn:aws:kms:{}:{}:key/{key_id}", self.region, self.account)
    }

    /// The ARN of an alias here; `alias` begins with `alias/`.
    #[must_use]
    pub fn alias_arn(&self, alias: &str) -> String {
        format!("arn:aws:kms:{}:{}:{alias}", self.region, self.account)
    }
}

/// A key as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyReference {
    /// By id, in the caller's account.
    Id(KeyId),
    /// By alias, in the caller's account; begins with `alias/`.
    Alias(String),
    /// By ARN of a key.
    Arn(AccountId, KeyId),
    /// By ARN of an alias.
    AliasArn(AccountId, String),
}

/// Why a text names no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Neither an id nor an alias nor an ARN.
    #[error("not a key id, a key arn, an alias name or an alias arn")]
    Malformed,
    /// An ARN of AWS KMS in another Region.
    #[error("an arn of another region")]
    OtherRegion,
}

impl KeyReference {
    /// Reads one of the four forms
    /// ([AWS: key identifiers](https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id)).
    ///
    /// # Errors
    /// `Malformed` for any other text, `OtherRegion` for an ARN that is not of `region`.
    pub fn parse(text: &str, region: &Region) -> Result<Self, ReferenceError> {
        if text.starts_with("arn:") {
            return Self::parse_arn(text, region);
        }
        if is_alias(text) {
            return Ok(Self::Alias(text.to_owned()));
        }
        KeyId::parse(text).map(Self::Id).ok_or(ReferenceError::Malformed)
    }

    fn parse_arn(text: &str, region: &Region) -> Result<Self, ReferenceError> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let &["arn", partition, service, named_region, account, resource] = parts.as_slice() else {
            return Err(ReferenceError::Malformed);
        };
        if (partition, service) != ("aws", "kms") {
            return Err(ReferenceError::Malformed);
        }
        if named_region != region.as_str() {
            return Err(ReferenceError::OtherRegion);
        }
        let account = AccountId::parse(account).ok_or(ReferenceError::Malformed)?;
        match resource.strip_prefix("key/").map(KeyId::parse) {
            Some(Some(key_id)) => Ok(Self::Arn(account, key_id)),
            None if is_alias(resource) => Ok(Self::AliasArn(account, resource.to_owned())),
            _ => Err(ReferenceError::Malformed),
        }
    }
}

fn is_alias(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/' | b'_' | b'-');
    text.strip_prefix("alias/").is_some_and(|name| !name.is_empty()) && text.len() <= 256 && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "f6b163df-a8b4-4126-a262-b9a07684c57d";

    fn parse(text: &str) -> Result<KeyReference, ReferenceError> {
        KeyReference::parse(text, &Region::default())
    }

    #[test]
    fn the_four_forms_are_read() {
        let key_id = KeyId::parse(ID).unwrap();
        let account = AccountId::parse("111122223333").unwrap();
        assert_eq!(parse(ID), Ok(KeyReference::Id(key_id)));
        assert_eq!(parse("alias/a:b/c"), Ok(KeyReference::Alias("alias/a:b/c".to_owned())));
        let place = Place { region: Region::default(), account };
        assert_eq!(parse(&place.key_arn(&key_id)), Ok(KeyReference::Arn(account, key_id)));
        assert_eq!(parse(&place.alias_arn("alias/a")), Ok(KeyReference::AliasArn(account, "alias/a".to_owned())));
    }

    #[test]
    fn everything_else_is_refused() {
        use ReferenceError::{Malformed, OtherRegion};
        let cases = [
            ("", Malformed),
            ("alias/", Malformed),
            ("alias/a b", Malformed),
            ("arn:aws:kms", Malformed),
            ("arn:aws:kms:us-east-1:1:key/x", Malformed),
            ("arn:aws:kms:us-east-1:111122223333:key/", Malformed),
            ("arn:aws:kms:us-east-1:111122223333:grant/x", Malformed),
            ("arn:aws:kms:eu-west-1:111122223333:key/f6b163df-a8b4-4126-a262-b9a07684c57d", OtherRegion),
            ("arn:aws:s3:us-east-1:111122223333:key/f6b163df-a8b4-4126-a262-b9a07684c57d", Malformed),
        ];
        for (text, error) in cases {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }
}
