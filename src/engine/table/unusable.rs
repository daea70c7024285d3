//! Rows of the operations on what cannot be there: custom key stores, and keys of more than one Region. They answer
//! as AWS KMS does where there is none.

use super::{KEY, KeyArgument, Row, argument, row};
use crate::api::aws::operation::Operation;
use crate::api::aws::{key_store, region};
use crate::engine::ops;

const STORE: (&str, &str) = ("CustomKeyStoreId", "customKeyStoreId");
const STORE_NAME: (&str, &str) = ("CustomKeyStoreName", "customKeyStoreName");

/// The row of an operation on one store.
const fn store_row(operation: Operation, verb: &'static str, action: &'static str) -> Row {
    Row {
        members: key_store::KEY_STORE_ONLY,
        audited: &[STORE],
        handler: Some(|_, admitted, _| Box::pin(ops::key_store::use_key_store(admitted))),
        ..row(operation, verb, action)
    }
}

/// The rows.
pub(super) static ROWS: &[Row] = &[
    store_row(Operation::ConnectCustomKeyStore, "connectcustomkeystore", "kms:ConnectCustomKeyStore"),
    Row {
        members: key_store::CREATE_CUSTOM_KEY_STORE,
        audited: &[STORE_NAME, ("CustomKeyStoreType", "customKeyStoreType")],
        handler: Some(|_, admitted, _| Box::pin(ops::key_store::create_custom_key_store(admitted))),
        ..row(Operation::CreateCustomKeyStore, "createcustomkeystore", "kms:CreateCustomKeyStore")
    },
    store_row(Operation::DeleteCustomKeyStore, "deletecustomkeystore", "kms:DeleteCustomKeyStore"),
    Row {
        members: key_store::DESCRIBE_CUSTOM_KEY_STORES,
        audited: &[STORE, STORE_NAME, ("Limit", "limit"), ("Marker", "marker")],
        handler: Some(|_, admitted, _| Box::pin(ops::key_store::describe_custom_key_stores(admitted))),
        ..row(Operation::DescribeCustomKeyStores, "describecustomkeystores", "kms:DescribeCustomKeyStores")
    },
    store_row(Operation::DisconnectCustomKeyStore, "disconnectcustomkeystore", "kms:DisconnectCustomKeyStore"),
    Row {
        members: key_store::UPDATE_CUSTOM_KEY_STORE,
        ..store_row(Operation::UpdateCustomKeyStore, "updatecustomkeystore", "kms:UpdateCustomKeyStore")
    },
    Row {
        members: region::REPLICATE_KEY,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "replicatekey", "kms:ReplicateKey") }],
        audited: &[KEY, ("ReplicaRegion", "replicaRegion")],
        handler: Some(|_, admitted, _| Box::pin(ops::region::change_regions(admitted))),
        ..row(Operation::ReplicateKey, "replicatekey", "kms:ReplicateKey")
    },
    Row {
        members: region::UPDATE_PRIMARY_REGION,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "updateprimaryregion", "kms:UpdatePrimaryRegion") }],
        audited: &[KEY, ("PrimaryRegion", "primaryRegion")],
        handler: Some(|_, admitted, _| Box::pin(ops::region::change_regions(admitted))),
        ..row(Operation::UpdatePrimaryRegion, "updateprimaryregion", "kms:UpdatePrimaryRegion")
    },
];
