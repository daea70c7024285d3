//! The only way in: resolve each key, authorise, count, and check state, usage and algorithm, in the order
//! that is part of the API's contract.

use std::sync::Arc;

use super::Engine;
use super::dispatch::Call;
use super::resolve::{blob_key, check_blob_key, unknown};
use super::snapshot::{KeyEntry, Known};
use super::table::{KeyArgument, Row};
use super::trail::Trail;
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::key::Algorithms;
use crate::api::aws::member::Input;
use crate::api::aws::trial;
use crate::api::crd::kms_key::PolicyDefault;
use crate::domain::alias::AliasClaim;
use crate::domain::allowed::{StateRefusal, StateRule, check, rule_of};
use crate::domain::authorize::{
    Because, Decision, Effect, KeyFacts, RequestContext, Review, Verb, decide, needs_review,
};
use crate::domain::platform::reach;
use crate::domain::record::Record;
use crate::ports::reviewer::Scope;
use crate::types::account::AccountId;
use crate::types::algorithm::EncryptionAlgorithm;
use crate::types::arn::Place;
use crate::types::key::KeyUsage;
use crate::types::state::KeyState;
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
    /// The alias that it changes.
    pub alias: Option<AliasClaim>,
    /// Whether everything is to be checked and nothing to be answered.
    pub is_trial: bool,
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
        row.syntax.map_or(Ok(()), |syntax| syntax(input))?;
        let alias = self.admit_alias(call, row, input, trail, now).await?;
        let mut keys = Vec::with_capacity(row.keys.len());
        for argument in row.keys {
            keys.push(self.resolve_and_authorise(call, input, argument, trail, now).await?);
        }
        if row.keys.is_empty() && alias.is_none() {
            self.authorise_without_key(call, row.verb, row.action, "*", now).await?;
        }
        row.precheck.map_or(Ok(()), |precheck| precheck(input))?;
        if !self.admit_classes(call.principal.account, row, &keys, now) {
            return Err(throttled());
        }
        for (argument, key) in row.keys.iter().zip(&keys) {
            check_reach(row, argument, key, call)?;
            if let Err(refusal) = check_key(row, argument, key, input, now) {
                if rule_of(row.operation) == StateRule::Usable && key.entry.state(now) == KeyState::PendingDeletion {
                    self.note_attempt(&key.entry, &call.principal.arn(), row.operation.as_str(), now).await;
                }
                return Err(refusal);
            }
        }
        trial::refuse_recipient(input)?;
        let is_trial = input.flag("DryRun");
        Ok(Admitted { call, input, keys, alias, is_trial, now })
    }

    /// Counts a request once for each key that it uses, in the class of that key: `ReEncrypt` opens under one and seals
    /// under another.
    fn admit_classes(&self, account: AccountId, row: &Row, keys: &[ResolvedKey], now: Timestamp) -> bool {
        let admits = |class| self.limiter.admit_class(account, class, now);
        let class_of = |key: &ResolvedKey| row.quota.of_key(key.entry.record.immutable.key_spec);
        if keys.is_empty() { admits(row.quota) } else { keys.iter().all(|key| admits(class_of(key))) }
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
        let key_arn = self.place(target.account).key_arn(&target.key_id);
        let Some(known) = self.look_up(&target, now).await? else {
            return Err(self.refuse(call, argument, &target, unknown(&key_arn), now).await);
        };
        let Known::Key(entry) = known else {
            return Err(self.refuse(call, argument, &target, unavailable(&key_arn), now).await);
        };
        let account = self.accounts.account_of(&entry.record.owner.namespace);
        let elsewhere = target.alias.as_ref().is_some_and(|alias| !alias.lives_with(&entry.record.owner));
        if (account != target.account && !target.by_blob_only) || elsewhere {
            return Err(self.refuse(call, argument, &target, unknown(&key_arn), now).await);
        }
        let key_id = entry.record.key_id();
        let arn = self.place(account).key_arn(&key_id);
        // Before the decision: whoever reads of a denial wants to know what was denied.
        trail.note_key(&arn, account);
        let context = argument.context.map(|member| input.context(member)).transpose()?;
        let facts = facts(&entry.record, account);
        let context = RequestContext {
            encryption_context: context.as_ref(),
            alias: target.alias.as_ref().map(|claim| claim.alias.as_str()),
            ..request_context(call, argument.verb, argument.action, account, Some(facts), now)
        };
        let decision = self.authorise(&context, &entry.record).await;
        if decision.effect == Effect::Deny {
            let named = target.alias.as_ref().map_or(&arn, |_| &target.named);
            return Err(refused(&decision, call, argument.action, named, target.by_blob_only));
        }
        blob.map_or(Ok(()), |named| check_blob_key(&named, &key_id))?;
        Ok(ResolvedKey { entry, arn })
    }

    pub(super) async fn authorise_without_key(
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

    /// Whether the caller may do to an alias what a row does, by the key that it names.
    pub(super) async fn authorise_alias(
        &self,
        call: &Call<'_>,
        row: &Row,
        alias: &str,
        record: &Record,
        arn: &str,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let account = self.accounts.account_of(&record.owner.namespace);
        let context = request_context(call, row.verb, row.action, account, Some(facts(record, account)), now);
        let decision = self.authorise(&RequestContext { alias: Some(alias), ..context }, record).await;
        match decision.effect {
            Effect::Allow => Ok(()),
            Effect::Deny => Err(refused(&decision, call, row.action, arn, false)),
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

/// What is told of a key whose record or material cannot be used.
pub(super) fn unavailable(arn: &str) -> AwsError {
    AwsError::new(ErrorCode::KmsInvalidState, format!("{arn} is unavailable."))
}

/// A platform-managed key is used by its tenant and changed by nobody.
fn check_reach(row: &Row, argument: &KeyArgument, key: &ResolvedKey, call: &Call<'_>) -> Result<(), AwsError> {
    let fixed = row.changes && !reach(key.entry.record.manager()).manageable;
    if fixed { Err(denied(call, argument.action, &key.arn, false)) } else { Ok(()) }
}

/// Usage, then state, then origin and algorithm: the order in which AWS KMS finds fault.
fn check_key(
    row: &Row,
    argument: &KeyArgument,
    key: &ResolvedKey,
    input: &Input<'_>,
    now: Timestamp,
) -> Result<(), AwsError> {
    let spec = key.entry.record.immutable;
    if row.usage.is_some_and(|usage| usage != spec.key_usage) {
        let message = format!("{} key usage is {} which is not valid for {}.", key.arn, spec.key_usage, row.operation);
        return Err(AwsError::new(ErrorCode::InvalidKeyUsage, message));
    }
    let rule = if argument.any_state { StateRule::Any } else { rule_of(row.operation) };
    check(rule, key.entry.state(now)).map_err(|refusal| match refusal {
        StateRefusal::Disabled => AwsError::new(ErrorCode::Disabled, format!("{} is disabled.", key.arn)),
        StateRefusal::Invalid(words) => AwsError::new(ErrorCode::KmsInvalidState, format!("{} {words}", key.arn)),
    })?;
    if row.origin.is_some_and(|origin| origin != spec.origin) {
        let message = format!("{} origin is {} which is not valid for this operation.", key.arn, spec.origin);
        return Err(AwsError::new(ErrorCode::UnsupportedOperation, message));
    }
    // Only the operations whose first keys were symmetric may leave the algorithm out, and those that make data keys have
    // no member for it: they make ciphertext blobs, which no other key opens.
    let makes_blobs = row.usage == Some(KeyUsage::EncryptDecrypt);
    if argument.algorithm.is_none() && !makes_blobs {
        return Ok(());
    }
    let named = argument.algorithm.and_then(|member| input.text(member));
    let named = named.unwrap_or(EncryptionAlgorithm::SymmetricDefault.as_str());
    if Algorithms::of(spec.key_spec, spec.key_usage).contain(named) {
        return Ok(());
    }
    let message = match argument.algorithm {
        Some(_) => format!("Algorithm {named} is incompatible with key spec {}.", spec.key_spec),
        None => "You cannot generate a data key with an asymmetric CMK".to_owned(),
    };
    Err(AwsError::new(ErrorCode::InvalidKeyUsage, message))
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

pub(super) fn denied(call: &Call<'_>, action: &str, arn: &str, by_blob_only: bool) -> AwsError {
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
