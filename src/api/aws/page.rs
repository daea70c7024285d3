//! One paginator for every List operation.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::{AwsError, ErrorCode};
use super::member::{Input, Member, Shape};
use crate::types::ids::KeyId;
use crate::types::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use crate::types::time::Timestamp;

/// The member `Limit` of every List operation.
pub const LIMIT: Member = Member::optional("Limit", Shape::Integer { min: 1, max: PAGE_ITEMS_MAX });
/// The member `Marker` of every List operation.
pub const MARKER: Member = Member::optional("Marker", Shape::Text { min: 1, max: 1024 });

/// A place in the list of keys in the order of their creation, which some clients rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// When the key was created.
    pub created_at: Timestamp,
    /// The key, for those created at the same time.
    pub key_id: KeyId,
}

/// Which page a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Most items on the page.
    pub limit: usize,
    /// The last item of the page before.
    pub after: Option<Position>,
}

impl PageRequest {
    /// Reads `Limit` and `Marker`.
    ///
    /// # Errors
    /// `InvalidMarkerException` for a marker that no answer of ours held.
    pub fn read(input: &Input<'_>) -> Result<Self, AwsError> {
        let after =
            input.text("Marker").map(|marker| Position::parse(marker).ok_or_else(invalid_marker)).transpose()?;
        Ok(Self { limit: input.length("Limit").unwrap_or(PAGE_ITEMS_DEFAULT), after })
    }
}

impl Position {
    /// The marker that leads to the items after this one.
    #[must_use]
    pub fn marker(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}/{}", self.created_at.milliseconds(), self.key_id))
    }

    fn parse(marker: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(marker).ok()?).ok()?;
        let (created_at, key_id) = text.split_once('/')?;
        Some(Self { created_at: Timestamp::from_milliseconds(created_at.parse().ok()?), key_id: KeyId::parse(key_id)? })
    }
}

fn invalid_marker() -> AwsError {
    AwsError::new(ErrorCode::InvalidMarker, "the marker is not one that this service returned")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_read_back() {
        let position = Position { created_at: Timestamp::from_milliseconds(-5), key_id: KeyId::new([9; 16], true) };
        assert_eq!(Position::parse(&position.marker()), Some(position));
        for wrong in ["", "AAAA", "!", "MS8y"] {
            assert_eq!(Position::parse(wrong), None, "{wrong}");
        }
    }
}
