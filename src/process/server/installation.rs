//! What the leader tells about the whole installation, and the certificate that it hands to namespaces.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use super::installation_conditions::{conditions, missing_guards};
use crate::adapters::kube::namespaces::Namespaces;
use crate::adapters::kube::resources::STATUS_MANAGER;
use crate::api::crd::installation::{Installation, ReplicaStatus};
use crate::api::crd::{GROUP, VERSION};
use crate::domain::replica::Replica;
use crate::domain::vanished::is_living;
use crate::engine::Engine;
use crate::engine::approvals::{Approved, RestoreApproval};
use crate::types::ids::ObjectUid;
use crate::types::limits::{CERTIFICATE_PERIOD, CERTIFICATE_REPEAT_PERIOD, INSTALLATION_PERIOD};
use crate::types::time::{Span, Timestamp};

/// The name of the one `Installation`, and of its ConfigMaps.
pub const INSTALLATION: &str = "coffer";
/// The ConfigMap that pods mount.
pub const CA_CONFIG_MAP: &str = "coffer-ca";
/// The label of namespaces that get it.
pub const CA_LABEL: &str = "kms.coffer.dev/ca";

/// What the leader needs to tell about the installation.
pub struct Announcer {
    /// The client.
    pub client: Client,
    /// The installation at work.
    pub engine: Arc<Engine>,
    /// Namespaces with their labels.
    pub namespaces: Namespaces,
    /// The certificate authority, PEM.
    pub authority_pem: String,
    /// The name of this replica.
    pub replica: String,
}

impl Announcer {
    /// Tells for as long as the caller polls.
    pub async fn run(&self) {
        futures::join!(self.keep_status(), self.keep_certificates());
    }

    async fn keep_status(&self) {
        let mut last = serde_json::Value::Null;
        loop {
            match self.status().await {
                Ok(status) if comparable(&status) != comparable(&last) => match self.write_status(&status).await {
                    Ok(()) => last = status,
                    Err(error) => {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(error, "the status of the Installation could not be written");
                    }
                },
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!("the status of the Installation could not be made: {error:#}");
                }
            }
            tokio::time::sleep(INSTALLATION_PERIOD.duration()).await;
        }
    }

    async fn status(&self) -> anyhow::Result<serde_json::Value> {
        let api: Api<Installation> = Api::all(self.client.clone());
        let found = api.get(INSTALLATION).await?;
        let generation = found.metadata.generation.unwrap_or_default();
        let now = self.engine.ports.clock.wall();
        self.engine.approve(approved(&found)?).await.context("an approval could not be recorded")?;
        let previous = found.status.and_then(|status| status.conditions).unwrap_or_default();
        let replicas = self.engine.replicas().await?;
        let live: Vec<ReplicaStatus> = replicas
            .iter()
            .filter(|replica| replica.is_live(now))
            .map(|replica| self.replica_status(replica))
            .collect();
        let guards = missing_guards(&self.client).await;
        let conditions = conditions(&self.engine, &guards, &previous, generation);
        Ok(json!({
            "observedGeneration": generation,
            "keyCount": self.engine.snapshots.load().keys().filter(|entry| is_living(&entry.record)).count(),
            "replicaCount": live.len(),
            "replicas": live,
            "conditions": conditions,
        }))
    }

    fn replica_status(&self, replica: &Replica) -> ReplicaStatus {
        ReplicaStatus {
            name: replica.name.clone(),
            version: replica.version.clone(),
            seen_at: replica.beat_at.to_rfc3339(),
            revision: replica.seen_revision.to_string(),
            leader: replica.name == self.replica,
        }
    }

    async fn write_status(&self, status: &serde_json::Value) -> kube::Result<()> {
        let patch = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": "Installation",
            "metadata": { "name": INSTALLATION },
            "status": status,
        });
        let api: Api<Installation> = Api::all(self.client.clone());
        let parameters = PatchParams::apply(STATUS_MANAGER).force();
        api.patch_status(INSTALLATION, &parameters, &Patch::Apply(patch)).await.map(drop)
    }

    /// Keeps the ConfigMap in every labelled namespace. One that somebody changed or deleted comes back within
    /// an hour, and at once when the leader changes.
    async fn keep_certificates(&self) {
        let mut given: HashMap<String, Timestamp> = HashMap::new();
        loop {
            let labelled = self.namespaces.labelled(CA_LABEL, "true");
            given.retain(|namespace, _| labelled.contains(namespace));
            let now = self.engine.ports.clock.wall();
            for namespace in labelled {
                let due = given.get(&namespace).is_none_or(|at| now.since(*at) > CERTIFICATE_REPEAT_PERIOD);
                if due {
                    let again = if self.give_certificate(&namespace).await { now } else { now.plus(CERTIFICATE_RETRY) };
                    given.insert(namespace, again);
                }
            }
            tokio::time::sleep(CERTIFICATE_PERIOD.duration()).await;
        }
    }

    async fn give_certificate(&self, namespace: &str) -> bool {
        let config_map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": CA_CONFIG_MAP, "labels": { "app.kubernetes.io/managed-by": "coffer" } },
            "data": { "ca.crt": self.authority_pem },
        });
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        let parameters = PatchParams::apply(STATUS_MANAGER).force();
        let written = api.patch(CA_CONFIG_MAP, &parameters, &Patch::Apply(config_map)).await;
        if let Err(error) = &written {
            let error: &dyn std::error::Error = error;
            tracing::warn!(namespace, error, "the ConfigMap {CA_CONFIG_MAP} could not be written");
        }
        written.is_ok()
    }
}

/// A namespace where it failed is tried again a minute later rather than after the whole period.
const CERTIFICATE_RETRY: Span = Span::from_milliseconds(60_000 - CERTIFICATE_REPEAT_PERIOD.milliseconds());

/// Heartbeats move all the time; a status that differs in nothing else is not written again.
fn comparable(status: &serde_json::Value) -> serde_json::Value {
    let mut status = status.clone();
    for replica in status.get_mut("replicas").and_then(serde_json::Value::as_array_mut).into_iter().flatten() {
        if let Some(replica) = replica.as_object_mut() {
            replica.remove("seenAt");
            replica.remove("revision");
        }
    }
    status
}

/// What the resource approves. One entry that cannot be read approves nothing, and nothing else either.
fn approved(found: &Installation) -> anyhow::Result<Approved> {
    let spec = &found.spec;
    let restores = spec.restore_approvals.iter().flatten().map(|approval| {
        let uid =
            ObjectUid::parse(&approval.namespace_uid).context("spec.restoreApprovals: a namespaceUid is no uid")?;
        Ok(RestoreApproval { namespace: approval.namespace.clone(), namespace_uid: uid, name: approval.name.clone() })
    });
    let until = spec
        .destroy_vanished_until
        .as_deref()
        .map(|text| Timestamp::parse_rfc3339(text).context("spec.destroyVanishedUntil is no time"));
    let given_at = written_at(&found.metadata, "f:destroyVanishedUntil");
    Ok(Approved { restores: restores.collect::<anyhow::Result<_>>()?, vanished_until: until.transpose()?, given_at })
}

/// When a field of a spec was written last, as the API server noted it.
fn written_at(metadata: &ObjectMeta, field: &str) -> Option<Timestamp> {
    let writers = metadata.managed_fields.iter().flatten().filter(|entry| {
        let fields = entry.fields_v1.as_ref().and_then(|fields| fields.0.get("f:spec"));
        fields.is_some_and(|spec| spec.get(field).is_some())
    });
    let milliseconds = |entry: &ManagedFieldsEntry| Some(entry.time.as_ref()?.0.as_millisecond());
    writers.filter_map(milliseconds).max().map(Timestamp::from_milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_is_as_old_as_the_last_writing_of_its_field() {
        let entry = |time: &str, spec: serde_json::Value| json!({ "time": time, "fieldsV1": { "f:spec": spec } });
        let metadata: ObjectMeta = serde_json::from_value(json!({ "managedFields": [
            entry("2026-01-01T00:00:00Z", json!({ "f:destroyVanishedUntil": {} })),
            entry("2026-01-02T00:00:00Z", json!({ "f:destroyVanishedUntil": {}, "f:restoreApprovals": {} })),
            entry("2026-01-03T00:00:00Z", json!({ "f:restoreApprovals": {} })),
        ] }))
        .unwrap();
        let expected = Timestamp::parse_rfc3339("2026-01-02T00:00:00Z");
        assert_eq!(written_at(&metadata, "f:destroyVanishedUntil"), expected);
        assert_eq!(written_at(&ObjectMeta::default(), "f:destroyVanishedUntil"), None);
    }
}
