//! What is kept of a material that was opened.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError, Weak};

type Slot = Mutex<Option<Arc<dyn Any + Send + Sync>>>;

/// The place of what a backend opened under a handle. It lives as long as the handle and its copies: material that was
/// deleted, expired or destroyed is in no snapshot, and is wiped with the last use that was under way.
#[derive(Clone, Default)]
pub struct Kept(Arc<Slot>);

/// The same place, for whoever bounds how much is kept.
pub struct WeakKept(Weak<Slot>);

impl Kept {
    /// What was put there, where it is of this type.
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        kept.and_then(|kept| kept.downcast().ok())
    }

    /// Keeps something.
    pub fn put<T: Any + Send + Sync>(&self, opened: Arc<T>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened);
    }

    /// The place without what is in it.
    #[must_use]
    pub fn downgrade(&self) -> WeakKept {
        WeakKept(Arc::downgrade(&self.0))
    }
}

impl WeakKept {
    /// Whether a handle has the place yet.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// Drops what is kept there.
    pub fn clear(&self) {
        if let Some(slot) = self.0.upgrade() {
            slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

/// What is kept is secret.
impl std::fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Kept")
    }
}
