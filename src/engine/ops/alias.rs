//! CreateAlias, UpdateAlias, DeleteAlias and ListAliases.

use crate::api::aws::alias::{AliasListEntry, ListAliasesAnswer};
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::page::{Page, PageRequest};
use crate::api::aws::reply::encode;
use crate::domain::alias::{AliasClaim, may_follow};
use crate::domain::reconcile::key_alias::AliasAction;
use crate::engine::Engine;
use crate::engine::admit::{Admitted, ResolvedKey};
use crate::engine::aliases::no_alias;
use crate::engine::execute::ActionResult;
use crate::engine::snapshot::Known;
use crate::engine::trail::Trail;
use crate::engine::vault::Opened;
use crate::types::ids::KeyId;
use crate::types::limits::{ALIASES_PER_KEY_MAX, CHANGE_ATTEMPTS_MAX, LIST_ALIASES_PAGE_DEFAULT};
use crate::types::secret::SecretBytes;

use super::changes::internal;

const OTHER_TYPE: &str = "The current and new KMS key must be the same type (both symmetric or both asymmetric or both \
                          HMAC), and they must have the same key usage.";

/// What is to be done to a claim that was read; nothing, where it says already what it should.
type Decided = Result<Option<AliasAction>, Refusal>;

/// Why a claim is not changed.
enum Refusal {
    /// What the caller is told.
    Told(AwsError),
    /// A `KeyAlias` of this name keeps it.
    KeptBy(String),
}

impl From<AwsError> for Refusal {
    fn from(error: AwsError) -> Self {
        Self::Told(error)
    }
}

/// `CreateAlias`.
///
/// # Errors
/// Those of the API.
pub async fn create_alias(
    engine: &Engine,
    admitted: &Admitted<'_>,
    trail: &mut Trail,
) -> Result<SecretBytes, AwsError> {
    let (alias, key) = (alias_name(admitted)?, admitted.key(0)?);
    let record = &key.entry.record;
    let arn = alias_arn(engine, admitted, alias);
    trail.note_alias(&arn, admitted.call.principal.account);
    let claim = AliasClaim::new(alias, &record.key_id(), &record.owner, admitted.now);
    change_alias(engine, &claim.namespace, alias, &arn, |read| {
        let claim = claim.clone();
        match read {
            Some(read) if !read.content.is_of_earlier(&claim.namespace, claim.namespace_uid) => {
                let message = format!("An alias with the name {arn} already exists");
                Err(AwsError::new(ErrorCode::AlreadyExists, message).into())
            }
            _ if is_crowded(engine, key) => Err(too_many(key).into()),
            Some(read) => Ok(Some(AliasAction::Replace { epoch: read.epoch, claim })),
            None => Ok(Some(AliasAction::Create(claim))),
        }
    })
    .await
}

/// `UpdateAlias`: moves an alias to another key of the same type and usage.
///
/// # Errors
/// Those of the API.
pub async fn update_alias(
    engine: &Engine,
    admitted: &Admitted<'_>,
    trail: &mut Trail,
) -> Result<SecretBytes, AwsError> {
    let (alias, key) = (alias_name(admitted)?, admitted.key(0)?);
    let (admitted_claim, record) = (admitted.alias.as_ref().ok_or_else(AwsError::internal)?, &key.entry.record);
    let arn = alias_arn(engine, admitted, alias);
    trail.note_response("keyId", &key.arn);
    change_alias(engine, &admitted_claim.namespace, alias, &arn, |read| {
        let read = changeable(engine, admitted, &arn, read)?;
        if read.content.key_id() == record.key_id() {
            return Ok(None);
        }
        if let Some(Known::Key(old)) = engine.snapshots.load().get(&read.content.key_id())
            && !may_follow(old.record.immutable, record.immutable)
        {
            return Err(AwsError::validation(OTHER_TYPE).into());
        }
        if is_crowded(engine, key) {
            return Err(too_many(key).into());
        }
        let claim = read.content.moved(&record.key_id(), &record.owner, admitted.now);
        Ok(Some(AliasAction::Replace { epoch: read.epoch, claim }))
    })
    .await
}

/// `DeleteAlias`: the key that it named goes on as before.
///
/// # Errors
/// Those of the API.
pub async fn delete_alias(engine: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let alias = alias_name(admitted)?;
    let arn = alias_arn(engine, admitted, alias);
    let admitted_claim = admitted.alias.as_ref().ok_or_else(AwsError::internal)?;
    change_alias(engine, &admitted_claim.namespace, alias, &arn, |read| {
        let read = changeable(engine, admitted, &arn, read)?;
        Ok(Some(AliasAction::Release { epoch: read.epoch, claim: read.content.clone() }))
    })
    .await
}

/// `ListAliases`: the aliases of the caller's account, those of platform-managed keys and those whose key is gone
/// among them.
///
/// # Errors
/// Those of the API.
pub async fn list_aliases(engine: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let page = PageRequest::<String>::with_default(admitted.input, LIST_ALIASES_PAGE_DEFAULT)?;
    let key_id = match admitted.input.text("KeyId") {
        Some(text) => Some(engine.own_key(admitted.call, text, admitted.now).await?),
        None => None,
    };
    let snapshot = engine.snapshots.load();
    let namespace = engine.accounts.namespace_of(&admitted.call.principal);
    let scope = namespace.map(|namespace| engine.accounts.alias_scope(&namespace)).unwrap_or_default();
    let is_listed =
        |claim: &AliasClaim| key_id.is_none_or(|key_id: KeyId| key_id == claim.key_id()) && !engine.is_void(claim);
    let listed = snapshot.aliases.of_scope(&scope).map(|entry| &entry.claim).filter(|claim| is_listed(claim));
    let Page { items, next_marker } = page.cut(listed.map(|claim| (claim.alias.clone(), claim)));
    let entry = |claim: &AliasClaim| AliasListEntry {
        alias_name: claim.alias.clone(),
        alias_arn: alias_arn(engine, admitted, &claim.alias),
        target_key_id: claim.key_id().to_string(),
        creation_date: claim.created_at.epoch_seconds(),
        last_updated_date: claim.updated_at.epoch_seconds(),
    };
    let truncated = next_marker.is_some();
    encode(&ListAliasesAnswer { aliases: items.into_iter().map(entry).collect(), next_marker, truncated })
}

fn alias_name<'a>(admitted: &'a Admitted<'_>) -> Result<&'a str, AwsError> {
    admitted.input.text("AliasName").ok_or_else(AwsError::internal)
}

fn alias_arn(engine: &Engine, admitted: &Admitted<'_>, alias: &str) -> String {
    engine.place(admitted.call.principal.account).alias_arn(alias)
}

fn is_crowded(engine: &Engine, key: &ResolvedKey) -> bool {
    engine.snapshots.load().aliases.of_key(&key.entry.record.key_id()).count() >= ALIASES_PER_KEY_MAX
}

fn too_many(key: &ResolvedKey) -> AwsError {
    let message = format!("{} has {ALIASES_PER_KEY_MAX} aliases, which is the most that a key can have", key.arn);
    AwsError::new(ErrorCode::LimitExceeded, message)
}

/// Reads a claim, decides and writes, again where another writer was faster.
async fn change_alias(
    engine: &Engine,
    namespace: &str,
    alias: &str,
    arn: &str,
    decide: impl Fn(Option<Opened<AliasClaim>>) -> Decided,
) -> Result<SecretBytes, AwsError> {
    // Of two callers in a process who make the same, one is told that it is there; `/` is in no other name.
    let _turn = engine.turns.take(namespace, alias).await;
    for _ in 0..CHANGE_ATTEMPTS_MAX {
        let read = engine.read_alias(namespace, alias).await;
        let read = read.map_err(|error| internal("an alias could not be read", &error))?;
        let action = match decide(read) {
            Ok(Some(action)) => action,
            Ok(None) => return Ok(SecretBytes::new(Vec::new())),
            Err(Refusal::Told(error)) => return Err(error),
            Err(Refusal::KeptBy(owner)) => return Err(kept(engine, arn, namespace, &owner).await),
        };
        match engine.execute_alias(&action).await {
            ActionResult::Done(Some(revision)) => {
                engine.show(revision).await;
                return Ok(SecretBytes::new(Vec::new()));
            }
            ActionResult::Failed(error) => return Err(internal("an alias could not be written", &error)),
            ActionResult::Done(None) | ActionResult::Pending { .. } => {}
        }
    }
    Err(AwsError::internal())
}

/// The claim, where the API may change it. One that names another key by now than the one that the caller was
/// allowed to change it by is not changed; the call may be made again.
fn changeable(
    engine: &Engine,
    admitted: &Admitted<'_>,
    arn: &str,
    read: Option<Opened<AliasClaim>>,
) -> Result<Opened<AliasClaim>, Refusal> {
    let read = read.filter(|read| !engine.is_void(&read.content)).ok_or_else(|| no_alias(arn))?;
    if admitted.alias.as_ref().is_none_or(|claim| claim.key_id() != read.content.key_id()) {
        return Err(AwsError::internal().into());
    }
    match &read.content.owner {
        Some(owner) => Err(Refusal::KeptBy(owner.clone())),
        None => Ok(read),
    }
}

async fn kept(engine: &Engine, arn: &str, namespace: &str, owner: &str) -> AwsError {
    let resource = engine.ports.aliases.get(namespace, owner).await.ok().flatten();
    let manager = resource.map_or_else(|| "its owner".to_owned(), |found| found.manager.to_string());
    let message =
        format!("{arn} is kept by the KeyAlias {namespace}/{owner}, which {manager} manages; change it there.");
    AwsError::new(ErrorCode::KmsInvalidState, message)
}
