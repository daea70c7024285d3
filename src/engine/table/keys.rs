//! Rows of the operations on keys, their tags and their deletion.

use super::{KEY, KeyArgument, Row, argument, row};
use crate::api::aws::operation::Operation;
use crate::api::aws::{deletion, key, tag};
use crate::domain::quota::QuotaClass;
use crate::engine::ops;

/// The rows.
pub(super) static ROWS: &[Row] = &[
    Row {
        members: key::KEY_ONLY,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "cancelkeydeletion", "kms:CancelKeyDeletion") }],
        changes: true,
        handler: Some(|engine, admitted, trail| Box::pin(ops::deletion::cancel_key_deletion(engine, admitted, trail))),
        ..row(Operation::CancelKeyDeletion, "cancelkeydeletion", "kms:CancelKeyDeletion")
    },
    Row {
        members: key::CREATE_KEY,
        changes: true,
        idempotent: false,
        audited: &[
            ("Description", "description"),
            ("KeySpec", "keySpec"),
            ("CustomerMasterKeySpec", "customerMasterKeySpec"),
            ("KeyUsage", "keyUsage"),
            ("Origin", "origin"),
            ("Tags", "tags"),
        ],
        precheck: Some(ops::key_admin::check_create_key),
        handler: Some(|engine, admitted, trail| Box::pin(ops::key_admin::create_key(engine, admitted, trail))),
        ..row(Operation::CreateKey, "create", "kms:CreateKey")
    },
    Row {
        members: key::DESCRIBE_KEY,
        keys: &[argument("KeyId", "get", "kms:DescribeKey")],
        quota: QuotaClass::Describe,
        grant: Some("DescribeKey"),
        handler: Some(|engine, admitted, _| Box::pin(ops::key_admin::describe_key(engine, admitted))),
        ..row(Operation::DescribeKey, "get", "kms:DescribeKey")
    },
    Row {
        members: key::KEY_ONLY,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "disablekey", "kms:DisableKey") }],
        changes: true,
        handler: Some(|engine, admitted, trail| Box::pin(ops::key_admin::disable_key(engine, admitted, trail))),
        ..row(Operation::DisableKey, "disablekey", "kms:DisableKey")
    },
    Row {
        members: key::KEY_ONLY,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "enablekey", "kms:EnableKey") }],
        changes: true,
        handler: Some(|engine, admitted, trail| Box::pin(ops::key_admin::enable_key(engine, admitted, trail))),
        ..row(Operation::EnableKey, "enablekey", "kms:EnableKey")
    },
    Row {
        members: key::KEY_ONLY,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "getkeylastusage", "kms:GetKeyLastUsage") }],
        handler: Some(|engine, admitted, _| Box::pin(ops::last_usage::get_key_last_usage(engine, admitted))),
        ..row(Operation::GetKeyLastUsage, "getkeylastusage", "kms:GetKeyLastUsage")
    },
    Row {
        members: key::LIST_KEYS,
        quota: QuotaClass::List,
        audited: &[("Limit", "limit"), ("Marker", "marker")],
        handler: Some(|engine, admitted, _| Box::pin(ops::list::list_keys(engine, admitted))),
        ..row(Operation::ListKeys, "list", "kms:ListKeys")
    },
    Row {
        members: deletion::SCHEDULE_KEY_DELETION,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "delete", "kms:ScheduleKeyDeletion") }],
        changes: true,
        audited: &[KEY, ("PendingWindowInDays", "pendingWindowInDays")],
        precheck: Some(ops::deletion::check_window),
        handler: Some(|engine, admitted, trail| {
            Box::pin(ops::deletion::schedule_key_deletion(engine, admitted, trail))
        }),
        ..row(Operation::ScheduleKeyDeletion, "delete", "kms:ScheduleKeyDeletion")
    },
    Row {
        members: tag::LIST_RESOURCE_TAGS,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "listresourcetags", "kms:ListResourceTags") }],
        quota: QuotaClass::Describe,
        audited: &[KEY, ("Limit", "limit"), ("Marker", "marker")],
        handler: Some(|engine, admitted, _| Box::pin(ops::spec::list_resource_tags(engine, admitted))),
        ..row(Operation::ListResourceTags, "listresourcetags", "kms:ListResourceTags")
    },
    Row {
        members: tag::TAG_RESOURCE,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "tagresource", "kms:TagResource") }],
        changes: true,
        audited: &[KEY, ("Tags", "tags")],
        precheck: Some(ops::spec::check_new_tags),
        handler: Some(|engine, admitted, trail| Box::pin(ops::spec::tag_resource(engine, admitted, trail))),
        ..row(Operation::TagResource, "tagresource", "kms:TagResource")
    },
    Row {
        members: tag::UNTAG_RESOURCE,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "untagresource", "kms:UntagResource") }],
        changes: true,
        audited: &[KEY, ("TagKeys", "tagKeys")],
        precheck: Some(ops::spec::check_old_tags),
        handler: Some(|engine, admitted, trail| Box::pin(ops::spec::untag_resource(engine, admitted, trail))),
        ..row(Operation::UntagResource, "untagresource", "kms:UntagResource")
    },
    Row {
        members: tag::UPDATE_KEY_DESCRIPTION,
        keys: &[KeyArgument {
            aliases: false,
            ..argument("KeyId", "updatekeydescription", "kms:UpdateKeyDescription")
        }],
        changes: true,
        audited: &[KEY, ("Description", "description")],
        handler: Some(|engine, admitted, trail| Box::pin(ops::spec::update_key_description(engine, admitted, trail))),
        ..row(Operation::UpdateKeyDescription, "updatekeydescription", "kms:UpdateKeyDescription")
    },
];
