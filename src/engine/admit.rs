//! The only way in: resolve each key, authorise, count, and check state, usage and algorithm, in the order
//! that is part of the API's contract.

use std::sync::Arc;

use super::Engine;
use super::dispatch::Call;
use super::snapshot::{KeyEntry, Known};
use super::table::{KeyArgument, Row};
use super::trail::Trail;
use crate::api::aws::crypto::algorithm;
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::member::Input;
use crate::api::blob::Blob;
use crate::api::crd::kms_key::PolicyDefault;
use crate::domain::allowed::{StateRefusal, check};
use crate::domain::authorize::{
    Because, Decision, Effect, KeyFacts, RequestContext, Review, Verb, decide, needs_review,
};
use crate::domain::record::Record;
use crate::ports::reviewer::Scope;
use crate::types::account::AccountId;
use crate::types::arn::{KeyReference, Place, ReferenceError};
use crate::types::ids::KeyId;
use crate::types::time::Timestamp;

/// A key that a request may use.
pub struct ResolvedKey {
    /// The key.
    pub entry: Arc<KeyEntry>,
    /// Its ARN.
    pub arn: String,
}

/// A request that passed every check but the cryptography.
pub struct Admitted<'a> {
    /// The request.
    pub call: &'a Call<'a>,
    /// Its members.
    pub input: &'a Input<'a>,
    /// Its keys, in the order of the row.
    pub keys: Vec<ResolvedKey>,
    /// When it was admitted.
    pub now: Timestamp,
}

impl Admitted<'_> {
    /// The key of an argument.
    ///
    /// # Errors
    /// `KMSInternalException` where the row has fewer arguments, which a test of the table excludes.
    pub fn key(&self, index: usize) -> Result<&ResolvedKey, AwsError> {
        self.keys.get(index).ok_or_else(AwsError::internal)
    }
}

/// Which key an argument means, and how a refusal is worded.
struct Target {
    account: AccountId,
    key_id: KeyId,
    /// Named by nothing but a blob: a refusal does not tell whether the key exists.
    by_blob_only: bool,
}

impl Engine {
    /// Admits a request whose members were read.
    ///
    /// # Errors
    /// The first refusal, in the order of the contract.
    pub async fn admit<'a>(
        &self,
        call: &'a Call<'a>,
        row: &'static Row,
        input: &'a Input<'a>,
        trail: &mut Trail,
    ) -> Result<Admitted<'a>, AwsError> {
        let now = self.ports.clock.wall();
        let mut keys = Vec::with_capacity(row.keys.len());
        for argument in row.keys {
            keys.push(self.resolve_and_authorise(call, input, argument, trail, now).await?);
        }
        if row.keys.is_empty() {
            self.authorise_without_key(call, row.verb, row.action, "*", now).await?;
        }
        row.precheck.map_or(Ok(()), |precheck| precheck(input))?;
        if !self.limiter.admit_class(call.principal.account, row.quota, now) {
            return Err(throttled());
        }
        for (argument, key) in row.keys.iter().zip(&keys) {
            check_key(row, argument, key, input)?;
        }
        Ok(Admitted { call, input, keys, now })
    }

    async fn resolve_and_authorise(
        &self,
        call: &Call<'_>,
        input: &Input<'_>,
        argument: &KeyArgument,
        trail: &mut Trail,
        now: Timestamp,
    ) -> Result<ResolvedKey, AwsError> {
        let blob = blob_key(input, argument)?;
        let target = self.target(call, input, argument, blob, now).await?;
        let named = self.place(target.account).key_arn(&target.key_id);
        let Some(known) = self.look_up(&target, now).await? else {
            return Err(self.refuse(call, argument, &target, &named, unknown(&named), now).await);
        };
        let Known::Key(entry) = known else {
            return Err(self.refuse(call, argument, &target, &named, unavailable(&named), now).await);
        };
        let account = self.accounts.account_of(&entry.record.owner.namespace);
        if account != target.account && !target.by_blob_only {
            return Err(self.refuse(call, argument, &target, &named, unknown(&named), now).await);
        }
        let key_id = entry.record.key_id();
        let arn = self.place(account).key_arn(&key_id);
        // Before the decision: whoever reads of a denial wants to know what was denied.
        trail.note_key(&arn, account);
        let context = argument.context.map(|member| input.context(member)).transpose()?;
        let facts = facts(&entry.record, account);
        let context = RequestContext {
            encryption_context: context.as_ref(),
            ..request_context(call, argument.verb, argument.action, account, Some(facts), now)
        };
        let decision = self.authorise(&context, &entry.record).await;
        if decision.effect == Effect::Deny {
            return Err(refused(&decision, call, argument.action, &arn, target.by_blob_only));
        }
        blob.map_or(Ok(()), |named| check_blob_key(&named, &key_id))?;
        Ok(ResolvedKey { entry, arn })
    }

    /// A key that is named by member is meant even where a blob names another: that is a mistake to report.
    async fn target(
        &self,
        call: &Call<'_>,
        input: &Input<'_>,
        argument: &KeyArgument,
        blob: Option<KeyId>,
        now: Timestamp,
    ) -> Result<Target, AwsError> {
        let own = call.principal.account;
        let Some(text) = input.text(argument.member) else {
            let key_id = blob.ok_or_else(AwsError::internal)?;
            return Ok(Target { account: own, key_id, by_blob_only: true });
        };
        let reference = KeyReference::parse(text, &self.region).map_err(|error| refuse_reference(text, error))?;
        let (account, key_id) = match reference {
            KeyReference::Id(key_id) => (own, key_id),
            KeyReference::Arn(account, key_id) => (account, key_id),
            KeyReference::Alias(_) | KeyReference::AliasArn(..) if !argument.aliases => {
                return Err(AwsError::new(ErrorCode::InvalidArn, NO_ALIASES));
            }
            KeyReference::Alias(alias) => return Err(self.refuse_alias(call, argument, own, &alias, now).await),
            KeyReference::AliasArn(account, alias) => {
                return Err(self.refuse_alias(call, argument, account, &alias, now).await);
            }
        };
        Ok(Target { account, key_id, by_blob_only: false })
    }

    /// No alias exists in this version.
    async fn refuse_alias(
        &self,
        call: &Call<'_>,
        argument: &KeyArgument,
        account: AccountId,
        alias: &str,
        now: Timestamp,
    ) -> AwsError {
        let arn = self.place(account).alias_arn(alias);
        if account != call.principal.account {
            return denied(call, argument.action, &arn, false);
        }
        match self.authorise_without_key(call, argument.verb, argument.action, &arn, now).await {
            Ok(()) => AwsError::new(ErrorCode::NotFound, format!("Alias {arn} is not found.")),
            Err(error) => error,
        }
    }

    async fn look_up(&self, target: &Target, now: Timestamp) -> Result<Option<Known>, AwsError> {
        let (snapshot, key_id) = (self.snapshots.load(), &target.key_id);
        let known = if target.by_blob_only { snapshot.get_with_either_flag(key_id) } else { snapshot.get(key_id) };
        if known.is_some() {
            return Ok(known);
        }
        if !self.limiter.admit_quorum_read(now) {
            // Whoever named the key hears that it was not looked for; a blob is refused as ever.
            return if target.by_blob_only { Ok(None) } else { Err(throttled()) };
        }
        self.refresh(key_id).await.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a key could not be read");
            AwsError::internal()
        })
    }

    /// Words a refusal of a key that is unknown, or whose owner cannot be read. Only who may use the whole
    /// account that the key was named in is `told` what is the matter; another account's keys are never spoken
    /// of, and a blob alone is told nothing.
    async fn refuse(
        &self,
        call: &Call<'_>,
        argument: &KeyArgument,
        target: &Target,
        arn: &str,
        told: AwsError,
        now: Timestamp,
    ) -> AwsError {
        if target.by_blob_only || target.account != call.principal.account {
            return denied(call, argument.action, arn, target.by_blob_only);
        }
        match self.authorise_without_key(call, argument.verb, argument.action, arn, now).await {
            Ok(()) => told,
            Err(error) => error,
        }
    }

    async fn authorise_without_key(
        &self,
        call: &Call<'_>,
        verb: Verb,
        action: &'static str,
        resource: &str,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let context = request_context(call, verb, action, call.principal.account, None, now);
        let namespace = self.accounts.namespace_of(&call.principal).unwrap_or_default();
        let scope = Scope { namespace: &namespace, namespace_uid: None, name: None };
        let review = self.review(&context, &scope).await;
        let decision = decide(&context, review);
        match decision.effect {
            Effect::Allow => Ok(()),
            Effect::Deny => Err(refused(&decision, call, action, resource, false)),
        }
    }

    async fn authorise(&self, context: &RequestContext<'_>, record: &Record) -> Decision {
        let owner = &record.owner;
        let namespace_uid = Some(owner.namespace_uid);
        let scope = Scope { namespace: &owner.namespace, namespace_uid, name: Some(&owner.name) };
        let review = self.review(context, &scope).await;
        let decision = decide(context, review);
        tracing::trace!(action = context.action, because = ?decision.because, "decided");
        decision
    }

    /// Asks without a name first: that answer serves every key of the namespace.
    async fn review(&self, context: &RequestContext<'_>, scope: &Scope<'_>) -> Review {
        if !needs_review(context) {
            return Review::NotAsked;
        }
        let (reviewer, principal, verb) = (&self.ports.reviewer, context.principal, context.verb);
        let mut answer = reviewer.review(principal, verb, &Scope { name: None, ..*scope }).await;
        if matches!(answer, Ok(false)) && scope.name.is_some() {
            answer = reviewer.review(principal, verb, scope).await;
        }
        match answer {
            Ok(true) => Review::Allowed,
            Ok(false) => Review::Denied,
            Err(_) => Review::Failed,
        }
    }

    /// Where keys of an account live, for ARNs.
    #[must_use]
    pub fn place(&self, account: AccountId) -> Place {
        Place { region: self.region.clone(), account }
    }
}

const NO_ALIASES: &str = "Key Aliases are not supported for this operation.";
const INCORRECT_KEY: &str = "The key ID in the request does not identify a CMK that can perform this operation.";

fn facts(record: &Record, account: AccountId) -> KeyFacts<'_> {
    KeyFacts {
        key_id: record.key_id(),
        account,
        namespace: &record.owner.namespace,
        name: &record.owner.name,
        spec: record.immutable.key_spec,
        tags: &record.spec.tags,
        delegates: record.spec.policy == PolicyDefault::Default,
    }
}

fn request_context<'a>(
    call: &'a Call<'a>,
    verb: Verb,
    action: &'static str,
    account: AccountId,
    key: Option<KeyFacts<'a>>,
    now: Timestamp,
) -> RequestContext<'a> {
    RequestContext {
        principal: &call.principal,
        verb,
        action,
        account,
        key,
        encryption_context: None,
        alias: None,
        via: None,
        source: call.source,
        grant_tokens: &[],
        now,
    }
}

fn blob_key(input: &Input<'_>, argument: &KeyArgument) -> Result<Option<KeyId>, AwsError> {
    let Some(bytes) = argument.blob.and_then(|member| input.blob(member)) else { return Ok(None) };
    let blob = Blob::parse(bytes.expose()).map_err(|_| AwsError::silent(ErrorCode::InvalidCiphertext))?;
    Ok(Some(blob.header.key_id))
}

fn unknown(arn: &str) -> AwsError {
    AwsError::new(ErrorCode::NotFound, format!("Key '{arn}' does not exist"))
}

/// What is told of a key whose record or material cannot be used.
pub(super) fn unavailable(arn: &str) -> AwsError {
    AwsError::new(ErrorCode::KmsInvalidState, format!("{arn} is unavailable."))
}

/// The key that a blob names must be the one that is used. A blob that differs from it in the multi-Region
/// flag alone is no blob of that key.
fn check_blob_key(named: &KeyId, used: &KeyId) -> Result<(), AwsError> {
    if named.as_bytes() != used.as_bytes() {
        return Err(AwsError::new(ErrorCode::IncorrectKey, INCORRECT_KEY));
    }
    (named == used).then_some(()).ok_or_else(|| AwsError::silent(ErrorCode::InvalidCiphertext))
}

/// Usage, then state, then algorithm: the order in which AWS KMS finds fault.
fn check_key(row: &Row, argument: &KeyArgument, key: &ResolvedKey, input: &Input<'_>) -> Result<(), AwsError> {
    let spec = key.entry.record.immutable;
    if row.usage.is_some_and(|usage| usage != spec.key_usage) {
        let message = format!("{} key usage is {} which is not valid for {}.", key.arn, spec.key_usage, row.operation);
        return Err(AwsError::new(ErrorCode::InvalidKeyUsage, message));
    }
    check(row.states, key.entry.state()).map_err(|refusal| match refusal {
        StateRefusal::Disabled => AwsError::new(ErrorCode::Disabled, format!("{} is disabled.", key.arn)),
        StateRefusal::Invalid(words) => AwsError::new(ErrorCode::KmsInvalidState, format!("{} {words}", key.arn)),
    })?;
    let Some(named) = argument.algorithm.map(|member| algorithm(input, member)) else { return Ok(()) };
    if spec.key_spec.encryption_algorithms().contains(&named) {
        return Ok(());
    }
    let message = format!("Algorithm {named} is incompatible with key spec {}.", spec.key_spec);
    Err(AwsError::new(ErrorCode::InvalidKeyUsage, message))
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

/// Words a decision. Where RBAC could not be asked, trying again may help, and looking for a missing right would
/// not; but a blob alone is told nothing.
fn refused(decision: &Decision, call: &Call<'_>, action: &str, arn: &str, by_blob_only: bool) -> AwsError {
    if decision.because.contains(&Because::ReviewFailed) && !by_blob_only {
        let message = "the access could not be reviewed, because the api server cannot be reached";
        return AwsError::new(ErrorCode::DependencyTimeout, message);
    }
    denied(call, action, arn, by_blob_only)
}

fn denied(call: &Call<'_>, action: &str, arn: &str, by_blob_only: bool) -> AwsError {
    let user = call.principal.arn();
    let message = if by_blob_only {
        format!(
            "User: {user} is not authorized to perform: {action} on the resource associated with this ciphertext \
             because the resource does not exist in this Region, no resource-based policies allow access, or a \
             resource-based policy explicitly denies access"
        )
    } else {
        format!(
            "User: {user} is not authorized to perform: {action} on resource: {arn} because no resource-based \
             policy allows the {action} action"
        )
    };
    AwsError::new(ErrorCode::AccessDenied, message)
}

/// AWS's own words for a rate that is exceeded.
pub(super) fn throttled() -> AwsError {
    AwsError::new(
        ErrorCode::Throttling,
        "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
    )
}
