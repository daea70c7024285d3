//! What every adapter of the smaller ports must do.

use std::sync::Arc;

use crate::api::aws::operation::Operation;
use crate::api::crd::condition::{Condition, ConditionReason, ConditionStatus, ConditionType};
use crate::api::crd::kms_key::{KmsKeySpec, KmsKeyStatus};
use crate::domain::last_usage::LastUse;
use crate::domain::resource::Resource;
use crate::domain::spec_change::SpecChange;
use crate::ports::audit::{Audit, AuditRecord, EVENT_VERSION, Phase, UserIdentity};
use crate::ports::clock::Clock;
use crate::ports::resources::{Report, ResourceError, Resources};
use crate::ports::usage::{Usage, Use};
use crate::types::ids::{KeyId, ObjectUid};
use crate::types::time::{Span, Timestamp};

/// What an audit sink must do. `read` gives what the sink keeps, one JSON value for each record.
pub async fn audit(sink: &dyn Audit, read: impl Fn() -> Vec<serde_json::Value>) {
    let ids = || -> Vec<String> {
        read().iter().map(|record| record["eventID"].as_str().expect("an id").to_owned()).collect()
    };
    for number in 0..3 {
        sink.append(&record(&number.to_string())).await.unwrap();
        assert_eq!(ids().len(), number + 1, "what was acknowledged is there");
    }
    assert_eq!(ids(), ["0", "1", "2"]);
    let records: Vec<AuditRecord> = (3..9).map(|number| record(&number.to_string())).collect();
    for appended in futures::future::join_all(records.iter().map(|record| sink.append(record))).await {
        appended.unwrap();
    }
    let mut all = ids();
    all.sort();
    assert_eq!(all, ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
    // Line breaks in what a caller sent must not break a record in two.
    assert_eq!(read()[0], serde_json::to_value(record("0")).unwrap());
}

fn record(event_id: &str) -> AuditRecord {
    AuditRecord {
        event_version: EVENT_VERSION,
        user_identity: UserIdentity {
            kind: "Root",
            arn: "arn:aws:iam::000000000001:root".to_owned(),
            account_id: "000000000001".to_owned(),
            principal_id: None,
            user_name: None,
            pod_uid: None,
            node: None,
            access_key_id: None,
        },
        event_time: "2026-01-01T00:00:00Z".to_owned(),
        event_source: "kms.amazonaws.com",
        event_name: "Encrypt",
        aws_region: "us-east-1".to_owned(),
        source_address: None,
        user_agent: Some("line\nbreak\u{2028}and \"quotes\"".to_owned()),
        error_code: None,
        error_message: None,
        request_parameters: Vec::new(),
        response_elements: Vec::new(),
        additional_event_data: Vec::new(),
        request_id: "request".to_owned(),
        event_id: event_id.to_owned(),
        read_only: true,
        resources: Vec::new(),
        event_type: "AwsApiCall",
        recipient_account_id: "000000000001".to_owned(),
        phase: Phase::Outcome,
    }
}

/// What `Resources` must do, from an instance without resources.
pub async fn resources(make: impl Fn() -> Arc<dyn Resources>) {
    a_resource_is_made_once(make().as_ref()).await;
    namespaces_are_apart(make().as_ref()).await;
    the_last_report_is_remembered(make().as_ref()).await;
    the_api_changes_what_it_made(make().as_ref()).await;
}

async fn the_api_changes_what_it_made(resources: &dyn Resources) {
    let made = resources.create("default", "orders", described("one")).await.unwrap();
    let tags = [("team".to_owned(), Some("blue".to_owned())), ("cost".to_owned(), Some(String::new()))];
    let change =
        SpecChange { description: Some("two".to_owned()), rotation: Some((true, Some(90))), tags: tags.into() };
    let changed = resources.change(&made, &change).await.unwrap();
    assert_eq!((changed.uid, &changed.spec), (made.uid, &change.applied(&made.spec)));
    assert!(changed.generation > made.generation);
    assert_eq!(resources.change(&changed, &change).await.unwrap(), changed, "what is there already is no change");
    let less = SpecChange {
        rotation: Some((false, None)),
        tags: [("cost".to_owned(), None), ("absent".to_owned(), None)].into(),
        ..SpecChange::default()
    };
    let changed = resources.change(&changed, &less).await.unwrap();
    assert_eq!(changed.spec.tags, Some([("team".to_owned(), "blue".to_owned())].into()));
    assert_eq!(changed.spec.rotation.as_ref().and_then(|rotation| rotation.period_days), Some(90));
    assert_eq!(resources.get("default", "orders").await.unwrap(), Some(changed.clone()));
    let other = Resource { uid: ObjectUid::new([1; 16]), ..changed };
    assert!(matches!(resources.change(&other, &change).await, Err(ResourceError::Gone { .. })));
}

fn described(text: &str) -> KmsKeySpec {
    KmsKeySpec { description: Some(text.to_owned()), ..KmsKeySpec::default() }
}

async fn a_resource_is_made_once(resources: &dyn Resources) {
    assert_eq!(resources.get("default", "orders").await.unwrap(), None);
    assert!(resources.list().await.unwrap().resources.is_empty());
    let made = resources.create("default", "orders", described("one")).await.unwrap();
    assert_eq!((made.namespace.as_str(), made.name.as_str()), ("default", "orders"));
    assert_eq!(made.spec, described("one"));
    assert!(made.generation >= 1);
    let again = resources.create("default", "orders", described("one")).await.unwrap();
    assert_eq!(again, made, "an earlier try that got as far is the answer");
    let other = resources.create("default", "orders", described("two")).await;
    assert!(matches!(other, Err(ResourceError::AlreadyExists { .. })));
    assert_eq!(resources.get("default", "orders").await.unwrap(), Some(made.clone()));
    assert_eq!(resources.list().await.unwrap().resources, [made]);
}

async fn namespaces_are_apart(resources: &dyn Resources) {
    let one = resources.create("default", "orders", described("one")).await.unwrap();
    let two = resources.create("account-000000000002", "orders", described("two")).await.unwrap();
    let three = resources.create("default", "invoices", described("one")).await.unwrap();
    assert!(one.uid != two.uid && two.uid != three.uid && one.uid != three.uid);
    assert_eq!(one.namespace_uid, three.namespace_uid);
    let listed = resources.list().await.unwrap().resources;
    assert_eq!(listed.len(), 3);
    assert!([&one, &two, &three].into_iter().all(|made| listed.contains(made)));
    assert_eq!(resources.get("account-000000000002", "orders").await.unwrap(), Some(two));
    assert_eq!(resources.get("account-000000000002", "invoices").await.unwrap(), None);
}

async fn the_last_report_is_remembered(resources: &dyn Resources) {
    let made = resources.create("default", "orders", described("one")).await.unwrap();
    assert!(resources.reported("default", "orders").await.is_empty());
    for status in [ConditionStatus::False, ConditionStatus::True] {
        let condition = Condition {
            kind: ConditionType::Ready,
            status,
            reason: ConditionReason::AsExpected,
            message: "as it should be".to_owned(),
            observed_generation: 1,
            last_transition_time: Timestamp::from_milliseconds(1_000_000_000),
        };
        resources.report(&made, Report { key: None, conditions: vec![condition.clone()], happened: Vec::new() }).await;
        assert_eq!(resources.reported("default", "orders").await, [condition]);
    }
    assert!(resources.reported("default", "invoices").await.is_empty());
    let after = resources.get("default", "orders").await.unwrap();
    assert_eq!(after.as_ref(), Some(&made), "a report is a projection and changes no resource");
    let key = KmsKeyStatus { current_key_material_id: Some("00".repeat(32)), ..KmsKeyStatus::default() };
    resources.report(&made, Report { key: Some(key), conditions: Vec::new(), happened: Vec::new() }).await;
    resources.remember_key("default", "orders").await.unwrap();
    resources.remember_key("default", "invoices").await.unwrap();
    let after = resources.get("default", "orders").await.unwrap();
    assert_eq!(after, Some(Resource { key_was_made: true, ..made }));
}

/// What counters of uses must do, from one that counted nothing.
pub fn usage(usage: &dyn Usage) {
    let used = |number: u8, version| Use { key_id: KeyId::new([number; 16], false), version };
    assert!(usage.drain().is_empty());
    for each in [used(1, 1), used(1, 2), used(1, 1), used(2, 1)] {
        usage.count(each);
    }
    let counts: std::collections::HashMap<Use, u64> = usage.drain().into_iter().collect();
    assert_eq!(counts, [(used(1, 1), 2), (used(1, 2), 1), (used(2, 1), 1)].into());
    assert!(usage.drain().is_empty(), "what was given away is not counted again");
    let last = |number: u8, at| LastUse {
        key_bytes: [number; 16],
        operation: Operation::Encrypt,
        at: Timestamp::from_milliseconds(at),
        event_id: at.to_string(),
        request_id: String::new(),
    };
    for each in [last(1, 5), last(2, 1), last(1, 9), last(1, 7)] {
        usage.note_last(each);
    }
    let key_id = |number: u8| KeyId::new([number; 16], false);
    assert_eq!((usage.last(&key_id(1)), usage.last(&key_id(3))), (Some(last(1, 9)), None));
    let mut drained = usage.drain_last();
    drained.sort_by_key(|last| last.key_bytes);
    assert_eq!(drained, [last(1, 9), last(2, 1)]);
    assert!(usage.drain_last().is_empty() && usage.last(&key_id(1)).is_none());
}

/// What a clock must do.
pub async fn clock(clock: &dyn Clock) {
    let (mut monotonic, mut mark) = (clock.monotonic(), clock.high_water_mark());
    for _ in 0..100 {
        let wall = clock.wall();
        assert!(clock.high_water_mark() >= wall);
        assert!(clock.monotonic() >= monotonic && clock.high_water_mark() >= mark);
        (monotonic, mark) = (clock.monotonic(), clock.high_water_mark());
    }
    clock.sleep(Span::from_milliseconds(1)).await;
}
