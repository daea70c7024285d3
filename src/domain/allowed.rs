//! What each operation may do to a key in each state.
//!
//! From [AWS: key states](https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html#key-state-table).

use crate::types::state::KeyState;

/// Which states an operation accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateRule {
    /// Each state: the operation only looks, or involves no key.
    Any,
    /// A usable key: cryptographic operations.
    Usable,
    /// A key that is enabled or disabled: switching it.
    Switchable,
}

/// Why a state does not accept an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateRefusal {
    /// The key is disabled: `DisabledException`.
    Disabled,
    /// Any other state: `KMSInvalidStateException`, with the words that follow the ARN.
    Invalid(&'static str),
}

/// Whether a key in this state accepts an operation of this rule.
///
/// # Errors
/// The refusal that the caller is told.
pub const fn check(rule: StateRule, state: KeyState) -> Result<(), StateRefusal> {
    match (rule, state) {
        (StateRule::Any, _)
        | (StateRule::Usable | StateRule::Switchable, KeyState::Enabled | KeyState::Updating)
        | (StateRule::Switchable, KeyState::Disabled) => Ok(()),
        (StateRule::Usable, KeyState::Disabled) => Err(StateRefusal::Disabled),
        (StateRule::Usable | StateRule::Switchable, state) => Err(StateRefusal::Invalid(refusal_words(state))),
    }
}

const fn refusal_words(state: KeyState) -> &'static str {
    match state {
        KeyState::Creating => "is creating.",
        KeyState::PendingDeletion => "is pending deletion.",
        KeyState::PendingImport => "is pending import.",
        KeyState::PendingReplicaDeletion => "is pending replica deletion.",
        KeyState::Unavailable => "is unavailable.",
        KeyState::Enabled | KeyState::Disabled | KeyState::Updating => "is in a state that does not allow this.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_awss() {
        use KeyState::{Creating, Disabled, Enabled, PendingDeletion, PendingImport, Unavailable, Updating};
        for state in KeyState::ALL {
            assert_eq!(check(StateRule::Any, *state), Ok(()));
            let usable = matches!(state, Enabled | Updating);
            assert_eq!(check(StateRule::Usable, *state).is_ok(), usable, "{state}");
            assert_eq!(check(StateRule::Switchable, *state).is_ok(), usable || *state == Disabled, "{state}");
        }
        assert_eq!(check(StateRule::Usable, Disabled), Err(StateRefusal::Disabled));
        for (state, words) in [
            (Creating, "is creating."),
            (PendingDeletion, "is pending deletion."),
            (PendingImport, "is pending import."),
            (Unavailable, "is unavailable."),
        ] {
            assert_eq!(check(StateRule::Usable, state), Err(StateRefusal::Invalid(words)));
        }
    }
}
