//! Kubernetes Events: what happened to a key, once for each change of its state.

use futures::StreamExt as _;
use futures::channel::mpsc;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use crate::api::crd::condition::{Condition, ConditionReason, ConditionStatus};
use crate::api::crd::{GROUP, VERSION};
use crate::domain::resource::Resource;
use crate::types::limits::EVENTS_WAITING_MAX;

/// The name under which Coffer reports events.
pub const CONTROLLER: &str = "kms.coffer.dev/coffer";

/// Sends events without anybody waiting for them. They are best effort: status tells the same.
#[derive(Clone)]
pub struct Events(mpsc::Sender<(Event, ObjectReference)>);

impl Events {
    /// A sender, and the work that delivers what it sends.
    pub fn new(client: Client, instance: Option<String>) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (sender, receiver) = mpsc::channel::<(Event, ObjectReference)>(EVENTS_WAITING_MAX);
        let recorder = Recorder::new(client, Reporter { controller: CONTROLLER.to_owned(), instance });
        let work = receiver.for_each(move |(event, regarding)| {
            let recorder = recorder.clone();
            async move {
                if let Err(error) = recorder.publish(&event, &regarding).await {
                    tracing::debug!(error = &error as &dyn std::error::Error, "an event could not be published");
                }
            }
        });
        (Self(sender), work)
    }

    /// Tells that a key's readiness changed.
    pub fn key_changed(&self, resource: &Resource, before: Option<&Condition>, now: &Condition) {
        let same = before.is_some_and(|before| (before.reason, &before.message) == (now.reason, &now.message));
        let Some((reason, action)) = words(before, now).filter(|_| !same) else { return };
        let well = now.status == ConditionStatus::True;
        let note = if well { "the key is ready for use".to_owned() } else { now.message.clone() };
        let event = Event {
            type_: if well { EventType::Normal } else { EventType::Warning },
            reason: reason.to_owned(),
            note: Some(note.chars().take(NOTE_CHARACTERS_MAX).collect()),
            action: action.to_owned(),
            secondary: None,
        };
        // A full queue drops events rather than holding up a reconcile.
        let _ = self.0.clone().try_send((event, reference(resource)));
    }
}

/// Characters of an event's note (Kubernetes: events.k8s.io/v1).
const NOTE_CHARACTERS_MAX: usize = 1024;

fn words(before: Option<&Condition>, now: &Condition) -> Option<(&'static str, &'static str)> {
    let before = before.map(|before| before.reason);
    Some(match (before, now.reason) {
        (None | Some(ConditionReason::Creating), ConditionReason::AsExpected) => ("KeyCreated", "Create"),
        (Some(ConditionReason::PendingDeletion), ConditionReason::AsExpected) => ("KeyRestored", "Restore"),
        (Some(_), ConditionReason::AsExpected) => ("KeyReady", "Reconcile"),
        (_, ConditionReason::MaterialUnreadable) => ("MaterialTampered", "Reconcile"),
        (_, ConditionReason::RecordUnreadable | ConditionReason::RecordMissing) => ("RecordTampered", "Reconcile"),
        (_, ConditionReason::PendingDeletion) => ("DeletionScheduled", "ScheduleDeletion"),
        (_, ConditionReason::Creating | ConditionReason::StaleView) => return None,
        (_, reason) => (reason.as_str(), "Reconcile"),
    })
}

fn reference(resource: &Resource) -> ObjectReference {
    ObjectReference {
        api_version: Some(format!("{GROUP}/{VERSION}")),
        kind: Some("KmsKey".to_owned()),
        name: Some(resource.name.clone()),
        namespace: Some(resource.namespace.clone()),
        uid: Some(resource.uid.to_string()),
        ..ObjectReference::default()
    }
}
