//! The states of a key: the words only. The rules are in `domain::lifecycle`.

use super::wire_enum;

wire_enum! {
    /// State of a key as a caller sees it
    /// ([AWS: key states](https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html)).
    pub enum KeyState {
        Creating = "Creating",
        Enabled = "Enabled",
        Disabled = "Disabled",
        PendingDeletion = "PendingDeletion",
        PendingImport = "PendingImport",
        PendingReplicaDeletion = "PendingReplicaDeletion",
        Unavailable = "Unavailable",
        Updating = "Updating",
    }
}
