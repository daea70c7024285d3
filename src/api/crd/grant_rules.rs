//! Rules on the spec of a `Grant`.

use kube::core::{Reason, Rule};

use super::rules::{field_rule, rule};

/// Characters of a key of an encryption context in a constraint; AWS bounds its value by the same number.
const CONTEXT_KEY_CHARACTERS_MAX: usize = 384;

/// One grant, one principal, as in AWS.
pub(super) fn one_principal() -> Rule {
    let expression = "[has(self.serviceAccount), has(self.user), has(self.group)].exists_one(given, given)";
    rule(expression, "exactly one of serviceAccount, user and group must be given", Reason::FieldValueInvalid)
}

/// A service account is bound to its namespace; as a user it would be bound to a name that can be taken again.
pub(super) fn user_is_no_service_account() -> Rule {
    let expression = "!has(self.user) || !self.user.startsWith('system:serviceaccount:')";
    let message = "user must not name a service account; give serviceAccount instead";
    field_rule("user", expression, message, Reason::FieldValueInvalid)
}

/// A grant is for one service account, not for all of a namespace.
pub(super) fn group_is_no_namespace() -> Rule {
    let expression = "!has(self.group) || !self.group.startsWith('system:serviceaccounts:')";
    let message =
        "group must not name the service accounts of a namespace; write a KeyPolicy for the namespace instead";
    field_rule("group", expression, message, Reason::FieldValueInvalid)
}

/// Equality is the stricter of the two, so both together say no more than one.
pub(super) fn one_constraint() -> Rule {
    let expression = "has(self.encryptionContextEquals) != has(self.encryptionContextSubset)";
    let message = "exactly one of encryptionContextEquals and encryptionContextSubset must be given";
    rule(expression, message, Reason::FieldValueInvalid)
}

/// The length of keys of an encryption context, which a structural schema cannot bound.
pub(super) fn context_key_length() -> Rule {
    let expression = format!("self.all(key, key.size() >= 1 && key.size() <= {CONTEXT_KEY_CHARACTERS_MAX})");
    let message = format!("a key of an encryption context must have 1 to {CONTEXT_KEY_CHARACTERS_MAX} characters");
    rule(expression, message, Reason::FieldValueInvalid)
}
