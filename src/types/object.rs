//! Sealed objects: their kinds, names and purposes. Every store holds the same ones.

use super::ids::KeyId;
use super::wire_enum;

wire_enum! {
    /// Kind of a sealed object; the word is also the name of its folder and of its Secret's type.
    pub enum Kind {
        Root = "root",
        Key = "key",
        Material = "material",
        Policy = "policy",
        Owner = "owner",
        Alias = "alias",
        Account = "account",
        Grants = "grants",
        Authority = "ca",
        Replica = "replica",
        Usage = "usage",
    }
}

wire_enum! {
    /// What a sealed token is for. A token is kept by no store: its holder carries it and gives it back.
    pub enum TokenPurpose {
        Import = "import",
    }
}

/// How objects of a kind may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteRule {
    /// Written once and never changed.
    CreateOnly,
    /// Changed only by a writer who names the version it read.
    CompareAndSwap,
}

impl Kind {
    /// The rule that every store enforces.
    #[must_use]
    pub const fn write_rule(self) -> WriteRule {
        match self {
            Self::Material | Self::Policy | Self::Account | Self::Authority => WriteRule::CreateOnly,
            Self::Root | Self::Key | Self::Owner | Self::Alias | Self::Grants | Self::Replica | Self::Usage => {
                WriteRule::CompareAndSwap
            }
        }
    }

    /// The word in the associated data that gives each kind a seal key of its own. A root has none: it is
    /// wrapped by its provider.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Key => "state",
            _ => self.as_str(),
        }
    }
}

/// The name of a sealed object, unique in its store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    kind: Kind,
    name: String,
}

impl ObjectName {
    /// The root key of a term, wrapped.
    #[must_use]
    pub fn root(term: u32) -> Self {
        Self::new(Kind::Root, &term.to_string())
    }

    /// The record of a key.
    #[must_use]
    pub fn key(key_id: &KeyId) -> Self {
        Self::new(Kind::Key, &key_id.to_string())
    }

    /// One version of the material of a key, sealed under a term.
    #[must_use]
    pub fn material(key_id: &KeyId, version: u32, term: u32) -> Self {
        Self::new(Kind::Material, &format!("{key_id}-v{version}-t{term}"))
    }

    /// The claim of a resource on its key, by owner hash.
    #[must_use]
    pub fn owner(hash: &str) -> Self {
        Self::new(Kind::Owner, hash)
    }

    /// The claim on an alias, by the hash of scope and name.
    #[must_use]
    pub fn alias(hash: &str) -> Self {
        Self::new(Kind::Alias, hash)
    }

    /// A certificate authority; the first one is 1.
    #[must_use]
    pub fn authority(number: u32) -> Self {
        Self::new(Kind::Authority, &number.to_string())
    }

    /// The heartbeat of a replica, where its name can be part of an object's name.
    #[must_use]
    pub fn replica(name: &str) -> Option<Self> {
        Self::parse(Kind::Replica, &format!("replica-{name}"))
    }

    /// When the keys of a shard were last used. The shard is the first byte of a key id.
    #[must_use]
    pub fn usage(shard: u8) -> Self {
        Self::new(Kind::Usage, &format!("{shard:02x}"))
    }

    fn new(kind: Kind, rest: &str) -> Self {
        Self { kind, name: format!("{kind}-{rest}") }
    }

    /// Reads a name that a store found; only names that Coffer could have written are names.
    #[must_use]
    pub fn parse(kind: Kind, name: &str) -> Option<Self> {
        let rest = name.strip_prefix(kind.as_str())?.strip_prefix('-')?;
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let valid = !rest.is_empty() && name.len() <= 253 && rest.bytes().all(allowed);
        valid.then(|| Self { kind, name: name.to_owned() })
    }

    /// The key that the object belongs to, where it belongs to one.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        // Both printed forms of a key id have 36 characters.
        const PRINTED_LENGTH: usize = 36;
        let rest = match self.kind {
            Kind::Key | Kind::Material | Kind::Policy | Kind::Grants => self.name.strip_prefix(self.kind.as_str())?,
            _ => return None,
        };
        KeyId::parse(rest.strip_prefix('-')?.get(..PRINTED_LENGTH)?)
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seal keys are derived from these words, so one word for two things would give both the same key.
    #[test]
    fn no_token_shares_a_purpose_with_a_kind() {
        for token in TokenPurpose::ALL {
            assert!(Kind::ALL.iter().all(|kind| kind.purpose() != token.as_str()), "{token}");
        }
    }

    #[test]
    fn names_read_back_and_foreign_files_are_no_names() {
        let key_id = KeyId::new([7; 16], true);
        for name in [ObjectName::root(1), ObjectName::key(&key_id), ObjectName::material(&key_id, 2, 1)] {
            assert_eq!(ObjectName::parse(name.kind(), name.as_str()), Some(name));
        }
        assert_eq!(ObjectName::key(&key_id).key_id(), Some(key_id));
        assert_eq!(ObjectName::material(&key_id, 12, 3).key_id(), Some(key_id));
        assert_eq!(ObjectName::root(1).key_id(), None);
        for foreign in ["key-", "key", "owner-x", "key-..", "key-a/b", "key-A", ".key-a.tmp"] {
            assert_eq!(ObjectName::parse(Kind::Key, foreign), None, "{foreign}");
        }
    }
}
