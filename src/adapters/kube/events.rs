//! Kubernetes Events: what happened to a key, once for each change of its state.

use futures::StreamExt as _;
use futures::channel::mpsc;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource as _};

use crate::api::crd::condition::{Condition, ConditionReason};
use crate::api::crd::key_alias::KeyAlias;
use crate::api::crd::{GROUP, VERSION};
use crate::domain::event::EventReason;
use crate::domain::plan::Reason;
use crate::domain::record::Record;
use crate::domain::resource::Resource;
use crate::types::ids::ObjectUid;
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

    /// Tells what happened to a key, and that its readiness changed.
    pub fn key_changed(&self, resource: &Resource, happened: &[Reason], before: Option<&Condition>, now: &Condition) {
        let same = before.is_some_and(|before| (before.reason, &before.message) == (now.reason, &now.message));
        let reason_before = before.map(|before| if same { now.reason } else { before.reason });
        for event in EventReason::all(happened, reason_before, now.reason) {
            let by_step = happened.iter().any(|because| EventReason::of(*because) == Some(event));
            if same && !by_step {
                continue;
            }
            let says_nothing = now.message.is_empty() || by_step;
            let note = if says_nothing { event.note().to_owned() } else { now.message.clone() };
            self.send(reference(&resource.namespace, &resource.name, &resource.uid), event, note);
        }
    }

    /// Tells what happened to the key of a resource that is gone.
    pub fn key_left(&self, record: &Record, happened: &[Reason]) {
        let owner = &record.owner;
        for event in happened.iter().filter_map(|because| EventReason::of(*because)) {
            let regarding = reference(&owner.namespace, &owner.name, &owner.resource_uid);
            self.send(regarding, event, event.left(record));
        }
    }

    /// Tells that an alias cannot be followed any more, or can again.
    pub fn alias_changed(&self, alias: &KeyAlias, before: Option<&Condition>, now: &Condition) {
        let same = before.is_some_and(|before| (before.reason, &before.message) == (now.reason, &now.message));
        let fine = before.is_none() && now.reason == ConditionReason::AsExpected;
        let Some(event) = EventReason::of_alias(now.reason).filter(|_| !same && !fine) else { return };
        let note = if now.message.is_empty() { event.note().to_owned() } else { now.message.clone() };
        self.send(alias.object_ref(&()), event, note);
    }

    fn send(&self, regarding: ObjectReference, reason: EventReason, note: String) {
        let event = Event {
            type_: if reason.is_warning() { EventType::Warning } else { EventType::Normal },
            reason: reason.to_string(),
            note: Some(note.chars().take(NOTE_CHARACTERS_MAX).collect()),
            action: reason.action().to_owned(),
            secondary: None,
        };
        // A full queue drops events rather than holding up a reconcile.
        let _ = self.0.clone().try_send((event, regarding));
    }
}

/// Characters of an event's note (Kubernetes: events.k8s.io/v1).
const NOTE_CHARACTERS_MAX: usize = 1024;

fn reference(namespace: &str, name: &str, uid: &ObjectUid) -> ObjectReference {
    ObjectReference {
        api_version: Some(format!("{GROUP}/{VERSION}")),
        kind: Some("KmsKey".to_owned()),
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        uid: Some(uid.to_string()),
        ..ObjectReference::default()
    }
}
