//! What every adapter of a port must do, as suites that know the trait and nothing else.
//!
//! An adapter's tests give a function that makes a fresh instance; the suite drives it.

mod aliases;
mod key_backend;
mod small;
mod store;

pub use aliases::alias_resources;
pub use key_backend::key_backend;
pub use small::{audit, clock, resources, usage};
pub use store::store;
