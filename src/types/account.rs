//! Accounts and Regions: values of a request, never globals.

/// Twelve digits. In a cluster an account is a namespace; `coffer local` has one for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(u64);

/// One more than the greatest account.
const ACCOUNTS: u64 = 1_000_000_000_000;

impl AccountId {
    /// The account of users and groups, which have no namespace.
    pub const INSTALLATION: Self = Self(0);

    /// The account whose number is the remainder modulo 10^12.
    #[must_use]
    pub const fn from_remainder(number: u64) -> Self {
        Self(number % ACCOUNTS)
    }

    /// Reads exactly twelve digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok().map(Self)).flatten()
    }
}

impl std::fmt::Display for AccountId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:012}", self.0)
    }
}

/// The name of a Region, shaped as AWS shapes them: `us-east-1`, `eu-central-2`, `us-gov-west-1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

impl Region {
    /// The Region of a request that names none.
    pub const DEFAULT: &'static str = "us-east-1";

    /// Reads a name such as `us-east-1`: lower-case words and a number, joined by hyphens, at most 32
    /// characters. The shape keeps a Region safe as the name of a folder.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts: Vec<&str> = text.split('-').collect();
        let number = parts.pop()?;
        let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
        let is_number = matches!(number.len(), 1..=2) && number.bytes().all(|byte| byte.is_ascii_digit());
        let shaped = text.len() <= 32 && parts.len() >= 2 && parts.iter().all(is_word) && is_number;
        shaped.then(|| Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Region {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl std::fmt::Display for Region {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_twelve_digits() {
        assert_eq!(AccountId::parse("000000000007").map(|id| id.to_string()), Some("000000000007".to_owned()));
        for wrong in ["", "7", "+00000000007", "0000000000070", "00000000000a"] {
            assert_eq!(AccountId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_region_is_shaped_as_awss() {
        for right in ["us-east-1", "us-gov-west-1", "ap-southeast-12"] {
            assert!(Region::parse(right).is_some(), "{right}");
        }
        for wrong in ["", "us", "us-east", "us-1", "US-EAST-1", "../x-a-1", "us-east-1/", "us--1", "us-east-123"] {
            assert!(Region::parse(wrong).is_none(), "{wrong}");
        }
    }
}
