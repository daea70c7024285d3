//! L0, the vocabulary: values that validate themselves. No rules, no clock, no input or output.

pub mod account;
pub mod algorithm;
pub mod alias;
pub mod arn;
pub mod context;
pub mod ids;
pub mod import;
pub mod key;
pub mod limits;
pub mod object;
pub mod principal;
pub mod revision;
pub mod secret;
pub mod state;
pub mod time;
mod wire_enum;

pub(crate) use wire_enum::wire_enum;
