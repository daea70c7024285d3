//! Every port in memory, with failures on demand.

mod aliases;
mod backend;
mod small;
mod store;

pub use aliases::FakeAliases;
pub use backend::FakeRemoteBackend;
pub use small::{FakeAudit, FakeClock, FakeResources, FakeReviewer, FakeUsage};
pub use store::{Cut, FakeStore};
