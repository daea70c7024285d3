//! Whether a resource that is there claims a key that waits to be destroyed. For as long as it does the key is not
//! destroyed, whatever the date: a restore that was late by a day, or one that waits for a person, is still a restore.

use super::kms_key::Case;
use crate::domain::record::{HoldCause, Record};
use crate::domain::resource::Resource;

/// Whether a resource has the name of the key's own, in the namespace that the key was made in.
#[must_use]
pub fn is_own(resource: &Resource, record: &Record) -> bool {
    resource.namespace_uid == record.owner.namespace_uid && has_name_of(resource, record)
}

/// Whether a resource that came back keeps a key from being destroyed. One in a namespace that was made again gets the
/// key only when somebody approves it, and until then the key waits too. No resource calls off what the API scheduled.
#[must_use]
pub fn is_claimed(resource: &Resource, record: &Record) -> bool {
    record.hold(HoldCause::ScheduleKeyDeletion).is_none() && has_name_of(resource, record)
}

fn has_name_of(resource: &Resource, record: &Record) -> bool {
    let owner = &record.owner;
    (resource.namespace.as_str(), resource.name.as_str()) == (owner.namespace.as_str(), owner.name.as_str())
}

impl Case<'_> {
    /// Whether the resource of this round claims the key.
    pub(super) fn is_claimed(&self) -> bool {
        let pair = self.input.resource.zip(self.record());
        pair.is_some_and(|(resource, record)| is_claimed(resource, record))
    }

    /// Whether the key is looked at by itself, because its name is another key's by now: nobody claims its name for it.
    pub(super) fn is_orphan(&self) -> bool {
        self.input.resource.is_none() && self.input.seen.claim.is_none()
    }

    /// Whether an orphan was called back. Its resource was gone before its name went to another key, so one that is not
    /// held for that any more was enabled since, and lives on without a resource.
    pub(super) fn is_kept_by_calls(&self) -> bool {
        let is_free = |record: &Record| record.hold(HoldCause::ResourceDeleted).is_none();
        self.is_orphan() && self.record().is_some_and(is_free)
    }
}
