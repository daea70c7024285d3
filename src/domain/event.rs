//! What users are told of as it happens: the reasons of Kubernetes Events, all of them, in one place. An event is told
//! once for each change of state and never for a use of a key.

use super::plan::Reason;
use super::record::{HoldCause, Record};
use crate::api::crd::condition::ConditionReason;
use crate::types::time::Timestamp;
use crate::types::wire_enum;

wire_enum! {
    /// Reason of an event.
    pub enum EventReason {
        KeyCreated = "KeyCreated",
        KeyReady = "KeyReady",
        KeyRotated = "KeyRotated",
        KeyRestored = "KeyRestored",
        KeyReplaced = "KeyReplaced",
        KeyDestroyed = "KeyDestroyed",
        PreviousKeyDestroyed = "PreviousKeyDestroyed",
        DeletionScheduled = "DeletionScheduled",
        DeletionCancelled = "DeletionCancelled",
        MaterialAwaited = "MaterialAwaited",
        MaterialExpired = "MaterialExpired",
        MaterialTampered = "MaterialTampered",
        RecordTampered = "RecordTampered",
        RestoreConflict = "RestoreConflict",
        RestorePendingApproval = "RestorePendingApproval",
        RotationRefused = "RotationRefused",
        SpecRefused = "SpecRefused",
        NotImplemented = "NotImplemented",
        SchemaTooNew = "SchemaTooNew",
        AliasBound = "AliasBound",
        AliasRefused = "AliasRefused",
        ReconcileFailed = "ReconcileFailed",
    }
}

impl EventReason {
    /// What is told of a step that was done.
    #[must_use]
    pub const fn of(because: Reason) -> Option<Self> {
        match because {
            Reason::RotationShown => Some(Self::KeyRotated),
            Reason::ResourceGone => Some(Self::DeletionScheduled),
            Reason::ResourceReplaced => Some(Self::KeyRestored),
            Reason::KeyReplaced => Some(Self::KeyReplaced),
            Reason::KeyDestroyedBefore => Some(Self::PreviousKeyDestroyed),
            Reason::Destroyed => Some(Self::KeyDestroyed),
            Reason::ImportExpired => Some(Self::MaterialExpired),
            _ => None,
        }
    }

    /// What is told of a change of readiness.
    #[must_use]
    pub fn between(before: Option<ConditionReason>, now: ConditionReason) -> Option<Self> {
        Some(match (before, now) {
            (None | Some(ConditionReason::Creating), ConditionReason::AsExpected) => Self::KeyCreated,
            (Some(ConditionReason::PendingDeletion), ConditionReason::AsExpected) => Self::DeletionCancelled,
            (Some(_), ConditionReason::AsExpected) => Self::KeyReady,
            (_, ConditionReason::MaterialUnreadable) => Self::MaterialTampered,
            (_, ConditionReason::RecordUnreadable | ConditionReason::RecordMissing) => Self::RecordTampered,
            (_, ConditionReason::PendingDeletion) => Self::DeletionScheduled,
            (_, ConditionReason::PendingImport) => Self::MaterialAwaited,
            (_, ConditionReason::KeyDestroyed) => Self::KeyDestroyed,
            (_, ConditionReason::RestoreConflict) => Self::RestoreConflict,
            (_, ConditionReason::RestorePendingApproval) => Self::RestorePendingApproval,
            (_, ConditionReason::RotationLimit | ConditionReason::NoMaterialToRotate) => Self::RotationRefused,
            (_, ConditionReason::NotImplemented) => Self::NotImplemented,
            (_, ConditionReason::SchemaTooNew) => Self::SchemaTooNew,
            (
                _,
                ConditionReason::AliasConflict | ConditionReason::TargetMissing | ConditionReason::TargetIncompatible,
            ) => Self::AliasRefused,
            (
                _,
                ConditionReason::InvalidSpec | ConditionReason::ImmutableFieldChanged | ConditionReason::KeyIdTaken,
            ) => Self::SpecRefused,
            (_, ConditionReason::Failed) => Self::ReconcileFailed,
            (_, ConditionReason::Creating | ConditionReason::StaleView) => return None,
        })
    }

    /// What is told of all that was done together: each step, and the change of readiness where no step says it.
    #[must_use]
    pub fn all(happened: &[Reason], before: Option<ConditionReason>, now: ConditionReason) -> Vec<Self> {
        // A resource that came back calls off no deletion that the API scheduled. A removal that was found together with
        // the return of its resource is over.
        let stays_doomed = now == ConditionReason::PendingDeletion;
        let is_so = |event: &Self| match event {
            Self::KeyRestored => !stays_doomed,
            Self::DeletionScheduled => stays_doomed,
            _ => true,
        };
        let mut told: Vec<Self> = happened.iter().filter_map(|because| Self::of(*because)).filter(is_so).collect();
        let change = Self::between(before, now).filter(|change| {
            let is_said = told.contains(change)
                || (!told.is_empty() && matches!(change, Self::KeyCreated | Self::KeyReady | Self::DeletionCancelled));
            !is_said || told.contains(&Self::KeyReplaced) || told.contains(&Self::PreviousKeyDestroyed)
        });
        told.extend(change.filter(|change| !told.contains(change)));
        told
    }

    /// What is told of a change of an alias's readiness.
    #[must_use]
    pub const fn of_alias(now: ConditionReason) -> Option<Self> {
        match now {
            ConditionReason::AsExpected => Some(Self::AliasBound),
            ConditionReason::Creating | ConditionReason::StaleView => None,
            _ => Some(Self::AliasRefused),
        }
    }

    /// Whether somebody may have to do something.
    #[must_use]
    pub const fn is_warning(self) -> bool {
        !matches!(
            self,
            Self::KeyCreated
                | Self::KeyReady
                | Self::KeyRotated
                | Self::KeyRestored
                | Self::AliasBound
                | Self::DeletionCancelled
                | Self::MaterialAwaited
        )
    }

    /// What was done, for programs.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::KeyCreated => "Create",
            Self::KeyRotated | Self::RotationRefused => "Rotate",
            Self::KeyRestored | Self::RestoreConflict | Self::RestorePendingApproval => "Restore",
            Self::DeletionScheduled | Self::DeletionCancelled => "ScheduleDeletion",
            Self::KeyDestroyed | Self::PreviousKeyDestroyed => "Destroy",
            Self::MaterialAwaited | Self::MaterialExpired => "Import",
            Self::AliasBound | Self::AliasRefused => "Bind",
            _ => "Reconcile",
        }
    }

    /// What is told of a key whose resource is gone: which one it is, when it is destroyed, and the way back.
    #[must_use]
    pub fn left(self, record: &Record) -> String {
        let key_id = record.key_id();
        if self != Self::DeletionScheduled {
            return format!("{key_id}: {}", self.note());
        }
        let Some(date) = record.due.deletion.map(Timestamp::to_rfc3339) else {
            return format!("the key {key_id} is kept and cannot be used; apply the same manifest again to use it");
        };
        match record.hold(HoldCause::ScheduleKeyDeletion) {
            Some(_) => format!(
                "the key {key_id} is destroyed on {date}, by ScheduleKeyDeletion; CancelKeyDeletion calls it off"
            ),
            None => format!(
                "the key {key_id} is destroyed on {date}; apply the same manifest again to restore it, or call \
                 CancelKeyDeletion to keep it disabled"
            ),
        }
    }

    /// What is told where the condition says nothing.
    #[must_use]
    pub const fn note(self) -> &'static str {
        match self {
            Self::KeyCreated | Self::KeyReady => "the key is ready for use",
            Self::KeyRotated => "new key material encrypts; earlier material still decrypts",
            Self::KeyRestored => "the resource came back, and with it the same key and all of its material",
            Self::KeyReplaced => "the resource has another key now; the earlier one waits for its own destruction",
            Self::KeyDestroyed => "the key's material was destroyed at the end of its waiting period",
            Self::PreviousKeyDestroyed => "the earlier key of this name was destroyed; this is another key",
            Self::AliasBound => "the alias names the key of this resource",
            Self::DeletionScheduled => "the key waits to be destroyed",
            Self::DeletionCancelled => "the deletion of the key was called off",
            Self::MaterialAwaited => "the key waits for its material to be imported",
            Self::MaterialExpired => "imported key material expired and was deleted; import it again to use the key",
            _ => "see the conditions of the resource",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_what_kubernetes_takes() {
        for reason in EventReason::ALL {
            let word = reason.as_str();
            assert!(word.len() <= 128 && word.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{word}");
            assert!(!reason.note().is_empty() && !reason.action().is_empty());
        }
        assert!(EventReason::KeyDestroyed.is_warning() && !EventReason::KeyRotated.is_warning());
    }

    #[test]
    fn a_restore_is_told_as_one_and_not_as_a_new_key() {
        let told = |happened: &[Reason], before| EventReason::all(happened, before, ConditionReason::AsExpected);
        assert_eq!(told(&[Reason::ResourceReplaced], None), [EventReason::KeyRestored]);
        assert_eq!(told(&[Reason::ResourceGone, Reason::ResourceReplaced], None), [EventReason::KeyRestored]);
        assert_eq!(told(&[Reason::MaterialMade], None), [EventReason::KeyCreated]);
        assert_eq!(told(&[Reason::RotationShown], Some(ConditionReason::AsExpected)), [EventReason::KeyRotated]);
        let replaced = [Reason::KeyDestroyedBefore, Reason::MaterialMade];
        assert_eq!(told(&replaced, None), [EventReason::PreviousKeyDestroyed, EventReason::KeyCreated]);
    }

    #[test]
    fn a_deletion_that_is_called_off_is_no_restore_and_one_that_goes_on_neither() {
        let doomed = ConditionReason::PendingDeletion;
        let cancelled = EventReason::all(&[], Some(doomed), ConditionReason::AsExpected);
        assert_eq!(cancelled, [EventReason::DeletionCancelled]);
        let restored = EventReason::all(&[Reason::ResourceReplaced], Some(doomed), ConditionReason::AsExpected);
        assert_eq!(restored, [EventReason::KeyRestored]);
        assert_eq!(EventReason::all(&[Reason::ResourceReplaced], None, doomed), [EventReason::DeletionScheduled]);
    }

    #[test]
    fn every_condition_that_lasts_is_told() {
        for reason in ConditionReason::ALL {
            let passing = matches!(reason, ConditionReason::Creating | ConditionReason::StaleView);
            assert_eq!(EventReason::between(None, *reason).is_none(), passing, "{reason}");
        }
    }
}
