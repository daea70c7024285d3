//! What an administrator approved: restores into namespaces that were made again, and the destruction of keys that
//! vanished together. Whoever may change the `Installation` may approve.

use std::sync::{Mutex, PoisonError};

use super::Engine;
use super::service_events::{Moment, ServiceEvent};
use crate::domain::resource::Resource;
use crate::domain::vanished::approved_until;
use crate::ports::audit::{AuditError, Parameter};
use crate::types::ids::ObjectUid;
use crate::types::time::Timestamp;

/// Approves that keys of an earlier namespace go to the one that has its name now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreApproval {
    /// The name of the namespace.
    pub namespace: String,
    /// The uid of the new namespace; a third one of the name is not meant.
    pub namespace_uid: ObjectUid,
    /// One KmsKey of it; all of them where absent.
    pub name: Option<String>,
}

impl RestoreApproval {
    fn is_about(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name.as_ref().is_none_or(|own| own == name)
    }
}

/// Everything that is approved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approved {
    /// Restores.
    pub restores: Vec<RestoreApproval>,
    /// Keys that vanished until then may be destroyed, however many vanished together.
    pub vanished_until: Option<Timestamp>,
    /// When that was approved, where it is known; else it is when it is seen first.
    pub given_at: Option<Timestamp>,
}

/// Into which namespaces keys are restored without anybody's approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestoreScope {
    /// Only into the namespace that they were made in.
    #[default]
    SameNamespaceUid,
    /// Into any namespace of the same name.
    SameName,
}

/// What is approved now.
#[derive(Default)]
pub struct Approvals {
    scope: RestoreScope,
    given: Mutex<Given>,
}

#[derive(Clone, Default)]
struct Given {
    /// As it was asked for.
    approved: Approved,
    /// Until when what vanished is approved: not far beyond the moment at which that was asked for first.
    vanished_until: Option<Timestamp>,
}

impl Approvals {
    /// Nothing approved but what the scope allows.
    #[must_use]
    pub fn new(scope: RestoreScope) -> Self {
        Self { scope, given: Mutex::default() }
    }

    pub(super) fn allows_restore(&self, resource: &Resource) -> bool {
        let is_meant = |approval: &RestoreApproval| {
            approval.namespace_uid == resource.namespace_uid && approval.is_about(&resource.namespace, &resource.name)
        };
        self.scope == RestoreScope::SameName || self.lock().approved.restores.iter().any(is_meant)
    }

    pub(super) fn vanished_until(&self) -> Option<Timestamp> {
        self.lock().vanished_until
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Takes over what is approved now. A new approval is recorded before it counts.
    ///
    /// # Errors
    /// Where it could not be recorded; nothing new is approved then.
    pub async fn approve(&self, next: Approved) -> Result<(), AuditError> {
        let before = self.approvals.lock().clone();
        let new: Vec<RestoreApproval> =
            next.restores.iter().filter(|approval| !before.approved.restores.contains(approval)).cloned().collect();
        for approval in &new {
            let name = approval.name.clone().unwrap_or_else(|| "*".to_owned());
            let details = vec![
                ("namespace", Parameter::Text(approval.namespace.clone())),
                ("namespaceUid", Parameter::Text(approval.namespace_uid.to_string())),
                ("name", Parameter::Text(name)),
            ];
            self.record_event(&ServiceEvent { name: "ApproveRestore", moment: Moment::Before }, None, details).await?;
        }
        let mut vanished_until = before.vanished_until.filter(|_| next.vanished_until.is_some());
        if let Some(asked) = next.vanished_until.filter(|asked| before.approved.vanished_until != Some(*asked)) {
            let until = approved_until(asked, next.given_at.unwrap_or_else(|| self.latest_time()));
            vanished_until = Some(until);
            let details = vec![("vanishedUntil", Parameter::Text(until.to_rfc3339()))];
            self.record_event(&ServiceEvent { name: "UnfreezeDestruction", moment: Moment::Before }, None, details)
                .await?;
        }
        *self.approvals.lock() = Given { approved: next, vanished_until };
        self.look_at_approved(&new);
        Ok(())
    }

    /// Nothing of a resource changes by its approval, so without this its key would wait for the next look at it.
    fn look_at_approved(&self, new: &[RestoreApproval]) {
        for entry in self.snapshots.load().keys() {
            let owner = &entry.record.owner;
            if new.iter().any(|approval| approval.is_about(&owner.namespace, &owner.name)) {
                self.changes.note(&owner.namespace, &owner.name);
            }
        }
    }
}
