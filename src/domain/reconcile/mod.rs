//! Planners, one file per kind. A rule is one function in one list.

pub mod kms_key;
mod kms_key_conditions;
pub mod kms_key_status;
pub mod stalled;

#[cfg(test)]
pub(crate) mod tests;
