//! Deterministic CBOR (RFC 8949 §4.2.1) of sealed contents.
//!
//! The derived encoders write maps with ascending integer keys, definite lengths and shortest integers.
//! A reader encodes again what it decoded: bytes that differ were not written by this rule.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::record::{
    AccountEntry, HoldCause, KeyManager, Lifecycle, OwnerClaim, RECORD_SCHEMA, Record, RotationType, SCHEMA,
};
use crate::api::aws::operation::Operation;
use crate::api::crd::kms_key::{DeletionPolicy, OnConflict, PolicyDefault};
use crate::types::ids::{MaterialId, ObjectUid};
use crate::types::key::{KeySpec, KeyUsage, Origin};
use crate::types::limits::{HOLDS_MAX, MATERIALS_MAX};
use crate::types::time::Timestamp;

/// A content with a schema number.
pub trait Content: Encode<()> + for<'b> Decode<'b, ()> {
    /// The newest schema that this version knows, and the one that it writes.
    const SCHEMA: u32 = SCHEMA;

    /// The schema that its writer knew.
    fn schema(&self) -> u32;

    /// Whether its lists are within their bounds and in their order, and whether it has only what its schema has, as
    /// every writer leaves it.
    fn is_well_formed(&self) -> bool {
        true
    }
}

impl Content for Record {
    const SCHEMA: u32 = RECORD_SCHEMA;

    fn schema(&self) -> u32 {
        self.schema
    }

    fn is_well_formed(&self) -> bool {
        let bounded = self.holds.len() <= HOLDS_MAX && self.materials.len() <= MATERIALS_MAX;
        let causes = self.holds.iter().map(|hold| hold.cause.as_str());
        let versions = self.materials.iter().map(|material| material.version);
        let sorted =
            causes.is_sorted_by(|left, right| left < right) && versions.is_sorted_by(|left, right| left < right);
        // What these say is said by leaving them out.
        let plain = self.manager != Some(KeyManager::Customer) && self.import_epoch != Some(0);
        bounded && sorted && plain && (self.schema > 1 || is_of_schema_1(self))
    }
}

/// Whether a record has nothing that schema 2 added. A version that knows schema 1 alone could not read it otherwise.
fn is_of_schema_1(record: &Record) -> bool {
    let Record { current_version, announcement, manager, attempt, import_epoch, .. } = record;
    let Record { destroyed_at, restored_at, public_key, vanished_at, .. } = record;
    let keys = current_version.is_none()
        && announcement.is_none()
        && manager.is_none()
        && attempt.is_none()
        && import_epoch.is_none()
        && destroyed_at.is_none()
        && restored_at.is_none()
        && public_key.is_none()
        && vanished_at.is_none();
    let materials = record.materials.iter().all(|material| {
        material.rotation.is_none()
            && material.activated_at.is_none()
            && material.request.is_none()
            && material.imported.is_none()
    });
    let words = matches!(record.lifecycle, Lifecycle::Creating | Lifecycle::Created)
        && record.hold(HoldCause::ScheduleKeyDeletion).is_none();
    keys && materials && words && record.due.rotation.is_none() && !record.spec.deletion.extend_on_use
}

impl Content for OwnerClaim {
    fn schema(&self) -> u32 {
        self.schema
    }
}

impl Content for AccountEntry {
    fn schema(&self) -> u32 {
        self.schema
    }
}

/// Why bytes are no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// Not the one encoding of a content.
    #[error("the content is not in the canonical encoding")]
    Malformed,
    /// Written by a later version; it may be read and must not be written.
    #[error("the content has schema {0}, which is newer than what this version writes")]
    NewerSchema(u32),
    /// Holds or materials are too many, or not in their order, or a value is there that its schema leaves out.
    #[error("the content has lists that are too long or out of order, or values that its schema leaves out")]
    IllFormed,
}

/// The bytes of a content.
///
/// # Errors
/// `NewerSchema` for a content that a later version wrote, `IllFormed` for lists out of bounds or order and for values
/// that its schema leaves out.
pub fn encode<T: Content>(content: &T) -> Result<Vec<u8>, ContentError> {
    if content.schema() > T::SCHEMA {
        return Err(ContentError::NewerSchema(content.schema()));
    }
    if !content.is_well_formed() {
        return Err(ContentError::IllFormed);
    }
    write(content)
}

/// Larger than any content that holds a secret: growing would leave a copy behind that nobody wipes.
const FIRST_CAPACITY: usize = 4096;

fn write<T: Content>(content: &T) -> Result<Vec<u8>, ContentError> {
    let mut bytes = Vec::with_capacity(FIRST_CAPACITY);
    minicbor::encode(content, &mut bytes).map_err(|_| ContentError::Malformed)?;
    Ok(bytes)
}

/// Reads a content. One of a newer schema is read as far as this version knows it.
///
/// # Errors
/// `Malformed` for bytes that are not the encoding of what they say, `IllFormed` for lists out of bounds or order
/// and for values that its schema leaves out.
pub fn decode<T: Content>(bytes: &[u8]) -> Result<T, ContentError> {
    let mut decoder = Decoder::new(bytes);
    let content: T = decoder.decode().map_err(|_| ContentError::Malformed)?;
    let whole = decoder.position() == bytes.len();
    let newer = content.schema() > T::SCHEMA;
    let canonical = newer || write(&content).map(Zeroizing::new).is_ok_and(|again| *again == bytes);
    if !(whole && canonical && content.schema() > 0) {
        return Err(ContentError::Malformed);
    }
    content.is_well_formed().then_some(content).ok_or(ContentError::IllFormed)
}

macro_rules! encode_as_word {
    ($($name:ty),+) => { $(
        impl<C> Encode<C> for $name {
            fn encode<W: Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
                encoder.str(self.as_str())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                <$name>::parse(decoder.str()?).ok_or_else(|| DecodeError::message("unknown word"))
            }
        }
    )+ };
}

macro_rules! encode_as_bytes {
    ($($name:ty),+) => { $(
        impl<C> Encode<C> for $name {
            fn encode<W: Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
                encoder.bytes(self.as_bytes())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                decoder.bytes()?.try_into().map(<$name>::new).map_err(|_| DecodeError::message("wrong length"))
            }
        }
    )+ };
}

encode_as_word!(
    Operation,
    KeySpec,
    KeyUsage,
    Origin,
    PolicyDefault,
    DeletionPolicy,
    OnConflict,
    Lifecycle,
    HoldCause,
    KeyManager,
    RotationType
);
encode_as_bytes!(ObjectUid, MaterialId);

impl<C> Encode<C> for Timestamp {
    fn encode<W: Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        encoder.i64(self.milliseconds())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Timestamp {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        decoder.i64().map(Self::from_milliseconds)
    }
}

/// Maps that users fill: arrays of key and value, sorted by the key's UTF-8 bytes.
pub mod pairs {
    use std::collections::BTreeMap;

    use super::{DecodeError, Decoder, EncodeError, Encoder, Write};

    /// Writes the pairs in the order of the map, which is that of the keys' bytes.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn encode<C, W: Write>(
        pairs: &BTreeMap<String, String>,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        encoder.array(pairs.len() as u64)?;
        for (key, value) in pairs {
            encoder.array(2)?.str(key)?.str(value)?;
        }
        Ok(())
    }

    /// Reads the pairs.
    ///
    /// # Errors
    /// Where the bytes are no array of pairs of texts.
    pub fn decode<C>(decoder: &mut Decoder<'_>, _: &mut C) -> Result<BTreeMap<String, String>, DecodeError> {
        decoder.array_iter::<(String, String)>()?.collect()
    }
}

#[cfg(test)]
mod tests;
