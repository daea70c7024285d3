//! A sidecar with its real listeners and files, before a real TLS server that does what a test says.

mod bytes;
mod calls;
mod failures;
mod pod;
mod server;
mod signatures;
