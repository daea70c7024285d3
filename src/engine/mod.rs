//! L5, use cases over ports: no HTTP, no Kubernetes, no files.

pub mod accounts;
pub mod admit;
pub mod alias_claims;
pub mod alias_index;
pub mod alias_reconcile;
pub mod aliases;
pub mod approvals;
pub mod changes;
pub mod destruction;
pub mod dispatch;
pub mod execute;
pub mod heartbeat;
pub mod initialise;
pub mod last_usage;
pub mod limiter;
pub mod local_backend;
mod observe;
pub mod ops;
pub mod reconcile;
pub mod refusals;
mod resolve;
pub mod service_events;
pub mod snapshot;
pub mod snapshot_cell;
pub mod sweep;
pub mod table;
pub mod timers;
pub mod trail;
pub mod turns;
pub mod vault;

use std::sync::Arc;

use crate::crypto::rng::Rng;
use crate::ports::alias_resources::AliasResources;
use crate::ports::audit::Audit;
use crate::ports::clock::Clock;
use crate::ports::key_backend::KeyBackend;
use crate::ports::resources::Resources;
use crate::ports::reviewer::Reviewer;
use crate::ports::rsa_keys::RsaKeys;
use crate::ports::store::Store;
use crate::ports::usage::Usage;
use crate::types::account::Region;
use crate::types::time::Timestamp;

/// What an engine needs from the world.
pub struct Ports {
    /// Sealed objects.
    pub store: Arc<dyn Store>,
    /// Key bytes in use.
    pub backend: Arc<dyn KeyBackend>,
    /// `KmsKey` resources.
    pub resources: Arc<dyn Resources>,
    /// `KeyAlias` resources.
    pub aliases: Arc<dyn AliasResources>,
    /// The audit trail.
    pub audit: Arc<dyn Audit>,
    /// RBAC.
    pub reviewer: Arc<dyn Reviewer>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Counts of uses.
    pub usage: Arc<dyn Usage>,
    /// Keys that wrap imported material.
    pub rsa_keys: Arc<dyn RsaKeys>,
}

/// One installation at work: the data plane and the reconcilers of one Region.
pub struct Engine {
    /// The world.
    pub ports: Ports,
    /// The Region that this installation calls itself.
    pub region: Region,
    /// Which account a namespace is.
    pub accounts: accounts::Accounts,
    /// The name of this replica, as its heartbeats have it.
    pub replica: String,
    /// What an administrator approved.
    pub approvals: approvals::Approvals,
    /// Whether anything may be destroyed.
    pub destruction: destruction::Destruction,
    /// Whether a spec may name the key id.
    pub allows_fixed_key_ids: bool,
    /// Opens and seals the state.
    pub vault: vault::Vault,
    /// What requests are answered from.
    pub snapshots: snapshot_cell::SnapshotCell,
    /// Reconciles that go on, one for each name.
    pub turns: turns::Turns,
    /// Resources whose keys changed.
    pub changes: changes::ChangedOwners,
    /// Names of resources whose keys changed and aliases whose claims changed, for whoever follows `KeyAlias`es.
    pub alias_changes: changes::ChangedOwners,
    /// Aliases that this process claimed for `KeyAlias`es.
    pub alias_claims: alias_claims::AliasClaims,
    /// Since when this process notes the uses of keys.
    pub usage_since: Timestamp,
    /// Request rates.
    pub limiter: limiter::Limiter,
}

#[cfg(test)]
pub(crate) mod tests;
