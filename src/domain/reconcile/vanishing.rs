//! A whole namespace that vanishes, key by key.

use std::collections::HashSet;

use super::kms_key::{Input, ReadRecord, plan};
use super::tests::{record_with_material, resource};
use crate::domain::change::{self, Change};
use crate::domain::plan::{Action, FoundMaterial, Gates, Seen, SeenMaterial};
use crate::domain::record::{HoldCause, Lifecycle, OwnerClaim, Record};
use crate::domain::resource::Resource;
use crate::domain::tests_support::Dice;
use crate::domain::vanished::{Population, frozen, removals};
use crate::types::ids::ObjectUid;
use crate::types::time::{Span, Timestamp};

/// A thousand keys of one namespace that vanish in fifty orders, with some that were deleted by call, some restored in
/// between, and an approval that comes for part of them.
#[test]
fn a_thousand_keys_vanish_in_fifty_orders_and_none_is_lost() {
    const KEYS: usize = 1000;
    let template = record_with_material();
    let begin = Timestamp::from_milliseconds(1_000_000);
    let mut destroyed_all = 0;
    for order in 0..50 {
        let dice = Dice::new(order);
        let mut records: Vec<Record> = (0..KEYS).map(|number| numbered(&template, number)).collect();
        let mut shuffled: Vec<usize> = (0..KEYS).collect();
        dice.shuffle(&mut shuffled);
        let mut now = begin;
        for number in &shuffled {
            now = now.plus(Span::from_seconds(i64::try_from(dice.below(3)).unwrap()));
            let called = dice.below(100) == 0;
            let record = &mut records[*number];
            if called {
                let Change::Write(next) = change::schedule_deletion(record, 7, "x", now) else { panic!("scheduled") };
                *record = *next;
            }
            *record = planned(record, None, now, None);
        }
        let halfway = now;
        // A tenth comes back while the window is open.
        let restored: HashSet<usize> = shuffled.iter().take(KEYS / 10).copied().collect();
        now = now.plus(Span::from_days(29));
        for number in &restored {
            records[*number] = planned(&records[*number], Some(&back(*number)), now, None);
        }
        now = now.plus(Span::from_days(3));
        let by_call = |record: &Record| record.hold(HoldCause::ScheduleKeyDeletion).is_some();
        let ended =
            |records: &[Record]| records.iter().filter(|record| record.lifecycle == Lifecycle::Destroying).count();
        destroy_due(&mut records, &restored, None, now);
        assert_eq!(
            ended(&records),
            records.iter().filter(|record| by_call(record)).count(),
            "order {order}: only by call"
        );
        destroy_due(&mut records, &restored, Some(halfway), now);
        let called_back = restored.iter().filter(|number| !by_call(&records[**number])).count();
        assert_eq!(ended(&records), KEYS - called_back, "order {order}");
        assert!(restored.iter().all(|number| by_call(&records[*number]) || records[*number].due.deletion.is_none()));
        destroyed_all += ended(&records);
    }
    assert!(destroyed_all > 0);
}

/// The resource of a key that came back.
fn back(number: usize) -> Resource {
    Resource { uid: ObjectUid::new([9; 16]), name: format!("key-{number}"), ..resource() }
}

fn numbered(template: &Record, number: usize) -> Record {
    let mut record = template.clone();
    record.key_bytes[..2].copy_from_slice(&u16::try_from(number).unwrap().to_be_bytes());
    record.owner.name = format!("key-{number}");
    record
}

/// The record after the one write that a plan makes of it, or as it was.
fn planned(record: &Record, resource: Option<&Resource>, now: Timestamp, destroy: Option<Timestamp>) -> Record {
    let found = record.materials.iter().map(|material| SeenMaterial {
        version: material.version,
        term: material.term,
        found: FoundMaterial::Present(material.material_id),
        public_key: None,
    });
    let claim = Some(OwnerClaim {
        schema: 1,
        key_bytes: record.key_bytes,
        multi_region: false,
        namespace: record.owner.namespace.clone(),
        name: record.owner.name.clone(),
        confirmed: true,
    });
    let seen = Seen { active_term: 1, claim, materials: found.collect(), strays: Vec::new(), shown_everywhere: true };
    let read = ReadRecord { record: record.clone(), epoch: 1, digest: [0; 32] };
    let made = plan(&Input {
        key_id: record.key_id(),
        new_key_id: None,
        resource,
        read: Some(&read),
        seen: &seen,
        gates: Gates { destroy, ..Gates::default() },
        now,
        previous: &[],
    });
    match made.actions.into_iter().next() {
        Some(Action::ReplaceRecord { record, .. }) => *record,
        _ => record.clone(),
    }
}

/// Begins the destruction of every key that is due and not frozen.
fn destroy_due(records: &mut [Record], restored: &HashSet<usize>, released: Option<Timestamp>, now: Timestamp) {
    let gone = records.iter().flat_map(removals).collect();
    let frozen = frozen(gone, &Population::of(records.iter()), released);
    for (number, record) in records.iter_mut().enumerate().filter(|(_, record)| !frozen.contains(&record.key_id())) {
        let before = record.due.deletion;
        let resource = restored.contains(&number).then(|| back(number));
        *record = planned(record, resource.as_ref(), now, Some(now));
        if record.lifecycle == Lifecycle::Destroying {
            assert!(before.is_some_and(|due| due <= now));
        }
    }
}
