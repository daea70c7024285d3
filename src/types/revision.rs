//! Where a store's history stands.

/// A point in the history of one store. Later points are greater; nothing else about the number means
/// anything. In a cluster it is a resourceVersion, in a folder a counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl std::fmt::Display for Revision {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}
