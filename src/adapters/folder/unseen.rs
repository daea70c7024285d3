//! What a folder of manifests may say that nobody could look at.

use std::collections::HashSet;

/// What may be in a folder of manifests although it is not here.
pub enum Unseen {
    /// The folder could not be read.
    Everything,
    /// It was read, and these could not be noted.
    These(HashSet<(String, String)>),
}

impl Default for Unseen {
    fn default() -> Self {
        Self::These(HashSet::new())
    }
}

impl Unseen {
    /// Whether a resource that is not here may be there.
    #[must_use]
    pub fn may_have(&self, namespace: &str, name: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::These(names) => names.contains(&(namespace.to_owned(), name.to_owned())),
        }
    }
}
