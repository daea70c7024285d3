//! Conditions of our resources: the only place where their types and reasons are spelled.

use crate::types::time::Timestamp;
use crate::types::wire_enum;

wire_enum! {
    /// Type of a condition.
    pub enum ConditionType {
        Ready = "Ready",
        Reconciling = "Reconciling",
        Stalled = "Stalled",
        Accepted = "Accepted",
        RootInSameStore = "RootInSameStore",
        ClockSkew = "ClockSkew",
        DestroyFrozen = "DestroyFrozen",
    }
}

wire_enum! {
    /// Status of a condition.
    pub enum ConditionStatus {
        True = "True",
        False = "False",
        Unknown = "Unknown",
    }
}

wire_enum! {
    /// Reason of a condition.
    pub enum ConditionReason {
        AsExpected = "AsExpected",
        Creating = "Creating",
        InvalidSpec = "InvalidSpec",
        ImmutableFieldChanged = "ImmutableFieldChanged",
        NotImplemented = "NotImplemented",
        PendingDeletion = "PendingDeletion",
        PendingImport = "PendingImport",
        KeyDestroyed = "KeyDestroyed",
        RotationLimit = "RotationLimit",
        NoMaterialToRotate = "NoMaterialToRotate",
        AliasConflict = "AliasConflict",
        TargetMissing = "TargetMissing",
        TargetIncompatible = "TargetIncompatible",
        RecordMissing = "RecordMissing",
        MaterialUnreadable = "MaterialUnreadable",
        RecordUnreadable = "RecordUnreadable",
        RestoreConflict = "RestoreConflict",
        RestorePendingApproval = "RestorePendingApproval",
        SchemaTooNew = "SchemaTooNew",
        KeyIdTaken = "KeyIdTaken",
        StaleView = "StaleView",
        Failed = "Failed",
    }
}

/// A condition as a planner computes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What it is about.
    pub kind: ConditionType,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, for programs.
    pub reason: ConditionReason,
    /// Why, for people.
    pub message: String,
    /// The generation of the resource that it was computed for.
    pub observed_generation: i64,
    /// When the status last changed. Equal inputs leave it, so that equal status patches nothing.
    pub last_transition_time: Timestamp,
}
