//! Rules on the spec of a `KeyPolicy`: mistakes that would make a statement match nobody or nothing, and a
//! denial deny nothing.

use kube::core::{Reason, Rule};

use super::rules::{field_rule, rule};
use crate::api::aws::operation::Operation;

/// Permissions that are no operations. ReEncrypt, which needs one on each of its keys, is itself none.
const OTHER_PERMISSIONS: &[&str] = &["ReEncryptFrom", "ReEncryptTo", "SynchronizeMultiRegionKey"];

/// AWS's condition operators
/// ([AWS: condition operators](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html)).
const OPERATORS: &str = "^(ForAllValues:|ForAnyValue:)?(\
    (String(Not)?Equals(IgnoreCase)?|String(Not)?Like|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)|\
    Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like))(IfExists)?|Null)$";

/// Characters of a condition key; the longest ones hold a key of an encryption context.
const CONDITION_KEY_CHARACTERS_MAX: usize = 512;

/// A policy that allows nothing and delegates nothing would lock everybody out.
pub(super) fn not_empty() -> Rule {
    let expression = "self.delegateToNamespace || has(self.statements) && self.statements.exists(statement, \
                      statement.effect == 'Allow')";
    let message = "spec.statements must have a statement whose effect is Allow where spec.delegateToNamespace is \
                   false; else nobody could use or manage the key";
    field_rule("statements", expression, message, Reason::FieldValueInvalid)
}

/// Two statements of one name could not be told apart in a denial. With the reason `FieldValueDuplicate`, the API
/// server would leave the message out.
pub(super) fn unique_sid() -> Rule {
    let expression = "self.all(one, !has(one.sid) || self.exists_one(other, other.?sid.orValue('') == one.sid))";
    rule(expression, "each sid must be unique in the policy; rename one", Reason::FieldValueInvalid)
}

/// A misspelled operation would match nothing, silently.
pub(super) fn known_action() -> Rule {
    let operations = Operation::ALL.iter().filter(|operation| **operation != Operation::ReEncrypt);
    let permissions = operations.map(|operation| operation.as_str()).chain(OTHER_PERMISSIONS.iter().copied());
    let names: Vec<String> = permissions.map(|name| format!("'kms:{name}'")).collect();
    let expression = format!(
        "self.actions.all(action, action.contains('*') || action.contains('?') || action in [{}])",
        names.join(", ")
    );
    let message = "actions must be operations of AWS KMS such as `kms:Encrypt`, or patterns such as \
                   `kms:GenerateDataKey*`";
    field_rule("actions", expression, message, Reason::FieldValueInvalid)
}

/// A misspelled operator would be no condition.
pub(super) fn known_operator() -> Rule {
    let expression = format!("!has(self.conditions) || self.conditions.all(operator, operator.matches('{OPERATORS}'))");
    let message = "conditions must use condition operators of AWS, such as StringEquals or ForAnyValue:StringLike";
    field_rule("conditions", expression, message, Reason::FieldValueInvalid)
}

/// The length of condition keys, which a structural schema cannot bound.
pub(super) fn condition_key_length() -> Rule {
    let expression = format!(
        "!has(self.conditions) || self.conditions.all(operator, self.conditions[operator].all(key, key.size() >= 1 && \
         key.size() <= {CONDITION_KEY_CHARACTERS_MAX}))"
    );
    let message = format!("a condition key must have 1 to {CONDITION_KEY_CHARACTERS_MAX} characters");
    field_rule("conditions", expression, message, Reason::FieldValueInvalid)
}

/// Either some, or everybody: a list beside `any` would look like a limit and be none.
pub(super) fn somebody() -> Rule {
    let some = "(has(self.serviceAccounts) || has(self.users) || has(self.groups) || has(self.namespaces))";
    let expression = format!("self.?any.orValue(false) != {some}");
    let message = "principals must name somebody: give serviceAccounts, users, groups or namespaces, or `any: true` \
                   alone";
    rule(expression, message, Reason::FieldValueInvalid)
}

/// A service account is bound to its namespace; as a user it would be bound to a name that can be taken again.
pub(super) fn users_are_no_service_accounts() -> Rule {
    let expression = "!has(self.users) || self.users.all(user, !user.startsWith('system:serviceaccount:'))";
    let message = "users must not name service accounts; give serviceAccounts instead";
    field_rule("users", expression, message, Reason::FieldValueInvalid)
}

/// The same for the group of all service accounts of a namespace.
pub(super) fn groups_are_no_namespaces() -> Rule {
    let expression = "!has(self.groups) || self.groups.all(group, !group.startsWith('system:serviceaccounts:'))";
    let message = "groups must not name the service accounts of a namespace; give namespaces instead";
    field_rule("groups", expression, message, Reason::FieldValueInvalid)
}
