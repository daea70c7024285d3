//! Kinds that have no behaviour yet: their resources are told so.

use futures::StreamExt as _;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::conditions::{from_status, to_status};
use super::patience::Patience;
use super::resources::STATUS_MANAGER;
use crate::api::crd::condition::{Condition, ConditionReason};
use crate::api::crd::kms_key::StatusCondition;
use crate::api::crd::{GROUP, VERSION};
use crate::domain::reconcile::stalled::{self, Obstacle};
use crate::types::time::Timestamp;

/// The kinds, with the names of their lists.
pub const KINDS: [(&str, &str); 2] = [("KeyPolicy", "keypolicies"), ("Grant", "grants")];

/// Tells every resource of a kind that nothing follows from it, for as long as the caller polls.
pub async fn follow(client: Client, kind: &'static str, plural: &'static str, now: impl Fn() -> Timestamp) {
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind), plural);
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let mut events =
        std::pin::pin!(watcher(api, watcher::Config::default()).backoff(Patience::default()).applied_objects());
    while let Some(event) = events.next().await {
        let told = match event {
            Ok(object) => tell(&client, &resource, &object, now()).await,
            Err(error) => {
                tracing::warn!(kind, error = &error as &dyn std::error::Error, "resources cannot be watched");
                continue;
            }
        };
        if let Err(error) = told {
            tracing::warn!(kind, error = &error as &dyn std::error::Error, "a status could not be written");
        }
    }
}

async fn tell(client: &Client, resource: &ApiResource, object: &DynamicObject, now: Timestamp) -> kube::Result<()> {
    let previous = reported(object);
    let message =
        format!("{} is not implemented by this version of coffer; this resource has no effect", resource.kind);
    let obstacle = Obstacle { reason: ConditionReason::NotImplemented, message: &message, stalls: true };
    let generation = object.metadata.generation.unwrap_or_default();
    let conditions = stalled::conditions(&obstacle, generation, &previous, now);
    if conditions == previous || object.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let printed: Vec<StatusCondition> = conditions.iter().map(to_status).collect();
    let patch = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": { "name": object.name_any(), "namespace": object.namespace(), "uid": object.uid() },
        "status": { "observedGeneration": generation, "conditions": printed },
    });
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &object.namespace().unwrap_or_default(), resource);
    let parameters = PatchParams::apply(STATUS_MANAGER).force();
    api.patch_status(&object.name_any(), &parameters, &Patch::Apply(patch)).await.map(drop)
}

fn reported(object: &DynamicObject) -> Vec<Condition> {
    let conditions = object.data.pointer("/status/conditions").cloned().unwrap_or_default();
    let conditions: Vec<StatusCondition> = serde_json::from_value(conditions).unwrap_or_default();
    conditions.iter().filter_map(from_status).collect()
}
