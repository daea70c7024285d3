//! Planners, one file per kind and one for each matter of a large kind. A rule is one function in one list.

pub mod key_alias;
pub mod kms_key;
mod kms_key_conditions;
mod kms_key_creation;
mod kms_key_destruction;
mod kms_key_import;
mod kms_key_removal;
pub(crate) mod kms_key_rotation;
pub mod kms_key_status;
pub mod returns;
pub mod stalled;

#[cfg(test)]
mod histories;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod vanishing;
