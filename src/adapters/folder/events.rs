//! What `coffer local` tells of keys on its log: what a cluster has Events for.

use crate::api::crd::condition::{Condition, ConditionReason};
use crate::domain::event::EventReason;
use crate::domain::plan::Reason;
use crate::domain::record::Record;
use crate::domain::resource::Resource;

/// How a key stands since its readiness changed.
pub(super) fn tell_readiness(resource: &Resource, ready: &Condition, key_id: Option<&str>) {
    let (manager, message) = (&resource.manager, &ready.message);
    let name = format!("{}/{}", resource.namespace, resource.name);
    match ready.reason {
        ConditionReason::AsExpected => tracing::info!(key_id, "{manager}: KmsKey {name} is ready"),
        ConditionReason::PendingImport => tracing::info!(key_id, "{manager}: KmsKey {name}: {message}"),
        // Somebody asked for it, and may have meant another key.
        reason @ ConditionReason::PendingDeletion => tracing::warn!(%reason, "{manager}: KmsKey {name}: {message}"),
        reason => tracing::error!(%reason, "{manager}: KmsKey {name}: {message}"),
    }
}

/// What happened to a key that its readiness does not say.
pub(super) fn tell_happened(resource: &Resource, happened: &[Reason]) {
    for event in happened.iter().filter_map(|because| EventReason::of(*because)) {
        let (manager, namespace, name, note) = (&resource.manager, &resource.namespace, &resource.name, event.note());
        match event {
            EventReason::KeyReplaced | EventReason::PreviousKeyDestroyed | EventReason::MaterialExpired => {
                tracing::warn!(reason = %event, "{manager}: KmsKey {namespace}/{name}: {note}");
            }
            EventReason::KeyRestored => tracing::info!(reason = %event, "{manager}: KmsKey {namespace}/{name}: {note}"),
            _ => {}
        }
    }
}

/// What happened to a key whose resource is gone. That it is gone the engine tells.
pub(super) fn tell_left(record: &Record, happened: &[Reason]) {
    let (namespace, name) = (&record.owner.namespace, &record.owner.name);
    for event in happened.iter().filter_map(|because| EventReason::of(*because)) {
        if event != EventReason::DeletionScheduled {
            tracing::warn!(reason = %event, "the KmsKey {namespace}/{name}, which is gone: {}", event.left(record));
        }
    }
}
