//! Identifiers: parsed once at the edge, valid ever after.

use uuid::Uuid;

/// Names one Coffer in one cluster, or one Region's folder of `coffer local`: 16 random bytes, made once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InstallationId([u8; 16]);

impl InstallationId {
    /// Wraps the bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes that formats bind to.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads 32 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse_simple(text).map(Self)
    }
}

impl std::fmt::Display for InstallationId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Uuid::from_bytes(self.0).simple().fmt(formatter)
    }
}

/// Names one key for ever: 128 bits and whether it is a multi-Region key.
///
/// Printed as a UUID, or as `mrk-` and 32 hex digits
/// ([AWS: multi-Region keys](https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId {
    bytes: [u8; 16],
    multi_region: bool,
}

impl KeyId {
    /// Wraps the bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16], multi_region: bool) -> Self {
        Self { bytes, multi_region }
    }

    /// The 16 bytes that formats bind to.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// Whether this is the id of a multi-Region key.
    #[must_use]
    pub const fn is_multi_region(&self) -> bool {
        self.multi_region
    }

    /// Reads exactly what is printed; other spellings of a UUID are refused.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(digits) = text.strip_prefix("mrk-") {
            return parse_simple(digits).map(|bytes| Self::new(bytes, true));
        }
        let bytes = Uuid::try_parse(text).ok()?.into_bytes();
        let key_id = Self::new(bytes, false);
        (key_id.to_string() == text).then_some(key_id)
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let uuid = Uuid::from_bytes(self.bytes);
        if self.multi_region { write!(formatter, "mrk-{}", uuid.simple()) } else { uuid.hyphenated().fmt(formatter) }
    }
}

/// Names one material of one key: 32 bytes that depend on the key's id and the material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaterialId([u8; 32]);

impl MaterialId {
    /// Wraps the bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 8 bytes, by which a ciphertext blob names its material.
    #[must_use]
    pub const fn prefix(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        [a, b, c, d, e, f, g, h]
    }

    /// Reads exactly what is printed: 64 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let [high, low] = pair else { return None };
            *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
        }
        (digits.len() == 2 * bytes.len()).then_some(Self(bytes))
    }
}

impl std::fmt::Display for MaterialId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// The `metadata.uid` of a Kubernetes object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObjectUid([u8; 16]);

impl ObjectUid {
    /// Wraps the bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads a UUID in any usual spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(|uuid| Self(uuid.into_bytes()))
    }
}

impl std::fmt::Display for ObjectUid {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Uuid::from_bytes(self.0).hyphenated().fmt(formatter)
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn parse_simple(digits: &str) -> Option<[u8; 16]> {
    let bytes = Uuid::try_parse(digits).ok()?.into_bytes();
    (Uuid::from_bytes(bytes).simple().to_string() == digits).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_reads_what_it_prints_and_nothing_else() {
        let cases = [
            ("f6b163df-a8b4-4126-a262-b9a07684c57d", true),
            ("mrk-f6b163dfa8b44126a262b9a07684c57d", true),
            ("F6B163DF-A8B4-4126-A262-B9A07684C57D", false),
            ("f6b163dfa8b44126a262b9a07684c57d", false),
            ("mrk-f6b163df-a8b4-4126-a262-b9a07684c57d", false),
            ("{f6b163df-a8b4-4126-a262-b9a07684c57d}", false),
            ("", false),
        ];
        for (text, valid) in cases {
            assert_eq!(KeyId::parse(text).is_some(), valid, "{text}");
            assert!(KeyId::parse(text).is_none_or(|id| id.to_string() == text));
        }
    }

    #[test]
    fn a_material_id_reads_what_it_prints_and_nothing_else() {
        let id = MaterialId::new([0xf0, 0x0a, 0xa0, 0x00].repeat(8).try_into().unwrap());
        let printed = id.to_string();
        assert_eq!(MaterialId::parse(&printed), Some(id));
        let wrong = [printed.to_uppercase(), format!("{printed}0"), format!("{printed}00"), printed[1..].to_owned()];
        for text in wrong.iter().map(String::as_str).chain(["", "0", &printed.replace('0', "g")]) {
            assert_eq!(MaterialId::parse(text), None, "{text}");
        }
    }
}
