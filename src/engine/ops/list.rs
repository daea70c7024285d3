//! Lists of keys, in the order of their creation.

use crate::api::aws::error::AwsError;
use crate::api::aws::key::{KeyListEntry, ListKeysAnswer};
use crate::api::aws::page::{PageRequest, Position};
use crate::api::aws::reply::encode;
use crate::engine::Engine;
use crate::engine::admit::Admitted;
use crate::types::secret::SecretBytes;

/// `ListKeys`: the keys of the caller's account.
///
/// # Errors
/// Those of the API.
pub async fn list_keys(engine: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let page = PageRequest::read(admitted.input)?;
    let account = admitted.call.principal.account;
    let snapshot = engine.snapshots.load();
    let is_own = |owner: &str| engine.accounts.owns(&admitted.call.principal, owner);
    let own = snapshot.keys().filter(|entry| is_own(&entry.record.owner.namespace));
    let mut positions: Vec<Position> = own.map(|entry| entry.position()).collect();
    positions.sort_unstable();
    positions.retain(|position| page.after.is_none_or(|after| *position > after));
    let truncated = positions.len() > page.limit;
    positions.truncate(page.limit);
    let next_marker = positions.last().filter(|_| truncated).map(Position::marker);
    let place = engine.place(account);
    let entry = |position: Position| KeyListEntry {
        key_id: position.key_id.to_string(),
        key_arn: place.key_arn(&position.key_id),
    };
    encode(&ListKeysAnswer { keys: positions.into_iter().map(entry).collect(), next_marker, truncated })
}
