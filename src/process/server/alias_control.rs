//! Follows `KeyAlias` resources on the replica that leads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::mpsc;
use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;

use super::control::backoff;
use crate::adapters::kube::aliases::{GuardedAlias, KubeAliases};
use crate::adapters::kube::key_watch::{KeyWatch, Touched};
use crate::api::crd::key_alias::KeyAlias;
use crate::engine::Engine;
use crate::engine::changes::Owner;
use crate::types::limits::{CHANGES_GATHER_PERIOD, RECONCILE_BACKOFF_MAX, RECONCILES_AT_A_TIME, WAKE_AFTER_MAX};

/// What following aliases needs.
pub struct AliasControl {
    engine: Arc<Engine>,
    aliases: Arc<KubeAliases>,
    watch: KeyWatch<KeyAlias>,
}

/// Namespace and name of a resource, and when it is looked at.
type Due = BTreeMap<Owner, Instant>;
/// How a look at one ended: when the next one is due.
type Looked = (Owner, Option<Duration>);

impl AliasControl {
    /// A follower over this engine.
    #[must_use]
    pub fn new(engine: Arc<Engine>, aliases: Arc<KubeAliases>, watch: KeyWatch<KeyAlias>) -> Self {
        Self { engine, aliases, watch }
    }

    /// Follows for as long as the caller polls. Being dropped at any point loses nothing: the next leader goes on
    /// from what is stored.
    pub async fn lead(&self) {
        self.engine.alias_changes.follow(true);
        let touched = self.watch.subscribe();
        // It fails only where the writer is gone, and then the process ends.
        drop(self.watch.seen.wait_until_ready().await);
        let now = Instant::now();
        let there = self.watch.seen.state();
        let due: Due = there.iter().map(|alias| (place(alias), now)).collect();
        futures::join!(self.follow(touched, due), self.sweep_now_and_then());
    }

    /// One round for each thing that happens, or for what is due. What failed waits longer each time.
    async fn follow(&self, mut touched: mpsc::Receiver<Touched>, mut due: Due) {
        let mut failures: BTreeMap<Owner, u32> = BTreeMap::new();
        loop {
            let next = due.values().min().copied();
            let until = next.unwrap_or_else(|| Instant::now() + WAKE_AFTER_MAX.duration());
            tokio::select! {
                event = touched.next() => match event {
                    Some(Touched::Applied(namespace, name)) => due.extend([((namespace, name), Instant::now())]),
                    Some(Touched::Removed(namespace, name)) => {
                        due.remove(&(namespace.clone(), name.clone()));
                        failures.remove(&(namespace.clone(), name.clone()));
                        self.follow_removal(&namespace, &name).await;
                    }
                    Some(Touched::Listed) => {}
                    // Another follower took the place of this one.
                    None => return,
                },
                changed = self.engine.alias_changes.next() => {
                    tokio::time::sleep(CHANGES_GATHER_PERIOD.duration()).await;
                    due.extend(self.affected(&changed).map(|owner| (owner, Instant::now())));
                }
                () = tokio::time::sleep_until(until) => {
                    for (owner, again) in self.look(&mut due).await {
                        let wait = match again {
                            Some(wait) => {
                                failures.remove(&owner);
                                wait
                            }
                            None => {
                                let count = failures.entry(owner.clone()).or_default();
                                *count = count.saturating_add(1);
                                backoff(*count)
                            }
                        };
                        due.entry(owner).or_insert_with(|| Instant::now() + wait);
                    }
                }
            }
        }
    }

    /// Looks at everything that is due, some of it at a time.
    async fn look(&self, due: &mut Due) -> Vec<Looked> {
        let now = Instant::now();
        let ready: Vec<Owner> = due.iter().filter(|(_, at)| **at <= now).map(|(owner, _)| owner.clone()).collect();
        due.retain(|_, at| *at > now);
        let looks = ready.into_iter().map(|owner| async move {
            let again = self.look_at(&owner).await;
            again.map(|again| (owner, again))
        });
        let looks = futures::stream::iter(looks).buffer_unordered(usize::from(RECONCILES_AT_A_TIME));
        looks.filter_map(std::future::ready).collect().await
    }

    /// When to look again: after a while, or, where it failed, later each time. None for what is gone.
    async fn look_at(&self, (namespace, name): &Owner) -> Option<Option<Duration>> {
        let seen = self.watch.seen.get(&ObjectRef::new(name).within(namespace))?;
        let now = self.engine.ports.clock.wall();
        let alias = match &seen.0 {
            Ok(alias) => alias,
            Err(invalid) => {
                self.aliases.report_unreadable(invalid, now).await;
                return None;
            }
        };
        let followed = match self.aliases.to_resource(alias).await {
            Ok(Some(resource)) => self.engine.follow_alias(&resource).await,
            Ok(None) => return None,
            Err(error) => Err(error.into()),
        };
        match followed {
            Ok(wake_at) => Some(Some(wake_at.since(now).duration())),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(namespace, name, error, "a KeyAlias could not be followed");
                Some(None)
            }
        }
    }

    /// The resources that a change of a key or of a claim may be something to: names of keys and aliases are told
    /// alike, and no name of a resource has a slash.
    fn affected<'a>(&self, changed: &'a std::collections::BTreeSet<Owner>) -> impl Iterator<Item = Owner> + use<'a> {
        self.watch.seen.state().into_iter().filter_map(move |guarded| {
            let alias = guarded.0.as_ref().ok()?;
            let (namespace, spec) = (alias.metadata.namespace.clone()?, &alias.spec);
            let names = [&spec.alias_name, &spec.key_ref.name];
            let is_affected = names.into_iter().any(|name| changed.contains(&(namespace.clone(), name.clone())));
            is_affected.then(|| place(&guarded))
        })
    }

    async fn follow_removal(&self, namespace: &str, name: &str) {
        self.aliases.forget(namespace, name);
        if let Err(error) = self.engine.follow_alias_removal(namespace, name).await {
            // The next sweep finds it.
            let error: &dyn std::error::Error = &error;
            tracing::error!(namespace, name, error, "the removal of a KeyAlias could not be followed");
        }
    }

    /// Finds removals that no event brought.
    async fn sweep_now_and_then(&self) {
        loop {
            let again = match self.engine.sweep_aliases().await {
                Ok(()) => WAKE_AFTER_MAX,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "the aliases could not be swept");
                    RECONCILE_BACKOFF_MAX
                }
            };
            tokio::time::sleep(again.duration()).await;
        }
    }
}

fn place(alias: &GuardedAlias) -> Owner {
    use kube::ResourceExt as _;
    (alias.namespace().unwrap_or_default(), alias.name_any())
}
