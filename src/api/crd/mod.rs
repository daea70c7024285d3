//! Custom resources of the group `kms.coffer.dev`.

pub mod condition;
pub mod kms_key;

/// The API group.
pub const GROUP: &str = "kms.coffer.dev";
/// The first version.
pub const VERSION: &str = "v1alpha1";
