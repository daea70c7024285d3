//! Rows of the operations that look at key policies.

use super::{KEY, KeyArgument, Row, argument, row};
use crate::api::aws::operation::Operation;
use crate::api::aws::policy;
use crate::domain::quota::QuotaClass;
use crate::engine::ops;

/// The rows.
pub(super) static ROWS: &[Row] = &[
    Row {
        members: policy::GET_KEY_POLICY,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "getkeypolicy", "kms:GetKeyPolicy") }],
        quota: QuotaClass::Describe,
        audited: &[KEY, ("PolicyName", "policyName")],
        precheck: Some(policy::check_policy_name),
        handler: Some(|engine, admitted, _| Box::pin(ops::policy::get_key_policy(engine, admitted))),
        ..row(Operation::GetKeyPolicy, "getkeypolicy", "kms:GetKeyPolicy")
    },
    Row {
        members: policy::LIST_KEY_POLICIES,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "listkeypolicies", "kms:ListKeyPolicies") }],
        quota: QuotaClass::List,
        audited: &[KEY, ("Limit", "limit"), ("Marker", "marker")],
        handler: Some(|engine, admitted, _| Box::pin(ops::policy::list_key_policies(engine, admitted))),
        ..row(Operation::ListKeyPolicies, "listkeypolicies", "kms:ListKeyPolicies")
    },
];
