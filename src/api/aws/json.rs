//! A strict reader of request bodies: bounded in depth and number, no duplicate names, borrowed strings.
//!
//! `serde_json` does the parsing; this visitor adds what it does not refuse by itself. Strings that had
//! escapes are owned, and wiped, because they may be a plaintext.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroize;

use crate::types::limits::{JSON_DEPTH_MAX, JSON_VALUES_MAX};

/// A JSON value.
#[derive(Debug)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number without fraction that fits 64 bits.
    Integer(i64),
    /// Any other number, always finite; only times may have a fraction.
    Fraction(f64),
    /// A string.
    Text(Text<'a>),
    /// An array.
    List(Vec<Json<'a>>),
    /// An object, in the order of the request.
    Object(Vec<(Text<'a>, Json<'a>)>),
}

/// A string of a request, wiped where it is a copy.
pub struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            text.zeroize();
        }
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Text([redacted])")
    }
}

/// The body is not JSON that this API takes. What is wrong is not told, because the parser's own messages
/// may quote the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not valid json")]
pub struct JsonError;

impl<'a> Json<'a> {
    /// Parses a whole body.
    ///
    /// # Errors
    /// `JsonError` for anything but one JSON value without duplicate names, within depth and number.
    pub fn parse(body: &'a [u8]) -> Result<Self, JsonError> {
        let values = Cell::new(0);
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let value = Reader { depth: 0, values: &values }.deserialize(&mut deserializer).map_err(|_| JsonError)?;
        deserializer.end().map_err(|_| JsonError)?;
        Ok(value)
    }
}

#[derive(Clone, Copy)]
struct Reader<'v> {
    depth: usize,
    values: &'v Cell<usize>,
}

impl Reader<'_> {
    fn descend<E: Error>(self) -> Result<Self, E> {
        let deeper = Self { depth: self.depth + 1, ..self };
        if deeper.depth > JSON_DEPTH_MAX { Err(E::custom("too deep")) } else { Ok(deeper) }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        let count = self.values.get() + 1;
        self.values.set(count);
        if count > JSON_VALUES_MAX {
            return Err(D::Error::custom("too many values"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a json value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        // More digits than 64 bits hold make the parser give an `f64` too.
        #[expect(
            clippy::cast_precision_loss,
            reason = "no member takes so great a number, so its digits do not matter"
        )]
        Ok(i64::try_from(value).map_or(Json::Fraction(value as f64), Json::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Fraction(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Text(Cow::Borrowed(value))))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Text(Cow::Owned(value.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json<'de>, A::Error> {
        let reader = self.descend()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(reader)? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json<'de>, A::Error> {
        let reader = self.descend()?;
        let mut members: Vec<(Text<'de>, Json<'de>)> = Vec::new();
        while let Some(name) = access.next_key_seed(Name)? {
            members.push((name, access.next_value_seed(reader)?));
        }
        if has_duplicates(&members) { Err(A::Error::custom("duplicate name")) } else { Ok(Json::Object(members)) }
    }
}

fn has_duplicates(members: &[(Text<'_>, Json<'_>)]) -> bool {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair.first() == pair.last())
}

struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Text<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(value.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_strict_json_is_taken() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let deepest = nested(JSON_DEPTH_MAX);
        for right in ["{}", r#"{"a":1,"b":{"a":[null,true,"x\/y"]}}"#, "1e3", deepest.as_str()] {
            assert!(Json::parse(right.as_bytes()).is_ok(), "{right}");
        }
        let (too_deep, too_many) = (nested(JSON_DEPTH_MAX + 1), format!("[{}1]", "1,".repeat(JSON_VALUES_MAX)));
        let wrong = [
            "",
            "{",
            "{} {}",
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"\ud800":1}"#,
            "{'a':1}",
            "{\"a\":\"\u{1}\"}",
            r#"{"a":01}"#,
            "NaN",
            too_deep.as_str(),
            too_many.as_str(),
        ];
        for text in wrong {
            assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
        }
        for text in ["1e999", "-1e999", "Infinity", "1.", ".5"] {
            assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Json::parse(b"\"\xff\"").is_err());
        assert!(Json::parse(b"\xef\xbb\xbf{}").is_err());
    }

    #[test]
    fn numbers_keep_their_value() {
        let integers = [("0", 0), ("-9223372036854775808", i64::MIN), ("9223372036854775807", i64::MAX)];
        for (text, expected) in integers {
            assert!(matches!(Json::parse(text.as_bytes()), Ok(Json::Integer(number)) if number == expected), "{text}");
        }
        let fractions = [("1.5", 1.5), ("1e3", 1e3), ("9223372036854775808", 9_223_372_036_854_775_808.0)];
        for (text, expected) in fractions {
            let close = |number: f64| (number - expected).abs() < f64::EPSILON;
            assert!(matches!(Json::parse(text.as_bytes()), Ok(Json::Fraction(number)) if close(number)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(Json::parse(&body));
        }
    }
}
