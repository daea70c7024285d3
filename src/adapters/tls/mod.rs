//! TLS of the server: a certificate authority that is sealed with the installation, and certificates of each
//! replica that live in memory only.

pub mod authority;
pub mod resolver;
