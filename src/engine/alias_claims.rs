//! Which aliases this process claimed for `KeyAlias` resources.
//!
//! The snapshot shows a claim only once the watch brings it. A resource that is gone before that must give its alias
//! up all the same. Claims of an earlier process are found by the sweep that each leader begins with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::changes::Owner;

/// Aliases by the resource that they were claimed for. There are no more than resources that were not removed.
#[derive(Default)]
pub struct AliasClaims(Mutex<BTreeMap<Owner, BTreeSet<String>>>);

impl AliasClaims {
    /// Notes a claim that is about to be written.
    pub(super) fn note(&self, namespace: &str, name: &str, alias: &str) {
        self.claims().entry((namespace.to_owned(), name.to_owned())).or_default().insert(alias.to_owned());
    }

    /// What was claimed for a resource and may still be.
    pub(super) fn of(&self, namespace: &str, name: &str) -> BTreeSet<String> {
        self.claims().get(&(namespace.to_owned(), name.to_owned())).cloned().unwrap_or_default()
    }

    /// Forgets what was given up: all but one.
    pub(super) fn forget(&self, namespace: &str, name: &str, but: Option<&str>) {
        let (mut claims, owner) = (self.claims(), (namespace.to_owned(), name.to_owned()));
        if let Some(aliases) = claims.get_mut(&owner) {
            aliases.retain(|alias| Some(alias.as_str()) == but);
            if aliases.is_empty() {
                claims.remove(&owner);
            }
        }
    }

    fn claims(&self) -> MutexGuard<'_, BTreeMap<Owner, BTreeSet<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
