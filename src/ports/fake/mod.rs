//! Every port in memory, with failures on demand.

mod aliases;
mod backend;
mod faulty;
mod small;
mod store;
mod wrapping_keys;

pub use aliases::FakeAliases;
pub use backend::FakeRemoteBackend;
pub use faulty::{Fault, FaultyStore, StaleStore, WatchFault};
pub use small::{FakeAudit, FakeClock, FakeResources, FakeReviewer, FakeUsage};
pub use store::{Cut, FakeStore};
pub use wrapping_keys::FakeWrappingKeys;
