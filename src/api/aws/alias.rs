//! CreateAlias, UpdateAlias, DeleteAlias and ListAliases.

use serde::Serialize;

use super::member::{Member, Shape};
use super::page::{LIMIT, MARKER};
use crate::types::limits::ALIAS_CHARACTERS_MAX;

const ALIAS_NAME: Member = Member::required(
    "AliasName",
    Shape::Pattern { min: 1, max: ALIAS_CHARACTERS_MAX, printed: "^[a-zA-Z0-9:/_-]+$", allows: is_alias_character },
);
const TARGET: Member = Member::required("TargetKeyId", Shape::KeyName);

/// Members of CreateAlias and UpdateAlias.
pub const ALIAS_AND_TARGET: &[Member] = &[ALIAS_NAME, TARGET];
/// Members of DeleteAlias.
pub const DELETE_ALIAS: &[Member] = &[ALIAS_NAME];
/// Members of ListAliases.
pub const LIST_ALIASES: &[Member] = &[Member::optional("KeyId", Shape::KeyName), LIMIT, MARKER];

fn is_alias_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, ':' | '/' | '_' | '-')
}

/// Answer of ListAliases.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAliasesAnswer {
    /// The page.
    pub aliases: Vec<AliasEntry>,
    /// The marker of the next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// Whether there is a next page.
    pub truncated: bool,
}

/// One alias.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AliasEntry {
    /// The alias.
    pub alias_name: String,
    /// Its ARN.
    pub alias_arn: String,
    /// The key that it names, which may be destroyed by now.
    pub target_key_id: String,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub creation_date: f64,
    /// When it was moved last, in seconds since 1970-01-01 UTC.
    pub last_updated_date: f64,
}
