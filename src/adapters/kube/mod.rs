//! The API server: sealed objects in Secrets, `KmsKey` resources, who calls and what RBAC says of them.

pub mod client;
pub mod namespaces;
