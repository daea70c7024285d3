//! What each replica writes about itself, so that staleness can be measured and rotations know who has seen what.

use minicbor::{Decode, Encode};

use super::encoding::Content;
use crate::types::limits::REPLICA_LIVE;
use crate::types::time::Timestamp;

/// The heartbeat of one replica.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Replica {
    /// The schema that the writer knew.
    #[n(1)]
    pub schema: u32,
    /// The replica's name.
    #[n(2)]
    pub name: String,
    /// The version of its program.
    #[n(3)]
    pub version: String,
    /// The revision that its snapshot shows.
    #[n(4)]
    pub seen_revision: u64,
    /// The newest schema of contents that it can read.
    #[n(5)]
    pub schema_max: u32,
    /// The newest suite of containers that it can open.
    #[n(6)]
    pub suite_max: u32,
    /// When this was written.
    #[n(7)]
    pub beat_at: Timestamp,
}

impl Content for Replica {
    fn schema(&self) -> u32 {
        self.schema
    }
}

impl Replica {
    /// Whether the replica still writes.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now.since(self.beat_at) <= REPLICA_LIVE
    }
}
