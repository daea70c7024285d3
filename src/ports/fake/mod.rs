//! Every port in memory, with failures on demand.

mod aliases;
mod backend;
mod faulty;
mod rsa_keys;
mod small;
mod store;

pub use aliases::FakeAliases;
pub use backend::FakeRemoteBackend;
pub use faulty::{Fault, FaultyStore, StaleStore, TwiceStore, WatchFault};
pub use rsa_keys::FakeRsaKeys;
pub use small::{FakeAudit, FakeClock, FakeResources, FakeReviewer, FakeUsage};
pub use store::{Cut, FakeStore};
