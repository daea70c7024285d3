//! AWS JSON 1.1 as AWS KMS speaks it: operations, members with their constraints, errors, answers.

pub mod alias;
pub mod crypto;
pub mod data_key;
pub mod deletion;
pub mod error;
pub mod grant;
pub mod import;
pub mod json;
pub mod key;
pub mod key_store;
pub mod last_usage;
pub mod mac;
pub mod member;
pub mod operation;
pub mod page;
pub mod pair;
pub mod policy;
pub mod region;
pub mod reply;
pub mod rotation;
pub mod shared_secret;
pub mod signature;
pub mod tag;
pub mod trial;
