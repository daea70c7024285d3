//! Platform-managed keys: made by Coffer for an integration on first use, seen and used by the tenant and changed by
//! nobody ([AWS: AWS managed keys](https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-key)).

use super::record::{DeletionSpec, ImmutableSpec, KeyManager, MutableSpec, RotationSpec};
use super::validate::{SpecError, WantedKey};
use crate::api::crd::kms_key::{DeletionPolicy, OnConflict, PolicyDefault};
use crate::types::alias::RESERVED_PREFIX;
use crate::types::key::{KeySpec, KeyUsage, Origin};
use crate::types::limits::{DELETION_WINDOW_DAYS_DEFAULT, ROTATION_PERIOD_DAYS_DEFAULT};

/// What the names of their resources begin with. `alias/aws/envelope` is the key of `aws.envelope`.
const RESOURCE_PREFIX: &str = "aws.";

/// The integrations that have a key of their own, and what it is for.
const INTEGRATIONS: &[(&str, &str)] = &[("envelope", "Default key that protects the namespace's envelopes")];

/// Who manages the key of a resource, by its name; nothing for a customer.
#[must_use]
pub fn manager_of(resource_name: &str) -> Option<KeyManager> {
    resource_name.starts_with(RESOURCE_PREFIX).then_some(KeyManager::Aws)
}

/// The name of the resource of a platform-managed key's alias, where there is such an integration.
#[must_use]
pub fn resource_name(alias: &str) -> Option<String> {
    let integration = alias.strip_prefix(RESERVED_PREFIX)?;
    INTEGRATIONS.iter().any(|(known, _)| *known == integration).then(|| format!("{RESOURCE_PREFIX}{integration}"))
}

/// The alias of a platform-managed key, by the name of its resource.
#[must_use]
pub fn alias_name(resource_name: &str) -> Option<String> {
    let integration = resource_name.strip_prefix(RESOURCE_PREFIX)?;
    INTEGRATIONS.iter().any(|(known, _)| *known == integration).then(|| format!("{RESERVED_PREFIX}{integration}"))
}

/// What a resource of a platform-managed key stands for, whatever its spec says: a symmetric key that is rotated
/// every year. Nothing for a resource of a customer.
#[must_use]
pub fn wanted_platform_key(name: &str) -> Option<Result<WantedKey, SpecError>> {
    let integration = name.strip_prefix(RESOURCE_PREFIX)?;
    let Some((_, description)) = INTEGRATIONS.iter().find(|(known, _)| *known == integration) else {
        return Some(Err(SpecError::ReservedName));
    };
    let mutable = MutableSpec {
        description: (*description).to_owned(),
        enabled: true,
        tags: std::collections::BTreeMap::new(),
        policy: PolicyDefault::Default,
        deletion: DeletionSpec {
            policy: DeletionPolicy::Retain,
            window_days: DELETION_WINDOW_DAYS_DEFAULT,
            on_conflict: OnConflict::Refuse,
            protection: false,
            extend_on_use: false,
        },
        rotation: RotationSpec { automatic: true, period_days: ROTATION_PERIOD_DAYS_DEFAULT, on_demand_request: None },
    };
    let immutable = ImmutableSpec {
        key_spec: KeySpec::SymmetricDefault,
        key_usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
    };
    Some(Ok(WantedKey { immutable, multi_region: false, key_id: None, mutable }))
}

/// What a tenant may do with a key, by who manages it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// It is in lists, and can be described.
    pub visible: bool,
    /// It encrypts and decrypts for the tenant.
    pub usable: bool,
    /// Its state, rotation, names, tags and deletion are the tenant's to change.
    pub manageable: bool,
}

/// The view-and-manage matrix of the three kinds
/// ([AWS: customer keys and AWS keys](https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-mgmt)).
#[must_use]
pub const fn reach(manager: KeyManager) -> Reach {
    match manager {
        KeyManager::Customer => Reach { visible: true, usable: true, manageable: true },
        KeyManager::Aws => Reach { visible: true, usable: true, manageable: false },
        KeyManager::Owned => Reach { visible: false, usable: false, manageable: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_and_resources_of_integrations_name_each_other() {
        assert_eq!(resource_name("alias/aws/envelope").as_deref(), Some("aws.envelope"));
        assert_eq!(alias_name("aws.envelope").as_deref(), Some("alias/aws/envelope"));
        for stranger in ["alias/aws/", "alias/aws/s3", "alias/envelope", "envelope"] {
            assert_eq!(resource_name(stranger), None, "{stranger}");
        }
        assert_eq!(manager_of("aws.envelope"), Some(KeyManager::Aws));
        assert_eq!(manager_of("awsome"), None);
        assert!(matches!(wanted_platform_key("aws.other"), Some(Err(SpecError::ReservedName))));
        assert!(wanted_platform_key("orders").is_none());
    }

    #[test]
    fn the_matrix_of_kinds_is_awss() {
        let row = |manager| {
            let reach = reach(manager);
            [reach.visible, reach.usable, reach.manageable]
        };
        assert_eq!(row(KeyManager::Customer), [true, true, true]);
        assert_eq!(row(KeyManager::Aws), [true, true, false]);
        assert_eq!(row(KeyManager::Owned), [false, false, false]);
    }
}
