//! L2, the functional core: values in, decisions out. No input or output, no clock, no randomness, no panic.

pub mod allowed;
pub mod authority;
pub mod authorize;
pub mod change;
pub mod encoding;
pub mod import_token;
pub mod lifecycle;
pub mod plan;
pub mod quota;
pub mod reconcile;
pub mod record;
pub mod replica;
pub mod resource;
pub mod validate;
