//! What each operation may do to a key in each state.
//!
//! From [AWS: key states](https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html#key-state-table).

use crate::api::aws::operation::Operation;
use crate::types::state::KeyState;

/// Which states an operation accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateRule {
    /// Each state: the operation only looks, or involves no key.
    Any,
    /// A usable key: cryptographic operations, rotation and what makes new rights.
    Usable,
    /// A key that is enabled or disabled: switching it, and what does not depend on that.
    Switchable,
    /// A key that exists and does not wait to be destroyed: naming and describing it.
    Describable,
    /// The same, unless something else is under way with it: scheduling its deletion.
    Deletable,
    /// A key that waits to be destroyed: cancelling that.
    PendingDeletion,
    /// A key that has or awaits imported material.
    Importable,
}

/// Why a state does not accept an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateRefusal {
    /// The key is disabled: `DisabledException`.
    Disabled,
    /// Any other state: `KMSInvalidStateException`, with the words that follow the ARN.
    Invalid(&'static str),
}

/// The rule of an operation. One arm for each rule, so that the table can be read beside AWS's.
#[must_use]
pub const fn rule_of(operation: Operation) -> StateRule {
    use Operation as O;
    match operation {
        O::CreateCustomKeyStore
        | O::ConnectCustomKeyStore
        | O::DeleteCustomKeyStore
        | O::DescribeCustomKeyStores
        | O::DisconnectCustomKeyStore
        | O::UpdateCustomKeyStore
        | O::CreateKey
        | O::GenerateRandom
        | O::ListKeys
        | O::ListAliases
        | O::ListRetirableGrants
        | O::DeleteAlias
        | O::DeleteImportedKeyMaterial
        | O::DescribeKey
        | O::GetKeyLastUsage
        | O::GetKeyPolicy
        | O::GetKeyRotationStatus
        | O::ListGrants
        | O::ListKeyPolicies
        | O::ListKeyRotations
        | O::ListResourceTags
        | O::PutKeyPolicy
        | O::RetireGrant
        | O::RevokeGrant => StateRule::Any,
        O::CreateGrant
        | O::Decapsulate
        | O::Decrypt
        | O::DeriveSharedSecret
        | O::DisableKeyRotation
        | O::EnableKeyRotation
        | O::Encapsulate
        | O::Encrypt
        | O::GenerateDataKey
        | O::GenerateDataKeyPair
        | O::GenerateDataKeyPairWithoutPlaintext
        | O::GenerateDataKeyWithoutPlaintext
        | O::GenerateMac
        | O::ReEncrypt
        | O::ReplicateKey
        | O::RotateKeyOnDemand
        | O::Sign
        | O::UpdatePrimaryRegion
        | O::Verify
        | O::VerifyMac => StateRule::Usable,
        // Against its own table of key states, AWS gives the public key of a disabled key.
        O::DisableKey | O::EnableKey | O::GetPublicKey => StateRule::Switchable,
        O::CreateAlias | O::TagResource | O::UntagResource | O::UpdateAlias | O::UpdateKeyDescription => {
            StateRule::Describable
        }
        O::ScheduleKeyDeletion => StateRule::Deletable,
        O::CancelKeyDeletion => StateRule::PendingDeletion,
        O::GetParametersForImport | O::ImportKeyMaterial => StateRule::Importable,
    }
}

/// Whether a key in this state accepts an operation of this rule.
///
/// # Errors
/// The refusal that the caller is told.
pub const fn check(rule: StateRule, state: KeyState) -> Result<(), StateRefusal> {
    use KeyState::{
        Creating, Disabled, Enabled, PendingDeletion, PendingImport, PendingReplicaDeletion, Unavailable, Updating,
    };
    let accepted = match rule {
        StateRule::Any => true,
        StateRule::Usable => matches!(state, Enabled | Updating),
        StateRule::Switchable => matches!(state, Enabled | Updating | Disabled),
        StateRule::Describable => !matches!(state, Creating | PendingDeletion | PendingReplicaDeletion),
        StateRule::Deletable => matches!(state, Enabled | Disabled | PendingImport | Unavailable),
        StateRule::PendingDeletion => matches!(state, PendingDeletion | PendingReplicaDeletion),
        StateRule::Importable => matches!(state, Enabled | Disabled | PendingImport),
    };
    match (accepted, rule, state) {
        (true, ..) => Ok(()),
        (false, StateRule::Usable, Disabled) => Err(StateRefusal::Disabled),
        (false, StateRule::PendingDeletion, _) => Err(StateRefusal::Invalid("is not pending deletion.")),
        (false, _, state) => Err(StateRefusal::Invalid(refusal_words(state))),
    }
}

const fn refusal_words(state: KeyState) -> &'static str {
    match state {
        KeyState::Creating => "is creating.",
        KeyState::PendingDeletion => "is pending deletion.",
        KeyState::PendingImport => "is pending import.",
        KeyState::PendingReplicaDeletion => "is pending replica deletion.",
        KeyState::Unavailable => "is unavailable.",
        KeyState::Updating => "is updating.",
        KeyState::Enabled | KeyState::Disabled => "is in a state that does not allow this.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line for each operation and state: `ok`, or the error that the caller is told.
    fn table() -> String {
        let cell = |operation: Operation, state: KeyState| match check(rule_of(operation), state) {
            Ok(()) => "ok".to_owned(),
            Err(StateRefusal::Disabled) => "DisabledException".to_owned(),
            Err(StateRefusal::Invalid(words)) => format!("KMSInvalidStateException, <arn> {words}"),
        };
        let row = |operation: &Operation| {
            let cells =
                KeyState::ALL.iter().map(|state| format!("{operation} on {state}: {}\n", cell(*operation, *state)));
            cells.collect::<String>()
        };
        Operation::ALL.iter().map(row).collect()
    }

    #[test]
    fn every_cell_is_as_it_was_agreed() {
        assert_eq!(table(), include_str!("snapshots/operations.txt"), "the table of operations changed:\n{}", table());
        assert_eq!(table().lines().count(), 56 * 8);
    }
}
