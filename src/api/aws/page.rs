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
pub const MARKER: Member =
    Member::optional("Marker", Shape::Pattern { min: 1, max: 1024, printed: r"[\u0020-\u00FF]*", matches: is_marker });

fn is_marker(text: &str) -> bool {
    text.chars().all(|character| matches!(character, '\u{20}'..='\u{ff}'))
}

/// A place in a list, which a marker names. Items have an order of their own, so that a page goes on where the one
/// before ended, whatever was added or removed meanwhile.
pub trait Place: Ord + Sized {
    /// The place in words.
    fn print(&self) -> String;
    /// The place of these words.
    fn parse(text: &str) -> Option<Self>;
}

/// A place in the list of keys in the order of their creation, which some clients rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// When the key was created.
    pub created_at: Timestamp,
    /// The key, for those created at the same time.
    pub key_id: KeyId,
}

impl Place for Position {
    fn print(&self) -> String {
        format!("{}/{}", self.created_at.milliseconds(), self.key_id)
    }

    fn parse(text: &str) -> Option<Self> {
        let (created_at, key_id) = text.split_once('/')?;
        Some(Self { created_at: Timestamp::from_milliseconds(created_at.parse().ok()?), key_id: KeyId::parse(key_id)? })
    }
}

/// A version of a key's material.
impl Place for u32 {
    fn print(&self) -> String {
        format!("v{self}")
    }

    fn parse(text: &str) -> Option<Self> {
        text.strip_prefix('v')?.parse().ok()
    }
}

/// A name: of an alias, or of a tag.
impl Place for String {
    fn print(&self) -> String {
        format!("n{self}")
    }

    fn parse(text: &str) -> Option<Self> {
        text.strip_prefix('n').map(str::to_owned)
    }
}

/// Which page a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest<P> {
    /// Most items on the page.
    pub limit: usize,
    /// The last item of the page before.
    pub after: Option<P>,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Its items.
    pub items: Vec<T>,
    /// The marker of the next page, where there is one.
    pub next_marker: Option<String>,
}

impl<P: Place> PageRequest<P> {
    /// Reads `Limit` and `Marker`.
    ///
    /// # Errors
    /// `InvalidMarkerException` for a marker that no answer of ours held.
    pub fn read(input: &Input<'_>) -> Result<Self, AwsError> {
        Self::with_default(input, PAGE_ITEMS_DEFAULT)
    }

    /// The same for an operation whose pages have another length where the caller names none.
    ///
    /// # Errors
    /// As those of `read`.
    pub fn with_default(input: &Input<'_>, limit: usize) -> Result<Self, AwsError> {
        let after = input.text("Marker").map(|marker| read_marker(marker).ok_or_else(invalid_marker)).transpose()?;
        Ok(Self { limit: input.length("Limit").unwrap_or(limit), after })
    }

    /// The page of these items.
    pub fn cut<T>(&self, items: impl IntoIterator<Item = (P, T)>) -> Page<T> {
        let mut items: Vec<(P, T)> = items.into_iter().collect();
        items.retain(|(place, _)| self.after.as_ref().is_none_or(|after| place > after));
        items.sort_by(|(left, _), (right, _)| left.cmp(right));
        let truncated = items.len() > self.limit;
        items.truncate(self.limit);
        let next_marker = items.last().filter(|_| truncated).map(|(place, _)| marker(place));
        Page { items: items.into_iter().map(|(_, item)| item).collect(), next_marker }
    }
}

/// The marker that leads to the items after this place.
fn marker(place: &impl Place) -> String {
    URL_SAFE_NO_PAD.encode(place.print())
}

fn read_marker<P: Place>(marker: &str) -> Option<P> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(marker).ok()?).ok()?;
    P::parse(&text)
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
        assert_eq!(read_marker(&marker(&position)), Some(position));
        assert_eq!(read_marker(&marker(&7_u32)), Some(7_u32));
        assert_eq!(read_marker(&marker(&"alias/a".to_owned())), Some("alias/a".to_owned()));
        for wrong in ["", "AAAA", "!", "MS8y"] {
            assert_eq!(read_marker::<Position>(wrong), None, "{wrong}");
            assert_eq!(read_marker::<u32>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn pages_follow_one_another_whatever_their_length() {
        let items = || [3_u32, 1, 2, 5, 4].map(|number| (number, number));
        for limit in 1..7 {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = PageRequest { limit, after }.cut(items());
                seen.extend(page.items);
                let Some(marker) = page.next_marker else { break };
                after = read_marker(&marker);
                assert!(after.is_some());
            }
            assert_eq!(seen, [1, 2, 3, 4, 5], "{limit}");
        }
    }
}
