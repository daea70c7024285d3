//! Changes of RBAC empty the cache of reviews.

use std::fmt::Debug;
use std::sync::Arc;

use futures::stream::{BoxStream, select_all};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::PartialObjectMeta;
use kube::runtime::watcher::{Error, Event};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Resource};
use tokio::time::{Instant, sleep_until};

use super::access_review::KubeReviewer;
use crate::types::limits::RBAC_LAG_MAX;

/// Follows Roles, ClusterRoles and their bindings by metadata alone. The future ends with the process.
///
/// Each change empties the cache at once, and once more a moment later: the API server's own authorizer
/// follows RBAC by a watch too, and may have answered by the old rules when we already know of the new ones.
pub async fn follow(client: Client, reviewer: Arc<KubeReviewer>) {
    let mut changes = select_all([
        changes::<Role>(&client),
        changes::<RoleBinding>(&client),
        changes::<ClusterRole>(&client),
        changes::<ClusterRoleBinding>(&client),
    ]);
    // INVARIANT: after each change there is a flush at least `RBAC_LAG_MAX` later. A further change moves
    // it, but is a flush itself.
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
                if change.is_none() {
                    return;
                }
                again = Some(Instant::now() + RBAC_LAG_MAX.duration());
            }
            () = lag_is_over => again = None,
        }
        reviewer.flush();
    }
}

/// One item for each change, and for each list: a list was read anew because changes may have been missed.
fn changes<K>(client: &Client) -> BoxStream<'static, ()>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
{
    let api: Api<PartialObjectMeta<K>> = Api::all(client.clone());
    let events = watcher(api, watcher::Config::default()).default_backoff();
    let logged = events.inspect_err(|error: &Error| {
        let kind = K::plural(&());
        tracing::warn!(error = error as &dyn std::error::Error, %kind, "rbac cannot be watched; trying again");
    });
    let changes = logged.filter_map(|event| async move {
        match event {
            Ok(Event::Apply(_) | Event::Delete(_) | Event::InitDone) => Some(()),
            Ok(Event::Init | Event::InitApply(_)) | Err(_) => None,
        }
    });
    changes.boxed()
}
