//! What values break, in the words of AWS KMS and in the order of the model.

use super::{Member, Shape, Value, Values, find};
use crate::api::aws::json::Text;
use crate::types::limits::ECHOED_CHARACTERS_MAX;

const NOT_NULL: &str = "must not be null";
const KEY_NAME_CHARACTERS_MAX: usize = 2048;
/// Not in the published model.
const KEY_NAME_PATTERN: &str = r"^\p{ASCII}+$";

/// Everything that the values of a structure break. Nothing is formatted for a value that breaks nothing.
pub(super) fn broken(values: &Values<'_>, members: &[Member], prefix: &str) -> Vec<String> {
    members.iter().flat_map(|member| of_member(member, find(values, member.name), prefix)).collect()
}

fn of_member(member: &Member, value: Option<&Value<'_>>, prefix: &str) -> Vec<String> {
    let path = || format!("{prefix}{}", path_of(member.name));
    match (member.shape, value) {
        (_, None) if !member.required => Vec::new(),
        (shape, None) => {
            let subject = if is_sensitive(&shape) { unnamed(&path()) } else { format!("Value null at '{}'", path()) };
            vec![failure(&subject, NOT_NULL)]
        }
        (Shape::Structure(members), Some(Value::Structure(values))) => broken(values, members, &format!("{}.", path())),
        (Shape::List { min, max, item }, Some(Value::List(items))) => of_list(items, (min, max), item, path),
        (shape, Some(value)) => {
            let rules = broken_rules(&shape, value);
            if rules.is_empty() {
                return Vec::new();
            }
            let is_printed = !is_sensitive(&shape) && !matches!(shape, Shape::Blob { .. });
            let subject = if is_printed { echo(&printed(value), &path()) } else { unnamed(&path()) };
            rules.iter().map(|rule| failure(&subject, rule)).collect()
        }
    }
}

/// The name as messages print it.
fn path_of(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(characters).collect()
}

/// AWS KMS tells of the structures in a list one by one, and of its strings what all of them must satisfy.
fn of_list(items: &[Value<'_>], (min, max): (usize, usize), item: &Shape, path: impl Fn() -> String) -> Vec<String> {
    let list = || {
        let texts: Vec<String> = items.iter().map(printed).collect();
        echo(&format!("[{}]", texts.join(", ")), &path())
    };
    let length = broken_range(items.len(), "length", (min, max));
    let mut broken: Vec<String> = length.into_iter().map(|rule| failure(&list(), &rule)).collect();
    if let Shape::Structure(members) = item {
        for (index, value) in items.iter().enumerate() {
            let Value::Structure(values) = value else { continue };
            broken.extend(self::broken(values, members, &format!("{}.{}.member.", path(), index + 1)));
        }
    } else if items.iter().any(|value| !broken_rules(item, value).is_empty()) {
        let rules: Vec<String> = all_rules(item).iter().map(|rule| format!("Member {rule}")).collect();
        broken.push(failure(&list(), &format!("must satisfy constraint: [{}]", rules.join(", "))));
    }
    broken
}

const fn is_sensitive(shape: &Shape) -> bool {
    matches!(shape, Shape::Blob { sensitive: true, .. } | Shape::Secret { .. })
}

/// What a single value breaks.
fn broken_rules(shape: &Shape, value: &Value<'_>) -> Vec<String> {
    match (*shape, value) {
        (Shape::Text { min, max }, Value::Text(text)) => broken_text(text, (min, max), None),
        (Shape::KeyName, Value::Text(text)) => {
            broken_text(text, (1, KEY_NAME_CHARACTERS_MAX), Some((KEY_NAME_PATTERN, is_key_name)))
        }
        (Shape::Pattern { min, max, printed, matches }, Value::Text(text)) => {
            broken_text(text, (min, max), Some((printed, matches)))
        }
        (Shape::Secret { min, max, pattern }, Value::Text(text)) => broken_text(text, (min, max), pattern),
        (Shape::Word(words), Value::Text(text)) => broken_word(text, words, words),
        (Shape::OddWord { taken, printed }, Value::Text(text)) => broken_word(text, taken, printed),
        (Shape::Integer { min, max }, Value::Integer(number)) => {
            broken_range(*number, "value", (min, max)).into_iter().collect()
        }
        (Shape::Blob { min, max, .. }, Value::Blob(bytes)) => {
            broken_range(bytes.len(), "length", (min, max)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

type Pattern = (&'static str, fn(&str) -> bool);

/// AWS KMS checks the pattern after the length.
fn broken_text(text: &Text<'_>, bounds: (usize, usize), pattern: Option<Pattern>) -> Vec<String> {
    let length = broken_range(text.as_str().chars().count(), "length", bounds);
    let pattern = pattern.filter(|(_, matches)| !matches(text.as_str()));
    length.into_iter().chain(pattern.map(|(printed, _)| pattern_rule(printed))).collect()
}

fn is_key_name(text: &str) -> bool {
    !text.is_empty() && text.is_ascii()
}

fn broken_word(text: &Text<'_>, taken: &[&str], printed: &[&str]) -> Vec<String> {
    if taken.contains(&text.as_str()) { Vec::new() } else { vec![word_rule(printed)] }
}

fn broken_range<T: PartialOrd + std::fmt::Display>(value: T, what: &str, (min, max): (T, T)) -> Option<String> {
    if value < min {
        return Some(format!("must have {what} greater than or equal to {min}"));
    }
    (value > max).then(|| format!("must have {what} less than or equal to {max}"))
}

fn pattern_rule(printed: &str) -> String {
    format!("must satisfy regular expression pattern: {printed}")
}

fn word_rule(printed: &[&str]) -> String {
    format!("must satisfy enum value set: [{}]", printed.join(", "))
}

/// All that the strings of a list must satisfy.
fn all_rules(item: &Shape) -> Vec<String> {
    let (min, max) = match item {
        Shape::Word(words) | Shape::OddWord { printed: words, .. } => return vec![word_rule(words)],
        Shape::Text { min, max } | Shape::Pattern { min, max, .. } => (min, max),
        _ => return Vec::new(),
    };
    let mut rules = vec![
        format!("must have length less than or equal to {max}"),
        format!("must have length greater than or equal to {min}"),
    ];
    if let Shape::Pattern { printed, .. } = item {
        rules.push(pattern_rule(printed));
    }
    rules
}

/// A value as messages print it; bytes never are.
fn printed(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => text.as_str().to_owned(),
        Value::Integer(number) => number.to_string(),
        _ => String::new(),
    }
}

fn echo(value: &str, path: &str) -> String {
    let shown: String = value.chars().take(ECHOED_CHARACTERS_MAX).collect();
    format!("Value '{shown}' at '{path}'")
}

fn unnamed(path: &str) -> String {
    format!("Value at '{path}'")
}

fn failure(subject: &str, rule: &str) -> String {
    format!("{subject} failed to satisfy constraint: Member {rule}")
}
