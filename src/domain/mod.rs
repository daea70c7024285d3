//! L2, the functional core: values in, decisions out. No input or output, no clock, no randomness, no panic.

pub mod alias;
pub mod allowed;
pub mod authority;
pub mod authorize;
pub mod change;
pub mod claim;
pub mod clock_guard;
pub mod encoding;
pub mod event;
pub mod import;
pub mod import_token;
pub mod last_usage;
pub mod lifecycle;
pub mod material;
pub mod plan;
pub mod platform;
pub mod quota;
pub mod reconcile;
pub mod record;
pub mod replica;
pub mod resource;
pub mod spec_change;
pub mod transitions;
pub mod validate;
pub mod vanished;

#[cfg(test)]
pub(crate) mod tests_support;
