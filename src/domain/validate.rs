//! Checks of a `KmsKey` that the cluster's schema makes too: `coffer local`, commands and reconcilers share
//! them, because no reconciler may rely on a schema that somebody can replace.

use crate::api::crd::kms_key::{Deletion, DeletionPolicy, KmsKeySpec, OnConflict, PolicyDefault, Rotation, SpecOrigin};
use crate::domain::record::{DeletionSpec, ImmutableSpec, MutableSpec, RotationSpec};
use crate::types::ids::KeyId;
use crate::types::key::{KeySpec, KeyUsage, Origin};
use crate::types::limits::{
    DELETION_WINDOW_DAYS_DEFAULT, DELETION_WINDOW_DAYS_MAX, DELETION_WINDOW_DAYS_MIN, DESCRIPTION_CHARACTERS_MAX,
    ON_DEMAND_REQUEST_CHARACTERS_MAX, RESOURCE_NAME_CHARACTERS_MAX, ROTATION_PERIOD_DAYS_DEFAULT,
    ROTATION_PERIOD_DAYS_MAX, ROTATION_PERIOD_DAYS_MIN, TAG_KEY_CHARACTERS_MAX, TAG_VALUE_CHARACTERS_MAX, TAGS_MAX,
};

/// A key as its spec wants it, every default filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedKey {
    /// What can never change.
    pub immutable: ImmutableSpec,
    /// Whether the key may have replicas; part of its id, so it can never change either.
    pub multi_region: bool,
    /// The id that the spec fixes.
    pub key_id: Option<KeyId>,
    /// What may change.
    pub mutable: MutableSpec,
}

/// Why a spec or name cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The name is too long or has characters that Kubernetes refuses.
    #[error(
        "metadata.{field}: must be 1 to {RESOURCE_NAME_CHARACTERS_MAX} lower-case letters, digits, `-` or `.`, and begin and end with a letter or digit"
    )]
    Name {
        /// `name` or `namespace`.
        field: &'static str,
    },
    /// A number is out of its range.
    #[error("spec.{field}: must be between {min} and {max}")]
    Range {
        /// The path below `spec`.
        field: &'static str,
        /// Smallest.
        min: u32,
        /// Greatest.
        max: u32,
    },
    /// A text or map is too long.
    #[error("spec.{field}: must have at most {max} {unit}")]
    TooLong {
        /// The path below `spec`.
        field: &'static str,
        /// Most.
        max: usize,
        /// `characters` or `tags`.
        unit: &'static str,
    },
    /// A tag key is empty or reserved.
    #[error("spec.tags: a tag key must not be empty and must not begin with `aws:`")]
    TagKey,
    /// Two fields contradict each other.
    #[error("spec.keyUsage: {usage} is not possible with spec.keySpec {spec}")]
    Usage {
        /// The spec.
        spec: KeySpec,
        /// The usage.
        usage: KeyUsage,
    },
    /// A spec other than the symmetric one needs its usage.
    #[error("spec.keyUsage: must be given where spec.keySpec is not SYMMETRIC_DEFAULT")]
    UsageMissing,
    /// The fixed id is none, or its form contradicts `multiRegion`.
    #[error("spec.keyId: must be a lower-case uuid, or `mrk-` and 32 hex digits where spec.multiRegion is true")]
    KeyId,
    /// A rotation that keys of this kind do not have.
    #[error("spec.rotation.{field}: is possible only where {needs}")]
    Rotation {
        /// The field below `spec.rotation`.
        field: &'static str,
        /// What would make it possible.
        needs: &'static str,
    },
    /// A request for a rotation that says nothing.
    #[error("spec.rotation.onDemandRequest: must not be empty; take it out where no rotation is asked for")]
    RequestEmpty,
    /// The name is that of a platform-managed key which does not exist.
    #[error("metadata.name: names that begin with `aws.` are reserved for platform-managed keys; choose another name")]
    ReservedName,
    /// A value that a later version knows.
    #[error("spec.{field}: {value} is not implemented by this version of coffer")]
    NotImplemented {
        /// The path below `spec`.
        field: &'static str,
        /// The value, one of AWS's or our words.
        value: &'static str,
    },
}

/// Checks a namespace and a name.
///
/// # Errors
/// `Name` with the field that is wrong.
pub fn check_names(namespace: &str, name: &str) -> Result<(), SpecError> {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    for (field, text) in [("namespace", namespace), ("name", name)] {
        let bytes = text.as_bytes();
        let valid = bytes.len() <= RESOURCE_NAME_CHARACTERS_MAX
            && edge(bytes.first().copied())
            && edge(bytes.last().copied())
            && bytes.iter().copied().all(inner);
        if !valid {
            return Err(SpecError::Name { field });
        }
    }
    Ok(())
}

/// Checks a spec and fills in its defaults.
///
/// # Errors
/// The first thing that is wrong.
pub fn wanted_key(spec: &KmsKeySpec) -> Result<WantedKey, SpecError> {
    let immutable = immutable_spec(spec)?;
    let multi_region = spec.multi_region.unwrap_or(false);
    if multi_region {
        return Err(SpecError::NotImplemented { field: "multiRegion", value: "true" });
    }
    let mutable = MutableSpec {
        description: checked_text(spec.description.as_deref(), "description", DESCRIPTION_CHARACTERS_MAX)?,
        enabled: spec.enabled.unwrap_or(true),
        tags: checked_tags(spec)?,
        policy: policy_default(spec.policy)?,
        deletion: deletion_spec(spec.deletion.as_ref())?,
        rotation: rotation_spec(spec.rotation.as_ref(), immutable)?,
    };
    Ok(WantedKey { immutable, multi_region, key_id: fixed_key_id(spec, multi_region)?, mutable })
}

/// Without key policies, a key that requires one could be used by nobody.
fn policy_default(policy: Option<PolicyDefault>) -> Result<PolicyDefault, SpecError> {
    match policy.unwrap_or(PolicyDefault::Default) {
        PolicyDefault::Default => Ok(PolicyDefault::Default),
        other @ PolicyDefault::Required => Err(SpecError::NotImplemented { field: "policy", value: other.as_str() }),
    }
}

fn immutable_spec(spec: &KmsKeySpec) -> Result<ImmutableSpec, SpecError> {
    let key_spec = spec.key_spec.unwrap_or(KeySpec::SymmetricDefault);
    let key_usage = match spec.key_usage {
        Some(usage) => usage,
        None if key_spec == KeySpec::SymmetricDefault => KeyUsage::EncryptDecrypt,
        None => return Err(SpecError::UsageMissing),
    };
    if !key_spec.usages().contains(&key_usage) {
        return Err(SpecError::Usage { spec: key_spec, usage: key_usage });
    }
    if !key_spec.is_implemented() {
        return Err(SpecError::NotImplemented { field: "keySpec", value: key_spec.as_str() });
    }
    let origin = match spec.origin.unwrap_or(SpecOrigin::Generated) {
        SpecOrigin::Generated => Origin::AwsKms,
        SpecOrigin::Imported => Origin::External,
        other @ SpecOrigin::KeyStore => {
            return Err(SpecError::NotImplemented { field: "origin", value: other.as_str() });
        }
    };
    Ok(ImmutableSpec { key_spec, key_usage, origin })
}

fn fixed_key_id(spec: &KmsKeySpec, multi_region: bool) -> Result<Option<KeyId>, SpecError> {
    let Some(text) = &spec.key_id else { return Ok(None) };
    let key_id = KeyId::parse(text).filter(|key_id| key_id.is_multi_region() == multi_region);
    key_id.map(Some).ok_or(SpecError::KeyId)
}

fn checked_text(text: Option<&str>, field: &'static str, max: usize) -> Result<String, SpecError> {
    let text = text.unwrap_or_default();
    let within = text.chars().count() <= max;
    within.then(|| text.to_owned()).ok_or(SpecError::TooLong { field, max, unit: "characters" })
}

fn checked_tags(spec: &KmsKeySpec) -> Result<std::collections::BTreeMap<String, String>, SpecError> {
    let tags = spec.tags.clone().unwrap_or_default();
    if tags.len() > TAGS_MAX {
        return Err(SpecError::TooLong { field: "tags", max: TAGS_MAX, unit: "tags" });
    }
    for (key, value) in &tags {
        if key.is_empty() || key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return Err(SpecError::TagKey);
        }
        checked_text(Some(key), "tags key", TAG_KEY_CHARACTERS_MAX)?;
        checked_text(Some(value), "tags value", TAG_VALUE_CHARACTERS_MAX)?;
    }
    Ok(tags)
}

fn deletion_spec(deletion: Option<&Deletion>) -> Result<DeletionSpec, SpecError> {
    let deletion = deletion.cloned().unwrap_or_default();
    let bounds = (DELETION_WINDOW_DAYS_MIN, DELETION_WINDOW_DAYS_MAX);
    let field = "deletion.pendingWindowDays";
    Ok(DeletionSpec {
        policy: deletion.policy.unwrap_or(DeletionPolicy::Schedule),
        window_days: checked_days(deletion.pending_window_days, field, bounds, DELETION_WINDOW_DAYS_DEFAULT)?,
        on_conflict: deletion.on_conflict.unwrap_or(OnConflict::Refuse),
        protection: deletion.protection.unwrap_or(false),
        extend_on_use: deletion.extend_on_use.unwrap_or(false),
    })
}

/// Rotation is for keys that have more than one material; for others it is refused, not ignored.
fn rotation_spec(rotation: Option<&Rotation>, immutable: ImmutableSpec) -> Result<RotationSpec, SpecError> {
    let rotation = rotation.cloned().unwrap_or_default();
    let bounds = (ROTATION_PERIOD_DAYS_MIN, ROTATION_PERIOD_DAYS_MAX);
    let period_days = checked_days(rotation.period_days, "rotation.periodDays", bounds, ROTATION_PERIOD_DAYS_DEFAULT)?;
    let request = rotation.on_demand_request.as_deref();
    checked_text(request, "rotation.onDemandRequest", ON_DEMAND_REQUEST_CHARACTERS_MAX)?;
    if request == Some("") {
        return Err(SpecError::RequestEmpty);
    }
    let symmetric = immutable.key_spec == KeySpec::SymmetricDefault;
    let automatic = rotation.automatic.unwrap_or(false);
    if automatic && !(symmetric && immutable.origin == Origin::AwsKms) {
        let needs = "spec.keySpec is SYMMETRIC_DEFAULT and spec.origin is Generated";
        return Err(SpecError::Rotation { field: "automatic", needs });
    }
    if request.is_some() && !(symmetric && matches!(immutable.origin, Origin::AwsKms | Origin::External)) {
        let needs = "spec.keySpec is SYMMETRIC_DEFAULT and spec.origin is Generated or Imported";
        return Err(SpecError::Rotation { field: "onDemandRequest", needs });
    }
    Ok(RotationSpec { automatic, period_days, on_demand_request: rotation.on_demand_request })
}

fn checked_days(
    days: Option<i32>,
    field: &'static str,
    (min, max): (u32, u32),
    default: u32,
) -> Result<u32, SpecError> {
    let Some(days) = days else { return Ok(default) };
    let days = u32::try_from(days).ok().filter(|days| (min..=max).contains(days));
    days.ok_or(SpecError::Range { field, min, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(change: impl FnOnce(&mut KmsKeySpec)) -> String {
        let mut spec = KmsKeySpec::default();
        change(&mut spec);
        wanted_key(&spec).expect_err("refused").to_string()
    }

    #[test]
    fn an_empty_spec_is_a_symmetric_key_with_a_long_window() {
        let wanted = wanted_key(&KmsKeySpec::default()).unwrap();
        assert_eq!(wanted.immutable.key_spec, KeySpec::SymmetricDefault);
        assert_eq!((wanted.mutable.deletion.window_days, wanted.mutable.enabled), (30, true));
    }

    #[test]
    fn each_refusal_names_its_field() {
        let window = |days| Some(Deletion { pending_window_days: Some(days), ..Deletion::default() });
        for days in [6, 31, -1] {
            assert_eq!(
                error(|spec| spec.deletion = window(days)),
                "spec.deletion.pendingWindowDays: must be between 7 and 30"
            );
        }
        let tags = |key: &str| Some([(key.to_owned(), String::new())].into());
        for key in ["", "aws:x", "AWS:x"] {
            assert!(error(|spec| spec.tags = tags(key)).starts_with("spec.tags"), "{key}");
        }
        assert!(error(|spec| spec.key_spec = Some(KeySpec::Rsa2048)).starts_with("spec.keyUsage"));
        assert!(error(|spec| spec.key_usage = Some(KeyUsage::SignVerify)).starts_with("spec.keyUsage"));
        assert!(error(|spec| spec.key_id = Some("x".to_owned())).starts_with("spec.keyId"));
        assert!(error(|spec| spec.origin = Some(SpecOrigin::KeyStore)).contains("not implemented"));
        let automatic = Rotation { automatic: Some(true), ..Rotation::default() };
        let imported = |spec: &mut KmsKeySpec| {
            (spec.origin, spec.rotation) = (Some(SpecOrigin::Imported), Some(automatic.clone()));
        };
        assert!(error(imported).starts_with("spec.rotation.automatic"));
        let period = |days| Some(Rotation { period_days: Some(days), ..Rotation::default() });
        for days in [89, 2561, -1] {
            assert!(error(|spec| spec.rotation = period(days)).starts_with("spec.rotation.periodDays"), "{days}");
        }
        let request = Rotation { on_demand_request: Some(String::new()), ..Rotation::default() };
        assert!(error(|spec| spec.rotation = Some(request)).starts_with("spec.rotation.onDemandRequest: must not be"));
        assert!(error(|spec| spec.description = Some("x".repeat(8193))).starts_with("spec.description"));
    }

    #[test]
    fn names_are_those_of_kubernetes() {
        let longest = "a".repeat(63);
        for name in ["a", "a-b.c", longest.as_str()] {
            assert!(check_names("default", name).is_ok(), "{name}");
        }
        let too_long = "a".repeat(64);
        for name in ["", "A", "a_b", "-a", "a-", "a/b", "../a", "ä", too_long.as_str()] {
            assert_eq!(check_names("default", name), Err(SpecError::Name { field: "name" }), "{name}");
        }
    }
}
