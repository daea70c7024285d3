//! Members of a request: a table of names, types and constraints, one validator for all operations.
//!
//! Types and constraints are those of the AWS KMS model; the messages are those that AWS KMS prints. A
//! member that AWS KMS knows and this version does not implement is refused by name, never ignored.

mod recipient;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use self::recipient::Recipient;
use super::error::{AwsError, ErrorCode};
use super::json::{Json, Text};
use crate::types::context::EncryptionContext;
use crate::types::limits::{ECHOED_CHARACTERS_MAX, TAG_KEY_CHARACTERS_MAX, TAG_VALUE_CHARACTERS_MAX};
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
    /// A string with its length in characters, each of which is in a set.
    Pattern {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
        /// The set as a regular expression, as messages print it. It asks for one character at least.
        printed: &'static str,
        /// Whether a character is in the set.
        allows: fn(char) -> bool,
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
    /// A list of key and value structures.
    Tags,
    /// A list of strings.
    TextList,
    /// A list of the keys of tags.
    TagKeys,
    /// A list of strings, each one of these words.
    Words(&'static [&'static str]),
    /// Where an answer goes instead of the caller: an algorithm and an attestation document.
    Recipient,
    /// A structure that no implemented operation looks into.
    Structure,
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

    /// The name as messages print it.
    fn path(&self) -> String {
        let mut characters = self.name.chars();
        characters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(characters).collect()
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
    Tags(Vec<(String, String)>),
    List(Vec<Text<'a>>),
    Recipient(Recipient<'a>),
    Structure,
}

/// The members of one request, validated.
#[derive(Debug)]
pub struct Input<'a> {
    values: Vec<(&'static str, Value<'a>)>,
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
        let mut input = Self { values: Vec::with_capacity(members.len()) };
        for (name, value) in pairs {
            let Some(member) = members.iter().find(|member| member.name == name.as_str()) else { continue };
            if let Some(value) = convert(member, value)? {
                input.values.push((member.name, value));
            }
        }
        input.check_constraints(members)?;
        input.refuse_not_implemented(members)?;
        Ok(input)
    }

    fn check_constraints(&self, members: &'static [Member]) -> Result<(), AwsError> {
        // Coral, AWS's service framework, reports ten broken constraints at most.
        const REPORTED_MAX: usize = 10;
        let broken: Vec<String> = members
            .iter()
            .flat_map(|member| broken_constraints(member, self.get(member.name)))
            .take(REPORTED_MAX)
            .collect();
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
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
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
    pub fn tags(&self, name: &str) -> &[(String, String)] {
        match self.get(name) {
            Some(Value::Tags(tags)) => tags,
            _ => &[],
        }
    }

    /// A list of strings.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<&str> {
        match self.get(name) {
            Some(Value::List(texts)) => texts.iter().map(Text::as_str).collect(),
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
            Self::Integer(_)
            | Self::Timestamp(_)
            | Self::Blob(_)
            | Self::Tags(_)
            | Self::Recipient(_)
            | Self::Structure => false,
        }
    }
}

/// Gives a value its member's type; `null` counts as absent.
fn convert<'a>(member: &Member, value: Json<'a>) -> Result<Option<Value<'a>>, AwsError> {
    let converted = match (member.shape, value) {
        (_, Json::Null) => return Ok(None),
        (
            Shape::Text { .. } | Shape::KeyName | Shape::Pattern { .. } | Shape::Word(_) | Shape::OddWord { .. },
            Json::Text(text),
        ) => Value::Text(text),
        (Shape::Integer { .. }, Json::Integer(number)) => Value::Integer(number),
        (Shape::Timestamp, Json::Integer(seconds)) => Value::Timestamp(Timestamp::from_seconds(seconds)),
        (Shape::Timestamp, Json::Fraction(seconds)) => Value::Timestamp(Timestamp::from_epoch_seconds(seconds)),
        (Shape::Boolean, Json::Boolean(value)) => Value::Boolean(value),
        (Shape::Blob { .. }, Json::Text(text)) => Value::Blob(decode_base64(&text)?),
        (Shape::TextMap, Json::Object(pairs)) => Value::Map(convert_map(pairs)?),
        (Shape::Tags, Json::List(items)) => Value::Tags(items.into_iter().map(convert_tag).collect::<Result<_, _>>()?),
        (Shape::TextList | Shape::TagKeys | Shape::Words(_), Json::List(items)) => Value::List(convert_list(items)?),
        (Shape::Structure | Shape::Recipient, Json::Object(pairs)) if pairs.is_empty() => return Ok(None),
        (Shape::Recipient, Json::Object(pairs)) => Value::Recipient(recipient::convert(pairs)?),
        (Shape::Structure, Json::Object(_)) => Value::Structure,
        (shape, other) => return Err(wrong_type(&other, shape)),
    };
    Ok(Some(converted))
}

fn convert_map(pairs: Vec<(Text<'_>, Json<'_>)>) -> Result<BTreeMap<String, String>, AwsError> {
    pairs
        .into_iter()
        .map(|(key, value)| match value {
            Json::Text(text) => Ok((key.as_str().to_owned(), text.as_str().to_owned())),
            other => Err(wrong_type(&other, Shape::KeyName)),
        })
        .collect()
}

fn convert_list<'a>(items: Vec<Json<'a>>) -> Result<Vec<Text<'a>>, AwsError> {
    items
        .into_iter()
        .map(|item| match item {
            Json::Text(text) => Ok(text),
            other => Err(wrong_type(&other, Shape::KeyName)),
        })
        .collect()
}

fn convert_tag(item: Json<'_>) -> Result<(String, String), AwsError> {
    let Json::Object(pairs) = item else { return Err(wrong_type(&item, Shape::Structure)) };
    let mut tag = (String::new(), String::new());
    for (name, value) in pairs {
        let part = match name.as_str() {
            "TagKey" => &mut tag.0,
            "TagValue" => &mut tag.1,
            _ => continue,
        };
        match value {
            Json::Text(text) => text.as_str().clone_into(part),
            other => return Err(wrong_type(&other, Shape::KeyName)),
        }
    }
    Ok(tag)
}

fn decode_base64(text: &Text<'_>) -> Result<SecretBytes, AwsError> {
    let wrong = || AwsError::silent(ErrorCode::Serialization);
    let length = base64::decoded_len_estimate(text.as_str().len());
    let mut written = 0;
    let mut bytes = SecretBytes::try_init_with(length, |buffer| {
        written = STANDARD.decode_slice(text.as_str(), buffer).map_err(|_| wrong())?;
        Ok::<(), AwsError>(())
    })?;
    bytes.truncate(written);
    Ok(bytes)
}

/// The message names types only, never the value.
fn wrong_type(found: &Json<'_>, expected: Shape) -> AwsError {
    let expected = match expected {
        Shape::Text { .. } | Shape::KeyName | Shape::Pattern { .. } | Shape::Word(_) | Shape::OddWord { .. } => {
            "a String"
        }
        Shape::Integer { .. } => "an Integer",
        Shape::Timestamp => "milliseconds since epoch",
        Shape::Boolean => "a Boolean",
        Shape::Blob { .. } => "a Blob",
        Shape::TextMap => "a Map",
        Shape::Tags | Shape::TextList | Shape::TagKeys | Shape::Words(_) => "a List",
        Shape::Structure | Shape::Recipient => "a Structure",
    };
    let message = match found {
        Json::List(_) => "Start of list found where not expected".to_owned(),
        Json::Object(_) => "Start of structure or map found where not expected.".to_owned(),
        Json::Null => format!("NULL_VALUE can not be converted to {expected}"),
        Json::Boolean(true) => format!("TRUE_VALUE can not be converted to {expected}"),
        Json::Boolean(false) => format!("FALSE_VALUE can not be converted to {expected}"),
        Json::Integer(_) | Json::Fraction(_) => format!("NUMBER_VALUE can not be converted to {expected}"),
        Json::Text(_) => format!("STRING_VALUE can not be converted to {expected}"),
    };
    AwsError::new(ErrorCode::Serialization, message)
}

/// What a value breaks. Nothing is formatted for a value that breaks nothing.
fn broken_constraints(member: &Member, value: Option<&Value<'_>>) -> Vec<String> {
    let path = || member.path();
    match (member.shape, value) {
        (_, None) if !member.required => Vec::new(),
        (Shape::Blob { sensitive: true, .. }, None) => vec![failure(&unnamed(&path()), NOT_NULL)],
        (_, None) => vec![failure(&format!("Value null at '{}'", path()), NOT_NULL)],
        (Shape::Text { min, max }, Some(Value::Text(text))) => broken_length(text.as_str(), path, min, max),
        (Shape::KeyName, Some(Value::Text(text))) => {
            broken_pattern(text.as_str(), path, (1, 2048), r"^\p{ASCII}+$", |character| character.is_ascii())
        }
        (Shape::Pattern { min, max, printed, allows }, Some(Value::Text(text))) => {
            broken_pattern(text.as_str(), path, (min, max), printed, allows)
        }
        (Shape::Word(words), Some(Value::Text(text))) => broken_word(text.as_str(), path, words, words),
        (Shape::OddWord { taken, printed }, Some(Value::Text(text))) => {
            broken_word(text.as_str(), path, taken, printed)
        }
        (Shape::Integer { min, max }, Some(Value::Integer(number))) => {
            broken_range(*number, "value", (min, max), || echo(&number.to_string(), &path()))
        }
        (Shape::Blob { min, max, .. }, Some(Value::Blob(bytes))) => {
            broken_range(bytes.len(), "length", (min, max), || unnamed(&path()))
        }
        (Shape::Tags, Some(Value::Tags(tags))) => broken_tags(tags, path),
        (Shape::TagKeys, Some(Value::List(keys))) => broken_tag_keys(keys, path),
        (Shape::Words(words), Some(Value::List(texts))) => broken_words(texts, path, words),
        (Shape::Recipient, Some(Value::Recipient(recipient))) => recipient.broken_constraints(),
        _ => Vec::new(),
    }
}

const NOT_NULL: &str = "Member must not be null";

fn broken_word(text: &str, path: impl Fn() -> String, taken: &[&str], printed: &[&str]) -> Vec<String> {
    if taken.contains(&text) {
        return Vec::new();
    }
    let constraint = format!("Member must satisfy enum value set: [{}]", printed.join(", "));
    vec![failure(&echo(text, &path()), &constraint)]
}

fn broken_length(text: &str, path: impl Fn() -> String, min: usize, max: usize) -> Vec<String> {
    broken_range(text.chars().count(), "length", (min, max), || echo(text, &path()))
}

/// AWS KMS checks the pattern after the length. Those of key names are not in the published model.
fn broken_pattern(
    text: &str,
    path: impl Fn() -> String,
    (min, max): (usize, usize),
    printed: &str,
    allows: impl Fn(char) -> bool,
) -> Vec<String> {
    let mut broken = broken_length(text, &path, min, max);
    if text.is_empty() || !text.chars().all(allows) {
        let constraint = format!("Member must satisfy regular expression pattern: {printed}");
        broken.push(failure(&echo(text, &path()), &constraint));
    }
    broken
}

fn broken_tags(tags: &[(String, String)], path: impl Fn() -> String) -> Vec<String> {
    let of_tag = |(index, (key, value)): (usize, &(String, String))| {
        let at = |part: &str| format!("{}.{}.member.{part}", path(), index + 1);
        let mut broken = broken_length(key, || at("tagKey"), 1, TAG_KEY_CHARACTERS_MAX);
        broken.extend(broken_length(value, || at("tagValue"), 0, TAG_VALUE_CHARACTERS_MAX));
        broken
    };
    tags.iter().enumerate().flat_map(of_tag).collect()
}

fn broken_words(texts: &[Text<'_>], path: impl Fn() -> String, words: &[&str]) -> Vec<String> {
    if texts.iter().all(|text| words.contains(&text.as_str())) {
        return Vec::new();
    }
    let printed = texts.iter().map(Text::as_str).collect::<Vec<_>>().join(", ");
    let constraint =
        format!("Member must satisfy constraint: [Member must satisfy enum value set: [{}]]", words.join(", "));
    vec![failure(&echo(&format!("[{printed}]"), &path()), &constraint)]
}

/// AWS KMS prints what the members of a list of strings must satisfy, with the whole list.
fn broken_tag_keys(keys: &[Text<'_>], path: impl Fn() -> String) -> Vec<String> {
    let is_right = |key: &Text<'_>| (1..=TAG_KEY_CHARACTERS_MAX).contains(&key.as_str().chars().count());
    if keys.iter().all(is_right) {
        return Vec::new();
    }
    let printed = keys.iter().map(Text::as_str).collect::<Vec<_>>().join(", ");
    let constraint = format!(
        "Member must satisfy constraint: [Member must have length less than or equal to {TAG_KEY_CHARACTERS_MAX}, \
         Member must have length greater than or equal to 1]"
    );
    vec![failure(&echo(&format!("[{printed}]"), &path()), &constraint)]
}

fn broken_range<T: PartialOrd + std::fmt::Display>(
    value: T,
    what: &str,
    (min, max): (T, T),
    subject: impl Fn() -> String,
) -> Vec<String> {
    if value < min {
        return vec![failure(&subject(), &format!("Member must have {what} greater than or equal to {min}"))];
    }
    if value > max {
        return vec![failure(&subject(), &format!("Member must have {what} less than or equal to {max}"))];
    }
    Vec::new()
}

fn echo(value: &str, path: &str) -> String {
    let shown: String = value.chars().take(ECHOED_CHARACTERS_MAX).collect();
    format!("Value '{shown}' at '{path}'")
}

/// Bytes are never printed.
fn unnamed(path: &str) -> String {
    format!("Value at '{path}'")
}

fn failure(subject: &str, constraint: &str) -> String {
    format!("{subject} failed to satisfy constraint: {constraint}")
}

#[cfg(test)]
mod tests;
