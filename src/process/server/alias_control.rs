//! Follows `KeyAlias` resources on the replica that leads.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::channel::mpsc;
use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;

use super::alias_queue::{AliasQueue, Looked};
use super::control::backoff;
use crate::adapters::kube::aliases::{GuardedAlias, KubeAliases};
use crate::adapters::kube::key_watch::{KeyWatch, Touched};
use crate::api::crd::key_alias::KeyAlias;
use crate::engine::Engine;
use crate::engine::changes::Owner;
use crate::engine::reconcile::ReconcileError;
use crate::types::limits::{CHANGES_GATHER_PERIOD, RECONCILES_AT_A_TIME, WAKE_AFTER_MAX};
use crate::types::time::Timestamp;

/// What following aliases needs.
pub struct AliasControl {
    engine: Arc<Engine>,
    aliases: Arc<KubeAliases>,
    watch: KeyWatch<KeyAlias>,
}

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
        let mut queue = AliasQueue::default();
        self.watch.seen.state().iter().for_each(|alias| queue.touch(place(alias), Instant::now()));
        futures::join!(self.follow(touched, queue), self.sweep_now_and_then());
    }

    /// One round for each thing that happens, or for what is due.
    async fn follow(&self, mut touched: mpsc::Receiver<Touched>, mut queue: AliasQueue) {
        loop {
            let until = queue.next().unwrap_or_else(|| Instant::now() + WAKE_AFTER_MAX.duration());
            tokio::select! {
                event = touched.next() => match event {
                    Some(Touched::Applied(namespace, name) | Touched::Removed(namespace, name)) => {
                        queue.touch((namespace, name), Instant::now());
                    }
                    Some(Touched::Listed) => self.missing().for_each(|owner| queue.touch(owner, Instant::now())),
                    // Another follower took the place of this one.
                    None => return,
                },
                changed = self.engine.alias_changes.next() => {
                    tokio::time::sleep(CHANGES_GATHER_PERIOD.duration()).await;
                    self.affected(&changed).for_each(|owner| queue.touch(owner, Instant::now()));
                }
                () = tokio::time::sleep_until(until) => {
                    let ready = queue.take(Instant::now());
                    for (owner, looked) in self.look(ready).await {
                        queue.looked(owner, looked, Instant::now());
                    }
                }
            }
        }
    }

    /// Looks at everything that is due, some of it at a time.
    async fn look(&self, ready: Vec<Owner>) -> Vec<(Owner, Looked)> {
        let looks = ready.into_iter().map(|owner| async move {
            let looked = self.look_at(&owner).await;
            (owner, looked)
        });
        futures::stream::iter(looks).buffer_unordered(usize::from(RECONCILES_AT_A_TIME)).collect().await
    }

    async fn look_at(&self, (namespace, name): &Owner) -> Looked {
        let now = self.engine.ports.clock.wall();
        let seen = self.watch.seen.get(&ObjectRef::new(name).within(namespace));
        let followed = match seen.as_ref().map(|seen| &seen.0) {
            None => {
                self.aliases.forget(namespace, name);
                self.engine.follow_alias_removal(namespace, name).await.map(|()| None)
            }
            Some(Err(invalid)) => {
                self.aliases.report_unreadable(invalid, now).await;
                Ok(None)
            }
            Some(Ok(alias)) => self.look_at_resource(alias).await,
        };
        match followed {
            Ok(Some(wake_at)) => Looked::Again(wake_at.since(now).duration()),
            Ok(None) => Looked::Done,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(namespace, name, error, "a KeyAlias could not be followed; it is tried again");
                Looked::Failed
            }
        }
    }

    async fn look_at_resource(&self, alias: &KeyAlias) -> Result<Option<Timestamp>, ReconcileError> {
        let resource = self.aliases.to_resource(alias).await?;
        if alias.metadata.deletion_timestamp.is_none() {
            return self.engine.follow_alias(&resource).await.map(Some);
        }
        // It stays until whoever holds it lets go, and keeps nothing any more.
        self.engine.follow_alias_removal(&resource.namespace, &resource.name).await?;
        self.engine.report_leaving_alias(&resource).await;
        Ok(None)
    }

    /// Resources that keep an alias and that a complete list does not have: removals whose events were lost.
    fn missing(&self) -> impl Iterator<Item = Owner> + use<'_> {
        let is_there =
            |(namespace, name): &Owner| self.watch.seen.get(&ObjectRef::new(name).within(namespace)).is_some();
        self.engine.alias_keepers().into_iter().filter(move |owner| !is_there(owner))
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

    /// Finds removals that no event brought. What fails is tried again, later each time.
    async fn sweep_now_and_then(&self) {
        let mut failures = 0;
        loop {
            let again = match self.engine.sweep_aliases().await {
                Ok(()) => {
                    failures = 0;
                    WAKE_AFTER_MAX.duration()
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "the aliases could not be swept");
                    failures += 1;
                    backoff(failures)
                }
            };
            tokio::time::sleep(again).await;
        }
    }
}

fn place(alias: &GuardedAlias) -> Owner {
    use kube::ResourceExt as _;
    (alias.namespace().unwrap_or_default(), alias.name_any())
}
