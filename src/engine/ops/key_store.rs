//! The operations on custom key stores. Coffer has none, and keeps its material itself.

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::key_store::{DescribeCustomKeyStoresAnswer, check_none_named};
use crate::api::aws::page::PageRequest;
use crate::api::aws::reply::encode;
use crate::engine::admit::Admitted;
use crate::types::secret::SecretBytes;

/// `ConnectCustomKeyStore` and all others that name a store.
///
/// # Errors
/// `CustomKeyStoreNotFoundException`.
pub async fn use_key_store(admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    check_none_named(admitted.input)?;
    Err(AwsError::internal())
}

/// `CreateCustomKeyStore`. No CloudHSM cluster is known here, and no store of another kind can be made.
///
/// # Errors
/// `CloudHsmClusterNotFoundException` where the request names a cluster, else `UnsupportedOperationException`.
pub async fn create_custom_key_store(admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    if let Some(cluster) = admitted.input.text("CloudHsmClusterId") {
        let text = format!("The CloudHSM cluster '{cluster}' does not exist.");
        return Err(AwsError::new(ErrorCode::CloudHsmClusterNotFound, text));
    }
    Err(AwsError::new(ErrorCode::UnsupportedOperation, "Custom key stores are not supported in this Region."))
}

/// `DescribeCustomKeyStores`.
///
/// # Errors
/// `CustomKeyStoreNotFoundException` where the request names one, and `InvalidMarkerException`.
pub async fn describe_custom_key_stores(admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    check_none_named(admitted.input)?;
    PageRequest::<String>::read(admitted.input)?;
    encode(&DescribeCustomKeyStoresAnswer::default())
}
