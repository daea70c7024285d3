//! What the API changes of a spec: the resource first, then the key, whatever comes between.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;

use super::support::{Setup, World, arn, named};
use crate::api::aws::operation::Operation;
use crate::api::crd::condition::Condition;
use crate::api::crd::kms_key::{Deletion, DeletionPolicy, KmsKeySpec, OnConflict, SpecOrigin};
use crate::domain::plan::Reason;
use crate::domain::record::Record;
use crate::domain::resource::{Manager, Resource};
use crate::domain::spec_change::SpecChange;
use crate::ports::clock::Clock as _;
use crate::ports::fake::{Cut, FakeResources};
use crate::ports::resources::{Listing, Report, ResourceError, Resources};
use crate::ports::store::Store as _;
use crate::types::ids::{KeyId, ObjectUid};
use crate::types::key::KeyUsage;

const CHANGES: [(Operation, &str); 4] = [
    (Operation::TagResource, r#"{"Tags": [{"TagKey": "team", "TagValue": "blue"}]}"#),
    (Operation::UpdateKeyDescription, r#"{"Description": "new"}"#),
    (Operation::EnableKeyRotation, r#"{"RotationPeriodInDays": 90}"#),
    (Operation::DisableKeyRotation, "{}"),
];

fn body(key_id: &KeyId, members: &str) -> serde_json::Value {
    let mut body: serde_json::Value = serde_json::from_str(members).unwrap();
    body["KeyId"] = json!(key_id.to_string());
    body
}

fn tags(world: &World, key_id: &KeyId) -> Vec<(String, String)> {
    let listed = world.ok(Operation::ListResourceTags, json!({"KeyId": arn(key_id)}));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    listed["Tags"].as_array().unwrap().iter().map(|tag| (text(&tag["TagKey"]), text(&tag["TagValue"]))).collect()
}

#[test]
fn each_change_is_seen_by_its_caller_and_made_once() {
    let world = World::new();
    let key_id = world.key("orders");
    for (operation, members) in CHANGES {
        world.ok(operation, body(&key_id, members));
        let (records, generation) = (world.setup.store.revision(), resource(&world).generation);
        world.ok(operation, body(&key_id, members));
        assert_eq!((world.setup.store.revision(), resource(&world).generation), (records, generation), "{operation}");
    }
    assert_eq!(tags(&world, &key_id), [("team".to_owned(), "blue".to_owned())]);
    let record = world.record(&key_id).unwrap();
    assert_eq!((record.spec.description.as_str(), record.due.rotation), ("new", None));
    world.ok(Operation::UntagResource, json!({"KeyId": arn(&key_id), "TagKeys": ["team", "absent"]}));
    assert!(tags(&world, &key_id).is_empty());
}

fn resource(world: &World) -> Resource {
    world.run(world.setup.resources.get("default", "orders")).unwrap().unwrap()
}

#[test]
fn a_crash_between_resource_and_key_is_made_up_for() {
    for (operation, members) in &CHANGES[..3] {
        for cut in [Cut::BeforeWrite, Cut::AfterWrite] {
            let world = World::new();
            let key_id = world.key("orders");
            world.setup.store.cut_at(0, cut);
            assert_ne!(world.call(*operation, body(&key_id, members)).0, 200, "{operation} {cut:?}");
            let world = world.restart();
            world.run(world.engine.sweep()).unwrap();
            let record = world.record(&key_id).unwrap();
            assert_eq!(record.owner.generation, resource(&world).generation, "{operation} {cut:?}");
            assert_eq!(world.call(*operation, body(&key_id, members)).0, 200);
        }
    }
}

#[test]
fn what_git_keeps_is_refused_and_brakes_work_all_the_same() {
    let world = World::new();
    let mut kept = Resource { manager: Manager::Manifest("argocd".to_owned()), ..named("orders") };
    kept.spec.description = Some("from git".to_owned());
    world.setup.resources.put(kept);
    let key_id = world.reconcile("orders").unwrap().unwrap().key_id;
    let (status, answer) = world.call(Operation::UpdateKeyDescription, body(&key_id, r#"{"Description": "x"}"#));
    assert_eq!((status, answer["__type"].as_str()), (400, Some("KMSInvalidStateException")));
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("spec.description") && message.contains("argocd"), "{message}");
    world.ok(Operation::TagResource, body(&key_id, CHANGES[0].1));
    for operation in [Operation::DisableKey, Operation::ScheduleKeyDeletion] {
        world.ok(operation, json!({"KeyId": arn(&key_id)}));
    }
}

#[test]
fn a_key_whose_resource_is_gone_says_so() {
    let world = World::new();
    let key_id = world.key("orders");
    world.setup.resources.remove("default", "orders");
    let (status, answer) = world.call(Operation::UpdateKeyDescription, body(&key_id, r#"{"Description": "x"}"#));
    assert_eq!(status, 400);
    assert!(answer["message"].as_str().unwrap().contains("apply default/orders again"), "{answer}");
}

#[test]
fn tags_have_their_rules() {
    let world = World::new();
    let key_id = world.key("orders");
    let tag = |count: usize| -> Vec<_> {
        (0..count).map(|number| json!({"TagKey": format!("k{number:02}"), "TagValue": ""})).collect()
    };
    let twice = json!([{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}]);
    for wrong in [json!(tag(51)), twice, json!([{"TagKey": "AWS:x", "TagValue": ""}])] {
        let body = json!({"KeyId": arn(&key_id), "Tags": wrong});
        assert_eq!(world.refused(Operation::TagResource, body), "TagException");
    }
    world.ok(Operation::TagResource, json!({"KeyId": arn(&key_id), "Tags": tag(50)}));
    let more = json!({"KeyId": arn(&key_id), "Tags": [{"TagKey": "one more", "TagValue": ""}]});
    assert_eq!(world.refused(Operation::TagResource, more), "TagException");
    let page = world.ok(Operation::ListResourceTags, json!({"KeyId": arn(&key_id), "Limit": 30}));
    assert_eq!((page["Tags"].as_array().unwrap().len(), &page["Truncated"]), (30, &json!(true)));
    let rest = json!({"KeyId": arn(&key_id), "Limit": 30, "Marker": page["NextMarker"]});
    assert_eq!(world.ok(Operation::ListResourceTags, rest)["Tags"].as_array().unwrap().len(), 20);
}

#[test]
fn what_is_said_already_is_written_nowhere() {
    let world = World::new();
    let key_id = world.key("orders");
    let before = (world.setup.store.revision(), resource(&world));
    let silent = [
        (Operation::UpdateKeyDescription, r#"{"Description": ""}"#),
        (Operation::DisableKeyRotation, "{}"),
        (Operation::UntagResource, r#"{"TagKeys": ["absent", "aws"]}"#),
        (Operation::UntagResource, r#"{"TagKeys": []}"#),
        (Operation::TagResource, r#"{"Tags": []}"#),
    ];
    for (operation, members) in silent {
        world.ok(operation, body(&key_id, members));
        assert_eq!((world.setup.store.revision(), resource(&world)), before, "{operation}");
    }
}

#[test]
fn rotation_is_switched_on_and_off_and_has_awss_default() {
    let world = World::new();
    let key_id = world.key("orders");
    let status = || world.ok(Operation::GetKeyRotationStatus, json!({"KeyId": arn(&key_id)}));
    let days = |answer: &serde_json::Value| {
        let next = answer["NextRotationDate"].as_f64().unwrap();
        format!("{:.3}", (next - world.setup.clock.wall().epoch_seconds()) / 86_400.0)
    };
    world.ok(Operation::EnableKeyRotation, body(&key_id, "{}"));
    assert_eq!((&status()["RotationPeriodInDays"], days(&status())), (&json!(365), "365.000".to_owned()));
    // The date counts from the change of the period, and from no repetition of it.
    world.ok(Operation::EnableKeyRotation, body(&key_id, r#"{"RotationPeriodInDays": 90}"#));
    assert_eq!(days(&status()), "90.000");
    world.pass(86_400_000);
    world.ok(Operation::EnableKeyRotation, body(&key_id, r#"{"RotationPeriodInDays": 90}"#));
    assert_eq!(days(&status()), "89.000");
    world.ok(Operation::DisableKeyRotation, body(&key_id, "{}"));
    assert_eq!(status()["KeyRotationEnabled"], json!(false));
    world.ok(Operation::EnableKeyRotation, body(&key_id, "{}"));
    assert_eq!(days(&status()), "365.000");
}

#[test]
fn states_and_managers_of_keys_have_their_say() {
    let world = World::new();
    let (key_id, platform) = (world.key("orders"), world.key("aws.envelope"));
    world.ok(Operation::DisableKey, json!({"KeyId": arn(&key_id)}));
    for operation in [Operation::EnableKeyRotation, Operation::DisableKeyRotation] {
        assert_eq!(world.refused(operation, body(&key_id, "{}")), "DisabledException");
    }
    for (operation, members) in &CHANGES[..2] {
        world.ok(*operation, body(&key_id, members));
    }
    for (operation, members) in CHANGES {
        assert_eq!(world.refused(operation, body(&platform, members)), "AccessDeniedException", "{operation}");
    }
    assert!(tags(&world, &platform).is_empty());
    world.ok(Operation::ScheduleKeyDeletion, json!({"KeyId": arn(&key_id)}));
    for (operation, members) in CHANGES {
        assert_eq!(world.refused(operation, body(&key_id, members)), "KMSInvalidStateException", "{operation}");
    }
    assert_eq!(tags(&world, &key_id).len(), 1, "tags are listed in each state");
}

#[test]
fn a_key_that_waits_for_its_material_is_described_and_not_rotated() {
    let world = World::new();
    let spec = KmsKeySpec { origin: Some(SpecOrigin::Imported), ..KmsKeySpec::default() };
    world.setup.resources.put(Resource { spec, ..named("orders") });
    let key_id = world.reconcile("orders").unwrap().unwrap().key_id;
    assert_eq!(world.state(&key_id), "PendingImport");
    for (operation, members) in &CHANGES[..2] {
        world.ok(*operation, body(&key_id, members));
    }
    assert_eq!(tags(&world, &key_id).len(), 1);
    assert_eq!(world.refused(Operation::EnableKeyRotation, body(&key_id, "{}")), "KMSInvalidStateException");
    assert_eq!(resource(&world).spec.rotation, None);
}

#[test]
fn a_resource_that_was_made_again_is_bound_before_it_is_changed() {
    let world = World::new();
    let key_id = world.key("orders");
    let again = Resource { uid: ObjectUid::new([77; 16]), ..named("orders") };
    world.setup.resources.put(again.clone());
    world.ok(CHANGES[0].0, body(&key_id, CHANGES[0].1));
    assert_eq!(world.record(&key_id).unwrap().owner.resource_uid, again.uid);
    assert_eq!(tags(&world, &key_id).len(), 1);
}

#[test]
fn the_resource_of_another_key_is_never_changed() {
    let world = World::new();
    let spec = |origin, on_conflict| {
        let policy = Some(DeletionPolicy::Retain);
        let deletion = Some(Deletion { policy, on_conflict, ..Deletion::default() });
        KmsKeySpec { origin, deletion, ..KmsKeySpec::default() }
    };
    world.setup.resources.put(Resource { spec: spec(None, None), ..named("orders") });
    let old = world.reconcile("orders").unwrap().unwrap().key_id;
    world.setup.resources.remove("default", "orders");
    world.reconcile("orders").unwrap();
    assert_eq!(world.state(&old), "Disabled");
    let spec = spec(Some(SpecOrigin::Imported), Some(OnConflict::NewKey));
    world.setup.resources.put(Resource { spec, uid: ObjectUid::new([77; 16]), ..named("orders") });
    let new = world.reconcile("orders").unwrap().unwrap().key_id;
    assert_ne!(old, new);
    let before = resource(&world);
    let (status, answer) = world.call(CHANGES[0].0, body(&old, CHANGES[0].1));
    assert_eq!((status, answer["__type"].as_str()), (400, Some("KMSInvalidStateException")));
    assert!(answer["message"].as_str().unwrap().contains("is not the key of"), "{answer}");
    assert_eq!(resource(&world), before);
    assert!(tags(&world, &new).is_empty());
}

#[test]
fn a_resource_that_its_key_does_not_follow_is_left_alone() {
    let world = World::new();
    let key_id = world.key("orders");
    let wrong = [
        KmsKeySpec { key_usage: Some(KeyUsage::SignVerify), ..KmsKeySpec::default() },
        KmsKeySpec { origin: Some(SpecOrigin::Imported), ..KmsKeySpec::default() },
    ];
    for spec in wrong {
        let broken = Resource { generation: 2, spec, ..named("orders") };
        world.setup.resources.put(broken.clone());
        let (status, answer) = world.call(CHANGES[0].0, body(&key_id, CHANGES[0].1));
        assert_eq!((status, answer["__type"].as_str()), (400, Some("KMSInvalidStateException")));
        assert!(answer["message"].as_str().unwrap().contains("does not follow"), "{answer}");
        assert_eq!(resource(&world), broken);
    }
}

/// Resources whose next change fails, before or after it was written.
struct Failing {
    inner: FakeResources,
    next: Mutex<Option<Cut>>,
}

#[async_trait]
impl Resources for Failing {
    fn namespace_uid(&self, namespace: &str) -> Option<ObjectUid> {
        self.inner.namespace_uid(namespace)
    }

    async fn list(&self) -> Result<Listing, ResourceError> {
        self.inner.list().await
    }

    async fn get(&self, namespace: &str, name: &str) -> Result<Option<Resource>, ResourceError> {
        self.inner.get(namespace, name).await
    }

    async fn create(&self, namespace: &str, name: &str, spec: KmsKeySpec) -> Result<Resource, ResourceError> {
        self.inner.create(namespace, name, spec).await
    }

    async fn change(&self, resource: &Resource, change: &SpecChange) -> Result<Resource, ResourceError> {
        let cut = self.next.lock().unwrap().take();
        if !matches!(cut, Some(Cut::BeforeWrite)) {
            let changed = self.inner.change(resource, change).await;
            if cut.is_none() {
                return changed;
            }
        }
        let (namespace, name) = (resource.namespace.clone(), resource.name.clone());
        let source = Arc::new(std::io::Error::other("cut"));
        Err(ResourceError::Medium { namespace, name, action: "written", source })
    }

    async fn remember_key(&self, namespace: &str, name: &str) -> Result<(), ResourceError> {
        self.inner.remember_key(namespace, name).await
    }

    async fn report(&self, resource: &Resource, report: Report) {
        self.inner.report(resource, report).await;
    }

    async fn report_left(&self, record: &Record, happened: &[Reason]) {
        self.inner.report_left(record, happened).await;
    }

    async fn reported(&self, namespace: &str, name: &str) -> Vec<Condition> {
        self.inner.reported(namespace, name).await
    }
}

#[test]
fn a_change_of_the_resource_that_fails_is_made_by_the_next_try() {
    for (operation, members) in &CHANGES[..3] {
        for cut in [Cut::BeforeWrite, Cut::AfterWrite] {
            let mut setup = Setup::new();
            let failing = Arc::new(Failing { inner: setup.resources.clone(), next: Mutex::default() });
            setup.resources_port = Some(Arc::clone(&failing) as _);
            let world = setup.start();
            let key_id = world.key("orders");
            let before = world.record(&key_id).unwrap();
            *failing.next.lock().unwrap() = Some(cut);
            assert_eq!(world.refused(*operation, body(&key_id, members)), "KMSInternalException");
            assert_eq!(world.record(&key_id).unwrap(), before, "the resource comes first");
            world.ok(*operation, body(&key_id, members));
            let record = world.record(&key_id).unwrap();
            assert_ne!(record.spec, before.spec, "{operation} {cut:?}");
            assert_eq!(record.owner.generation, resource(&world).generation);
            // A view of the time before is behind, and undoes nothing.
            let old = Resource { key_was_made: true, ..named("orders") };
            world.run(world.engine.reconcile("default", "orders", Some(&old))).unwrap();
            assert_eq!(world.record(&key_id).unwrap(), record);
        }
    }
}

#[test]
fn the_trail_tells_what_was_to_be_changed_before_it_was() {
    let world = World::new();
    let key_id = world.key("orders");
    world.ok(CHANGES[0].0, body(&key_id, CHANGES[0].1));
    world.ok(Operation::UntagResource, body(&key_id, r#"{"TagKeys": ["team"]}"#));
    let records: Vec<serde_json::Value> =
        world.setup.audit.records().iter().map(|record| serde_json::to_value(record).unwrap()).collect();
    let of = |name: &str| -> Vec<(String, serde_json::Value)> {
        let named = records.iter().filter(|record| record["eventName"] == name);
        named.map(|record| (record["phase"].to_string(), record["requestParameters"].clone())).collect()
    };
    let tagged = json!({"keyId": key_id.to_string(), "tags": {"team": "blue"}});
    let untagged = json!({"keyId": key_id.to_string(), "tagKeys": ["team"]});
    for (name, parameters) in [("TagResource", tagged), ("UntagResource", untagged)] {
        let [(first, intent), (second, outcome)] = of(name).try_into().unwrap();
        assert!(first != second, "{first} {second}");
        assert_eq!((&intent, &outcome), (&parameters, &parameters));
    }
}
