//! Rules that several kinds share, in the expression language of the cluster's schemas (CEL).
//!
//! Messages name the field and what to do, and never repeat a value. The API server adds the path in front.

use kube::core::{Message, Reason, Rule};

/// A rule on a part of a resource.
pub(super) fn rule(expression: impl Into<String>, message: impl Into<String>, reason: Reason) -> Rule {
    Rule::new(expression).message(Message::Message(message.into())).reason(reason)
}

/// A rule that belongs to one field, although it stands on the field's parent.
pub(super) fn field_rule(
    field: &str,
    expression: impl Into<String>,
    message: impl Into<String>,
    reason: Reason,
) -> Rule {
    rule(expression, message, reason).field_path(format!(".{field}"))
}

/// Names are values of labels too, which are capped at 63 characters. It stands on the root, the only place
/// where a rule sees the name.
pub(super) fn short_name() -> Rule {
    let message = "metadata.name must have at most 63 characters; choose a shorter name";
    rule("self.metadata.name.size() <= 63", message, Reason::FieldValueInvalid)
}

/// The rule that a required field keeps its value.
pub(super) fn unchanged(message: &str) -> Rule {
    rule("self == oldSelf", message, Reason::FieldValueForbidden)
}

/// "The alias name cannot begin with alias/aws/. The alias/aws/ prefix is reserved".
pub(super) fn alias_not_reserved() -> Rule {
    let message = "spec.aliasName must not begin with `alias/aws/`, which is reserved; choose another name";
    rule("!self.startsWith('alias/aws/')", message, Reason::FieldValueInvalid)
}

/// One installation in one cluster, and so one resource of a fixed name.
pub(super) fn installation_name() -> Rule {
    let message = "metadata.name must be `coffer`; a cluster has one Installation";
    rule("self.metadata.name == 'coffer'", message, Reason::FieldValueInvalid)
}
