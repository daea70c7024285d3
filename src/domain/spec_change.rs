//! Changes of a `KmsKey`'s spec that calls of the API make, field by field, so that each field has one owner.

use std::collections::BTreeMap;

use crate::api::crd::kms_key::{KmsKeySpec, Rotation};

/// A field of the spec that the API can change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpecField {
    /// `description`.
    Description,
    /// `rotation.automatic`.
    RotationAutomatic,
    /// `rotation.periodDays`.
    RotationPeriodDays,
    /// One tag, by its key.
    Tag(String),
}

impl SpecField {
    /// Whether a spec sets the field.
    #[must_use]
    pub fn is_set(&self, spec: &KmsKeySpec) -> bool {
        let rotation = spec.rotation.as_ref();
        match self {
            Self::Description => spec.description.is_some(),
            Self::RotationAutomatic => rotation.is_some_and(|rotation| rotation.automatic.is_some()),
            Self::RotationPeriodDays => rotation.is_some_and(|rotation| rotation.period_days.is_some()),
            Self::Tag(key) => spec.tags.as_ref().is_some_and(|tags| tags.contains_key(key)),
        }
    }

    /// Gives the field of one spec the value that it has in another, where it has one.
    pub fn copy(&self, from: &KmsKeySpec, to: &mut KmsKeySpec) {
        let rotation = from.rotation.clone().unwrap_or_default();
        match self {
            Self::Description => to.description.clone_from(&from.description),
            Self::RotationAutomatic => set_rotation(to, |next| next.automatic = rotation.automatic),
            Self::RotationPeriodDays => set_rotation(to, |next| next.period_days = rotation.period_days),
            Self::Tag(key) => {
                let value = from.tags.as_ref().and_then(|tags| tags.get(key)).cloned();
                set_tag(to, key, value);
            }
        }
    }

    /// The field as its JSON path below `spec`.
    #[must_use]
    pub fn path(&self) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Description => &["description"],
            Self::RotationAutomatic => &["rotation", "automatic"],
            Self::RotationPeriodDays => &["rotation", "periodDays"],
            Self::Tag(key) => &["tags", key],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// Reads what is printed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "description" => Some(Self::Description),
            "rotation.automatic" => Some(Self::RotationAutomatic),
            "rotation.periodDays" => Some(Self::RotationPeriodDays),
            _ => text.strip_prefix("tags.").map(|key| Self::Tag(key.to_owned())),
        }
    }
}

impl std::fmt::Display for SpecField {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.path().join("."))
    }
}

/// What a call changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecChange {
    /// The new description.
    pub description: Option<String>,
    /// Whether new material is made by the calendar, and after how many days.
    pub rotation: Option<(bool, Option<u32>)>,
    /// Tags to set, and those to take away.
    pub tags: BTreeMap<String, Option<String>>,
}

impl SpecChange {
    /// The fields that the change touches.
    #[must_use]
    pub fn fields(&self) -> Vec<SpecField> {
        let mut fields: Vec<SpecField> = self.description.iter().map(|_| SpecField::Description).collect();
        if let Some((_, period_days)) = self.rotation {
            fields.push(SpecField::RotationAutomatic);
            fields.extend(period_days.map(|_| SpecField::RotationPeriodDays));
        }
        fields.extend(self.tags.keys().cloned().map(SpecField::Tag));
        fields
    }

    /// The spec with the change made.
    #[must_use]
    pub fn applied(&self, spec: &KmsKeySpec) -> KmsKeySpec {
        let mut next = spec.clone();
        if let Some(description) = &self.description {
            next.description = Some(description.clone());
        }
        if let Some((automatic, period_days)) = self.rotation {
            set_rotation(&mut next, |rotation| {
                rotation.automatic = Some(automatic);
                rotation.period_days = period_days.and_then(|days| i32::try_from(days).ok()).or(rotation.period_days);
            });
        }
        for (key, value) in &self.tags {
            set_tag(&mut next, key, value.clone());
        }
        next
    }
}

fn set_rotation(spec: &mut KmsKeySpec, set: impl FnOnce(&mut Rotation)) {
    let mut rotation = spec.rotation.take().unwrap_or_default();
    set(&mut rotation);
    spec.rotation = (rotation != Rotation::default()).then_some(rotation);
}

fn set_tag(spec: &mut KmsKeySpec, key: &str, value: Option<String>) {
    let mut tags = spec.tags.take().unwrap_or_default();
    match value {
        Some(value) => tags.insert(key.to_owned(), value),
        None => tags.remove(key),
    };
    spec.tags = (!tags.is_empty()).then_some(tags);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_touches_its_fields_and_no_other() {
        let tags = [("old".to_owned(), "1".to_owned()), ("kept".to_owned(), "2".to_owned())];
        let spec = KmsKeySpec { enabled: Some(false), tags: Some(tags.into()), ..KmsKeySpec::default() };
        let change = SpecChange {
            description: Some("new".to_owned()),
            rotation: Some((true, Some(100))),
            tags: [("old".to_owned(), None), ("new".to_owned(), Some("3".to_owned()))].into(),
        };
        let next = change.applied(&spec);
        assert_eq!((next.description.as_deref(), next.enabled), (Some("new"), Some(false)));
        let rotation = Rotation { automatic: Some(true), period_days: Some(100), on_demand_request: None };
        assert_eq!(next.rotation, Some(rotation));
        let keys: Vec<String> = next.tags.clone().unwrap().into_keys().collect();
        assert_eq!(keys, ["kept", "new"]);
        let printed: Vec<String> = change.fields().iter().map(ToString::to_string).collect();
        assert_eq!(printed, ["description", "rotation.automatic", "rotation.periodDays", "tags.new", "tags.old"]);
        for field in change.fields() {
            assert_eq!(SpecField::parse(&field.to_string()), Some(field.clone()));
            assert_eq!(field.is_set(&next), field != SpecField::Tag("old".to_owned()));
        }
        // Back to what it was, field by field.
        let mut back = next;
        change.fields().iter().for_each(|field| field.copy(&spec, &mut back));
        assert_eq!(back, spec);
    }

    #[test]
    fn what_is_no_field_of_the_api_is_none() {
        for text in ["", "enabled", "rotation", "tag"] {
            assert_eq!(SpecField::parse(text), None, "{text}");
        }
        assert_eq!(SpecField::parse("tags.a.b"), Some(SpecField::Tag("a.b".to_owned())));
    }
}
