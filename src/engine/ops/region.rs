//! ReplicateKey and UpdatePrimaryRegion. No key can be made for more than one Region.

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::engine::admit::Admitted;
use crate::types::secret::SecretBytes;

/// Both operations: every key is refused as AWS KMS refuses one that is for a single Region.
///
/// # Errors
/// `UnsupportedOperationException`.
pub async fn change_regions(admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let message = format!("{} is not a multi-region primary key.", admitted.key(0)?.arn);
    Err(AwsError::new(ErrorCode::UnsupportedOperation, message))
}
