//! TagResource, UntagResource, ListResourceTags, and UpdateKeyDescription.

use std::collections::BTreeSet;

use serde::Serialize;

use super::error::{AwsError, ErrorCode};
use super::key::KEY_ID;
use super::member::{Member, Shape};
use super::page::{LIMIT, MARKER};
use crate::types::limits::{DESCRIPTION_CHARACTERS_MAX, TAG_KEY_CHARACTERS_MAX, TAG_VALUE_CHARACTERS_MAX, TAGS_MAX};

const TAG_KEY: Shape = Shape::Text { min: 1, max: TAG_KEY_CHARACTERS_MAX };
const TAG: Shape = Shape::Structure(&[
    Member::required("TagKey", TAG_KEY),
    Member::required("TagValue", Shape::Text { min: 0, max: TAG_VALUE_CHARACTERS_MAX }),
]);
/// Tags. Their number is bounded by a `TagException`.
pub const TAGS: Shape = Shape::List { min: 0, max: usize::MAX, item: &TAG };
const TAG_KEYS: Shape = Shape::List { min: 0, max: usize::MAX, item: &TAG_KEY };

/// Members of TagResource.
pub const TAG_RESOURCE: &[Member] = &[KEY_ID, Member::required("Tags", TAGS)];
/// Members of UntagResource.
pub const UNTAG_RESOURCE: &[Member] = &[KEY_ID, Member::required("TagKeys", TAG_KEYS)];
/// Members of ListResourceTags.
pub const LIST_RESOURCE_TAGS: &[Member] = &[KEY_ID, LIMIT, MARKER];
/// Members of UpdateKeyDescription.
pub const UPDATE_KEY_DESCRIPTION: &[Member] =
    &[KEY_ID, Member::required("Description", Shape::Text { min: 0, max: DESCRIPTION_CHARACTERS_MAX })];

/// Checks the tags of one request.
///
/// # Errors
/// `TagException` as AWS KMS words it.
pub fn check_tags(tags: &[(String, String)]) -> Result<(), AwsError> {
    let names: BTreeSet<&str> = tags.iter().map(|(key, _)| key.as_str()).collect();
    if names.len() < tags.len() {
        return Err(refuse("Duplicate tag keys"));
    }
    if tags.len() > TAGS_MAX {
        return Err(refuse("Too many tags"));
    }
    check_tag_keys(&names)
}

/// Checks the keys of tags.
///
/// # Errors
/// `TagException` for reserved ones.
pub fn check_tag_keys(keys: &BTreeSet<&str>) -> Result<(), AwsError> {
    let reserved = |key: &&str| key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    if keys.iter().any(reserved) { Err(refuse("Tags beginning with aws: are reserved")) } else { Ok(()) }
}

/// A `TagException`.
#[must_use]
pub fn refuse(message: &str) -> AwsError {
    AwsError::new(ErrorCode::Tag, message)
}

/// Answer of ListResourceTags.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListResourceTagsAnswer {
    /// The page.
    pub tags: Vec<TagEntry>,
    /// The marker of the next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// Whether there is a next page.
    pub truncated: bool,
}

/// One tag.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagEntry {
    /// The key.
    pub tag_key: String,
    /// The value.
    pub tag_value: String,
}
