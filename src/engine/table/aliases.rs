//! Rows of the operations on aliases.

use super::{KEY, KeyArgument, Row, argument, row};
use crate::api::aws::alias;
use crate::api::aws::operation::Operation;
use crate::domain::quota::QuotaClass;
use crate::engine::ops;

const ALIAS_TARGET: &[(&str, &str)] = &[("AliasName", "aliasName"), ("TargetKeyId", "targetKeyId")];

/// The rows.
pub(super) static ROWS: &[Row] = &[
    Row {
        members: alias::TARGETED,
        keys: &[KeyArgument { aliases: false, ..argument("TargetKeyId", "createalias", "kms:CreateAlias") }],
        changes: true,
        idempotent: false,
        audited: ALIAS_TARGET,
        syntax: Some(alias::check_targeted),
        handler: Some(|engine, admitted, trail| Box::pin(ops::alias::create_alias(engine, admitted, trail))),
        ..row(Operation::CreateAlias, "createalias", "kms:CreateAlias")
    },
    Row {
        members: alias::NAME_ONLY,
        changes: true,
        audited: &[("AliasName", "aliasName")],
        alias: Some("AliasName"),
        syntax: Some(alias::check_name_only),
        handler: Some(|engine, admitted, _| Box::pin(ops::alias::delete_alias(engine, admitted))),
        ..row(Operation::DeleteAlias, "deletealias", "kms:DeleteAlias")
    },
    Row {
        members: alias::LIST_ALIASES,
        quota: QuotaClass::List,
        audited: &[KEY, ("Limit", "limit"), ("Marker", "marker")],
        handler: Some(|engine, admitted, _| Box::pin(ops::alias::list_aliases(engine, admitted))),
        ..row(Operation::ListAliases, "listaliases", "kms:ListAliases")
    },
    Row {
        members: alias::TARGETED,
        keys: &[KeyArgument { aliases: false, ..argument("TargetKeyId", "updatealias", "kms:UpdateAlias") }],
        changes: true,
        audited: ALIAS_TARGET,
        alias: Some("AliasName"),
        syntax: Some(alias::check_targeted),
        handler: Some(|engine, admitted, trail| Box::pin(ops::alias::update_alias(engine, admitted, trail))),
        ..row(Operation::UpdateAlias, "updatealias", "kms:UpdateAlias")
    },
];
