//! Resources as a reconciler sees them: the handle and the input, never the key itself.

use crate::api::crd::key_alias::KeyAliasSpec;
use crate::api::crd::kms_key::KmsKeySpec;
use crate::types::ids::ObjectUid;
use crate::types::time::Timestamp;

/// Who keeps a resource's spec, and therefore who must change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manager {
    /// The API: CreateKey made the resource.
    Api,
    /// A file of manifests, named as its user named it.
    Manifest(String),
}

impl std::fmt::Display for Manager {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Api => formatter.write_str("coffer-api"),
            Self::Manifest(file) => formatter.write_str(file),
        }
    }
}

/// One `KmsKey`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The namespace.
    pub namespace: String,
    /// The uid of the namespace; a new namespace of an old name has another.
    pub namespace_uid: ObjectUid,
    /// The name.
    pub name: String,
    /// The uid; a re-created resource has another.
    pub uid: ObjectUid,
    /// Grows with each change of the spec.
    pub generation: u64,
    /// Who keeps the spec.
    pub manager: Manager,
    /// Whether its key was once complete, as far as the resource remembers. It only ever forbids making a key.
    pub key_was_made: bool,
    /// The spec as it was read, not yet validated.
    pub spec: KmsKeySpec,
}

/// One `KeyAlias`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasResource {
    /// The namespace.
    pub namespace: String,
    /// The uid of the namespace.
    pub namespace_uid: ObjectUid,
    /// The name.
    pub name: String,
    /// When it was made, where that is known; the eldest that wants an alias gets it.
    pub created_at: Timestamp,
    /// Grows with each change of the spec.
    pub generation: u64,
    /// Who keeps the spec.
    pub manager: Manager,
    /// The spec as it was read, not yet validated.
    pub spec: KeyAliasSpec,
}
