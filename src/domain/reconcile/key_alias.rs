//! The plan for one `KeyAlias`: bind the alias to the key of its `KmsKey`, and move it when the reference changes.
//!
//! Rules are asked in order; the first that has something to say decides. An alias that somebody else keeps is never
//! taken away, and one whose key is gone stays where it is and dangles.

use super::stalled::{self, Obstacle, well};
use crate::api::crd::condition::{Condition, ConditionReason};
use crate::domain::alias::{AliasClaim, may_follow};
use crate::domain::record::{ImmutableSpec, KeyManager, Owner};
use crate::domain::resource::AliasResource;
use crate::domain::validate::check_names;
use crate::types::alias::check_name;
use crate::types::ids::KeyId;
use crate::types::limits::ALIASES_PER_KEY_MAX;
use crate::types::state::KeyState;
use crate::types::time::Timestamp;

/// A claim as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadClaim {
    /// The claim.
    pub claim: AliasClaim,
    /// Its epoch.
    pub epoch: u64,
}

/// What the reference to a `KmsKey` leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// No such resource, or none that has a key yet.
    Missing,
    /// A key that was destroyed.
    Destroyed,
    /// A key.
    Key(TargetKey),
}

/// What counts of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetKey {
    /// The id.
    pub key_id: KeyId,
    /// The resource that owns it.
    pub owner: Owner,
    /// Its type and usage.
    pub immutable: ImmutableSpec,
    /// Who manages it.
    pub manager: KeyManager,
    /// Its state.
    pub state: KeyState,
    /// When it is destroyed.
    pub deletion: Option<Timestamp>,
    /// How many aliases it has.
    pub aliases: usize,
}

/// Everything that a plan depends on.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The resource.
    pub resource: &'a AliasResource,
    /// The claim on its alias.
    pub read: Option<&'a ReadClaim>,
    /// What its reference leads to.
    pub target: &'a Target,
    /// Type and usage of the key that the claim names, where that key is known.
    pub bound: Option<ImmutableSpec>,
    /// An older resource that wants the same alias, by namespace and name.
    pub elder: Option<&'a str>,
    /// The time.
    pub now: Timestamp,
    /// The conditions before.
    pub previous: &'a [Condition],
}

/// One write. Each has its precondition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AliasAction {
    /// Make a claim. Precondition: none exists.
    Create(AliasClaim),
    /// Put a claim in the place of one. Precondition: that has still this epoch.
    Replace {
        /// The epoch that was read.
        epoch: u64,
        /// The next claim.
        claim: AliasClaim,
    },
    /// Give an alias up. Precondition: the claim has still this epoch.
    Release {
        /// The epoch that was read.
        epoch: u64,
        /// The claim that was read.
        claim: AliasClaim,
    },
}

impl AliasAction {
    /// The claim that it is about.
    #[must_use]
    pub const fn claim(&self) -> &AliasClaim {
        match self {
            Self::Create(claim) | Self::Replace { claim, .. } | Self::Release { claim, .. } => claim,
        }
    }
}

/// What a reconcile of an alias is about to do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The write, where there is one.
    pub action: Option<AliasAction>,
    /// The whole list of conditions.
    pub conditions: Vec<Condition>,
    /// Why the plan is as it is.
    pub because: AliasReason,
}

/// Why a plan is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasReason {
    /// Nothing is left to do.
    InSync,
    /// The alias is new, or was one of an earlier namespace.
    Unbound,
    /// The alias was made by the API for the same key.
    Adopted,
    /// The reference changed.
    Moved,
    /// It cannot be followed.
    Refused,
}

impl AliasReason {
    /// What is recorded before the write, in AWS's word.
    #[must_use]
    pub const fn event(self) -> Option<&'static str> {
        match self {
            Self::Unbound => Some("CreateAlias"),
            Self::Moved => Some("UpdateAlias"),
            Self::InSync | Self::Adopted | Self::Refused => None,
        }
    }
}

struct Step {
    because: AliasReason,
    action: Option<AliasAction>,
    refused: Option<(ConditionReason, String, bool)>,
}

type Rule = fn(&Input<'_>) -> Option<Step>;

/// First match wins.
const RULES: &[Rule] = &[
    refuse_names,
    refuse_foreign_claim,
    refuse_younger,
    refuse_target,
    bind,
    refuse_claim_of_the_api,
    adopt,
    refuse_other_type,
    move_to,
];

/// Plans one round. Total: whatever the inputs are, there is a plan.
#[must_use]
pub fn plan(input: &Input<'_>) -> Plan {
    let rest = Step { because: AliasReason::InSync, action: None, refused: None };
    let step = RULES.iter().find_map(|rule| rule(input)).unwrap_or(rest);
    let generation = i64::try_from(input.resource.generation).unwrap_or(i64::MAX);
    let conditions = match &step.refused {
        Some((reason, message, stalls)) => {
            let obstacle = Obstacle { reason: *reason, message, stalls: *stalls };
            stalled::conditions(&obstacle, generation, input.previous, input.now)
        }
        None => well(generation, input.previous, input.now),
    };
    Plan { action: step.action, conditions, because: step.because }
}

/// Gives up what a removed resource kept, and nothing else.
#[must_use]
pub fn release(namespace: &str, name: &str, read: &ReadClaim) -> Option<AliasAction> {
    let claim = &read.claim;
    let own = claim.namespace == namespace && claim.owner.as_deref() == Some(name);
    own.then(|| AliasAction::Release { epoch: read.epoch, claim: claim.clone() })
}

impl Input<'_> {
    /// The claim, unless it is void.
    fn claim(&self) -> Option<&AliasClaim> {
        let claim = &self.read?.claim;
        let void = claim.is_of_earlier(&self.resource.namespace, self.resource.namespace_uid);
        (!void).then_some(claim)
    }

    fn key(&self) -> Option<&TargetKey> {
        match self.target {
            Target::Key(key) => Some(key),
            Target::Missing | Target::Destroyed => None,
        }
    }

    fn write(&self, because: AliasReason, claim: AliasClaim) -> Option<Step> {
        let claim = AliasClaim { owner: Some(self.resource.name.clone()), ..claim };
        let action = match self.read {
            Some(read) => AliasAction::Replace { epoch: read.epoch, claim },
            None => AliasAction::Create(claim),
        };
        Some(Step { because, action: Some(action), refused: None })
    }
}

/// A refusal that only a person can lift.
fn stall(reason: ConditionReason, message: String) -> Option<Step> {
    Some(Step { because: AliasReason::Refused, action: None, refused: Some((reason, message, true)) })
}

fn refuse_names(input: &Input<'_>) -> Option<Step> {
    let resource = input.resource;
    if let Err(error) = check_names(&resource.namespace, &resource.name) {
        return stall(ConditionReason::InvalidSpec, error.to_string());
    }
    let fault = check_name(&resource.spec.alias_name).err()?;
    stall(ConditionReason::InvalidSpec, format!("spec.aliasName: {fault}"))
}

/// An alias means one key for everybody in its scope, and whoever came first keeps it.
fn refuse_foreign_claim(input: &Input<'_>) -> Option<Step> {
    let (claim, resource) = (input.claim()?, input.resource);
    let elsewhere = claim.namespace != resource.namespace;
    let kept = claim.owner.as_deref().filter(|owner| elsewhere || *owner != resource.name);
    let keeper = match kept {
        Some(owner) => format!("the KeyAlias {}/{owner}", claim.namespace),
        None if elsewhere => format!("CreateAlias for a key of the namespace {}", claim.namespace),
        None => return None,
    };
    stall(ConditionReason::AliasConflict, format!("{} is taken already, by {keeper}", claim.alias))
}

/// Of those that want an alias which no resource keeps the eldest gets it, whichever is looked at first.
fn refuse_younger(input: &Input<'_>) -> Option<Step> {
    let is_kept = input.claim().is_some_and(|claim| claim.owner.is_some());
    let elder = input.elder.filter(|_| !is_kept)?;
    let alias = &input.resource.spec.alias_name;
    stall(ConditionReason::AliasConflict, format!("{alias} is wanted by the KeyAlias {elder}, which is older"))
}

/// The key must be there, be the namespace's own to name, and not be on its way out. An alias that names it already
/// stays bound to it, and its resource tells.
fn refuse_target(input: &Input<'_>) -> Option<Step> {
    let name = &input.resource.spec.key_ref.name;
    let key = match input.target {
        Target::Missing => {
            let message = format!("there is no KmsKey {name} with a key in this namespace; the alias waits for it");
            let refused = Some((ConditionReason::TargetMissing, message, false));
            return Some(Step { because: AliasReason::Refused, action: None, refused });
        }
        Target::Destroyed => {
            let message = format!("the key of the KmsKey {name} is destroyed; refer to another one");
            return stall(ConditionReason::TargetMissing, message);
        }
        Target::Key(key) => key,
    };
    if key.manager != KeyManager::Customer {
        let message = format!("the key of the KmsKey {name} is managed by the platform and has an alias of its own");
        return stall(ConditionReason::TargetIncompatible, message);
    }
    if matches!(key.state, KeyState::PendingDeletion | KeyState::PendingReplicaDeletion) {
        let when = key.deletion.map(|date| format!(" on {}", date.to_rfc3339())).unwrap_or_default();
        let message =
            format!("the key {} of the KmsKey {name} is destroyed{when}, unless that is called off", key.key_id);
        return stall(ConditionReason::PendingDeletion, message);
    }
    let names_it = input.claim().is_some_and(|claim| claim.key_id() == key.key_id);
    if !names_it && key.aliases >= ALIASES_PER_KEY_MAX {
        let message = format!("the key of the KmsKey {name} has {ALIASES_PER_KEY_MAX} aliases, which is the most");
        return stall(ConditionReason::TargetIncompatible, message);
    }
    None
}

fn bind(input: &Input<'_>) -> Option<Step> {
    let key = input.key().filter(|_| input.claim().is_none())?;
    let claim = AliasClaim::new(&input.resource.spec.alias_name, &key.key_id, &key.owner, input.now);
    input.write(AliasReason::Unbound, claim)
}

fn refuse_claim_of_the_api(input: &Input<'_>) -> Option<Step> {
    let (claim, key) = input.claim().filter(|claim| claim.owner.is_none()).zip(input.key())?;
    if claim.key_id() == key.key_id {
        return None;
    }
    let message = format!(
        "CreateAlias made {} for the key {}; move it with UpdateAlias to the key {}, or delete it with DeleteAlias",
        claim.alias,
        claim.key_id(),
        key.key_id
    );
    stall(ConditionReason::AliasConflict, message)
}

fn adopt(input: &Input<'_>) -> Option<Step> {
    let claim = input.claim().filter(|claim| claim.owner.is_none())?;
    input.write(AliasReason::Adopted, claim.clone())
}

fn refuse_other_type(input: &Input<'_>) -> Option<Step> {
    let (claim, key) = input.claim().zip(input.key())?;
    let bound = input.bound.filter(|_| claim.key_id() != key.key_id)?;
    if may_follow(bound, key.immutable) {
        return None;
    }
    let message = format!(
        "an alias moves only between keys of the same type and usage; {} names a {} key for {}, and the key of the \
         KmsKey {} is a {} key for {}",
        claim.alias,
        bound.key_spec,
        bound.key_usage,
        input.resource.spec.key_ref.name,
        key.immutable.key_spec,
        key.immutable.key_usage
    );
    stall(ConditionReason::TargetIncompatible, message)
}

fn move_to(input: &Input<'_>) -> Option<Step> {
    let (claim, key) = input.claim().zip(input.key())?;
    if claim.key_id() == key.key_id {
        return None;
    }
    input.write(AliasReason::Moved, claim.moved(&key.key_id, &key.owner, input.now))
}

#[cfg(test)]
mod tests;
