//! CreateAlias, UpdateAlias, DeleteAlias and ListAliases.

use serde::Serialize;

use super::error::{AwsError, ErrorCode};
use super::member::{Input, Member, Shape, is_made_of};
use super::page::{LIMIT, MARKER};
use crate::types::alias::{AliasNameFault, PREFIX, check_name};
use crate::types::limits::ALIAS_CHARACTERS_MAX;

const ALIAS_NAME: Member = Member::required(
    "AliasName",
    Shape::Pattern { min: 1, max: ALIAS_CHARACTERS_MAX, printed: "^[a-zA-Z0-9:/_-]+$", matches: is_alias_name },
);

fn is_alias_name(text: &str) -> bool {
    is_made_of(text, |character| character.is_ascii_alphanumeric() || matches!(character, ':' | '/' | '_' | '-'))
}

/// Members of CreateAlias and UpdateAlias.
pub const TARGETED: &[Member] = &[ALIAS_NAME, Member::required("TargetKeyId", Shape::KeyName)];
/// Members of DeleteAlias.
pub const NAME_ONLY: &[Member] = &[ALIAS_NAME];
/// Members of ListAliases.
pub const LIST_ALIASES: &[Member] = &[Member::optional("KeyId", Shape::KeyName), LIMIT, MARKER];

/// Checks the name of an alias that a request is about. The messages are AWS KMS's own, where it has one.
///
/// # Errors
/// `ValidationException`, `InvalidAliasNameException`, or `NotAuthorizedException` for a reserved name.
pub fn check_name_only(input: &Input<'_>) -> Result<(), AwsError> {
    let name = input.text("AliasName").unwrap_or_default();
    check_name(name).map_err(|fault| match fault {
        AliasNameFault::Prefix => AwsError::validation(WITHOUT_PREFIX),
        AliasNameFault::Reserved => AwsError::silent(ErrorCode::NotAuthorized),
        AliasNameFault::Characters => AwsError::validation(format!("{name} contains invalid characters for an alias")),
        AliasNameFault::Empty | AliasNameFault::Length => {
            AwsError::new(ErrorCode::InvalidAliasName, format!("The alias name {fault}"))
        }
    })
}

/// The same for a request that names a key too, which no alias can stand for.
///
/// # Errors
/// As those of `check_name_only`.
pub fn check_targeted(input: &Input<'_>) -> Result<(), AwsError> {
    check_name_only(input)?;
    let target = input.text("TargetKeyId").unwrap_or_default();
    let resource = target.strip_prefix("arn:").and_then(|arn| arn.splitn(5, ':').nth(4)).unwrap_or(target);
    if resource.starts_with(PREFIX) { Err(AwsError::validation(ALIAS_OF_ALIAS)) } else { Ok(()) }
}

const WITHOUT_PREFIX: &str = "Alias must start with the prefix \"alias/\". Please see \
                              https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html";
const ALIAS_OF_ALIAS: &str = "Aliases must refer to keys. Not aliases";

/// Answer of ListAliases.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAliasesAnswer {
    /// The page.
    pub aliases: Vec<AliasListEntry>,
    /// The marker of the next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// Whether there is a next page.
    pub truncated: bool,
}

/// One alias of ListAliases.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AliasListEntry {
    /// The name, with its prefix.
    pub alias_name: String,
    /// The ARN.
    pub alias_arn: String,
    /// The id of the key.
    pub target_key_id: String,
    /// When the alias was made, in seconds since 1970-01-01 UTC.
    pub creation_date: f64,
    /// When it was last bound to a key.
    pub last_updated_date: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::aws::json::Json;

    fn fault(alias: &str, target: &str) -> Option<(ErrorCode, Option<String>)> {
        let body = serde_json::json!({"AliasName": alias, "TargetKeyId": target}).to_string();
        let read = Input::read(Json::parse(body.as_bytes()).unwrap(), TARGETED);
        let error = read.and_then(|input| check_targeted(&input)).err()?;
        Some((error.code, error.message))
    }

    #[test]
    fn names_are_refused_in_the_words_of_aws() {
        let key = "f6b163df-a8b4-4126-a262-b9a07684c57d";
        assert_eq!(fault("alias/a", key), None);
        assert_eq!(fault("alias/a", "arn:aws:kms:us-east-1:111122223333:key/x"), None);
        let constraint = |name: &str| {
            format!(
                "1 validation error detected: Value '{name}' at 'aliasName' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"
            )
        };
        let cases = [
            ("orders", key, ErrorCode::Validation, WITHOUT_PREFIX.to_owned()),
            ("alias/a b", key, ErrorCode::Validation, constraint("alias/a b")),
            ("alias/a:b", key, ErrorCode::Validation, "alias/a:b contains invalid characters for an alias".to_owned()),
            ("alias/", key, ErrorCode::InvalidAliasName, "The alias name needs a name after `alias/`".to_owned()),
            ("alias/a", "alias/b", ErrorCode::Validation, ALIAS_OF_ALIAS.to_owned()),
            ("alias/a", "arn:aws:kms:us-east-1:111122223333:alias/b", ErrorCode::Validation, ALIAS_OF_ALIAS.to_owned()),
        ];
        for (alias, target, code, message) in cases {
            assert_eq!(fault(alias, target), Some((code, Some(message))), "{alias} {target}");
        }
        assert_eq!(fault("alias/aws/envelope", key), Some((ErrorCode::NotAuthorized, None)));
    }
}
