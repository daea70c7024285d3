//! Which account a namespace is, and where the API makes the keys of an account.

use crate::crypto::derive;
use crate::types::account::AccountId;
use crate::types::principal::Principal;

/// How accounts and namespaces belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accounts {
    /// In a cluster: an account is a namespace, by a fixed hash.
    Namespaces,
    /// In `coffer local`: one account for every namespace, but for namespaces named `account-` and twelve
    /// digits, which hold the keys that callers of other accounts make.
    Shared(AccountId),
}

/// The namespace of keys that the API makes in the shared account.
const SHARED_NAMESPACE: &str = "default";

impl Accounts {
    /// The account of a namespace.
    #[must_use]
    pub fn account_of(&self, namespace: &str) -> AccountId {
        match self {
            Self::Namespaces => derive::account(namespace),
            Self::Shared(shared) => namespace.strip_prefix("account-").and_then(AccountId::parse).unwrap_or(*shared),
        }
    }

    /// Whether the keys of a namespace are a caller's own. Two namespaces may share the digits of an account, and
    /// do not share their keys.
    #[must_use]
    pub fn owns(&self, principal: &Principal, namespace: &str) -> bool {
        match self {
            Self::Namespaces => principal.namespace.as_deref() == Some(namespace),
            Self::Shared(_) => self.account_of(namespace) == principal.account,
        }
    }

    /// Within which names of aliases are unique: a namespace, or an account where namespaces share one.
    #[must_use]
    pub fn alias_scope(&self, namespace: &str) -> String {
        match self {
            Self::Namespaces => namespace.to_owned(),
            Self::Shared(_) => self.account_of(namespace).to_string(),
        }
    }

    /// The namespace in which CreateKey makes the keys of a caller, where there is one.
    #[must_use]
    pub fn namespace_of(&self, principal: &Principal) -> Option<String> {
        match self {
            Self::Namespaces => principal.namespace.clone(),
            Self::Shared(shared) if *shared == principal.account => Some(SHARED_NAMESPACE.to_owned()),
            Self::Shared(_) => Some(format!("account-{}", principal.account)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_lead_back_to_their_accounts() {
        let shared = Accounts::Shared(AccountId::from_remainder(7));
        for account in [AccountId::from_remainder(7), AccountId::from_remainder(111_122_223_333)] {
            let namespace = shared.namespace_of(&Principal::local_root(account));
            assert_eq!(namespace.map(|namespace| shared.account_of(&namespace)), Some(account));
        }
        assert_eq!(shared.account_of("account-7"), AccountId::from_remainder(7));
        assert_eq!(Accounts::Namespaces.account_of("default").to_string(), "401845065923");
    }
}
