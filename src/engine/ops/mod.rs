//! The handlers. They act on admitted requests: keys are resolved, allowed and in the right state.

pub mod alias;
mod blob;
mod changes;
pub mod data_key;
pub mod deletion;
pub mod encrypt;
pub mod import;
pub mod key_admin;
pub mod key_store;
pub mod last_usage;
pub mod list;
pub mod mac;
pub mod pair;
pub mod policy;
pub mod random;
pub mod reencrypt;
pub mod region;
pub mod rotation;
pub mod shared_secret;
pub mod sign;
pub mod spec;

pub(super) use changes::internal;

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::engine::Engine;
use crate::engine::admit::{Admitted, ResolvedKey, throttled, unavailable};
use crate::ports::key_backend::{BackendError, KeyHandle};
use crate::ports::usage::Use;

/// What a caller is told when a backend fails.
fn backend_error(arn: &str, error: BackendError) -> AwsError {
    match error {
        BackendError::InvalidCiphertext => AwsError::silent(ErrorCode::InvalidCiphertext),
        BackendError::InvalidMac => AwsError::silent(ErrorCode::KmsInvalidMac),
        BackendError::InvalidPublicKey => {
            AwsError::validation("The public key is not a valid key of the curve of the KMS key.")
        }
        BackendError::Busy => throttled(),
        BackendError::Unreadable => unavailable(arn),
        BackendError::Pending(_) | BackendError::InvalidMaterial | BackendError::Unavailable => {
            tracing::error!(arn, %error, "the key backend failed");
            AwsError::internal()
        }
    }
}

/// The material that a key uses now.
fn current(key: &ResolvedKey) -> Result<&KeyHandle, AwsError> {
    key.entry.current_handle().ok_or_else(AwsError::internal)
}

/// The public key of a pair, which no use of it needs to open anything for.
fn public_key(key: &ResolvedKey) -> Result<&[u8], AwsError> {
    key.entry.record.public_key.as_ref().map(|bytes| bytes.as_slice()).ok_or_else(AwsError::internal)
}

/// Counts a use that was one.
fn count(engine: &Engine, admitted: &Admitted<'_>, handle: &KeyHandle) {
    if !admitted.is_trial {
        engine.ports.usage.count(Use { key_id: handle.binding.key_id, version: handle.binding.version });
    }
}
