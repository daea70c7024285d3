//! CreateAlias, UpdateAlias, DeleteAlias and ListAliases.

use std::sync::Arc;

use crate::api::aws::alias::{AliasEntry, ListAliasesAnswer};
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::member::Input;
use crate::api::aws::page::{Page, PageRequest};
use crate::api::aws::reply::encode;
use crate::domain::alias::{AliasClaim, AliasNameFault, check_alias_name, may_move};
use crate::domain::platform::reach;
use crate::domain::record::SCHEMA;
use crate::engine::Engine;
use crate::engine::admit::{Admitted, ResolvedKey};
use crate::engine::aliases::Claimed;
use crate::engine::snapshot::Known;
use crate::engine::trail::Trail;
use crate::engine::vault::{Opened, VaultError};
use crate::ports::store::StoreError;
use crate::types::arn::KeyReference;
use crate::types::ids::KeyId;
use crate::types::limits::{ALIASES_OF_A_KEY_MAX, CHANGE_ATTEMPTS_MAX, LIST_ALIASES_PAGE_DEFAULT};
use crate::types::object::ObjectName;
use crate::types::principal::Principal;
use crate::types::secret::SecretBytes;

use super::changes::internal;

type Answer = Result<SecretBytes, AwsError>;

const NOTHING: Vec<u8> = Vec::new();

/// The name of an alias is checked before anything is looked up.
///
/// # Errors
/// `ValidationException` or `InvalidAliasNameException`.
pub fn check_name(input: &Input<'_>) -> Result<(), AwsError> {
    let alias = input.text("AliasName").unwrap_or_default();
    match check_alias_name(alias) {
        Ok(()) => Ok(()),
        Err(AliasNameFault::NoPrefix) => Err(AwsError::validation(NO_PREFIX)),
        Err(AliasNameFault::Reserved) => {
            let message = "An alias that begins with alias/aws/ is reserved; choose another name.";
            Err(AwsError::new(ErrorCode::InvalidAliasName, message))
        }
        Err(AliasNameFault::Malformed) => {
            let message = format!("{alias} contains invalid characters for an alias");
            Err(AwsError::validation(message))
        }
    }
}

const NO_PREFIX: &str = "Alias must start with the prefix \"alias/\". Please see \
                         https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html";

/// `CreateAlias`.
///
/// # Errors
/// Those of the API.
pub async fn create_alias(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Answer {
    let key = admitted.key(0)?;
    let (alias, owner) = (named(admitted), &key.entry.record.owner);
    check_own(engine, admitted, key, &alias)?;
    check_count(engine, &key.entry.record.key_id())?;
    let key_id = key.entry.record.key_id();
    let claim = AliasClaim {
        schema: SCHEMA,
        namespace: owner.namespace.clone(),
        namespace_uid: owner.namespace_uid,
        alias: alias.clone(),
        key_bytes: *key_id.as_bytes(),
        multi_region: key_id.is_multi_region(),
        owner: None,
        created_at: admitted.now,
        updated_at: admitted.now,
    };
    let object = engine.alias_object(&owner.namespace, &alias);
    let found = read(engine, &object).await?;
    let written = engine.claim_alias(&object, &claim, found.as_ref()).await;
    match written.map_err(|error| internal("an alias could not be made", &error))? {
        Claimed::Written(revision) => {
            engine.show(revision).await;
            trail.note_response("keyId", &key.arn);
            Ok(SecretBytes::new(NOTHING))
        }
        Claimed::Taken => {
            let arn = engine.place(admitted.call.principal.account).alias_arn(&alias);
            Err(AwsError::new(ErrorCode::AlreadyExists, format!("An alias with the name {arn} already exists")))
        }
    }
}

/// `UpdateAlias`: the new key must be of the type and usage of the old one.
///
/// # Errors
/// Those of the API.
pub async fn update_alias(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Answer {
    let (old, new) = (admitted.key(0)?, admitted.key(1)?);
    let alias = named(admitted);
    check_own(engine, admitted, new, &alias)?;
    let arn = engine.place(admitted.call.principal.account).alias_arn(&alias);
    if !may_move(&old.entry.record, &new.entry.record) {
        let message = format!(
            "Alias {arn} cannot be updated: the new key must have the type and the key usage of the current one."
        );
        return Err(AwsError::validation(message));
    }
    let key_id = new.entry.record.key_id();
    if old.entry.record.key_id() != key_id {
        check_count(engine, &key_id)?;
    }
    trail.note_response("keyId", &new.arn);
    let object = engine.alias_object(&new.entry.record.owner.namespace, &alias);
    for _ in 0..CHANGE_ATTEMPTS_MAX {
        let found = read(engine, &object).await?.ok_or_else(|| not_found(&arn))?;
        refuse_kept(&arn, &found.content)?;
        let next = found.content.moved_to(&key_id, admitted.now);
        match engine.vault.replace(&object, &found, &next).await {
            Ok(revision) => {
                engine.show(revision).await;
                return Ok(SecretBytes::new(NOTHING));
            }
            Err(VaultError::Store(StoreError::Conflict(_))) => {}
            Err(error) => return Err(internal("an alias could not be moved", &error)),
        }
    }
    Err(AwsError::internal())
}

/// `DeleteAlias`: the key stays as it is, and an alias of a key that is no more can be deleted too.
///
/// # Errors
/// Those of the API.
pub async fn delete_alias(engine: &Engine, admitted: &Admitted<'_>, trail: &mut Trail) -> Answer {
    let (alias, principal) = (named(admitted), &admitted.call.principal);
    let place = engine.place(principal.account);
    let arn = place.alias_arn(&alias);
    let namespace = engine.accounts.namespace_of(principal).ok_or_else(|| not_found(&arn))?;
    let object = engine.alias_object(&namespace, &alias);
    for _ in 0..CHANGE_ATTEMPTS_MAX {
        let found = read(engine, &object).await?.filter(|found| is_own(engine, principal, &found.content));
        let found = found.ok_or_else(|| not_found(&arn))?;
        refuse_kept(&arn, &found.content)?;
        match engine.ports.store.delete(&object, &found.stored.version).await {
            Ok(revision) => {
                engine.show(revision).await;
                trail.note_response("keyId", &place.key_arn(&found.content.key_id()));
                return Ok(SecretBytes::new(NOTHING));
            }
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(internal("an alias could not be deleted", &error)),
        }
    }
    Err(AwsError::internal())
}

/// `ListAliases`: those of the account, or of one of its keys, in the order of their names.
///
/// # Errors
/// Those of the API.
pub async fn list_aliases(engine: &Engine, admitted: &Admitted<'_>) -> Answer {
    let page = PageRequest::<String>::with_default(admitted.input, LIST_ALIASES_PAGE_DEFAULT)?;
    let principal = &admitted.call.principal;
    let wanted = wanted_key(engine, admitted)?;
    let snapshot = engine.snapshots.load();
    let is_listed = |claim: &&Arc<AliasClaim>| {
        is_own(engine, principal, claim) && wanted.is_none_or(|key_id| claim.key_id() == key_id)
    };
    let place = engine.place(principal.account);
    let entry = |claim: &Arc<AliasClaim>| AliasEntry {
        alias_name: claim.alias.clone(),
        alias_arn: place.alias_arn(&claim.alias),
        target_key_id: claim.key_id().to_string(),
        creation_date: claim.created_at.epoch_seconds(),
        last_updated_date: claim.updated_at.epoch_seconds(),
    };
    let listed = snapshot.aliases().filter(is_listed).map(|claim| (claim.alias.clone(), entry(claim)));
    let Page { items, next_marker } = page.cut(listed);
    let truncated = next_marker.is_some();
    encode(&ListAliasesAnswer { aliases: items, next_marker, truncated })
}

/// The key whose aliases are asked for. It must be one of the account's.
fn wanted_key(engine: &Engine, admitted: &Admitted<'_>) -> Result<Option<KeyId>, AwsError> {
    let Some(text) = admitted.input.text("KeyId") else { return Ok(None) };
    let principal = &admitted.call.principal;
    let invalid = || AwsError::new(ErrorCode::NotFound, format!("Invalid keyId '{text}'"));
    let key_id = match KeyReference::parse(text, &engine.region).map_err(|_| invalid())? {
        KeyReference::Id(key_id) => key_id,
        KeyReference::Arn(account, key_id) if account == principal.account => key_id,
        _ => return Err(invalid()),
    };
    match engine.snapshots.load().get(&key_id) {
        Some(Known::Key(entry)) if engine.accounts.owns(principal, &entry.record.owner.namespace) => Ok(Some(key_id)),
        _ => {
            let arn = engine.place(principal.account).key_arn(&key_id);
            Err(AwsError::new(ErrorCode::NotFound, format!("Key '{arn}' does not exist")))
        }
    }
}

fn named(admitted: &Admitted<'_>) -> String {
    admitted.input.text("AliasName").unwrap_or_default().to_owned()
}

fn is_own(engine: &Engine, principal: &Principal, claim: &AliasClaim) -> bool {
    engine.accounts.owns(principal, &claim.namespace)
}

/// An alias and its key are of one account, and platform-managed keys have their own aliases.
fn check_own(engine: &Engine, admitted: &Admitted<'_>, key: &ResolvedKey, alias: &str) -> Result<(), AwsError> {
    let record = &key.entry.record;
    if engine.accounts.owns(&admitted.call.principal, &record.owner.namespace) && reach(record.manager()).manageable {
        return Ok(());
    }
    let message = format!("{} cannot have the alias {alias}.", key.arn);
    Err(AwsError::new(ErrorCode::KmsInvalidState, message))
}

fn check_count(engine: &Engine, key_id: &KeyId) -> Result<(), AwsError> {
    let count = engine.snapshots.load().aliases().filter(|claim| claim.key_id() == *key_id).count();
    if count < ALIASES_OF_A_KEY_MAX {
        return Ok(());
    }
    let message = format!("The key has {ALIASES_OF_A_KEY_MAX} aliases, which is the most.");
    Err(AwsError::new(ErrorCode::LimitExceeded, message))
}

/// What a `KeyAlias` says is changed there.
fn refuse_kept(arn: &str, claim: &AliasClaim) -> Result<(), AwsError> {
    let Some(owner) = &claim.owner else { return Ok(()) };
    let message = format!("{arn} is kept by the KeyAlias {}/{owner}; change it there.", claim.namespace);
    Err(AwsError::new(ErrorCode::KmsInvalidState, message))
}

fn not_found(arn: &str) -> AwsError {
    AwsError::new(ErrorCode::NotFound, format!("Alias {arn} is not found."))
}

async fn read(engine: &Engine, object: &ObjectName) -> Result<Option<Opened<AliasClaim>>, AwsError> {
    let read = engine.vault.read::<AliasClaim>(object).await;
    read.map_err(|error| internal("an alias could not be read", &error))
}
