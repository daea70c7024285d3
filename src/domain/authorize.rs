//! Who may do what: one function, from the whole context of a request to a decision and its reasons.
//!
//! Order: an explicit Deny of the accepted policy; an Allow in it, or a live grant; then, only where the
//! policy delegates to the namespace, RBAC. Nothing else allows. Policies other than the default one and
//! grants come with their own features; the default policy delegates.

use crate::types::account::AccountId;
use crate::types::context::EncryptionContext;
use crate::types::ids::KeyId;
use crate::types::key::KeySpec;
use crate::types::principal::Principal;
use crate::types::time::Timestamp;

/// The RBAC verb of an operation: its name in lower case, but for those that Kubernetes has a verb for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Verb(pub &'static str);

/// Everything that a decision may depend on.
#[derive(Clone, Debug)]
pub struct RequestContext<'a> {
    /// The caller.
    pub principal: &'a Principal,
    /// What the caller wants to do.
    pub verb: Verb,
    /// The action in AWS's words, for messages: `kms:Encrypt`.
    pub action: &'static str,
    /// The account in which the operation acts.
    pub account: AccountId,
    /// The key, unless the operation involves none.
    pub key: Option<KeyFacts<'a>>,
    /// The encryption context of the request.
    pub encryption_context: Option<&'a EncryptionContext>,
    /// The alias by which the caller named the key.
    pub alias: Option<&'a str>,
    /// The service through which the call came.
    pub via: Option<&'a str>,
    /// The address that the call came from, for audit and conditions, never for identity.
    pub source: Option<&'a str>,
    /// Grant tokens of the request.
    pub grant_tokens: &'a [String],
    /// The time.
    pub now: Timestamp,
}

/// What a policy may look at of a key.
#[derive(Clone, Debug)]
pub struct KeyFacts<'a> {
    /// The id.
    pub key_id: KeyId,
    /// The account that the key lives in.
    pub account: AccountId,
    /// The namespace that the key lives in.
    pub namespace: &'a str,
    /// The name of its resource.
    pub name: &'a str,
    /// The spec.
    pub spec: KeySpec,
    /// Tags.
    pub tags: &'a std::collections::BTreeMap<String, String>,
    /// Whether the accepted policy delegates to the namespace; the default one does.
    pub delegates: bool,
}

/// What RBAC said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    /// It was not asked.
    NotAsked,
    /// It allows.
    Allowed,
    /// It does not allow.
    Denied,
    /// It could not be asked; an error denies.
    Failed,
}

/// Allowed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Go on.
    Allow,
    /// Refuse.
    Deny,
}

/// Why a decision is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The namespace's RBAC allows it.
    RbacAllows,
    /// The namespace's RBAC does not allow it.
    RbacDenies,
    /// RBAC could not be asked.
    ReviewFailed,
    /// The key lives in another account, and its policy says nothing of the caller.
    OtherAccount,
    /// The key has no policy and requires one.
    PolicyRequired,
}

/// A decision with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Allowed or not.
    pub effect: Effect,
    /// The sources that decided.
    pub because: Vec<Because>,
}

/// Whether RBAC has a say; it is asked only then.
#[must_use]
pub fn needs_review(context: &RequestContext<'_>) -> bool {
    match &context.key {
        None => true,
        Some(key) => key.delegates && key.account == context.principal.account,
    }
}

/// Decides. Total: without a source that allows, the answer is no.
#[must_use]
pub fn decide(context: &RequestContext<'_>, review: Review) -> Decision {
    let because = match (&context.key, review) {
        (Some(key), _) if key.account != context.principal.account => Because::OtherAccount,
        (Some(key), _) if !key.delegates => Because::PolicyRequired,
        (_, Review::Allowed) => Because::RbacAllows,
        (_, Review::Denied | Review::NotAsked) => Because::RbacDenies,
        (_, Review::Failed) => Because::ReviewFailed,
    };
    let effect = if because == Because::RbacAllows { Effect::Allow } else { Effect::Deny };
    Decision { effect, because: vec![because] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn decision(caller: u64, delegates: bool, review: Review) -> (Effect, bool) {
        let principal = Principal::local_root(AccountId::from_remainder(caller));
        let tags = BTreeMap::new();
        let context = RequestContext {
            principal: &principal,
            verb: Verb("encrypt"),
            action: "kms:Encrypt",
            account: AccountId::from_remainder(1),
            key: Some(KeyFacts {
                key_id: KeyId::new([0; 16], false),
                account: AccountId::from_remainder(1),
                namespace: "default",
                name: "orders",
                spec: KeySpec::SymmetricDefault,
                tags: &tags,
                delegates,
            }),
            encryption_context: None,
            alias: None,
            via: None,
            source: None,
            grant_tokens: &[],
            now: Timestamp::default(),
        };
        (decide(&context, review).effect, needs_review(&context))
    }

    #[test]
    fn only_rbac_of_the_keys_own_account_allows() {
        for review in [Review::NotAsked, Review::Allowed, Review::Denied, Review::Failed] {
            for (caller, delegates) in [(1, true), (1, false), (2, true), (2, false)] {
                let allowed = review == Review::Allowed && caller == 1 && delegates;
                let (effect, asks) = decision(caller, delegates, review);
                assert_eq!(effect == Effect::Allow, allowed, "{review:?} {caller} {delegates}");
                assert_eq!(asks, caller == 1 && delegates);
            }
        }
    }
}
