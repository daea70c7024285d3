//! One row for each operation of the API: everything about it that is not code.
//!
//! A new operation is one row here and one handler in `ops`.

mod aliases;
mod cryptography;
mod keys;
mod material;
mod pairs;
mod policies;
mod unusable;

use futures::future::BoxFuture;

use super::Engine;
use super::admit::Admitted;
use super::trail::Trail;
use crate::api::aws::error::AwsError;
use crate::api::aws::member::{Input, Member};
use crate::api::aws::operation::Operation;
use crate::api::aws::{grant, policy};
use crate::domain::authorize::Verb;
use crate::domain::quota::QuotaClass;
use crate::types::key::{KeyUsage, Origin};
use crate::types::limits::BODY_MAX;
use crate::types::secret::SecretBytes;

/// Serves an admitted request.
pub type Handler =
    for<'a> fn(&'a Engine, &'a Admitted<'a>, &'a mut Trail) -> BoxFuture<'a, Result<SecretBytes, AwsError>>;

/// One key that a request names.
#[derive(Clone, Copy, Debug)]
pub struct KeyArgument {
    /// The member that names the key.
    pub member: &'static str,
    /// The member with a blob that names the key where `member` is absent, and must agree where it is not.
    pub blob: Option<&'static str>,
    /// The permission that is needed on it.
    pub verb: Verb,
    /// The same in AWS's words.
    pub action: &'static str,
    /// Whether it may be named by alias.
    pub aliases: bool,
    /// Whether the key may be in any state, whatever the operation's rule says of its other keys.
    pub any_state: bool,
    /// The member with the algorithm, which must fit the key.
    pub algorithm: Option<&'static str>,
    /// The member with the encryption context, which policies may look at.
    pub context: Option<&'static str>,
}

/// What is known of one operation.
pub struct Row {
    /// The operation.
    pub operation: Operation,
    /// Its members.
    pub members: &'static [Member],
    /// The keys that a request names, each with its own permission.
    pub keys: &'static [KeyArgument],
    /// The permission that is needed where no key is named.
    pub verb: Verb,
    /// The same in AWS's words.
    pub action: &'static str,
    /// The class that its rate counts in.
    pub quota: QuotaClass,
    /// Which usage its keys must have.
    pub usage: Option<KeyUsage>,
    /// Where the material of its keys must come from.
    pub origin: Option<Origin>,
    /// The grant operation that allows it, where grants can.
    pub grant: Option<&'static str>,
    /// Whether it changes a key, so that an intent is recorded before.
    pub changes: bool,
    /// Whether the same call made twice has the effect of one.
    pub idempotent: bool,
    /// Most bytes of a request's body.
    pub body_max: usize,
    /// Members that the audit record shows, with their names there.
    pub audited: &'static [(&'static str, &'static str)],
    /// The member with the name of an alias that must exist and is changed.
    pub alias: Option<&'static str>,
    /// A check of the members alone, before anything is looked up.
    pub syntax: Option<fn(&Input<'_>) -> Result<(), AwsError>>,
    /// A check that comes after authorisation and before the key's state.
    pub precheck: Option<fn(&Input<'_>) -> Result<(), AwsError>>,
    /// The code; absent where this version does not implement the operation.
    pub handler: Option<Handler>,
}

const KEY: (&str, &str) = ("KeyId", "keyId");
const CONTEXT: (&str, &str) = ("EncryptionContext", "encryptionContext");
const ALGORITHM: (&str, &str) = ("EncryptionAlgorithm", "encryptionAlgorithm");

const fn argument(member: &'static str, verb: &'static str, action: &'static str) -> KeyArgument {
    KeyArgument {
        member,
        blob: None,
        verb: Verb(verb),
        action,
        aliases: true,
        any_state: false,
        algorithm: None,
        context: None,
    }
}

/// What most rows have in common; also the whole of a row that is not implemented.
const fn row(operation: Operation, verb: &'static str, action: &'static str) -> Row {
    Row {
        operation,
        members: &[],
        keys: &[],
        verb: Verb(verb),
        action,
        quota: QuotaClass::Manage,
        usage: None,
        origin: None,
        grant: None,
        changes: false,
        idempotent: true,
        body_max: BODY_MAX,
        audited: &[KEY],
        alias: None,
        syntax: None,
        precheck: None,
        handler: None,
    }
}

/// The row of an operation.
#[must_use]
pub fn find(operation: Operation) -> &'static Row {
    implemented().find(|row| row.operation == operation).unwrap_or_else(|| not_implemented(operation))
}

/// The operations that have a handler.
pub fn implemented() -> impl Iterator<Item = &'static Row> {
    let groups =
        [aliases::ROWS, cryptography::ROWS, keys::ROWS, material::ROWS, pairs::ROWS, policies::ROWS, unusable::ROWS];
    groups.into_iter().flatten()
}

macro_rules! not_implemented_rows {
    ($($operation:ident => $verb:literal, $members:expr);+ $(;)?) => {
        fn not_implemented(operation: Operation) -> &'static Row {
            match operation {
                $(Operation::$operation => {
                    static ROW: Row = Row {
                        members: $members,
                        ..row(Operation::$operation, $verb, concat!("kms:", stringify!($operation)))
                    };
                    &ROW
                })+
                // A test asserts that each operation is in exactly one of the two lists.
                _ => {
                    static ROW: Row = row(Operation::CreateKey, "none", "kms:None");
                    &ROW
                }
            }
        }

        /// The operations that are known and have no handler.
        pub const NOT_IMPLEMENTED: &[Operation] = &[$(Operation::$operation),+];
    };
}

not_implemented_rows! {
    CreateGrant => "creategrant", grant::CREATE_GRANT;
    ListGrants => "listgrants", grant::LIST_GRANTS;
    ListRetirableGrants => "listretirablegrants", grant::LIST_RETIRABLE_GRANTS;
    PutKeyPolicy => "putkeypolicy", policy::PUT_KEY_POLICY;
    RetireGrant => "retiregrant", grant::RETIRE_GRANT;
    RevokeGrant => "revokegrant", grant::REVOKE_GRANT;
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_has_exactly_one_row() {
        for operation in Operation::ALL {
            let implemented = implemented().filter(|row| row.operation == *operation).count();
            let known = NOT_IMPLEMENTED.iter().filter(|known| *known == operation).count();
            assert_eq!(implemented + known, 1, "{operation}");
            assert_eq!(find(*operation).operation, *operation);
            assert_eq!(find(*operation).handler.is_some(), implemented == 1);
        }
        assert_eq!((implemented().count(), NOT_IMPLEMENTED.len()), (50, 6));
    }

    #[test]
    fn rows_speak_of_members_that_exist() {
        for row in implemented() {
            let known = |name: &str| row.members.iter().any(|member| member.name == name);
            for argument in row.keys {
                assert!(known(argument.member), "{} {}", row.operation, argument.member);
                let others = [argument.blob, argument.algorithm, argument.context];
                assert!(others.into_iter().flatten().all(known), "{}", row.operation);
            }
            assert!(row.audited.iter().all(|(member, _)| known(member)), "{}", row.operation);
            let secret = |(member, _): &(&str, &str)| {
                [
                    "Plaintext",
                    "CiphertextBlob",
                    "ImportToken",
                    "EncryptedKeyMaterial",
                    "Message",
                    "Mac",
                    "Signature",
                    "KeyStorePassword",
                ]
                .contains(member)
            };
            assert!(!row.audited.iter().any(secret));
        }
    }
}
