//! Which key a request means, by id, ARN, alias or blob, and how a key that it may not know of is refused.

use super::Engine;
use super::admit::{denied, throttled};
use super::aliases::no_alias;
use super::dispatch::Call;
use super::snapshot::Known;
use super::table::KeyArgument;
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::member::Input;
use crate::api::blob::Blob;
use crate::domain::alias::AliasClaim;
use crate::domain::platform::{self, reach};
use crate::domain::record::{Lifecycle, Owner};
use crate::domain::vanished::is_living;
use crate::types::account::AccountId;
use crate::types::algorithm::EncryptionAlgorithm;
use crate::types::arn::{KeyReference, ReferenceError};
use crate::types::ids::KeyId;
use crate::types::time::Timestamp;

/// Which key an argument means, and how a refusal is worded.
pub(super) struct Target {
    pub(super) account: AccountId,
    pub(super) key_id: KeyId,
    /// The alias that it was named by.
    pub(super) alias: Option<AliasClaim>,
    /// The ARN by which refusals name it: an alias is not told which key it means.
    pub(super) named: String,
    /// Named by nothing but a blob: a refusal does not tell whether the key exists.
    pub(super) by_blob_only: bool,
}

impl Engine {
    /// A key that is named by member is meant even where a blob names another: that is a mistake to report.
    pub(super) async fn target(
        &self,
        call: &Call<'_>,
        input: &Input<'_>,
        argument: &KeyArgument,
        blob: Option<KeyId>,
        now: Timestamp,
    ) -> Result<Target, AwsError> {
        let own = call.principal.account;
        let Some(text) = input.text(argument.member) else {
            let key_id = blob.ok_or_else(|| AwsError::validation(NO_KEY))?;
            return Ok(Target { by_blob_only: true, ..self.key_target(own, key_id) });
        };
        let reference = KeyReference::parse(text, &self.region).map_err(|error| refuse_reference(text, error))?;
        let (account, key_id) = match reference {
            KeyReference::Id(key_id) => (own, key_id),
            KeyReference::Arn(account, key_id) => (account, key_id),
            KeyReference::Alias(_) | KeyReference::AliasArn(..) if !argument.aliases => {
                return Err(AwsError::new(ErrorCode::InvalidArn, NO_ALIASES));
            }
            KeyReference::Alias(alias) => return self.alias_target(call, argument, own, &alias, now).await,
            KeyReference::AliasArn(account, alias) => {
                return self.alias_target(call, argument, account, &alias, now).await;
            }
        };
        Ok(self.key_target(account, key_id))
    }

    fn key_target(&self, account: AccountId, key_id: KeyId) -> Target {
        let named = self.place(account).key_arn(&key_id);
        Target { account, key_id, alias: None, named, by_blob_only: false }
    }

    /// Only aliases of the caller's own account mean anything. The first use of a platform-managed key's alias makes
    /// the key; no other unknown alias ever does.
    async fn alias_target(
        &self,
        call: &Call<'_>,
        argument: &KeyArgument,
        account: AccountId,
        alias: &str,
        now: Timestamp,
    ) -> Result<Target, AwsError> {
        let named = self.place(account).alias_arn(alias);
        if account != call.principal.account {
            return Err(denied(call, argument.action, &named, false));
        }
        let claim = match self.find_alias(call, alias, now).await? {
            Some(claim) => claim,
            None => {
                self.authorise_without_key(call, argument.verb, argument.action, &named, now).await?;
                let name = platform::resource_name(alias).ok_or_else(|| no_alias(&named))?;
                self.first_use(call, alias, &name, now).await?
            }
        };
        Ok(Target { account, key_id: claim.key_id(), alias: Some(claim), named, by_blob_only: false })
    }

    /// The key of the caller's own that a text names by id or ARN, for whoever may list the whole namespace.
    pub(super) async fn own_key(&self, call: &Call<'_>, text: &str, now: Timestamp) -> Result<KeyId, AwsError> {
        let reference = KeyReference::parse(text, &self.region).map_err(|error| refuse_reference(text, error))?;
        let own = call.principal.account;
        let target = match reference {
            KeyReference::Id(key_id) => self.key_target(own, key_id),
            KeyReference::Arn(account, key_id) => self.key_target(account, key_id),
            KeyReference::Alias(_) | KeyReference::AliasArn(..) => {
                return Err(AwsError::new(ErrorCode::InvalidArn, NO_ALIASES));
            }
        };
        let known = if target.account == own { self.look_up(&target, now).await? } else { None };
        let owner = known.and_then(|known| match known {
            Known::Key(entry) => Some(entry.record.owner.clone()),
            Known::Unreadable => None,
        });
        let is_own = |owner: &Owner| self.accounts.owns(&call.principal, &owner.namespace);
        owner.filter(is_own).map(|_| target.key_id).ok_or_else(|| unknown(&target.named))
    }

    pub(super) async fn look_up(&self, target: &Target, now: Timestamp) -> Result<Option<Known>, AwsError> {
        let (snapshot, key_id) = (self.snapshots.load(), &target.key_id);
        let known = if target.by_blob_only { snapshot.get_with_either_flag(key_id) } else { snapshot.get(key_id) };
        if known.as_ref().is_some_and(|known| !is_being_made(known)) {
            return Ok(known.filter(is_visible));
        }
        if !self.limiter.admit_quorum_read(now) {
            // Whoever named the key hears that it was not looked for; a blob is refused as ever.
            return if known.is_some() || target.by_blob_only { Ok(known) } else { Err(throttled()) };
        }
        let read = self.refresh(key_id).await.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a key could not be read");
            AwsError::internal()
        })?;
        Ok(read.filter(is_visible))
    }

    /// Words a refusal of a key that is unknown, or whose owner cannot be read. Only who may use the whole
    /// account that the key was named in is `told` what is the matter; another account's keys are never spoken
    /// of, and a blob alone is told nothing.
    pub(super) async fn refuse(
        &self,
        call: &Call<'_>,
        argument: &KeyArgument,
        target: &Target,
        told: AwsError,
        now: Timestamp,
    ) -> AwsError {
        let arn = &target.named;
        if target.by_blob_only || target.account != call.principal.account {
            return denied(call, argument.action, arn, target.by_blob_only);
        }
        match self.authorise_without_key(call, argument.verb, argument.action, arn, now).await {
            Ok(()) => told,
            Err(error) => error,
        }
    }
}

const NO_KEY: &str = "KeyId is required where the ciphertext does not name its key: with an asymmetric algorithm, and in a trial \
    without a ciphertext.";
const NO_ALIASES: &str = "Key Aliases are not supported for this operation.";
const INCORRECT_KEY: &str = "The key ID in the request does not identify a CMK that can perform this operation.";

/// A key that is made elsewhere may be complete although the snapshot does not show it yet, and its maker was told so.
fn is_being_made(known: &Known) -> bool {
    matches!(known, Known::Key(entry) if entry.record.lifecycle == Lifecycle::Creating)
}

/// A destroyed key is no key any more, and Coffer's own keys are nobody else's business.
fn is_visible(known: &Known) -> bool {
    match known {
        Known::Key(entry) => is_living(&entry.record) && reach(entry.record.manager()).visible,
        Known::Unreadable => true,
    }
}

pub(super) fn unknown(arn: &str) -> AwsError {
    AwsError::new(ErrorCode::NotFound, format!("Key '{arn}' does not exist"))
}

pub(super) fn blob_key(input: &Input<'_>, argument: &KeyArgument) -> Result<Option<KeyId>, AwsError> {
    let Some(bytes) = argument.blob.and_then(|member| input.blob(member)) else { return Ok(None) };
    // What a pair's public key encrypted names nothing.
    let is_of_pair = |named: &str| named != EncryptionAlgorithm::SymmetricDefault.as_str();
    if argument.algorithm.and_then(|member| input.text(member)).is_some_and(is_of_pair) {
        return Ok(None);
    }
    let blob = Blob::parse(bytes.expose()).map_err(|_| AwsError::silent(ErrorCode::InvalidCiphertext))?;
    Ok(Some(blob.header.key_id))
}

/// The key that a blob names must be the one that is used. A blob that differs from it in the multi-Region
/// flag alone is no blob of that key.
pub(super) fn check_blob_key(named: &KeyId, used: &KeyId) -> Result<(), AwsError> {
    if named.as_bytes() != used.as_bytes() {
        return Err(AwsError::new(ErrorCode::IncorrectKey, INCORRECT_KEY));
    }
    (named == used).then_some(()).ok_or_else(|| AwsError::silent(ErrorCode::InvalidCiphertext))
}

fn refuse_reference(text: &str, error: ReferenceError) -> AwsError {
    let message = match error {
        ReferenceError::Malformed if text.starts_with("arn:") => {
            format!("Invalid keyId {}", text.rsplit(['/', ':']).next().unwrap_or_default())
        }
        ReferenceError::Malformed => format!("Invalid keyId '{text}'"),
        ReferenceError::OtherRegion => format!("Invalid arn {}", text.split(':').nth(3).unwrap_or_default()),
    };
    AwsError::new(ErrorCode::NotFound, message)
}
