//! Who calls, as the authenticator of the process found out.

use super::account::AccountId;

/// Kind of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A Kubernetes ServiceAccount; an AWS role on the wire.
    ServiceAccount,
    /// A Kubernetes user; an AWS user on the wire.
    User,
    /// The account itself: whatever the namespace's RBAC allows.
    Root,
}

/// How a caller proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthenticationMethod {
    /// A projected ServiceAccount token.
    ServiceAccountToken,
    /// A client certificate.
    ClientCertificate,
    /// An AWS signature, version 4, made with a known secret key.
    Signature,
    /// Nothing: the listener is for its owner alone.
    LocalOwner,
}

/// A caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The account that the caller belongs to.
    pub account: AccountId,
    /// ServiceAccount, user or root.
    pub kind: PrincipalKind,
    /// The namespace of a ServiceAccount.
    pub namespace: Option<String>,
    /// Name without namespace.
    pub name: String,
    /// The uid of the ServiceAccount or user, where the authenticator knows it.
    pub uid: Option<String>,
    /// Groups, as the authenticator names them.
    pub groups: Vec<String>,
    /// The pod that the token is bound to.
    pub pod_uid: Option<String>,
    /// The node that the pod runs on.
    pub node: Option<String>,
    /// The id of the credential: the token's `jti`, or the access key id.
    pub credential_id: Option<String>,
    /// How the caller proved who it is.
    pub method: AuthenticationMethod,
}

impl Principal {
    /// The root of an account, on a listener that is for its owner alone.
    #[must_use]
    pub const fn local_root(account: AccountId) -> Self {
        Self {
            account,
            kind: PrincipalKind::Root,
            namespace: None,
            name: String::new(),
            uid: None,
            groups: Vec::new(),
            pod_uid: None,
            node: None,
            credential_id: None,
            method: AuthenticationMethod::LocalOwner,
        }
    }

    /// The name by which Kubernetes knows the caller; none for the root of an account.
    #[must_use]
    pub fn kubernetes_name(&self) -> Option<String> {
        match (self.kind, &self.namespace) {
            (PrincipalKind::ServiceAccount, Some(namespace)) => {
                Some(format!("system:serviceaccount:{namespace}:{}", self.name))
            }
            (PrincipalKind::Root, _) => None,
            _ => Some(self.name.clone()),
        }
    }

    /// The AWS form of the name: `role/…` for a ServiceAccount, `user/…` for a user, `root`.
    ///
    /// IAM names hold letters, digits and `+=,.@-`. Any other byte, and the escape character `_` itself,
    /// is written as `_` and two hex digits, so that different names stay different.
    #[must_use]
    pub fn arn(&self) -> String {
        let account = self.account;
        match self.kind {
            PrincipalKind::Root => root_arn(account),
            PrincipalKind::User => format!("arn:aws:iam::{account}:user/{}", escape(&self.name)),
            PrincipalKind::ServiceAccount => format!("arn:aws:iam::{account}:role/{}", escape(&self.name)),
        }
    }
}

/// The ARN of an account itself.
#[must_use]
pub fn root_arn(account: AccountId) -> String {
    format!("arn:aws:iam::{account}:root")
}

fn escape(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@-".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("_{byte:02x}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_principals_stay_different() {
        let mut principal = Principal::local_root(AccountId::INSTALLATION);
        assert_eq!(principal.arn(), "arn:aws:iam::000000000000:root");
        principal.kind = PrincipalKind::User;
        for (name, escaped) in [("alice@x.org", "alice@x.org"), ("a_b", "a_5fb"), ("oidc:é", "oidc_3a_c3_a9")] {
            name.clone_into(&mut principal.name);
            assert_eq!(principal.arn(), format!("arn:aws:iam::000000000000:user/{escaped}"));
        }
    }
}
