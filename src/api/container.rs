//! The header of a sealed container, 20 bytes, as the manual's page of formats fixes it.

/// Length of the header in bytes.
pub const HEADER_LENGTH: usize = 20;

const MAGIC: [u8; 4] = [0x8a, 0x4b, 0x53, 0x4c];
const LAYOUT: u8 = 1;
const SUITE: u8 = 1;

/// Under which root a container was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerHeader {
    /// The root's term.
    pub term: u32,
    /// The root's key check value.
    pub check_value: [u8; 8],
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// The bytes are something else.
    #[error("not a sealed container")]
    NotAContainer,
    /// A later version wrote them.
    #[error("a sealed container of a layout or suite that this version does not know")]
    Unknown,
}

impl ContainerHeader {
    /// The bytes of the header.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LENGTH] {
        let [m0, m1, m2, m3] = MAGIC;
        let [t0, t1, t2, t3] = self.term.to_be_bytes();
        let [c0, c1, c2, c3, c4, c5, c6, c7] = self.check_value;
        [m0, m1, m2, m3, LAYOUT, SUITE, 0, 0, t0, t1, t2, t3, c0, c1, c2, c3, c4, c5, c6, c7]
    }

    /// Reads a header.
    ///
    /// # Errors
    /// `NotAContainer` for other bytes, `Unknown` for another layout or suite.
    pub fn parse(bytes: &[u8; HEADER_LENGTH]) -> Result<Self, ContainerError> {
        let [m0, m1, m2, m3, layout, suite, r0, r1, t0, t1, t2, t3, check_value @ ..] = *bytes;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(ContainerError::NotAContainer);
        }
        if (layout, suite, r0, r1) != (LAYOUT, SUITE, 0, 0) {
            return Err(ContainerError::Unknown);
        }
        Ok(Self { term: u32::from_be_bytes([t0, t1, t2, t3]), check_value })
    }
}
