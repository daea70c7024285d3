//! Rules on the spec of a `KmsKey`. What AWS allows is taken from the tables in `types::key`, so that the
//! cluster's schema and the engine cannot disagree.
//!
//! A rule across several fields stands on the parent, because a rule on an optional field is not asked when
//! the field is absent.

use kube::core::{Reason, Rule};

use super::rules::{field_rule, rule};
use crate::types::key::KeySpec;
use crate::types::limits::TAG_KEY_CHARACTERS_MAX;

/// `spec.keySpec`, with its default.
const KEY_SPEC: &str = "self.?keySpec.orValue('SYMMETRIC_DEFAULT')";
/// `spec.origin`, with its default.
const ORIGIN: &str = "self.?origin.orValue('Generated')";
/// `spec.multiRegion`, with its default.
const MULTI_REGION: &str = "self.?multiRegion.orValue(false)";

/// The rule that a field keeps its value, where absence means the default: a default may be written out later
/// and left out again, everything else can be neither changed nor added nor removed.
///
/// The values are compared without `orValue` or a conditional, which would hide their bounds from the API
/// server's estimate of the rule's cost, and so it would refuse the definition.
pub(super) fn immutable(field: &str, default: Option<&str>) -> Rule {
    let is_default = |whole: &str| match default {
        Some(default) => format!("(!has({whole}.{field}) || {whole}.{field} == '{default}')"),
        None => format!("!has({whole}.{field})"),
    };
    let same = format!("has(self.{field}) && has(oldSelf.{field}) && self.{field} == oldSelf.{field}");
    unchanged(field, &format!("({same}) || ({} && {})", is_default("self"), is_default("oldSelf")))
}

/// The same for `multiRegion`, which is no text.
pub(super) fn immutable_multi_region() -> Rule {
    unchanged("multiRegion", &format!("{MULTI_REGION} == oldSelf.?multiRegion.orValue(false)"))
}

fn unchanged(field: &str, expression: &str) -> Rule {
    let message = format!("spec.{field} cannot be changed; a key with another {field} is another key");
    field_rule(field, expression, message, Reason::FieldValueForbidden)
}

/// "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
pub(super) fn usage_given() -> Rule {
    let expression = format!("has(self.keyUsage) || {KEY_SPEC} == 'SYMMETRIC_DEFAULT'");
    let message = "spec.keyUsage must be given where spec.keySpec is not SYMMETRIC_DEFAULT";
    field_rule("keyUsage", expression, message, Reason::FieldValueRequired)
}

/// The rule on the usage of this spec and of all that may have the same usages.
pub(super) fn usage_possible(member: KeySpec) -> Rule {
    let usages: Vec<&str> = member.usages().iter().map(|usage| usage.as_str()).collect();
    let alike = KeySpec::ALL.iter().filter(|spec| spec.usages() == member.usages());
    let specs: Vec<&str> = alike.map(|spec| spec.as_str()).collect();
    let expression =
        format!("!({KEY_SPEC} in {}) || !has(self.keyUsage) || self.keyUsage in {}", list(&specs), list(&usages));
    let message = format!("spec.keyUsage must be {} where spec.keySpec is {}", words(&usages), words(&specs));
    field_rule("keyUsage", expression, message, Reason::FieldValueInvalid)
}

/// "Custom key stores support only symmetric encryption KMS keys."
pub(super) fn key_store_spec() -> Rule {
    let expression = format!("{ORIGIN} != 'KeyStore' || {KEY_SPEC} == 'SYMMETRIC_DEFAULT'");
    let message = "spec.keySpec must be SYMMETRIC_DEFAULT where spec.origin is KeyStore";
    field_rule("keySpec", expression, message, Reason::FieldValueInvalid)
}

/// "You cannot create multi-Region keys in a custom key store."
pub(super) fn key_store_region() -> Rule {
    let expression = format!("{ORIGIN} != 'KeyStore' || !{MULTI_REGION}");
    let message = "spec.multiRegion must be false where spec.origin is KeyStore";
    field_rule("multiRegion", expression, message, Reason::FieldValueInvalid)
}

/// "Automatic key rotation is supported only on symmetric encryption KMS keys" with material made by the service.
pub(super) fn automatic_rotation() -> Rule {
    let possible = format!("{KEY_SPEC} == 'SYMMETRIC_DEFAULT' && {ORIGIN} == 'Generated'");
    let expression = format!("!self.?rotation.?automatic.orValue(false) || ({possible})");
    let message = "spec.rotation.automatic can be true only where spec.keySpec is SYMMETRIC_DEFAULT and spec.origin \
                   is Generated";
    field_rule("rotation.automatic", expression, message, Reason::FieldValueInvalid)
}

/// "You can perform on-demand rotation of symmetric encryption keys", generated or imported.
pub(super) fn on_demand_rotation() -> Rule {
    let possible = format!("{KEY_SPEC} == 'SYMMETRIC_DEFAULT' && {ORIGIN} != 'KeyStore'");
    let expression = format!("!self.?rotation.?onDemandRequest.hasValue() || ({possible})");
    let message = "spec.rotation.onDemandRequest can be given only where spec.keySpec is SYMMETRIC_DEFAULT and \
                   spec.origin is Generated or Imported";
    field_rule("rotation.onDemandRequest", expression, message, Reason::FieldValueInvalid)
}

/// A period alone would look like rotation and be none.
pub(super) fn rotation_period() -> Rule {
    let expression = "!self.?rotation.?periodDays.hasValue() || self.?rotation.?automatic.hasValue()";
    let message = "spec.rotation.automatic must be given beside spec.rotation.periodDays; the period acts only \
                   while it is true";
    field_rule("rotation.automatic", expression, message, Reason::FieldValueRequired)
}

/// The id tells whether a key is a multi-Region key, so both fields must agree.
pub(super) fn key_id_form() -> Rule {
    let expression = format!("!has(self.keyId) || self.keyId.startsWith('mrk-') == {MULTI_REGION}");
    let message = "spec.keyId must begin with `mrk-` where spec.multiRegion is true, and must not where it is not";
    field_rule("keyId", expression, message, Reason::FieldValueInvalid)
}

/// The length of tag keys, which a structural schema cannot bound.
pub(super) fn tag_key_length() -> Rule {
    let expression = format!("self.all(key, key.size() >= 1 && key.size() <= {TAG_KEY_CHARACTERS_MAX})");
    let message = format!("a tag key must have 1 to {TAG_KEY_CHARACTERS_MAX} characters");
    rule(expression, message, Reason::FieldValueInvalid)
}

/// "Tags beginning with aws: are reserved".
pub(super) fn tag_key_reserved() -> Rule {
    let expression = "self.all(key, key.size() < 4 || key.substring(0, 4).lowerAscii() != 'aws:')";
    let message = "a tag key must not begin with `aws:`, which is reserved; choose another prefix";
    rule(expression, message, Reason::FieldValueInvalid)
}

/// A list in the expression language; the words have no quotes in them.
fn list(words: &[&str]) -> String {
    format!("['{}']", words.join("', '"))
}

/// `A, B or C`.
fn words(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::key::KeyUsage;

    #[test]
    fn a_usage_rule_lists_every_spec_of_its_kind() {
        let rule = serde_json::to_value(usage_possible(KeySpec::Rsa3072)).unwrap();
        assert_eq!(
            rule["message"],
            "spec.keyUsage must be ENCRYPT_DECRYPT or SIGN_VERIFY where spec.keySpec is RSA_2048, RSA_3072 or RSA_4096"
        );
        assert_eq!(rule["fieldPath"], ".keyUsage");
    }

    #[test]
    fn each_spec_has_exactly_one_usage_rule() {
        let definition = crate::api::crd::definitions().into_iter().find(|(file, _)| *file == "kmskeys.yaml").unwrap();
        let yaml = serde_json::to_string(&definition.1).unwrap();
        for spec in KeySpec::ALL {
            let rule = usage_possible(*spec);
            assert_eq!(yaml.matches(&serde_json::to_string(&rule.rule).unwrap()).count(), 1, "{spec}");
        }
        assert!(KeyUsage::ALL.iter().all(|usage| yaml.contains(usage.as_str())));
    }
}
