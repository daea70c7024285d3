//! The ports, and beside them their fakes that need nothing which only tests have.

pub use coffer::ports::*;

#[path = "../../../src/ports/fake/aliases.rs"]
pub mod fake_aliases;
#[path = "../../../src/ports/fake/rsa_keys.rs"]
pub mod fake_rsa_keys;
#[path = "../../../src/ports/fake/small.rs"]
pub mod fake_small;
#[path = "../../../src/ports/fake/store.rs"]
pub mod fake_store;
