//! Names of aliases: other names for keys, which can be moved from one key to another.

use super::limits::ALIAS_CHARACTERS_MAX;

/// What the name of every alias begins with.
pub const PREFIX: &str = "alias/";
/// What the names of platform-managed keys begin with; reserved for them.
pub const RESERVED_PREFIX: &str = "alias/aws/";

/// Why a text is no name that a caller may give to an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AliasNameFault {
    /// It does not begin with the prefix.
    #[error("must begin with `alias/`")]
    Prefix,
    /// Nothing follows the prefix.
    #[error("needs a name after `alias/`")]
    Empty,
    /// It is reserved for platform-managed keys.
    #[error("must not begin with `alias/aws/`, which is reserved; choose another name")]
    Reserved,
    /// It has more than 256 characters.
    #[error("must have at most 256 characters")]
    Length,
    /// It has other characters than letters, digits, `/`, `_` and `-`.
    #[error("must consist of letters, digits, `/`, `_` and `-`")]
    Characters,
}

/// Checks a name that a caller gives to an alias. A colon, which AWS KMS's published pattern allows, it refuses all
/// the same, and so do we.
///
/// # Errors
/// The first fault, in the order in which AWS KMS finds them.
pub fn check_name(name: &str) -> Result<(), AliasNameFault> {
    let rest = name.strip_prefix(PREFIX).ok_or(AliasNameFault::Prefix)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-');
    if name.starts_with(RESERVED_PREFIX) {
        Err(AliasNameFault::Reserved)
    } else if rest.is_empty() {
        Err(AliasNameFault::Empty)
    } else if name.len() > ALIAS_CHARACTERS_MAX {
        Err(AliasNameFault::Length)
    } else if !rest.bytes().all(allowed) {
        Err(AliasNameFault::Characters)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_and_refused_as_aws_does() {
        let longest = format!("alias/{}", "a".repeat(250));
        for name in ["alias/a", "alias/shop/Orders_v1-x", "alias/awsome", "alias/my/aws/x", &longest] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let too_long = format!("{longest}a");
        let cases = [
            ("", AliasNameFault::Prefix),
            ("orders", AliasNameFault::Prefix),
            ("ALIAS/orders", AliasNameFault::Prefix),
            ("alias/", AliasNameFault::Empty),
            ("alias/aws/envelope", AliasNameFault::Reserved),
            (&too_long, AliasNameFault::Length),
            ("alias/my:orders", AliasNameFault::Characters),
            ("alias/my orders", AliasNameFault::Characters),
            ("alias/zażółć", AliasNameFault::Characters),
            ("alias/orders\n", AliasNameFault::Characters),
        ];
        for (name, fault) in cases {
            assert_eq!(check_name(name), Err(fault), "{name}");
        }
    }
}
