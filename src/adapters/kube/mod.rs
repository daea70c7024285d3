//! The API server: sealed objects in Secrets, `KmsKey` resources, who calls and what RBAC says of them.

pub mod access_review;
pub mod aliases;
pub mod answers;
pub mod client;
pub mod conditions;
pub mod events;
pub mod field_ownership;
pub mod jwks;
pub mod jwt;
pub mod key_watch;
pub mod lease;
pub mod managers;
pub mod namespaces;
pub mod outage;
pub mod patience;
mod progress;
pub mod rbac_watch;
pub mod recent;
pub mod resources;
pub mod store;
mod store_watch;
pub mod token_review;
pub mod unimplemented;

#[cfg(test)]
mod tests;
