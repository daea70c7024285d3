//! From JSON to the types of the members.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Member, Shape, Value, Values};
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::json::{Json, Text};
use crate::types::secret::SecretBytes;
use crate::types::time::Timestamp;

/// Reads the members of a structure; those that the table does not know are passed over.
pub(super) fn members<'a>(
    pairs: Vec<(Text<'a>, Json<'a>)>,
    members: &'static [Member],
) -> Result<Values<'a>, AwsError> {
    let mut values = Vec::with_capacity(members.len());
    for (name, value) in pairs {
        let Some(member) = members.iter().find(|member| member.name == name.as_str()) else { continue };
        if !matches!(value, Json::Null) && !is_absent(member, &value) {
            values.push((member.name, convert(&member.shape, value)?));
        }
    }
    Ok(values)
}

/// A structure with nothing in it says nothing, unless it lacks what it must have.
fn is_absent(member: &Member, value: &Json<'_>) -> bool {
    match (member.shape, value) {
        (Shape::Structure(members), Json::Object(pairs)) => {
            pairs.is_empty() && members.iter().all(|member| !member.required)
        }
        _ => false,
    }
}

/// Gives a value the type of its shape.
fn convert<'a>(shape: &Shape, value: Json<'a>) -> Result<Value<'a>, AwsError> {
    Ok(match (*shape, value) {
        (
            Shape::Text { .. }
            | Shape::KeyName
            | Shape::Pattern { .. }
            | Shape::Secret { .. }
            | Shape::Word(_)
            | Shape::OddWord { .. },
            Json::Text(text),
        ) => Value::Text(text),
        (Shape::Integer { .. }, Json::Integer(number)) => Value::Integer(number),
        (Shape::Timestamp, Json::Integer(seconds)) => Value::Timestamp(Timestamp::from_seconds(seconds)),
        (Shape::Timestamp, Json::Fraction(seconds)) => Value::Timestamp(Timestamp::from_epoch_seconds(seconds)),
        (Shape::Boolean, Json::Boolean(value)) => Value::Boolean(value),
        (Shape::Blob { .. }, Json::Text(text)) => Value::Blob(decode_base64(&text)?),
        (Shape::TextMap, Json::Object(pairs)) => Value::Map(convert_map(pairs)?),
        (Shape::List { item, .. }, Json::List(items)) => {
            Value::List(items.into_iter().map(|value| convert(item, value)).collect::<Result<_, _>>()?)
        }
        (Shape::Structure(known), Json::Object(pairs)) => Value::Structure(members(pairs, known)?),
        (_, other) => return Err(wrong_type(&other, shape)),
    })
}

fn convert_map(pairs: Vec<(Text<'_>, Json<'_>)>) -> Result<BTreeMap<String, String>, AwsError> {
    pairs
        .into_iter()
        .map(|(key, value)| match value {
            Json::Text(text) => Ok((key.as_str().to_owned(), text.as_str().to_owned())),
            other => Err(wrong_type(&other, &Shape::KeyName)),
        })
        .collect()
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
fn wrong_type(found: &Json<'_>, expected: &Shape) -> AwsError {
    let expected = match expected {
        Shape::Text { .. }
        | Shape::KeyName
        | Shape::Pattern { .. }
        | Shape::Secret { .. }
        | Shape::Word(_)
        | Shape::OddWord { .. } => "a String",
        Shape::Integer { .. } => "an Integer",
        Shape::Timestamp => "milliseconds since epoch",
        Shape::Boolean => "a Boolean",
        Shape::Blob { .. } => "a Blob",
        Shape::TextMap => "a Map",
        Shape::List { .. } => "a List",
        Shape::Structure(_) => "a Structure",
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
