//! Time as a port.

use futures::future::BoxFuture;

use crate::types::time::{Span, Timestamp};

/// Where time comes from.
///
/// # Guarantees
/// `monotonic` never goes back. `high_water_mark` never goes back and is never before a wall time that this
/// clock has given.
///
/// # Caveats
/// `wall` may jump in both directions; what cannot be undone asks `outside` and the high-water mark too.
pub trait Clock: Send + Sync {
    /// What the machine's clock shows.
    fn wall(&self) -> Timestamp;

    /// Time since some fixed point of this process.
    fn monotonic(&self) -> Span;

    /// The date that somebody else's clock showed last: the API server's, in a cluster.
    fn outside(&self) -> Option<Timestamp>;

    /// The latest wall time ever seen.
    fn high_water_mark(&self) -> Timestamp;

    /// Ends after this span, by the monotonic clock.
    fn sleep(&self, span: Span) -> BoxFuture<'static, ()>;
}
