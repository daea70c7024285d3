//! Members of a request: a table of names, types and constraints, one validator for all operations.
//!
//! Types and constraints are those of the AWS KMS model; the messages are those that AWS KMS prints. A
//! member that AWS KMS knows and this version does not implement is refused by name, never ignored.

mod constraints;
mod convert;

use std::collections::BTreeMap;

use super::error::{AwsError, ErrorCode};
use super::json::{Json, Text};
use crate::types::context::EncryptionContext;
use crate::types::secret::SecretBytes;
use crate::types::time::Timestamp;

/// Type and bounds of a member.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A string with its length in characters.
    Text {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// The name of a key: a string of 1 to 2048 ASCII characters.
    KeyName,
    /// A string with its length in characters and what it must look like.
    Pattern {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
        /// The regular expression, as messages print it.
        printed: &'static str,
        /// Whether the whole of a string is matched by it.
        matches: fn(&str) -> bool,
    },
    /// The same, and the model marks it sensitive: messages never print it.
    Secret {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
        /// The regular expression, where there is one, and whether the whole of a string is matched by it.
        pattern: Option<(&'static str, fn(&str) -> bool)>,
    },
    /// One of these words, in the order in which AWS KMS prints them.
    Word(&'static [&'static str]),
    /// One of these words, and the other words that AWS KMS prints, by an oddity of its own, when it refuses.
    OddWord {
        /// The words that are taken.
        taken: &'static [&'static str],
        /// The words that the message lists.
        printed: &'static [&'static str],
    },
    /// A number.
    Integer {
        /// Smallest.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// A point in time, in seconds since 1970-01-01 UTC with or without a fraction.
    Timestamp,
    /// A truth value.
    Boolean,
    /// Bytes in base64, with their length before encoding. Messages never print them.
    Blob {
        /// Fewest bytes.
        min: usize,
        /// Most bytes.
        max: usize,
        /// Whether the model marks them sensitive.
        sensitive: bool,
    },
    /// A map of strings.
    TextMap,
    /// A list.
    List {
        /// Fewest items.
        min: usize,
        /// Most items, `usize::MAX` where the model has no bound.
        max: usize,
        /// What each item is: a string of some kind or a structure.
        item: &'static Shape,
    },
    /// A structure of these members.
    Structure(&'static [Member]),
}

/// One member.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The name on the wire.
    pub name: &'static str,
    /// Type and bounds.
    pub shape: Shape,
    /// Whether a request without it is refused.
    pub required: bool,
    /// Whether this version acts on it.
    pub implemented: bool,
}

impl Member {
    /// A member that a request must have.
    #[must_use]
    pub const fn required(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, required: true, implemented: true }
    }

    /// A member that a request may have.
    #[must_use]
    pub const fn optional(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, required: false, implemented: true }
    }

    /// A member that AWS KMS knows and this version refuses. `null`, `false` and empty count as absent.
    #[must_use]
    pub const fn not_implemented(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, required: false, implemented: false }
    }
}

/// A value that has its member's type.
#[derive(Debug)]
enum Value<'a> {
    Text(Text<'a>),
    Integer(i64),
    Timestamp(Timestamp),
    Boolean(bool),
    Blob(SecretBytes),
    Map(BTreeMap<String, String>),
    List(Vec<Value<'a>>),
    Structure(Values<'a>),
}

/// Values under their names.
type Values<'a> = Vec<(&'static str, Value<'a>)>;

/// The members of one request, validated.
#[derive(Debug)]
pub struct Input<'a> {
    values: Values<'a>,
}

impl<'a> Input<'a> {
    /// Reads a body: types first, then all constraints together, then members that are not implemented.
    /// Unknown members are ignored, as AWS does.
    ///
    /// # Errors
    /// `SerializationException` for a wrong type, `ValidationException` for a broken constraint or a
    /// member that is not implemented.
    pub fn read(body: Json<'a>, members: &'static [Member]) -> Result<Self, AwsError> {
        let Json::Object(pairs) = body else { return Err(AwsError::silent(ErrorCode::Serialization)) };
        let input = Self { values: convert::members(pairs, members)? };
        input.check_constraints(members)?;
        input.refuse_not_implemented(members)?;
        Ok(input)
    }

    fn check_constraints(&self, members: &'static [Member]) -> Result<(), AwsError> {
        // Coral, AWS's service framework, reports ten broken constraints at most.
        const REPORTED_MAX: usize = 10;
        let mut broken = constraints::broken(&self.values, members, "");
        broken.truncate(REPORTED_MAX);
        match broken.len() {
            0 => Ok(()),
            1 => Err(AwsError::validation(format!("1 validation error detected: {}", broken.join("; ")))),
            count => Err(AwsError::validation(format!("{count} validation errors detected: {}", broken.join("; ")))),
        }
    }

    fn refuse_not_implemented(&self, members: &'static [Member]) -> Result<(), AwsError> {
        let refused =
            |member: &&Member| !member.implemented && self.get(member.name).is_some_and(|value| !value.is_empty());
        match members.iter().find(refused) {
            None => Ok(()),
            Some(member) => Err(AwsError::validation(format!(
                "the member {} is not implemented by this version of Coffer",
                member.name
            ))),
        }
    }

    fn get(&self, name: &str) -> Option<&Value<'a>> {
        find(&self.values, name)
    }

    /// Whether the request has the member.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text.as_str()),
            _ => None,
        }
    }

    /// Bytes.
    #[must_use]
    pub fn blob(&self, name: &str) -> Option<&SecretBytes> {
        match self.get(name) {
            Some(Value::Blob(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// A number within its bounds, which for every member are those of a length.
    #[must_use]
    pub fn length(&self, name: &str) -> Option<usize> {
        match self.get(name) {
            Some(Value::Integer(number)) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    /// A point in time.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        match self.get(name) {
            Some(Value::Timestamp(time)) => Some(*time),
            _ => None,
        }
    }

    /// A truth value; absent is false.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Boolean(true)))
    }

    /// Tags in the order of the request.
    #[must_use]
    pub fn tags(&self, name: &str) -> Vec<(String, String)> {
        let tag = |item: &Value<'_>| match item {
            Value::Structure(tag) => Some((part_of(tag, "TagKey"), part_of(tag, "TagValue"))),
            _ => None,
        };
        match self.get(name) {
            Some(Value::List(items)) => items.iter().filter_map(tag).collect(),
            _ => Vec::new(),
        }
    }

    /// A list of strings.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<&str> {
        match self.get(name) {
            Some(Value::List(items)) => items.iter().filter_map(text_of).collect(),
            _ => Vec::new(),
        }
    }

    /// An encryption context; absent and empty are the same.
    ///
    /// # Errors
    /// `ValidationException` where it is too long.
    pub fn context(&self, name: &str) -> Result<EncryptionContext, AwsError> {
        match self.get(name) {
            Some(Value::Map(pairs)) => {
                EncryptionContext::new(pairs.clone()).map_err(|error| AwsError::validation(error.to_string()))
            }
            _ => Ok(EncryptionContext::default()),
        }
    }
}

impl Value<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.as_str().is_empty(),
            Self::Boolean(value) => !value,
            Self::Map(pairs) => pairs.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Integer(_) | Self::Timestamp(_) | Self::Blob(_) | Self::Structure(_) => false,
        }
    }
}

fn text_of<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    match value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    }
}

fn part_of(tag: &Values<'_>, name: &str) -> String {
    find(tag, name).and_then(text_of).unwrap_or_default().to_owned()
}

fn find<'v, 'a>(values: &'v Values<'a>, name: &str) -> Option<&'v Value<'a>> {
    values.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Whether a string has a character and only such ones, as a class of characters with a `+` asks.
pub(super) fn is_made_of(text: &str, allows: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(allows)
}

#[cfg(test)]
mod tests;
