//! What every adapter of `KeyAlias` resources must do.

use crate::api::crd::condition::{Condition, ConditionReason, ConditionStatus, ConditionType};
use crate::api::crd::key_alias::KeyAliasSpec;
use crate::api::crd::reference::KeyReference;
use crate::domain::resource::{AliasResource, Manager};
use crate::ports::alias_resources::{AliasReport, AliasResources};
use crate::types::ids::ObjectUid;
use crate::types::time::Timestamp;

fn alias(namespace: &str, name: &str) -> AliasResource {
    AliasResource {
        namespace: namespace.to_owned(),
        namespace_uid: ObjectUid::new([1; 16]),
        name: name.to_owned(),
        created_at: Timestamp::default(),
        generation: 1,
        manager: Manager::Api,
        spec: KeyAliasSpec { alias_name: format!("alias/{name}"), key_ref: KeyReference { name: "orders".to_owned() } },
    }
}

/// From an instance without resources; `put` makes the medium hold exactly these, by namespace, name and spec.
pub async fn alias_resources(aliases: &dyn AliasResources, put: impl Fn(Vec<AliasResource>)) {
    put(vec![]);
    assert!(aliases.list().await.unwrap().resources.is_empty());
    assert_eq!(aliases.get("default", "main").await.unwrap(), None);
    put(vec![alias("default", "main"), alias("account-000000000002", "main"), alias("default", "other")]);
    let listed = aliases.list().await.unwrap().resources;
    assert_eq!(listed.len(), 3);
    for (namespace, name) in [("default", "main"), ("account-000000000002", "main"), ("default", "other")] {
        let read = aliases.get(namespace, name).await.unwrap().unwrap();
        assert_eq!(
            (read.namespace.as_str(), read.name.as_str(), &read.spec),
            (namespace, name, &alias(namespace, name).spec)
        );
        assert!(listed.contains(&read) && read.generation >= 1);
    }
    those_that_want_an_alias_are_known_soon(aliases).await;
    put(vec![alias("default", "main")]);
    assert_eq!(aliases.list().await.unwrap().resources.len(), 1);
    assert_eq!(aliases.get("default", "other").await.unwrap(), None);
    the_last_report_is_remembered(aliases).await;
}

/// What is known without asking may be a moment behind; each reading here is such a moment.
async fn those_that_want_an_alias_are_known_soon(aliases: &dyn AliasResources) {
    const READINGS_MAX: usize = 1000;
    let mut readings = 0;
    while aliases.wanting("alias/main").len() != 2 && readings < READINGS_MAX {
        aliases.get("default", "main").await.unwrap();
        readings += 1;
    }
    assert_eq!((aliases.wanting("alias/main").len(), aliases.wanting("alias/none").len()), (2, 0));
}

async fn the_last_report_is_remembered(aliases: &dyn AliasResources) {
    let made = aliases.get("default", "main").await.unwrap().unwrap();
    assert!(aliases.reported("default", "main").await.is_empty());
    for status in [ConditionStatus::False, ConditionStatus::True] {
        let condition = Condition {
            kind: ConditionType::Ready,
            status,
            reason: ConditionReason::AsExpected,
            message: "as it should be".to_owned(),
            observed_generation: 1,
            last_transition_time: Timestamp::from_milliseconds(1_000_000_000),
        };
        let conditions = vec![condition.clone()];
        let alias_arn = "arn:aws:kms:us-east-1:000000000001:alias/main".to_owned();
        aliases.report(&made, AliasReport { target_key_id: None, alias_arn, conditions }).await;
        assert_eq!(aliases.reported("default", "main").await, [condition]);
    }
    assert_eq!(aliases.get("default", "main").await.unwrap(), Some(made), "a report changes no resource");
}
