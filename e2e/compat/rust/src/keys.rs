//! Keys, aliases, tags, rotation and deletion.

use std::collections::BTreeMap;

use aws_sdk_kms::types::{KeyState, RotationType, Tag};

use crate::checks::{Context, Failure, Outcome, Sdk, check, equal, given, recent, refused};

pub async fn run(sdk: &Sdk) {
    check("CreateKey", "description and tags are kept", create_key(sdk)).await;
    check("DescribeKey", "by id, ARN and alias", describe_key(sdk)).await;
    check("ListKeys", "the paginator finds every key once", list_keys(sdk)).await;
    check("UpdateKeyDescription", "the description changes", update_description(sdk)).await;
    check("DisableKey", "the key is disabled", disable_key(sdk)).await;
    check("EnableKey", "the key works again", enable_key(sdk)).await;
    check("ScheduleKeyDeletion", "the key waits to be deleted", schedule_deletion(sdk)).await;
    check("CancelKeyDeletion", "the key comes back disabled", cancel_deletion(sdk)).await;
}

async fn create_key(sdk: &Sdk) -> Outcome {
    let call = sdk.client.create_key().description("orders").tags(tag("team", "blue")?);
    let made = given(call.send().await?.key_metadata)?;
    recent(made.creation_date())?;
    equal(made.description(), Some("orders"))?;
    equal((made.enabled, made.key_state()), (true, Some(&KeyState::Enabled)))
}

async fn describe_key(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    let arn = given(sdk.describe(&key).await?.arn)?;
    for name in [&key, &arn, &sdk.new_alias(&key).await?] {
        equal(&sdk.describe(name).await?.key_id, &key)?;
    }
    Ok(())
}

async fn list_keys(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    let mut entries = sdk.client.list_keys().into_paginator().page_size(5).items().send();
    let mut found = 0;
    while let Some(entry) = entries.next().await {
        found += u32::from(entry?.key_id() == Some(&key));
    }
    equal(found, 1)
}

async fn update_description(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    sdk.client.update_key_description().key_id(&key).description("after").send().await?;
    equal(sdk.describe(&key).await?.description(), Some("after"))
}

async fn disable_key(sdk: &Sdk) -> Outcome {
    let found = sdk.describe(&sdk.disabled_key().await?).await?;
    equal((found.enabled, found.key_state()), (false, Some(&KeyState::Disabled)))
}

async fn enable_key(sdk: &Sdk) -> Outcome {
    let key = sdk.disabled_key().await?;
    sdk.client.enable_key().key_id(&key).send().await?;
    sdk.encrypt(&key, "x", Context::new()).await.map(drop)
}

async fn schedule_deletion(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    let answer = sdk.client.schedule_key_deletion().key_id(&key).pending_window_in_days(7).send().await?;
    equal((answer.key_state(), answer.pending_window_in_days), (Some(&KeyState::PendingDeletion), Some(7)))?;
    equal(sdk.describe(&key).await?.deletion_date(), answer.deletion_date())
}

async fn cancel_deletion(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    sdk.client.schedule_key_deletion().key_id(&key).send().await?;
    sdk.client.cancel_key_deletion().key_id(&key).send().await?;
    equal(sdk.describe(&key).await?.key_state(), Some(&KeyState::Disabled))
}

pub async fn run_aliases_and_tags(sdk: &Sdk) {
    check("CreateAlias", "the alias names the key", create_alias(sdk)).await;
    check("UpdateAlias", "the alias names the other key", update_alias(sdk)).await;
    check("DeleteAlias", "the alias is gone", delete_alias(sdk)).await;
    check("ListAliases", "the paginator finds those of a key", list_aliases(sdk)).await;
    check("TagResource", "tags are set and replaced", tag_resource(sdk)).await;
    check("UntagResource", "one tag goes, the other stays", untag_resource(sdk)).await;
    check("ListResourceTags", "the paginator finds every tag", list_tags(sdk)).await;
}

async fn create_alias(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    equal(sdk.describe(&sdk.new_alias(&key).await?).await?.key_id, key)
}

async fn update_alias(sdk: &Sdk) -> Outcome {
    let alias = sdk.new_alias(&sdk.new_key().await?).await?;
    let other = sdk.new_key().await?;
    sdk.client.update_alias().alias_name(&alias).target_key_id(&other).send().await?;
    equal(sdk.describe(&alias).await?.key_id, other)
}

async fn delete_alias(sdk: &Sdk) -> Outcome {
    let alias = sdk.new_alias(&sdk.new_key().await?).await?;
    sdk.client.delete_alias().alias_name(&alias).send().await?;
    refused(sdk.client.describe_key().key_id(&alias).send().await, |error| error.is_not_found_exception())
}

async fn list_aliases(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    let mut wanted = Vec::new();
    for _ in 0..3 {
        wanted.push(sdk.new_alias(&key).await?);
    }
    let mut entries = sdk.client.list_aliases().key_id(&key).into_paginator().page_size(2).items().send();
    let mut found = Vec::new();
    while let Some(entry) = entries.next().await {
        found.push(given(entry?.alias_name)?);
    }
    found.sort();
    equal(found, wanted)
}

async fn tag_resource(sdk: &Sdk) -> Outcome {
    let key = tagged(sdk, &[("a", "1")]).await?;
    let call = sdk.client.tag_resource().key_id(&key);
    call.tags(tag("a", "2")?).tags(tag("b", "")?).send().await?;
    equal(tags_of(sdk, &key).await?, named(&[("a", "2"), ("b", "")]))
}

async fn untag_resource(sdk: &Sdk) -> Outcome {
    let key = tagged(sdk, &[("a", "1"), ("b", "2")]).await?;
    sdk.client.untag_resource().key_id(&key).tag_keys("a").send().await?;
    equal(tags_of(sdk, &key).await?, named(&[("b", "2")]))
}

async fn list_tags(sdk: &Sdk) -> Outcome {
    let tags = [("a", "1"), ("b", "2"), ("c", "3")];
    let key = tagged(sdk, &tags).await?;
    equal(tags_of(sdk, &key).await?, named(&tags))
}

pub async fn run_rotation(sdk: &Sdk) {
    check("EnableKeyRotation", "with a period of one's own", enable_rotation(sdk)).await;
    check("GetKeyRotationStatus", "before and after", rotation_status(sdk)).await;
    check("DisableKeyRotation", "rotation ends", disable_rotation(sdk)).await;
    check("RotateKeyOnDemand", "old ciphertexts still open", rotate_on_demand(sdk)).await;
    check("ListKeyRotations", "the paginator finds each rotation", list_rotations(sdk)).await;
}

async fn enable_rotation(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    sdk.client.enable_key_rotation().key_id(&key).rotation_period_in_days(90).send().await?;
    let status = sdk.client.get_key_rotation_status().key_id(&key).send().await?;
    equal(status.rotation_period_in_days, Some(90))
}

async fn rotation_status(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    equal(rotates(sdk, &key).await?, false)?;
    sdk.client.enable_key_rotation().key_id(&key).send().await?;
    let status = sdk.client.get_key_rotation_status().key_id(&key).send().await?;
    equal((status.key_rotation_enabled, status.next_rotation_date().is_some()), (true, true))
}

async fn disable_rotation(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    sdk.client.enable_key_rotation().key_id(&key).send().await?;
    sdk.client.disable_key_rotation().key_id(&key).send().await?;
    equal(rotates(sdk, &key).await?, false)
}

async fn rotate_on_demand(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    let blob = sdk.encrypt(&key, "old", Context::new()).await?;
    sdk.client.rotate_key_on_demand().key_id(&key).send().await?;
    equal(sdk.decrypt(blob, Context::new()).await?, b"old".to_vec())
}

async fn list_rotations(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    for _ in 0..3 {
        sdk.client.rotate_key_on_demand().key_id(&key).send().await?;
    }
    let mut entries = sdk.client.list_key_rotations().key_id(&key).into_paginator().page_size(2).items().send();
    let mut found = 0;
    while let Some(entry) = entries.next().await {
        let entry = entry?;
        recent(entry.rotation_date())?;
        found += u32::from(entry.rotation_type() == Some(&RotationType::OnDemand));
    }
    equal(found, 3)
}

async fn rotates(sdk: &Sdk, key: &str) -> Outcome<bool> {
    Ok(sdk.client.get_key_rotation_status().key_id(key).send().await?.key_rotation_enabled)
}

fn tag(name: &str, value: &str) -> Outcome<Tag> {
    Tag::builder().tag_key(name).tag_value(value).build().map_err(|error| Failure(error.to_string()))
}

async fn tagged(sdk: &Sdk, tags: &[(&str, &str)]) -> Outcome<String> {
    let mut call = sdk.client.create_key();
    for (name, value) in tags {
        call = call.tags(tag(name, value)?);
    }
    Ok(given(call.send().await?.key_metadata)?.key_id)
}

fn named(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
    tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn tags_of(sdk: &Sdk, key: &str) -> Outcome<BTreeMap<String, String>> {
    let mut tags = sdk.client.list_resource_tags().key_id(key).into_paginator().page_size(1).items().send();
    let mut found = BTreeMap::new();
    while let Some(tag) = tags.next().await {
        let tag = tag?;
        found.insert(tag.tag_key, tag.tag_value);
    }
    Ok(found)
}
