//! A sidecar with its real listeners and files, before a real TLS server that does what a test says.
//!
//! The server's certificates come from a crate that only the programs of the cluster depend on.
#![cfg(feature = "cluster")]

mod bytes;
mod calls;
mod failures;
mod pod;
mod server;
mod signatures;
