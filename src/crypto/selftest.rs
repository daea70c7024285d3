//! Known answers that each process checks before it serves: a build whose cryptography is wrong must stop.

use super::CryptoError;
use super::digest::sha256;
use super::seal::{MaterialBinding, Root};
use super::{blob, key};
use crate::api::blob::{Blob, BlobHeader};
use crate::types::context::EncryptionContext;
use crate::types::ids::{InstallationId, KeyId};
use crate::types::key::{KeySpec, Origin};
use crate::types::secret::{RootKey, SecretBytes};

/// SHA-256 of the known-answer blob for an empty context.
const BLOB_SHA256: [u8; 32] = [
    0x20, 0x2d, 0xd3, 0x80, 0x92, 0x09, 0x48, 0xf3, 0xc2, 0x27, 0xb5, 0x7e, 0x9a, 0x2c, 0xc1, 0xaa, 0x65, 0x0b, 0x71,
    0x15, 0xf1, 0x45, 0xa1, 0x23, 0xb0, 0x5f, 0x52, 0xbc, 0x8d, 0x2a, 0x8f, 0xad,
];

/// Seals and opens under fixed keys and compares with fixed answers.
///
/// # Errors
/// `CryptoError` where an answer differs; the process must then not serve.
pub fn run() -> Result<(), CryptoError> {
    let material = SecretBytes::new((0..32).collect());
    let key_id = KeyId::new(0x0f1e_2d3c_4b5a_4978_8796_a5b4_c3d2_e1f0_u128.to_be_bytes(), false);
    let material_id = super::derive::material_id(&key_id, material.expose());
    let header = BlobHeader { key_id, version: 3, material: material_id.prefix() };
    let mut salt = [0; 32];
    salt.iter_mut().zip(0xa0..=0xbf).for_each(|(byte, value)| *byte = value);
    let context = EncryptionContext::default();
    let sealed = blob::seal_with_salt(&material, &header, &context, &[0; 32], &salt)?;
    let opened = blob::open(&material, &Blob::parse(&sealed).map_err(|_| CryptoError)?, &context)?;
    let right = sha256(&[&sealed]) == BLOB_SHA256 && opened.expose() == [0; 32];
    right.then_some(()).ok_or(CryptoError)?;
    check_seal(key_id, &material)?;
    key::selftest::run()
}

fn check_seal(key_id: KeyId, material: &SecretBytes) -> Result<(), CryptoError> {
    let root = Root::new(InstallationId::new([0; 16]), 1, RootKey::init_with(|key| key.fill(0x42)))?;
    let binding = MaterialBinding { key_id, version: 3, spec: KeySpec::SymmetricDefault, origin: Origin::AwsKms };
    let stored = root.seal_material(&binding, material.expose())?;
    let opened = root.open_material(&binding, &stored)?;
    let other = MaterialBinding { version: 4, ..binding };
    let right = opened.expose() == material.expose() && root.open_material(&other, &stored).is_err();
    right.then_some(()).ok_or(CryptoError)
}
