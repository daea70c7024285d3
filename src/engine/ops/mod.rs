//! The handlers. They act on admitted requests: keys are resolved, allowed and in the right state.

pub mod alias;
mod changes;
pub mod data_key;
pub mod deletion;
pub mod encrypt;
pub mod import;
pub mod key_admin;
pub mod list;
pub mod random;
pub mod reencrypt;
pub mod rotation;
pub mod spec;

pub(super) use changes::internal;

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::engine::admit::unavailable;
use crate::ports::key_backend::BackendError;

/// What a caller is told when a backend fails.
fn backend_error(arn: &str, error: BackendError) -> AwsError {
    match error {
        BackendError::InvalidCiphertext => AwsError::silent(ErrorCode::InvalidCiphertext),
        BackendError::Unreadable => unavailable(arn),
        BackendError::Pending(_) | BackendError::Unavailable => {
            tracing::error!(arn, %error, "the key backend failed");
            AwsError::internal()
        }
    }
}
