//! The files of `e2e/vectors` as types.

use std::ops::Deref;

use serde::Deserialize;

use crate::api::blob::BlobHeader;
use crate::crypto::seal::Root;
use crate::types::context::EncryptionContext;
use crate::types::ids::{InstallationId, KeyId};
use crate::types::object::{Kind, ObjectName};
use crate::types::secret::{FileKey, RootKey, SecretBytes};

/// Bytes that a file writes as hex.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub struct Hex(Vec<u8>);

impl TryFrom<String> for Hex {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16));
        digits.collect::<Result<_, _>>().map(Self)
    }
}

impl Deref for Hex {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Hex {
    pub fn array<const N: usize>(&self) -> [u8; N] {
        self.0.as_slice().try_into().unwrap()
    }

    pub fn secret(&self) -> SecretBytes {
        SecretBytes::new(self.0.clone())
    }

    pub fn file_key(&self) -> FileKey {
        FileKey::init_with(|key| key.copy_from_slice(self))
    }
}

/// `formats.json`.
#[derive(Deserialize)]
pub struct Formats {
    pub identifiers: Identifiers,
    pub contexts: Vec<ContextCase>,
    pub blobs: Vec<KnownBlob>,
    pub salts: Vec<SaltCase>,
    pub material: MaterialCase,
    pub objects: Vec<ObjectCase>,
    pub roots: Vec<RootCase>,
    pub records: Vec<ContentCase>,
    pub owners: Vec<ContentCase>,
    pub accounts: Vec<ContentCase>,
}

impl Formats {
    pub fn load() -> Self {
        serde_json::from_str(include_str!("../../../e2e/vectors/formats.json")).unwrap()
    }
}

#[derive(Deserialize)]
pub struct Identifiers {
    pub key_ids: Vec<KeyIdCase>,
    pub accounts: Vec<AccountCase>,
    pub owner_hashes: Vec<OwnerHashCase>,
    pub material_ids: Vec<MaterialIdCase>,
}

#[derive(Deserialize)]
pub struct KeyIdCase {
    pub installation: Hex,
    pub resource_uid: Hex,
    pub key_id: Hex,
    pub printed: String,
    pub printed_multi_region: String,
}

#[derive(Deserialize)]
pub struct AccountCase {
    pub namespace: String,
    pub account: String,
}

#[derive(Deserialize)]
pub struct OwnerHashCase {
    pub namespace: String,
    pub name: String,
    pub owner_hash: String,
}

#[derive(Deserialize)]
pub struct MaterialIdCase {
    pub material: Hex,
    pub key_id: Hex,
    pub material_id: Hex,
}

#[derive(Deserialize)]
pub struct ContextCase {
    pub name: String,
    pub pairs: ContextText,
    pub encoded: Hex,
}

/// A context as pairs in any order, or as one pair with a long value.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum ContextText {
    Pairs(Vec<(String, String)>),
    Repeated { key: String, value_repeat: String, count: usize },
}

impl ContextText {
    pub fn context(&self) -> EncryptionContext {
        let pairs = match self {
            Self::Pairs(pairs) => pairs.clone(),
            Self::Repeated { key, value_repeat, count } => vec![(key.clone(), value_repeat.repeat(*count))],
        };
        EncryptionContext::new(pairs.into_iter().collect()).unwrap()
    }
}

#[derive(Deserialize)]
pub struct KnownBlob {
    pub name: String,
    pub material: Hex,
    pub key_id: Hex,
    pub version: u32,
    pub multi_region: bool,
    pub salt: Hex,
    pub context: ContextText,
    pub plaintext: Hex,
    pub material_id: Hex,
    pub commitment: Hex,
    pub blob: Hex,
    pub blob_sha256: Hex,
}

impl KnownBlob {
    pub fn header(&self) -> BlobHeader {
        let key_id = KeyId::new(self.key_id.array(), self.multi_region);
        BlobHeader { key_id, version: self.version, material: self.material_id[..8].try_into().unwrap() }
    }
}

#[derive(Deserialize)]
pub struct SaltCase {
    pub name: String,
    pub material: Hex,
    pub header: Hex,
    pub random: Hex,
    pub replica_id: String,
    pub counter: u64,
    pub plaintext: Hex,
    pub context: ContextText,
    pub hedge_key: Hex,
    pub salt: Hex,
}

/// The root that an answer was sealed under.
#[derive(Deserialize)]
pub struct RootInputs {
    pub root_key: Hex,
    pub installation: Hex,
    pub term: u32,
}

impl RootInputs {
    pub fn installation(&self) -> InstallationId {
        InstallationId::new(self.installation.array())
    }

    pub fn key(&self) -> RootKey {
        RootKey::init_with(|key| key.copy_from_slice(&self.root_key))
    }

    pub fn root(&self) -> Root {
        self.root_of(self.installation(), self.term)
    }

    /// The same root key in another installation or term.
    pub fn root_of(&self, installation: InstallationId, term: u32) -> Root {
        Root::new(installation, term, self.key()).unwrap()
    }
}

#[derive(Deserialize)]
pub struct MaterialCase {
    #[serde(flatten)]
    pub inputs: RootInputs,
    pub purpose: String,
    pub key_id: Hex,
    pub version: u32,
    pub key_spec: String,
    pub origin: String,
    pub plaintext: Hex,
    pub check_value: Hex,
    pub seal_key_sha256: Hex,
    pub container: Hex,
}

#[derive(Deserialize)]
pub struct ObjectCase {
    #[serde(flatten)]
    pub inputs: RootInputs,
    pub purpose: String,
    pub object_name: String,
    pub key_id: Option<Hex>,
    pub bound_id: Hex,
    pub epoch: u64,
    pub plaintext: Hex,
    pub seal_key_sha256: Hex,
    pub stored: Hex,
}

impl ObjectCase {
    pub fn name(&self) -> ObjectName {
        object_name(&self.purpose, &self.object_name)
    }
}

#[derive(Deserialize)]
pub struct RootCase {
    #[serde(flatten)]
    pub inputs: RootInputs,
    pub object_name: String,
    pub provider_id: String,
    pub file_key: Hex,
    pub check_value: Hex,
    pub stored: Hex,
}

/// A record, a claim or an entry. What its CBOR says is tested where the encoding is.
#[derive(Deserialize)]
pub struct ContentCase {
    #[serde(flatten)]
    pub inputs: RootInputs,
    pub name: String,
    pub purpose: String,
    pub object_name: String,
    pub bound_id: Hex,
    pub epoch: u64,
    pub value: serde_json::Value,
    pub cbor: Hex,
    pub stored: Hex,
    pub stored_sha256: Hex,
}

impl ContentCase {
    pub fn name(&self) -> ObjectName {
        object_name(&self.purpose, &self.object_name)
    }
}

fn object_name(purpose: &str, name: &str) -> ObjectName {
    let kind = Kind::ALL.iter().find(|kind| kind.purpose() == purpose).unwrap();
    ObjectName::parse(*kind, name).unwrap()
}

/// A file whose cases are all of one type.
#[derive(Deserialize)]
pub struct Cases<T> {
    pub cases: Vec<T>,
}

/// A case of `blobs.json`.
#[derive(Deserialize)]
pub struct GeneratedBlob {
    pub name: String,
    pub material: Hex,
    pub key_id: Hex,
    pub version: u32,
    pub multi_region: bool,
    pub salt: Hex,
    pub context: ContextText,
    pub plaintext: PlaintextText,
    pub blob: BlobText,
}

impl GeneratedBlob {
    pub fn load() -> Vec<Self> {
        let file: Cases<Self> = serde_json::from_str(include_str!("../../../e2e/vectors/blobs.json")).unwrap();
        file.cases
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum PlaintextText {
    Whole(Hex),
    Repeated { repeat: Hex, count: usize },
}

impl PlaintextText {
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Whole(bytes) => bytes.to_vec(),
            Self::Repeated { repeat, count } => repeat.repeat(*count),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum BlobText {
    Whole(Hex),
    Digest { first_100: Hex, sha256: Hex },
}

/// A case of `kbkdf.json`.
#[derive(Deserialize)]
pub struct KbkdfCase {
    pub key: Hex,
    pub fixed_input: Hex,
    pub length: usize,
    pub output: Hex,
}

impl KbkdfCase {
    pub fn load() -> Vec<Self> {
        let file: Cases<Self> = serde_json::from_str(include_str!("../../../e2e/vectors/kbkdf.json")).unwrap();
        file.cases
    }
}

/// `committing_attack.json`.
#[derive(Deserialize)]
pub struct Attack {
    pub gcm: GcmAttack,
    pub blob: BlobAttack,
}

impl Attack {
    pub fn load() -> Self {
        serde_json::from_str(include_str!("../../../e2e/vectors/committing_attack.json")).unwrap()
    }
}

#[derive(Deserialize)]
pub struct GcmAttack {
    pub key1: Hex,
    pub key2: Hex,
    pub nonce: Hex,
    pub aad: Hex,
    pub ciphertext_and_tag: Hex,
    pub plaintext1: Hex,
    pub plaintext2: Hex,
}

#[derive(Deserialize)]
pub struct BlobAttack {
    pub material1: Hex,
    pub material2: Hex,
    pub key_id: Hex,
    pub context: ContextText,
    pub blob: Hex,
    pub aad: Hex,
    pub key1: Hex,
    pub nonce1: Hex,
    pub key2: Hex,
    pub nonce2: Hex,
    pub plaintext1: Hex,
    pub plaintext2: Hex,
}
