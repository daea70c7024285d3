//! L4, traits only: what the engine needs from the world. Each has a fake in memory and a suite that every
//! adapter passes.

pub mod alias_resources;
pub mod audit;
pub mod authenticator;
pub mod clock;
pub mod kept;
pub mod key_backend;
pub mod resources;
pub mod reviewer;
pub mod root;
pub mod rsa_keys;
pub mod store;
pub mod usage;

#[cfg(test)]
pub mod conformance;
#[cfg(test)]
pub mod fake;
