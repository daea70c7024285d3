//! HTTP over TLS to one server: one exchange at a time on each of a bounded number of connections.
//!
//! The files that an exchange depends on, the bundle of certificate authorities and the token, are read again
//! when they change. Whether a call is made again after a failure is not decided here.

pub mod address;
pub mod client;
pub mod connection;
pub mod file;
pub mod pool;
pub mod trust;
