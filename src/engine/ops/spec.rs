//! Operations that change what a `KmsKey`'s spec says: its resource first, so that Git and the API never disagree in
//! silence, and then the key.

use std::collections::BTreeMap;

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::member::Input;
use crate::api::aws::page::{Page, PageRequest};
use crate::api::aws::reply::encode;
use crate::api::aws::tag::{ListResourceTagsAnswer, TagEntry, check_tag_keys, check_tags, refuse};
use crate::api::crd::kms_key::KmsKeySpec;
use crate::domain::reconcile::kms_key::wanted;
use crate::domain::record::{RECORD_SCHEMA, Record};
use crate::domain::resource::Resource;
use crate::domain::spec_change::SpecChange;
use crate::engine::Engine;
use crate::engine::admit::{Admitted, ResolvedKey, unavailable};
use crate::engine::trail::Trail;
use crate::ports::resources::ResourceError;
use crate::types::key::{KeySpec, Origin};
use crate::types::limits::{CHANGE_ATTEMPTS_MAX, RESOURCE_TAGS_PAGE_DEFAULT, ROTATION_PERIOD_DAYS_DEFAULT, TAGS_MAX};
use crate::types::secret::SecretBytes;
use crate::types::state::KeyState;

use super::changes::{internal, newer_schema};

type Answer = Result<SecretBytes, AwsError>;

/// Tags of a request are checked before the key's state.
///
/// # Errors
/// `TagException`.
pub fn check_new_tags(input: &Input<'_>) -> Result<(), AwsError> {
    check_tags(&input.tags("Tags"))
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
        admitted.input.tags("Tags").into_iter().map(|(key, value)| (key, Some(value))).collect();
    change_spec(engine, key, trail, &SpecChange { tags, ..SpecChange::default() }).await
}

/// `UntagResource`: taking away what is not there is no mistake.
///
/// # Errors
/// Those of the API.
pub async fn untag_resource(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Answer {
    let key = admitted.key(0)?;
    let tags = admitted.input.texts("TagKeys").into_iter().map(|name| (name.to_owned(), None)).collect();
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
    match (spec.key_spec, spec.origin) {
        (KeySpec::SymmetricDefault, Origin::AwsKms) => Ok(()),
        (KeySpec::SymmetricDefault, origin) => {
            let message = format!("{} origin is {origin} which is not valid for this operation.", key.arn);
            Err(AwsError::new(ErrorCode::UnsupportedOperation, message))
        }
        // AWS says no more than the code.
        _ => Err(AwsError::silent(ErrorCode::UnsupportedOperation)),
    }
}

/// Changes the resource, and answers when the key follows it and this replica shows that.
async fn change_spec(engine: &Engine, key: &ResolvedKey, trail: &mut Trail, change: &SpecChange) -> Answer {
    trail.note_response("keyId", &key.arn);
    for _ in 0..CHANGE_ATTEMPTS_MAX {
        let resource = own_resource(engine, key).await?;
        check_followed(engine, key, &resource)?;
        let tags = |spec: &KmsKeySpec| spec.tags.as_ref().map_or(0, BTreeMap::len);
        if tags(&change.applied(&resource.spec)) > TAGS_MAX {
            return Err(refuse("Too many tags"));
        }
        match engine.ports.resources.change(&resource, change).await {
            Ok(changed) => return follow(engine, key, &changed).await,
            // It is made again, or gone for good; the next look tells.
            Err(ResourceError::Gone { .. }) => {}
            Err(error) => return Err(refusal(key, error)),
        }
    }
    Err(AwsError::internal())
}

/// The resource that stands for the key. One that was made again meanwhile is bound to it first, where it may be: its
/// name may as well be another key's by now.
async fn own_resource(engine: &Engine, key: &ResolvedKey) -> Result<Resource, AwsError> {
    let owner = &key.entry.record.owner;
    let found = engine.ports.resources.get(&owner.namespace, &owner.name).await;
    let found = found.map_err(|error| internal("the KmsKey could not be read", &error))?;
    let resource = found.ok_or_else(|| gone(key))?;
    if resource.uid == owner.resource_uid {
        return Ok(resource);
    }
    bring_about(engine, &resource).await?;
    let bound = read_record(engine, key).await?.owner.resource_uid == resource.uid;
    bound.then_some(resource).ok_or_else(|| {
        let (namespace, name) = (&owner.namespace, &owner.name);
        let message = format!("{} is not the key of the KmsKey {namespace}/{name} that is there now.", key.arn);
        AwsError::new(ErrorCode::KmsInvalidState, message)
    })
}

/// A change of a resource that its key cannot follow would be one that nobody sees, until much later all of it acts.
fn check_followed(engine: &Engine, key: &ResolvedKey, resource: &Resource) -> Result<(), AwsError> {
    let record = &key.entry.record;
    if record.schema > RECORD_SCHEMA {
        return Err(newer_schema(&key.arn));
    }
    if key.entry.state(engine.ports.clock.wall()) == KeyState::Unavailable {
        return Err(unavailable(&key.arn));
    }
    let because = match wanted(resource) {
        Ok(wanted) if wanted.immutable == record.immutable => return Ok(()),
        Ok(_) => "a field that cannot be changed was changed".to_owned(),
        Err(error) => error.to_string(),
    };
    let (arn, namespace, name) = (&key.arn, &resource.namespace, &resource.name);
    let message = format!("{arn} does not follow the KmsKey {namespace}/{name} ({because}); mend that first.");
    Err(AwsError::new(ErrorCode::KmsInvalidState, message))
}

async fn follow(engine: &Engine, key: &ResolvedKey, changed: &Resource) -> Answer {
    bring_about(engine, changed).await?;
    let follows = |record: &Record| {
        let owner = &record.owner;
        owner.resource_uid == changed.uid && owner.generation >= changed.generation
    };
    if !follows(&read_record(engine, key).await?) {
        // The resource says what was asked for, so that another try, or the next look at it, goes on from there.
        let (namespace, name) = (&changed.namespace, &changed.name);
        tracing::error!(namespace, name, "a key does not follow its KmsKey");
        return Err(AwsError::internal());
    }
    engine.show_key(&key.entry.record.key_id(), follows).await;
    Ok(SecretBytes::new(Vec::new()))
}

async fn bring_about(engine: &Engine, resource: &Resource) -> Result<(), AwsError> {
    let settled = engine.reconcile(&resource.namespace, &resource.name, Some(resource)).await;
    settled.map(drop).map_err(|error| internal("the key could not follow its KmsKey", &error))
}

async fn read_record(engine: &Engine, key: &ResolvedKey) -> Result<Record, AwsError> {
    let read = engine.vault.record(&key.entry.record.key_id()).await;
    let read = read.map_err(|error| internal("the record could not be read", &error))?;
    read.map(|read| read.content).ok_or_else(|| unavailable(&key.arn))
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
        other => internal("the KmsKey could not be changed", &other),
    }
}

fn gone(key: &ResolvedKey) -> AwsError {
    let owner = format!("{}/{}", key.entry.record.owner.namespace, key.entry.record.owner.name);
    let message = format!("{} has no KmsKey any more; apply {owner} again to change what it says.", key.arn);
    AwsError::new(ErrorCode::KmsInvalidState, message)
}
