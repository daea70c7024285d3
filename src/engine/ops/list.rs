//! Lists of keys, in the order of their creation.

use crate::api::aws::error::AwsError;
use crate::api::aws::key::{KeyListEntry, ListKeysAnswer, lists_own};
use crate::api::aws::page::{Page, PageRequest, Position};
use crate::api::aws::reply::encode;
use crate::domain::platform::reach;
use crate::domain::record::Owner;
use crate::domain::vanished::is_living;
use crate::engine::Engine;
use crate::engine::admit::Admitted;
use crate::engine::snapshot::KeyEntry;
use crate::types::secret::SecretBytes;

/// `ListKeys`: the keys of the caller's account.
///
/// # Errors
/// Those of the API.
pub async fn list_keys(engine: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let page = PageRequest::<Position>::read(admitted.input)?;
    let snapshot = engine.snapshots.load();
    let is_own = |owner: &Owner| {
        engine.accounts.owns(&admitted.call.principal, &owner.namespace) && !is_of_earlier(engine, owner)
    };
    let is_listed = |entry: &KeyEntry| is_living(&entry.record) && reach(entry.record.manager()).visible;
    let asks = lists_own(admitted.input);
    let own = snapshot.keys().filter(|entry| asks && is_listed(entry) && is_own(&entry.record.owner));
    let place = engine.place(admitted.call.principal.account);
    let Page { items, next_marker } = page.cut(own.map(|entry| (entry.position(), entry.record.key_id())));
    let truncated = next_marker.is_some();
    let keys =
        items.into_iter().map(|key_id| KeyListEntry { key_id: key_id.to_string(), key_arn: place.key_arn(&key_id) });
    encode(&ListKeysAnswer { keys: keys.collect(), next_marker, truncated })
}

/// Whether a key is one of a namespace that was made again since, whose users have no part in it.
fn is_of_earlier(engine: &Engine, owner: &Owner) -> bool {
    engine.ports.resources.namespace_uid(&owner.namespace).is_some_and(|uid| uid != owner.namespace_uid)
}
