//! GetKeyPolicy and ListKeyPolicies. Infrastructure tools ask for both each time they look at a key.

use crate::api::aws::error::AwsError;
use crate::api::aws::page::{Page, PageRequest};
use crate::api::aws::policy::{DEFAULT_NAME, GetKeyPolicyAnswer, ListKeyPoliciesAnswer, default_document};
use crate::api::aws::reply::encode;
use crate::api::crd::kms_key::PolicyDefault;
use crate::engine::Engine;
use crate::engine::admit::Admitted;
use crate::types::principal::root_arn;
use crate::types::secret::SecretBytes;

/// `GetKeyPolicy`: what decides on the key, in AWS's words.
///
/// # Errors
/// Those of the API.
pub async fn get_key_policy(engine: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let record = &admitted.key(0)?.entry.record;
    let account = engine.accounts.account_of(&record.owner.namespace);
    let policy = default_document(&root_arn(account), record.spec.policy == PolicyDefault::Default);
    encode(&GetKeyPolicyAnswer { policy, policy_name: DEFAULT_NAME })
}

/// `ListKeyPolicies`: every key has one.
///
/// # Errors
/// Those of the API.
pub async fn list_key_policies(_: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let page = PageRequest::<String>::read(admitted.input)?;
    let Page { items, next_marker } = page.cut(std::iter::once((DEFAULT_NAME.to_owned(), DEFAULT_NAME)));
    let truncated = next_marker.is_some();
    encode(&ListKeyPoliciesAnswer { policy_names: items, next_marker, truncated })
}
