//! The reconcilers of the replica that leads.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::mpsc;
use futures::{FutureExt as _, SinkExt as _, Stream, StreamExt as _, stream};
use kube::runtime::controller::{Action, Config, Error};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{applier, controller::ReconcileRequest};
use tokio::sync::Notify;

use crate::adapters::kube::key_watch::{KeyWatch, Touched};
use crate::adapters::kube::resources::{Guarded, KubeResources};
use crate::domain::resource::{Manager, Resource};
use crate::engine::Engine;
use crate::engine::reconcile::ReconcileError;
use crate::types::ids::ObjectUid;
use crate::types::limits::{
    CHANGES_GATHER_PERIOD, RECONCILE_BACKOFF_MAX, RECONCILE_BACKOFF_MIN, RECONCILES_AT_A_TIME, RSA_KEYS_LEFT_TO_CALLS,
    WAKE_AFTER_MAX, WATCH_BACKLOG_MAX,
};
use crate::types::time::{Span, Timestamp};

type Queue = stream::BoxStream<'static, Result<ReconcileRequest<Guarded>, Infallible>>;

/// What reconciling needs.
pub struct Control {
    engine: Arc<Engine>,
    resources: Arc<KubeResources>,
    watch: KeyWatch,
    failures: Mutex<HashMap<ObjectRef<Guarded>, u32>>,
}

impl Control {
    /// Reconcilers over this engine.
    #[must_use]
    pub fn new(engine: Arc<Engine>, resources: Arc<KubeResources>, watch: KeyWatch) -> Self {
        Self { engine, resources, watch, failures: Mutex::default() }
    }

    /// Reconciles for as long as the caller polls. Being dropped at any point loses nothing: the next leader
    /// goes on from what is stored.
    pub async fn lead(self: Arc<Self>) {
        self.failures().clear();
        self.engine.changes.follow(true);
        let (removed, removals) = mpsc::channel(WATCH_BACKLOG_MAX);
        let listed = Arc::new(Notify::new());
        let queue = self.queue(removed, Arc::clone(&listed));
        let config = Config::default().concurrency(RECONCILES_AT_A_TIME);
        let reconcile = |key, control| Self::reconcile(key, control).boxed();
        let applied =
            applier(reconcile, Self::after_failure, Arc::clone(&self), self.watch.seen.clone(), queue, config)
                .for_each(|settled| async {
                    if let Err(Error::RunnerError(error)) = settled {
                        tracing::error!(error = &error as &dyn std::error::Error, "the reconcilers stopped");
                    }
                });
        futures::join!(applied, self.follow_removals(removals, &listed), self.sweep_now_and_then(&listed));
    }

    /// Everything that is there, then what is touched, and the owners of keys that changed in the store.
    fn queue(&self, removed: mpsc::Sender<(String, String)>, listed: Arc<Notify>) -> Queue {
        let touched = self.watch.subscribe();
        let there = self.watch.seen.state();
        let begin = stream::iter(there.into_iter().map(|key| ObjectRef::from_obj(key.as_ref())));
        let touched = touched.filter_map(move |touched| route(touched, removed.clone(), Arc::clone(&listed)));
        let changed = changed_owners(Arc::clone(&self.engine));
        stream::select(begin.chain(touched), changed).map(|reference| Ok(reference.into())).boxed()
    }

    async fn reconcile(key: Arc<Guarded>, control: Arc<Self>) -> Result<Action, ReconcileError> {
        let now = control.engine.ports.clock.wall();
        let key = match &key.0 {
            Ok(key) => key,
            Err(invalid) => {
                control.resources.report_unreadable(invalid, now).await;
                return Ok(Action::await_change());
            }
        };
        let Some(resource) = control.resources.to_resource(key).await? else {
            let (namespace, name) = (key.metadata.namespace.as_deref(), key.metadata.name.as_deref());
            control.engine.follow_removal(namespace.unwrap_or_default(), name.unwrap_or_default()).await?;
            // Whoever holds it with a finalizer sees what becomes of its key.
            if let Some(leaving) = control.resources.to_leaving(key).await? {
                control.engine.report_leaving(&leaving).await?;
            }
            return Ok(Action::await_change());
        };
        let made_at = key.metadata.creation_timestamp.as_ref().map(|time| time.0.as_millisecond());
        if let Some(wait) = left_to_its_call(&resource, made_at.map(Timestamp::from_milliseconds), now) {
            return Ok(Action::requeue(wait.duration()));
        }
        let wake_at = match control.engine.follow_resource(&resource).await {
            // It was told to the user, and only a change of the resource helps.
            Err(ReconcileError::FixedKeyId) => return Ok(Action::await_change()),
            followed => followed?,
        };
        control.failures().remove(&ObjectRef::new(&resource.name).within(&resource.namespace));
        Ok(Action::requeue(spread(wake_at.since(now), &resource.uid)))
    }

    /// Waits longer each time.
    #[expect(clippy::needless_pass_by_value, reason = "the shape is kube's")]
    fn after_failure(key: Arc<Guarded>, _: &ReconcileError, control: Arc<Self>) -> Action {
        let mut failures = control.failures();
        let count = failures.entry(ObjectRef::from_obj(key.as_ref())).or_default();
        let wait = backoff(*count);
        *count = count.saturating_add(1);
        Action::requeue(wait)
    }

    /// A removal that cannot be noted is found again by the sweep, which is asked for at once.
    async fn follow_removals(&self, removals: mpsc::Receiver<(String, String)>, sweep: &Notify) {
        removals
            .for_each_concurrent(usize::from(RECONCILES_AT_A_TIME), |(namespace, name)| async move {
                self.resources.forget(&namespace, &name);
                self.failures().remove(&ObjectRef::new(&name).within(&namespace));
                if let Err(error) = self.engine.follow_removal(&namespace, &name).await {
                    sweep.notify_one();
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(namespace, name, error, "a removal could not be followed");
                }
            })
            .await;
    }

    /// Finds removals that no event brought: those of the time before this replica led, and of lost events. What fails
    /// is tried again, later each time.
    async fn sweep_now_and_then(&self, listed: &Notify) {
        self.watch.seen.wait_until_ready().await.ok();
        let mut failures = 0;
        loop {
            let again = match self.engine.sweep_removed().await {
                Ok(()) => {
                    failures = 0;
                    WAKE_AFTER_MAX.duration()
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "the keys could not be swept");
                    failures += 1;
                    backoff(failures)
                }
            };
            // Whether time passed or everything was listed again, it is time to look.
            drop(tokio::time::timeout(again, listed.notified()).await);
            tokio::time::sleep(CHANGES_GATHER_PERIOD.duration()).await;
        }
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, HashMap<ObjectRef<Guarded>, u32>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Longer with each failure, so that what cannot be helped does not load the API server.
pub(super) fn backoff(failures: u32) -> Duration {
    let factor = 1_i64.checked_shl(failures.min(20)).unwrap_or(i64::MAX);
    let wait = RECONCILE_BACKOFF_MIN.milliseconds().saturating_mul(factor).min(RECONCILE_BACKOFF_MAX.milliseconds());
    Duration::from_millis(u64::try_from(wait).unwrap_or_default())
}

/// A wait with up to a tenth more, by uid, so that what was made together does not wake together. What is overdue
/// waits a moment all the same: looking at it again at once would show nothing new.
fn spread(wait: Span, uid: &ObjectUid) -> Duration {
    let wait = wait.milliseconds().clamp(RECONCILE_BACKOFF_MIN.milliseconds(), WAKE_AFTER_MAX.milliseconds());
    let share = i64::from(uid.as_bytes().iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)));
    Span::from_milliseconds(wait + wait / 10 * share / 255).duration()
}

/// For how long a new key is left to the CreateKey that made its resource, on whichever replica. Two that make a key at
/// once end well, but an RSA pair takes its time, and one of the two would be made for nothing.
fn left_to_its_call(resource: &Resource, made_at: Option<Timestamp>, now: Timestamp) -> Option<Span> {
    let is_rsa = resource.spec.key_spec.is_some_and(|spec| spec.rsa_size().is_some());
    if resource.manager != Manager::Api || resource.key_was_made || !is_rsa {
        return None;
    }
    let until = made_at?.plus(RSA_KEYS_LEFT_TO_CALLS);
    // By a clock that is behind the API server's, it would be longer.
    let wait = until.since(now);
    (now < until && wait <= RSA_KEYS_LEFT_TO_CALLS).then_some(wait)
}

async fn route(
    touched: Touched,
    mut removed: mpsc::Sender<(String, String)>,
    listed: Arc<Notify>,
) -> Option<ObjectRef<Guarded>> {
    match touched {
        Touched::Applied(namespace, name) => Some(ObjectRef::new(&name).within(&namespace)),
        Touched::Removed(namespace, name) => {
            // It fails only where this replica leads no more.
            drop(removed.send((namespace, name)).await);
            None
        }
        Touched::Listed => {
            listed.notify_one();
            None
        }
    }
}

fn changed_owners(engine: Arc<Engine>) -> impl Stream<Item = ObjectRef<Guarded>> + Send + 'static {
    stream::unfold(engine, |engine| async move {
        let owners = engine.changes.next().await;
        tokio::time::sleep(CHANGES_GATHER_PERIOD.duration()).await;
        let references = owners.into_iter().map(|(namespace, name)| ObjectRef::new(&name).within(&namespace));
        Some((stream::iter(references.collect::<Vec<_>>()), engine))
    })
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reconcile::tests::resource;
    use crate::types::key::KeySpec;

    #[test]
    fn an_rsa_key_that_a_call_makes_is_left_to_it_for_a_while() {
        let mut made = Resource { manager: Manager::Api, key_was_made: false, ..resource() };
        made.spec.key_spec = Some(KeySpec::Rsa2048);
        let at = Timestamp::from_seconds;
        let wait = |resource: &Resource, now| left_to_its_call(resource, Some(at(100)), at(now));
        assert_eq!(
            [100, 104, 110].map(|now| wait(&made, now)),
            [Some(Span::from_seconds(10)), Some(Span::from_seconds(6)), None]
        );
        assert_eq!(wait(&made, 99), None, "a clock that is behind makes nobody wait");
        assert_eq!(left_to_its_call(&made, None, at(100)), None);
        assert_eq!(wait(&Resource { key_was_made: true, ..made.clone() }, 100), None);
        let applied = Resource { manager: Manager::Manifest("kubectl".to_owned()), ..made.clone() };
        assert_eq!(wait(&applied, 100), None, "nobody else makes it");
        made.spec.key_spec = Some(KeySpec::EccNistP256);
        assert_eq!(wait(&made, 100), None);
    }
}
