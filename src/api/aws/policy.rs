//! Requests about key policies, and the answers of those that only look.

use serde::Serialize;

use super::error::{AwsError, ErrorCode};
use super::key::KEY_ID;
use super::member::{Input, Member, Shape, is_made_of};
use super::page::{LIMIT, MARKER};

/// A policy document.
pub const POLICY: Shape =
    Shape::Pattern { min: 1, max: 131_072, printed: r"[\u0009\u000A\u000D\u0020-\u00FF]+", matches: is_policy };
/// Whether a caller may lock itself out.
pub const BYPASS_LOCKOUT_CHECK: Member = Member::not_implemented("BypassPolicyLockoutSafetyCheck", Shape::Boolean);
const POLICY_NAME: Member =
    Member::optional("PolicyName", Shape::Pattern { min: 1, max: 128, printed: r"[\w]+", matches: is_policy_name });
/// The one policy that every key has.
pub const DEFAULT_NAME: &str = "default";

/// Members of GetKeyPolicy.
pub const GET_KEY_POLICY: &[Member] = &[KEY_ID, POLICY_NAME];
/// Members of ListKeyPolicies.
pub const LIST_KEY_POLICIES: &[Member] = &[KEY_ID, LIMIT, MARKER];
/// Members of PutKeyPolicy.
pub const PUT_KEY_POLICY: &[Member] = &[KEY_ID, POLICY_NAME, Member::required("Policy", POLICY), BYPASS_LOCKOUT_CHECK];

fn is_policy(text: &str) -> bool {
    is_made_of(text, |character| matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}'))
}

fn is_policy_name(text: &str) -> bool {
    is_made_of(text, |character| character.is_ascii_alphanumeric() || character == '_')
}

/// Whether the policy that a request names is there; one without a name is the default one.
///
/// # Errors
/// `NotFoundException` as AWS KMS words it.
pub fn check_policy_name(input: &Input<'_>) -> Result<(), AwsError> {
    match input.text("PolicyName") {
        None | Some(DEFAULT_NAME) => Ok(()),
        Some(_) => Err(AwsError::new(ErrorCode::NotFound, "No such policy exists")),
    }
}

/// The document of a key that has no policy of its own, byte for byte as AWS KMS writes it. A key that does not
/// delegate to its account has no statement at all.
#[must_use]
pub fn default_document(root: &str, delegates: bool) -> String {
    let statements = if delegates {
        format!(
            "[ {{\n    \"Sid\" : \"Enable IAM User Permissions\",\n    \"Effect\" : \"Allow\",\n    \
             \"Principal\" : {{\n      \"AWS\" : \"{root}\"\n    }},\n    \"Action\" : \"kms:*\",\n    \
             \"Resource\" : \"*\"\n  }} ]"
        )
    } else {
        "[ ]".to_owned()
    };
    format!("{{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"key-default-1\",\n  \"Statement\" : {statements}\n}}")
}

/// Answer of GetKeyPolicy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetKeyPolicyAnswer {
    /// The document.
    pub policy: String,
    /// Its name.
    pub policy_name: &'static str,
}

/// Answer of ListKeyPolicies.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListKeyPoliciesAnswer {
    /// The names.
    pub policy_names: Vec<&'static str>,
    /// The marker of the next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// Whether there is a next page.
    pub truncated: bool,
}
