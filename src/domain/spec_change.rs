//! Changes of a `KmsKey`'s spec that calls of the API make, field by field, so that each field has one owner.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::crd::kms_key::{KmsKeySpec, Rotation};
use crate::types::limits::ROTATION_PERIOD_DAYS_DEFAULT;

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
        self.value(spec).is_some()
    }

    /// The fields that a spec sets.
    #[must_use]
    pub fn all_set(spec: &KmsKeySpec) -> BTreeSet<Self> {
        let tags = spec.tags.iter().flat_map(BTreeMap::keys).cloned().map(Self::Tag);
        let others = [Self::Description, Self::RotationAutomatic, Self::RotationPeriodDays];
        others.into_iter().filter(|field| field.is_set(spec)).chain(tags).collect()
    }

    /// What a spec says in the field, in words that are equal where it says the same.
    fn value(&self, spec: &KmsKeySpec) -> Option<String> {
        let rotation = spec.rotation.as_ref();
        match self {
            Self::Description => spec.description.clone(),
            Self::RotationAutomatic => rotation?.automatic.map(|automatic| automatic.to_string()),
            Self::RotationPeriodDays => rotation?.period_days.map(|days| days.to_string()),
            Self::Tag(key) => spec.tags.as_ref()?.get(key).cloned(),
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

    /// The fields that the change makes another of than they are in a spec.
    #[must_use]
    pub fn changes(&self, spec: &KmsKeySpec) -> Vec<SpecField> {
        let next = self.applied(spec);
        self.fields().into_iter().filter(|field| field.value(spec) != field.value(&next)).collect()
    }

    /// The spec with the change made. A field that is left out and by that says what is asked for stays left out, so
    /// that its owner is whoever sets it first.
    #[must_use]
    pub fn applied(&self, spec: &KmsKeySpec) -> KmsKeySpec {
        let mut next = spec.clone();
        if let Some(description) = &self.description
            && spec.description.as_deref().unwrap_or_default() != description
        {
            next.description = Some(description.clone());
        }
        if let Some((automatic, period_days)) = self.rotation {
            let old = spec.rotation.clone().unwrap_or_default();
            if old.automatic.unwrap_or(false) != automatic {
                set_rotation(&mut next, |rotation| rotation.automatic = Some(automatic));
            }
            let days = |days: u32| i32::try_from(days).ok();
            let old_days = old.period_days.or(days(ROTATION_PERIOD_DAYS_DEFAULT));
            if let Some(new) = period_days.and_then(days).filter(|new| Some(*new) != old_days) {
                set_rotation(&mut next, |rotation| rotation.period_days = Some(new));
            }
        }
        for (key, value) in &self.tags {
            if SpecField::Tag(key.clone()).value(spec) != *value {
                set_tag(&mut next, key, value.clone());
            }
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
    fn only_what_a_change_makes_another_is_changed() {
        let rotation = |automatic, period_days| {
            let (automatic, on_demand_request) = (automatic, None);
            KmsKeySpec {
                rotation: Some(Rotation { automatic, period_days, on_demand_request }),
                ..KmsKeySpec::default()
            }
        };
        let rotate = |automatic, days| SpecChange { rotation: Some((automatic, days)), ..SpecChange::default() };
        let describe = |text: &str| SpecChange { description: Some(text.to_owned()), ..SpecChange::default() };
        let tag = |value: Option<&str>| SpecChange {
            tags: [("a".to_owned(), value.map(str::to_owned))].into(),
            ..SpecChange::default()
        };
        let tagged = KmsKeySpec { tags: Some([("a".to_owned(), "1".to_owned())].into()), ..KmsKeySpec::default() };
        let untagged = KmsKeySpec { tags: Some(BTreeMap::new()), ..KmsKeySpec::default() };
        let described = KmsKeySpec { description: Some("x".to_owned()), ..KmsKeySpec::default() };
        let none = KmsKeySpec::default;
        let cases: [(KmsKeySpec, SpecChange, &[&str]); 19] = [
            (none(), SpecChange::default(), &[]),
            (none(), describe(""), &[]),
            (none(), describe("x"), &["description"]),
            (described.clone(), describe("x"), &[]),
            (described, describe(""), &["description"]),
            (none(), rotate(false, None), &[]),
            (none(), rotate(true, Some(365)), &["rotation.automatic"]),
            (none(), rotate(true, Some(90)), &["rotation.automatic", "rotation.periodDays"]),
            (rotation(Some(false), None), rotate(false, None), &[]),
            (rotation(None, Some(200)), rotate(false, None), &[]),
            (rotation(None, Some(200)), rotate(true, Some(200)), &["rotation.automatic"]),
            (rotation(None, Some(200)), rotate(true, Some(365)), &["rotation.automatic", "rotation.periodDays"]),
            (rotation(Some(true), Some(200)), rotate(true, Some(201)), &["rotation.periodDays"]),
            (rotation(Some(true), None), rotate(false, None), &["rotation.automatic"]),
            (none(), tag(Some("")), &["tags.a"]),
            (tagged.clone(), tag(Some("1")), &[]),
            (tagged.clone(), tag(Some("2")), &["tags.a"]),
            (tagged, tag(None), &["tags.a"]),
            (untagged, tag(None), &[]),
        ];
        for (spec, change, fields) in cases {
            let printed: Vec<String> = change.changes(&spec).iter().map(ToString::to_string).collect();
            assert_eq!(printed, fields, "{spec:?} {change:?}");
            assert_eq!(change.applied(&spec) == spec, fields.is_empty(), "{spec:?} {change:?}");
            assert!(change.changes(&change.applied(&spec)).is_empty(), "{spec:?} {change:?}");
        }
    }

    #[test]
    fn what_is_no_field_of_the_api_is_none() {
        for text in ["", "enabled", "rotation", "tag"] {
            assert_eq!(SpecField::parse(text), None, "{text}");
        }
        assert_eq!(SpecField::parse("tags.a.b"), Some(SpecField::Tag("a.b".to_owned())));
    }
}
