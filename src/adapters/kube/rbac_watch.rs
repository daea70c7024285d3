//! Changes of RBAC empty the cache of reviews.

use std::fmt::Debug;
use std::sync::Arc;

use futures::stream::{BoxStream, select_all};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::PartialObjectMeta;
use kube::runtime::watcher::{Error, Event};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Resource};
use tokio::time::{Instant, sleep_until};

use super::access_review::KubeReviewer;
use super::patience::Patience;
use crate::types::limits::RBAC_LAG_MAX;

/// Follows Roles, ClusterRoles and their bindings by metadata alone. The future ends with the process.
///
/// Each change empties the cache at once. What is answered within a moment after it is doubtful, and asked again
/// then: the API server's own authorizer follows RBAC by a watch too, and may have answered by the old rules when
/// we already know of the new ones. Doubtful answers still stand in for an API server that went away meanwhile.
pub async fn follow(client: Client, reviewer: Arc<KubeReviewer>) {
    let changes = select_all([
        changes::<Role>(&client),
        changes::<RoleBinding>(&client),
        changes::<ClusterRole>(&client),
        changes::<ClusterRoleBinding>(&client),
    ]);
    flush_at(changes, || reviewer.flush(), || reviewer.doubt()).await;
}

/// INVARIANT: after each change there is a doubt at least `RBAC_LAG_MAX` later. A further change moves it, but
/// is a flush itself.
async fn flush_at(mut changes: impl Stream<Item = News> + Unpin, flush: impl Fn(), doubt: impl Fn()) {
    let mut again: Option<Instant> = None;
    loop {
        let lag_is_over = async {
            match again {
                Some(moment) => sleep_until(moment).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            change = changes.next() => {
                match change {
                    Some(News::Changed) => flush(),
                    Some(News::Listed) => doubt(),
                    None => return,
                }
                again = Some(Instant::now() + RBAC_LAG_MAX.duration());
            }
            () = lag_is_over => {
                again = None;
                doubt();
            }
        }
    }
}

/// What a watch of RBAC brings.
#[derive(Clone, Copy, Debug)]
enum News {
    /// A right was given or taken away.
    Changed,
    /// A list was read anew, because changes may have been missed. That alone takes no right away, and must not lock
    /// everyone out where the API server goes away again.
    Listed,
}

/// One item for each change and for each list.
fn changes<K>(client: &Client) -> BoxStream<'static, News>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
{
    let api: Api<PartialObjectMeta<K>> = Api::all(client.clone());
    let events = watcher(api, watcher::Config::default()).backoff(Patience::default());
    let logged = events.inspect_err(|error: &Error| {
        let kind = K::plural(&());
        tracing::warn!(error = error as &dyn std::error::Error, %kind, "rbac cannot be watched; trying again");
    });
    let changes = logged.filter_map(|event| async move {
        match event {
            Ok(Event::Apply(_) | Event::Delete(_)) => Some(News::Changed),
            Ok(Event::InitDone) => Some(News::Listed),
            Ok(Event::Init | Event::InitApply(_)) | Err(_) => None,
        }
    });
    changes.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::channel::mpsc;
    use std::sync::Mutex;
    use std::time::Duration;
    use tokio::time::sleep;

    #[tokio::test]
    async fn a_change_flushes_at_once_and_once_more_when_the_authorizer_knows_it() {
        let (sender, changes) = mpsc::unbounded();
        let flushes = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&flushes);
        let doubts = Arc::clone(&flushes);
        let note = move || noted.lock().unwrap().push(Instant::now());
        let following = tokio::spawn(flush_at(changes, note, move || doubts.lock().unwrap().push(Instant::now())));
        let after = |duration| sleep(Duration::from_millis(duration));
        let begun = Instant::now();
        sender.unbounded_send(News::Changed).unwrap();
        after(500).await;
        assert_eq!(flushes.lock().unwrap().len(), 1, "at once");
        let renewed = Instant::now();
        sender.unbounded_send(News::Changed).unwrap();
        while flushes.lock().unwrap().len() < 3 {
            after(10).await;
        }
        let [first, second, third] = flushes.lock().unwrap()[..] else { panic!("three flushes") };
        assert!(second >= renewed && second - renewed < Duration::from_millis(500));
        assert!(third - renewed >= RBAC_LAG_MAX.duration() && third - first >= RBAC_LAG_MAX.duration());
        assert!(first - begun < Duration::from_millis(500));
        after(1500).await;
        assert_eq!(flushes.lock().unwrap().len(), 3, "and then there is peace");
        drop(sender);
        following.await.unwrap();
    }
}
