//! The machine's clock together with the API server's.

use futures::future::BoxFuture;

use crate::adapters::kube::client::ServerDate;
use crate::adapters::system::SystemClock;
use crate::ports::clock::Clock;
use crate::types::time::{Span, Timestamp};

/// The clock of a process in a cluster.
pub struct ClusterClock {
    system: SystemClock,
    date: ServerDate,
}

impl ClusterClock {
    /// This machine's clock beside that of the API server.
    #[must_use]
    pub fn new(date: ServerDate) -> Self {
        Self { system: SystemClock::new(Timestamp::default()), date }
    }
}

impl Clock for ClusterClock {
    fn wall(&self) -> Timestamp {
        self.system.wall()
    }

    fn monotonic(&self) -> Span {
        self.system.monotonic()
    }

    fn outside(&self) -> Option<Timestamp> {
        self.date.get()
    }

    fn high_water_mark(&self) -> Timestamp {
        self.system.high_water_mark()
    }

    fn sleep(&self, span: Span) -> BoxFuture<'static, ()> {
        self.system.sleep(span)
    }
}
