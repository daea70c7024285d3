//! The aliases that a snapshot shows: by name within their scope, and by the key that they name.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;

use crate::domain::alias::AliasClaim;
use crate::types::ids::KeyId;
use crate::types::object::ObjectName;

/// Parts that are shared between two snapshots unless one of them changes.
const SHARDS: u64 = 64;

/// One alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasEntry {
    /// Where the name is unique: a namespace, or an account of `coffer local`.
    pub scope: String,
    /// The claim.
    pub claim: AliasClaim,
}

/// A map whose copies share what neither of them changes.
#[derive(Clone)]
struct Sharded<K, V>(Vec<Arc<HashMap<K, V>>>);

impl<K: Clone + Eq + Hash, V: Clone> Sharded<K, V> {
    fn new() -> Self {
        Self((0..SHARDS).map(|_| Arc::default()).collect())
    }

    fn shard_of<Q: Hash + ?Sized>(key: &Q) -> usize {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        usize::try_from(hasher.finish() % SHARDS).unwrap_or_default()
    }

    fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0.get(Self::shard_of(key)).and_then(|shard| shard.get(key))
    }

    fn shard<Q: Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut HashMap<K, V>> {
        self.0.get_mut(Self::shard_of(key)).map(Arc::make_mut)
    }
}

type ByName<K> = Arc<BTreeMap<K, Arc<AliasEntry>>>;

/// All aliases.
#[derive(Clone)]
pub struct AliasIndex {
    objects: Sharded<ObjectName, Arc<AliasEntry>>,
    scopes: Sharded<String, ByName<String>>,
    keys: Sharded<KeyId, ByName<ObjectName>>,
}

impl Default for AliasIndex {
    fn default() -> Self {
        Self { objects: Sharded::new(), scopes: Sharded::new(), keys: Sharded::new() }
    }
}

impl AliasIndex {
    /// The alias of this name.
    #[must_use]
    pub fn get(&self, scope: &str, alias: &str) -> Option<&Arc<AliasEntry>> {
        self.scopes.get(scope)?.get(alias)
    }

    /// The aliases of a scope, by name.
    pub fn of_scope(&self, scope: &str) -> impl Iterator<Item = &Arc<AliasEntry>> {
        self.scopes.get(scope).into_iter().flat_map(|aliases| aliases.values())
    }

    /// The aliases of a key.
    pub fn of_key(&self, key_id: &KeyId) -> impl Iterator<Item = &Arc<AliasEntry>> {
        self.keys.get(key_id).into_iter().flat_map(|aliases| aliases.values())
    }

    /// All aliases, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<AliasEntry>> {
        self.objects.0.iter().flat_map(|shard| shard.values())
    }

    /// Puts an alias in the place of what its object said before, or takes it out; gives what was there.
    pub(super) fn set(&mut self, name: &ObjectName, entry: Option<AliasEntry>) -> Option<Arc<AliasEntry>> {
        let before = self.objects.shard(name)?.remove(name);
        if let Some(before) = &before {
            remove(self.scopes.shard(&before.scope), &before.scope, &before.claim.alias);
            let key_id = before.claim.key_id();
            remove(self.keys.shard(&key_id), &key_id, name);
        }
        if let Some(entry) = entry.map(Arc::new) {
            insert(self.scopes.shard(&entry.scope), &entry.scope, entry.claim.alias.clone(), &entry);
            let key_id = entry.claim.key_id();
            insert(self.keys.shard(&key_id), &key_id, name.clone(), &entry);
            self.objects.shard(name)?.insert(name.clone(), entry);
        }
        before
    }

    /// What one of the two shows and the other does not, or shows otherwise.
    pub(super) fn differences<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Arc<AliasEntry>> {
        let differs = |entry: &&Arc<AliasEntry>, index: &Self| {
            index.get(&entry.scope, &entry.claim.alias).is_none_or(|found| found != *entry)
        };
        let here = self.all().filter(move |entry| differs(entry, other));
        here.chain(other.all().filter(move |entry| differs(entry, self)))
    }
}

fn insert<K: Clone + Eq + Hash, N: Clone + Ord>(
    shard: Option<&mut HashMap<K, ByName<N>>>,
    key: &K,
    name: N,
    entry: &Arc<AliasEntry>,
) {
    if let Some(shard) = shard {
        Arc::make_mut(shard.entry(key.clone()).or_default()).insert(name, Arc::clone(entry));
    }
}

fn remove<K, N, Q>(shard: Option<&mut HashMap<K, ByName<N>>>, key: &K, name: &Q)
where
    K: Eq + Hash,
    N: Clone + Ord + std::borrow::Borrow<Q>,
    Q: Ord + ?Sized,
{
    let Some(shard) = shard else { return };
    let Some(aliases) = shard.get_mut(key) else { return };
    Arc::make_mut(aliases).remove(name);
    if aliases.is_empty() {
        shard.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ids::ObjectUid;
    use crate::types::time::Timestamp;

    fn entry(alias: &str, key: u8) -> AliasEntry {
        let claim = AliasClaim {
            schema: 1,
            namespace: "shop".to_owned(),
            namespace_uid: ObjectUid::new([1; 16]),
            alias: alias.to_owned(),
            key_bytes: [key; 16],
            multi_region: false,
            owner: None,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        };
        AliasEntry { scope: "shop".to_owned(), claim }
    }

    fn of_key(index: &AliasIndex, key: u8) -> Vec<String> {
        index.of_key(&KeyId::new([key; 16], false)).map(|entry| entry.claim.alias.clone()).collect()
    }

    #[test]
    fn an_alias_is_found_by_name_and_by_key_and_an_older_copy_keeps_what_it_showed() {
        let (one, two) = (ObjectName::alias("a"), ObjectName::alias("b"));
        let mut index = AliasIndex::default();
        index.set(&one, Some(entry("alias/one", 1)));
        index.set(&two, Some(entry("alias/two", 1)));
        let older = index.clone();
        assert!(index.set(&one, Some(entry("alias/one", 2))).is_some());
        assert!(index.set(&two, None).is_some() && index.set(&two, None).is_none());
        assert_eq!((of_key(&index, 1), of_key(&index, 2)), (vec![], vec!["alias/one".to_owned()]));
        assert_eq!(of_key(&older, 1), ["alias/one", "alias/two"]);
        assert!(index.get("shop", "alias/two").is_none() && older.get("shop", "alias/two").is_some());
        assert!(index.get("mall", "alias/one").is_none());
        assert_eq!((index.of_scope("shop").count(), older.all().count()), (1, 2));
        assert_eq!((index.differences(&older).count(), index.differences(&index).count()), (3, 0));
    }
}
