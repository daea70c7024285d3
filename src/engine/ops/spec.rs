//! Operations that change what a `KmsKey`'s spec says: its resource first, so that Git and the API never disagree in
//! silence, and then the key.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::member::Input;
use crate::api::aws::page::{Page, PageRequest};
use crate::api::aws::reply::encode;
use crate::api::aws::tag::{ListResourceTagsAnswer, TagEntry, check_tag_keys, check_tags, refuse};
use crate::domain::record::Record;
use crate::domain::spec_change::SpecChange;
use crate::engine::Engine;
use crate::engine::admit::{Admitted, ResolvedKey};
use crate::engine::trail::Trail;
use crate::ports::resources::ResourceError;
use crate::types::key::{KeySpec, Origin};
use crate::types::limits::{RESOURCE_TAGS_PAGE_DEFAULT, ROTATION_PERIOD_DAYS_DEFAULT, TAGS_MAX};
use crate::types::secret::SecretBytes;

use super::changes::internal;

type Answer = Result<SecretBytes, AwsError>;

/// Tags of a request are checked before the key's state.
///
/// # Errors
/// `TagException`.
pub fn check_new_tags(input: &Input<'_>) -> Result<(), AwsError> {
    check_tags(input.tags("Tags"))
}

/// The same for keys of tags.
///
/// # Errors
/// `TagException`.
pub fn check_old_tags(input: &Input<'_>) -> Result<(), AwsError> {
    check_tag_keys(&input.texts("TagKeys").into_iter().collect())
}

/// `TagResource`.
///
/// # Errors
/// Those of the API.
pub async fn tag_resource(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Answer {
    let key = admitted.key(0)?;
    let tags: BTreeMap<String, Option<String>> =
        admitted.input.tags("Tags").iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    let names: BTreeSet<&String> = key.entry.record.spec.tags.keys().chain(tags.keys()).collect();
    if names.len() > TAGS_MAX {
        return Err(refuse("Too many tags"));
    }
    change_spec(engine, key, trail, &SpecChange { tags, ..SpecChange::default() }).await
}

/// `UntagResource`: taking away what is not there is no mistake.
///
/// # Errors
/// Those of the API.
pub async fn untag_resource(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Answer {
    let key = admitted.key(0)?;
    let there = |name: &&str| key.entry.record.spec.tags.contains_key(*name);
    let names = admitted.input.texts("TagKeys");
    let tags = names.into_iter().filter(there).map(|name| (name.to_owned(), None)).collect();
    change_spec(engine, key, trail, &SpecChange { tags, ..SpecChange::default() }).await
}

/// `ListResourceTags`.
///
/// # Errors
/// Those of the API.
pub async fn list_resource_tags(_: &Engine, admitted: &Admitted<'_>) -> Answer {
    let page = PageRequest::<String>::with_default(admitted.input, RESOURCE_TAGS_PAGE_DEFAULT)?;
    let tags = admitted.key(0)?.entry.record.spec.tags.iter().map(|(key, value)| {
        let entry = TagEntry { tag_key: key.clone(), tag_value: value.clone() };
        (key.clone(), entry)
    });
    let Page { items, next_marker } = page.cut(tags);
    let truncated = next_marker.is_some();
    encode(&ListResourceTagsAnswer { tags: items, next_marker, truncated })
}

/// `UpdateKeyDescription`.
///
/// # Errors
/// Those of the API.
pub async fn update_key_description(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Answer {
    let description = admitted.input.text("Description").map(str::to_owned);
    change_spec(engine, admitted.key(0)?, trail, &SpecChange { description, ..SpecChange::default() }).await
}

/// `EnableKeyRotation`: switches it on, or changes its period.
///
/// # Errors
/// Those of the API.
pub async fn enable_key_rotation(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Answer {
    let key = admitted.key(0)?;
    check_calendar(key)?;
    let named = admitted.input.length("RotationPeriodInDays").and_then(|days| u32::try_from(days).ok());
    let period = named.unwrap_or(ROTATION_PERIOD_DAYS_DEFAULT);
    let change = SpecChange { rotation: Some((true, Some(period))), ..SpecChange::default() };
    change_spec(engine, key, trail, &change).await
}

/// `DisableKeyRotation`.
///
/// # Errors
/// Those of the API.
pub async fn disable_key_rotation(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Answer {
    let key = admitted.key(0)?;
    check_calendar(key)?;
    let change = SpecChange { rotation: Some((false, None)), ..SpecChange::default() };
    change_spec(engine, key, trail, &change).await
}

/// "You cannot enable automatic rotation of asymmetric KMS keys, HMAC KMS keys, KMS keys with imported key material."
fn check_calendar(key: &ResolvedKey) -> Result<(), AwsError> {
    let spec = key.entry.record.immutable;
    let message = match (spec.key_spec, spec.origin) {
        (KeySpec::SymmetricDefault, Origin::AwsKms) => return Ok(()),
        (KeySpec::SymmetricDefault, origin) => {
            format!("{} origin is {origin} which is not valid for this operation.", key.arn)
        }
        (spec, _) => format!("{} key spec is {spec} which is not valid for this operation.", key.arn),
    };
    Err(AwsError::new(ErrorCode::UnsupportedOperation, message))
}

/// Changes the resource, and answers when the key follows it and this replica shows that.
async fn change_spec(engine: &Engine, key: &ResolvedKey, trail: &mut Trail, change: &SpecChange) -> Answer {
    trail.note_response("keyId", &key.arn);
    let owner = &key.entry.record.owner;
    let found = engine.ports.resources.get(&owner.namespace, &owner.name).await;
    let found = found.map_err(|error| internal("the KmsKey could not be read", &error))?;
    let resource = found.ok_or_else(|| gone(key, &key.entry.record))?;
    let changed = engine.ports.resources.change(&resource, change).await.map_err(|error| refusal(key, error))?;
    let settled = engine.reconcile(&owner.namespace, &owner.name, Some(&changed)).await;
    settled.map_err(|error| internal("the key could not follow its KmsKey", &error))?;
    let key_id = key.entry.record.key_id();
    let read = engine.vault.record(&key_id).await.map_err(|error| internal("the record could not be read", &error))?;
    // Whatever else keeps the key from following, the resource says what was asked for, and is followed later.
    let follows = |record: &Record| record.owner.generation >= changed.generation;
    if let Some(record) = read.map(|read| read.content).filter(follows) {
        engine.show_record(&record).await;
    }
    Ok(SecretBytes::new(Vec::new()))
}

fn refusal(key: &ResolvedKey, error: ResourceError) -> AwsError {
    match error {
        ResourceError::Managed { namespace, name, field, manager } => {
            let message = format!(
                "{} has spec.{field} of the KmsKey {namespace}/{name}, which {manager} manages; change it there.",
                key.arn
            );
            AwsError::new(ErrorCode::KmsInvalidState, message)
        }
        ResourceError::Gone { .. } => gone(key, &key.entry.record),
        other => internal("the KmsKey could not be changed", &other),
    }
}

fn gone(key: &ResolvedKey, record: &Record) -> AwsError {
    let owner = format!("{}/{}", record.owner.namespace, record.owner.name);
    let message = format!("{} has no KmsKey any more; apply {owner} again to change what it says.", key.arn);
    AwsError::new(ErrorCode::KmsInvalidState, message)
}
