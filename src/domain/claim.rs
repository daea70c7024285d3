//! What binds names: a resource's name to its key, an account to its namespace.

use minicbor::{Decode, Encode};

use crate::types::ids::{KeyId, ObjectUid};

/// Binds a resource's name to a key: made before the record, read whenever a resource appears.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OwnerClaim {
    /// The schema that the writer knew.
    #[n(1)]
    pub schema: u32,
    /// The bytes of the key id.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub key_bytes: [u8; 16],
    /// The multi-Region flag of the key id.
    #[n(3)]
    pub multi_region: bool,
    /// The resource's namespace.
    #[n(4)]
    pub namespace: String,
    /// The resource's name.
    #[n(5)]
    pub name: String,
    /// Whether the key was ever complete. A confirmed claim without a record is a loss, never a beginning.
    #[n(6)]
    pub confirmed: bool,
}

impl OwnerClaim {
    /// The key id.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        KeyId::new(self.key_bytes, self.multi_region)
    }
}

/// Binds an account to a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AccountEntry {
    /// The schema that the writer knew.
    #[n(1)]
    pub schema: u32,
    /// The namespace's name.
    #[n(2)]
    pub namespace: String,
    /// The namespace's uid.
    #[n(3)]
    pub namespace_uid: ObjectUid,
}
