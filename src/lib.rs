//! Coffer: AWS KMS for your own Kubernetes cluster.
//!
//! The layers, from the bottom up; each imports only from those before it.
//!
//! - [`types`]: values that validate themselves.
//! - [`api`]: shapes on the wire.
//! - [`domain`]: decisions, pure and total.
//! - [`crypto`]: bytes in, bytes out.
//! - [`ports`]: what the engine needs from the world, as traits.
//! - [`engine`]: use cases over ports.
//! - `adapters`: one foreign thing each; they translate and do not decide.
//! - `process`: wiring.
//!
//! Everything up to the engine builds with `--no-default-features` and has no runtime, no HTTP, no TLS and
//! no Kubernetes client in its dependency tree.

pub mod manual;

pub mod types;

pub mod api;

pub mod domain;

pub mod crypto;

pub mod ports;

pub mod engine;

#[cfg(feature = "http")]
pub mod adapters;

#[cfg(feature = "http")]
pub mod process;

#[cfg(test)]
mod tidy;
