//! One row for each operation of the API: everything about it that is not code.
//!
//! A new operation is one row here and one handler in `ops`.

use futures::future::BoxFuture;

use super::Engine;
use super::admit::Admitted;
use super::ops;
use super::trail::Trail;
use crate::api::aws::error::AwsError;
use crate::api::aws::member::{Input, Member};
use crate::api::aws::operation::Operation;
use crate::api::aws::{alias, crypto, data_key, deletion, import, key, rotation, tag};
use crate::domain::authorize::Verb;
use crate::domain::quota::QuotaClass;
use crate::types::key::{KeyUsage, Origin};
use crate::types::limits::{BODY_MAX, BODY_WITH_RECIPIENT_MAX};
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

const ALIAS_TARGET: &[(&str, &str)] = &[("AliasName", "aliasName"), ("TargetKeyId", "targetKeyId")];

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
    IMPLEMENTED.iter().find(|row| row.operation == operation).unwrap_or_else(|| not_implemented(operation))
}

/// The operations that have a handler.
pub static IMPLEMENTED: &[Row] = &[
    Row {
        members: key::KEY_ONLY,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "cancelkeydeletion", "kms:CancelKeyDeletion") }],
        changes: true,
        handler: Some(|engine, admitted, trail| Box::pin(ops::deletion::cancel_key_deletion(engine, admitted, trail))),
        ..row(Operation::CancelKeyDeletion, "cancelkeydeletion", "kms:CancelKeyDeletion")
    },
    Row {
        members: alias::TARGETED,
        keys: &[KeyArgument { aliases: false, ..argument("TargetKeyId", "createalias", "kms:CreateAlias") }],
        changes: true,
        idempotent: false,
        audited: ALIAS_TARGET,
        syntax: Some(alias::check_targeted),
        handler: Some(|engine, admitted, trail| Box::pin(ops::alias::create_alias(engine, admitted, trail))),
        ..row(Operation::CreateAlias, "createalias", "kms:CreateAlias")
    },
    Row {
        members: key::CREATE_KEY,
        changes: true,
        idempotent: false,
        audited: &[
            ("Description", "description"),
            ("KeySpec", "keySpec"),
            ("CustomerMasterKeySpec", "customerMasterKeySpec"),
            ("KeyUsage", "keyUsage"),
            ("Origin", "origin"),
            ("Tags", "tags"),
        ],
        precheck: Some(ops::key_admin::check_create_key),
        handler: Some(|engine, admitted, trail| Box::pin(ops::key_admin::create_key(engine, admitted, trail))),
        ..row(Operation::CreateKey, "create", "kms:CreateKey")
    },
    Row {
        members: crypto::DECRYPT,
        keys: &[KeyArgument {
            blob: Some("CiphertextBlob"),
            algorithm: Some("EncryptionAlgorithm"),
            context: Some("EncryptionContext"),
            ..argument("KeyId", "decrypt", "kms:Decrypt")
        }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::EncryptDecrypt),
        grant: Some("Decrypt"),
        body_max: BODY_WITH_RECIPIENT_MAX,
        audited: &[KEY, CONTEXT, ALGORITHM],
        handler: Some(|engine, admitted, trail| Box::pin(ops::encrypt::decrypt(engine, admitted, trail))),
        ..row(Operation::Decrypt, "decrypt", "kms:Decrypt")
    },
    Row {
        members: import::DELETE_IMPORTED_KEY_MATERIAL,
        keys: &[KeyArgument {
            aliases: false,
            ..argument("KeyId", "deleteimportedkeymaterial", "kms:DeleteImportedKeyMaterial")
        }],
        changes: true,
        origin: Some(Origin::External),
        audited: &[KEY, ("KeyMaterialId", "keyMaterialId")],
        handler: Some(|engine, admitted, trail| {
            Box::pin(ops::import::delete_imported_key_material(engine, admitted, trail))
        }),
        ..row(Operation::DeleteImportedKeyMaterial, "deleteimportedkeymaterial", "kms:DeleteImportedKeyMaterial")
    },
    Row {
        members: alias::NAME_ONLY,
        changes: true,
        audited: &[("AliasName", "aliasName")],
        alias: Some("AliasName"),
        syntax: Some(alias::check_name_only),
        handler: Some(|engine, admitted, _| Box::pin(ops::alias::delete_alias(engine, admitted))),
        ..row(Operation::DeleteAlias, "deletealias", "kms:DeleteAlias")
    },
    Row {
        members: key::DESCRIBE_KEY,
        keys: &[argument("KeyId", "get", "kms:DescribeKey")],
        quota: QuotaClass::Describe,
        grant: Some("DescribeKey"),
        handler: Some(|engine, admitted, _| Box::pin(ops::key_admin::describe_key(engine, admitted))),
        ..row(Operation::DescribeKey, "get", "kms:DescribeKey")
    },
    Row {
        members: key::KEY_ONLY,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "disablekey", "kms:DisableKey") }],
        changes: true,
        handler: Some(|engine, admitted, trail| Box::pin(ops::key_admin::disable_key(engine, admitted, trail))),
        ..row(Operation::DisableKey, "disablekey", "kms:DisableKey")
    },
    Row {
        members: key::KEY_ONLY,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "enablekey", "kms:EnableKey") }],
        changes: true,
        handler: Some(|engine, admitted, trail| Box::pin(ops::key_admin::enable_key(engine, admitted, trail))),
        ..row(Operation::EnableKey, "enablekey", "kms:EnableKey")
    },
    Row {
        members: crypto::ENCRYPT,
        keys: &[KeyArgument {
            algorithm: Some("EncryptionAlgorithm"),
            context: Some("EncryptionContext"),
            ..argument("KeyId", "encrypt", "kms:Encrypt")
        }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::EncryptDecrypt),
        grant: Some("Encrypt"),
        audited: &[KEY, CONTEXT, ALGORITHM],
        handler: Some(|engine, admitted, trail| Box::pin(ops::encrypt::encrypt(engine, admitted, trail))),
        ..row(Operation::Encrypt, "encrypt", "kms:Encrypt")
    },
    Row {
        members: data_key::GENERATE_DATA_KEY,
        keys: &[KeyArgument {
            context: Some("EncryptionContext"),
            ..argument("KeyId", "generatedatakey", "kms:GenerateDataKey")
        }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::EncryptDecrypt),
        grant: Some("GenerateDataKey"),
        body_max: BODY_WITH_RECIPIENT_MAX,
        audited: &[KEY, CONTEXT, ("KeySpec", "keySpec"), ("NumberOfBytes", "numberOfBytes")],
        precheck: Some(ops::data_key::check_length),
        handler: Some(|engine, admitted, trail| Box::pin(ops::data_key::generate_data_key(engine, admitted, trail))),
        ..row(Operation::GenerateDataKey, "generatedatakey", "kms:GenerateDataKey")
    },
    Row {
        members: data_key::GENERATE_DATA_KEY_WITHOUT_PLAINTEXT,
        keys: &[KeyArgument {
            context: Some("EncryptionContext"),
            ..argument("KeyId", "generatedatakeywithoutplaintext", "kms:GenerateDataKeyWithoutPlaintext")
        }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::EncryptDecrypt),
        grant: Some("GenerateDataKeyWithoutPlaintext"),
        audited: &[KEY, CONTEXT, ("KeySpec", "keySpec"), ("NumberOfBytes", "numberOfBytes")],
        precheck: Some(ops::data_key::check_length),
        handler: Some(|engine, admitted, trail| {
            Box::pin(ops::data_key::generate_data_key_without_plaintext(engine, admitted, trail))
        }),
        ..row(
            Operation::GenerateDataKeyWithoutPlaintext,
            "generatedatakeywithoutplaintext",
            "kms:GenerateDataKeyWithoutPlaintext",
        )
    },
    Row {
        members: data_key::GENERATE_RANDOM,
        quota: QuotaClass::Symmetric,
        body_max: BODY_WITH_RECIPIENT_MAX,
        audited: &[("NumberOfBytes", "numberOfBytes")],
        precheck: Some(ops::random::check_length),
        handler: Some(|engine, admitted, _| Box::pin(ops::random::generate_random(engine, admitted))),
        ..row(Operation::GenerateRandom, "generaterandom", "kms:GenerateRandom")
    },
    Row {
        members: key::KEY_ONLY,
        keys: &[KeyArgument {
            aliases: false,
            ..argument("KeyId", "getkeyrotationstatus", "kms:GetKeyRotationStatus")
        }],
        quota: QuotaClass::Describe,
        handler: Some(|engine, admitted, _| Box::pin(ops::rotation::get_key_rotation_status(engine, admitted))),
        ..row(Operation::GetKeyRotationStatus, "getkeyrotationstatus", "kms:GetKeyRotationStatus")
    },
    Row {
        members: alias::LIST_ALIASES,
        quota: QuotaClass::List,
        audited: &[KEY, ("Limit", "limit"), ("Marker", "marker")],
        handler: Some(|engine, admitted, _| Box::pin(ops::alias::list_aliases(engine, admitted))),
        ..row(Operation::ListAliases, "listaliases", "kms:ListAliases")
    },
    Row {
        members: rotation::LIST_KEY_ROTATIONS,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "listkeyrotations", "kms:ListKeyRotations") }],
        quota: QuotaClass::List,
        audited: &[KEY, ("IncludeKeyMaterial", "includeKeyMaterial"), ("Limit", "limit"), ("Marker", "marker")],
        handler: Some(|engine, admitted, _| Box::pin(ops::rotation::list_key_rotations(engine, admitted))),
        ..row(Operation::ListKeyRotations, "listkeyrotations", "kms:ListKeyRotations")
    },
    Row {
        members: import::GET_PARAMETERS_FOR_IMPORT,
        keys: &[KeyArgument {
            aliases: false,
            ..argument("KeyId", "getparametersforimport", "kms:GetParametersForImport")
        }],
        origin: Some(Origin::External),
        audited: &[KEY, ("WrappingAlgorithm", "wrappingAlgorithm"), ("WrappingKeySpec", "wrappingKeySpec")],
        precheck: Some(ops::import::check_parameters),
        handler: Some(|engine, admitted, _| Box::pin(ops::import::get_parameters_for_import(engine, admitted))),
        ..row(Operation::GetParametersForImport, "getparametersforimport", "kms:GetParametersForImport")
    },
    Row {
        members: import::IMPORT_KEY_MATERIAL,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "importkeymaterial", "kms:ImportKeyMaterial") }],
        changes: true,
        idempotent: false,
        origin: Some(Origin::External),
        audited: &[
            KEY,
            ("ValidTo", "validTo"),
            ("ExpirationModel", "expirationModel"),
            ("ImportType", "importType"),
            ("KeyMaterialDescription", "keyMaterialDescription"),
            ("KeyMaterialId", "keyMaterialId"),
        ],
        precheck: Some(ops::import::check_import),
        handler: Some(|engine, admitted, trail| Box::pin(ops::import::import_key_material(engine, admitted, trail))),
        ..row(Operation::ImportKeyMaterial, "importkeymaterial", "kms:ImportKeyMaterial")
    },
    Row {
        members: key::LIST_KEYS,
        quota: QuotaClass::List,
        audited: &[("Limit", "limit"), ("Marker", "marker")],
        handler: Some(|engine, admitted, _| Box::pin(ops::list::list_keys(engine, admitted))),
        ..row(Operation::ListKeys, "list", "kms:ListKeys")
    },
    Row {
        members: crypto::RE_ENCRYPT,
        keys: &[
            KeyArgument {
                blob: Some("CiphertextBlob"),
                algorithm: Some("SourceEncryptionAlgorithm"),
                context: Some("SourceEncryptionContext"),
                ..argument("SourceKeyId", "reencryptfrom", "kms:ReEncryptFrom")
            },
            KeyArgument {
                algorithm: Some("DestinationEncryptionAlgorithm"),
                context: Some("DestinationEncryptionContext"),
                ..argument("DestinationKeyId", "reencryptto", "kms:ReEncryptTo")
            },
        ],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::EncryptDecrypt),
        grant: Some("ReEncryptFrom"),
        audited: &[
            ("SourceKeyId", "sourceKeyId"),
            ("DestinationKeyId", "destinationKeyId"),
            ("SourceEncryptionContext", "sourceEncryptionContext"),
            ("DestinationEncryptionContext", "destinationEncryptionContext"),
            ("SourceEncryptionAlgorithm", "sourceEncryptionAlgorithm"),
            ("DestinationEncryptionAlgorithm", "destinationEncryptionAlgorithm"),
        ],
        handler: Some(|engine, admitted, trail| Box::pin(ops::reencrypt::re_encrypt(engine, admitted, trail))),
        ..row(Operation::ReEncrypt, "reencryptfrom", "kms:ReEncrypt")
    },
    Row {
        members: key::KEY_ONLY,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "rotatekeyondemand", "kms:RotateKeyOnDemand") }],
        changes: true,
        idempotent: false,
        handler: Some(|engine, admitted, trail| Box::pin(ops::rotation::rotate_key_on_demand(engine, admitted, trail))),
        ..row(Operation::RotateKeyOnDemand, "rotatekeyondemand", "kms:RotateKeyOnDemand")
    },
    Row {
        members: deletion::SCHEDULE_KEY_DELETION,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "delete", "kms:ScheduleKeyDeletion") }],
        changes: true,
        audited: &[KEY, ("PendingWindowInDays", "pendingWindowInDays")],
        precheck: Some(ops::deletion::check_window),
        handler: Some(|engine, admitted, trail| {
            Box::pin(ops::deletion::schedule_key_deletion(engine, admitted, trail))
        }),
        ..row(Operation::ScheduleKeyDeletion, "delete", "kms:ScheduleKeyDeletion")
    },
    Row {
        members: key::KEY_ONLY,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "disablekeyrotation", "kms:DisableKeyRotation") }],
        changes: true,
        handler: Some(|engine, admitted, trail| Box::pin(ops::spec::disable_key_rotation(engine, admitted, trail))),
        ..row(Operation::DisableKeyRotation, "disablekeyrotation", "kms:DisableKeyRotation")
    },
    Row {
        members: rotation::ENABLE_KEY_ROTATION,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "enablekeyrotation", "kms:EnableKeyRotation") }],
        changes: true,
        audited: &[KEY, ("RotationPeriodInDays", "rotationPeriodInDays")],
        handler: Some(|engine, admitted, trail| Box::pin(ops::spec::enable_key_rotation(engine, admitted, trail))),
        ..row(Operation::EnableKeyRotation, "enablekeyrotation", "kms:EnableKeyRotation")
    },
    Row {
        members: tag::LIST_RESOURCE_TAGS,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "listresourcetags", "kms:ListResourceTags") }],
        quota: QuotaClass::Describe,
        audited: &[KEY, ("Limit", "limit"), ("Marker", "marker")],
        handler: Some(|engine, admitted, _| Box::pin(ops::spec::list_resource_tags(engine, admitted))),
        ..row(Operation::ListResourceTags, "listresourcetags", "kms:ListResourceTags")
    },
    Row {
        members: tag::TAG_RESOURCE,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "tagresource", "kms:TagResource") }],
        changes: true,
        audited: &[KEY, ("Tags", "tags")],
        precheck: Some(ops::spec::check_new_tags),
        handler: Some(|engine, admitted, trail| Box::pin(ops::spec::tag_resource(engine, admitted, trail))),
        ..row(Operation::TagResource, "tagresource", "kms:TagResource")
    },
    Row {
        members: tag::UNTAG_RESOURCE,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "untagresource", "kms:UntagResource") }],
        changes: true,
        audited: &[KEY, ("TagKeys", "tagKeys")],
        precheck: Some(ops::spec::check_old_tags),
        handler: Some(|engine, admitted, trail| Box::pin(ops::spec::untag_resource(engine, admitted, trail))),
        ..row(Operation::UntagResource, "untagresource", "kms:UntagResource")
    },
    Row {
        members: tag::UPDATE_KEY_DESCRIPTION,
        keys: &[KeyArgument {
            aliases: false,
            ..argument("KeyId", "updatekeydescription", "kms:UpdateKeyDescription")
        }],
        changes: true,
        audited: &[KEY, ("Description", "description")],
        handler: Some(|engine, admitted, trail| Box::pin(ops::spec::update_key_description(engine, admitted, trail))),
        ..row(Operation::UpdateKeyDescription, "updatekeydescription", "kms:UpdateKeyDescription")
    },
    Row {
        members: alias::TARGETED,
        keys: &[KeyArgument { aliases: false, ..argument("TargetKeyId", "updatealias", "kms:UpdateAlias") }],
        changes: true,
        audited: ALIAS_TARGET,
        alias: Some("AliasName"),
        syntax: Some(alias::check_targeted),
        handler: Some(|engine, admitted, trail| Box::pin(ops::alias::update_alias(engine, admitted, trail))),
        ..row(Operation::UpdateAlias, "updatealias", "kms:UpdateAlias")
    },
];

macro_rules! not_implemented_rows {
    ($($operation:ident => $verb:literal),+ $(,)?) => {
        fn not_implemented(operation: Operation) -> &'static Row {
            match operation {
                $(Operation::$operation => {
                    static ROW: Row =
                        row(Operation::$operation, $verb, concat!("kms:", stringify!($operation)));
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
    ConnectCustomKeyStore => "connectcustomkeystore",
    CreateCustomKeyStore => "createcustomkeystore",
    CreateGrant => "creategrant",
    Decapsulate => "decapsulate",
    DeleteCustomKeyStore => "deletecustomkeystore",
    DeriveSharedSecret => "derivesharedsecret",
    DescribeCustomKeyStores => "describecustomkeystores",
    DisconnectCustomKeyStore => "disconnectcustomkeystore",
    Encapsulate => "encapsulate",
    GenerateDataKeyPair => "generatedatakeypair",
    GenerateDataKeyPairWithoutPlaintext => "generatedatakeypairwithoutplaintext",
    GenerateMac => "generatemac",
    GetKeyLastUsage => "getkeylastusage",
    GetKeyPolicy => "getkeypolicy",
    GetPublicKey => "getpublickey",
    ListGrants => "listgrants",
    ListKeyPolicies => "listkeypolicies",
    ListRetirableGrants => "listretirablegrants",
    PutKeyPolicy => "putkeypolicy",
    ReplicateKey => "replicatekey",
    RetireGrant => "retiregrant",
    RevokeGrant => "revokegrant",
    Sign => "sign",
    UpdateCustomKeyStore => "updatecustomkeystore",
    UpdatePrimaryRegion => "updateprimaryregion",
    Verify => "verify",
    VerifyMac => "verifymac",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_has_exactly_one_row() {
        for operation in Operation::ALL {
            let implemented = IMPLEMENTED.iter().filter(|row| row.operation == *operation).count();
            let known = NOT_IMPLEMENTED.iter().filter(|known| *known == operation).count();
            assert_eq!(implemented + known, 1, "{operation}");
            assert_eq!(find(*operation).operation, *operation);
            assert_eq!(find(*operation).handler.is_some(), implemented == 1);
        }
        assert_eq!((IMPLEMENTED.len(), NOT_IMPLEMENTED.len()), (29, 27));
    }

    #[test]
    fn rows_speak_of_members_that_exist() {
        for row in IMPLEMENTED {
            let known = |name: &str| row.members.iter().any(|member| member.name == name);
            for argument in row.keys {
                assert!(known(argument.member), "{} {}", row.operation, argument.member);
                let others = [argument.blob, argument.algorithm, argument.context];
                assert!(others.into_iter().flatten().all(known), "{}", row.operation);
            }
            assert!(row.audited.iter().all(|(member, _)| known(member)), "{}", row.operation);
            let secret = |(member, _): &(&str, &str)| {
                ["Plaintext", "CiphertextBlob", "ImportToken", "EncryptedKeyMaterial"].contains(member)
            };
            assert!(!row.audited.iter().any(secret));
        }
    }
}
