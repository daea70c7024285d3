//! State and manifests in folders.

pub mod aliases;
pub mod atomic;
mod events;
pub mod held;
pub mod lock;
pub mod manifests;
pub mod resources;
pub mod root_file;
pub mod store;
pub mod unseen;
