//! The smaller ports in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::api::crd::condition::Condition;
use crate::api::crd::kms_key::{KmsKeySpec, KmsKeyStatus};
use crate::domain::authorize::Verb;
use crate::domain::event::EventReason;
use crate::domain::last_usage::LastUse;
use crate::domain::plan::Reason;
use crate::domain::record::Record;
use crate::domain::resource::{Manager, Resource};
use crate::domain::spec_change::{SpecChange, SpecField};
use crate::ports::audit::{Audit, AuditError, AuditRecord};
use crate::ports::clock::Clock;
use crate::ports::resources::{Listing, Report, ResourceError, Resources};
use crate::ports::reviewer::{ReviewError, Reviewer, Scope};
use crate::ports::usage::{Usage, Use};
use crate::types::ids::{KeyId, ObjectUid};
use crate::types::principal::Principal;
use crate::types::time::{Span, Timestamp};

/// A clock that only tests move.
#[derive(Clone, Default)]
pub struct FakeClock {
    times: Arc<Mutex<Times>>,
}

#[derive(Default)]
struct Times {
    wall: Timestamp,
    high_water_mark: Timestamp,
    monotonic: Span,
    outside: Option<Timestamp>,
}

impl FakeClock {
    /// Sets the wall clock. Where that is later, so much time has passed.
    pub fn set(&self, now: Timestamp) {
        let mut times = self.times.lock().unwrap();
        let passed = now.since(times.high_water_mark).milliseconds().max(0);
        times.monotonic = Span::from_milliseconds(times.monotonic.milliseconds() + passed);
        times.outside = times.outside.map(|outside| outside.plus(Span::from_milliseconds(passed)));
        times.wall = now;
        times.high_water_mark = times.high_water_mark.max(now);
    }

    /// Moves the wall clock alone: no time passes.
    pub fn leap(&self, milliseconds: i64) {
        let mut times = self.times.lock().unwrap();
        times.wall = times.wall.plus(Span::from_milliseconds(milliseconds));
        times.high_water_mark = times.high_water_mark.max(times.wall);
    }

    /// Gives the API server a clock.
    pub fn set_outside(&self, outside: Timestamp) {
        self.times.lock().unwrap().outside = Some(outside);
    }
}

impl Clock for FakeClock {
    fn wall(&self) -> Timestamp {
        self.times.lock().unwrap().wall
    }

    fn monotonic(&self) -> Span {
        self.times.lock().unwrap().monotonic
    }

    fn outside(&self) -> Option<Timestamp> {
        self.times.lock().unwrap().outside
    }

    fn high_water_mark(&self) -> Timestamp {
        self.times.lock().unwrap().high_water_mark
    }

    fn sleep(&self, _: Span) -> BoxFuture<'static, ()> {
        futures::future::ready(()).boxed()
    }
}

/// Records in memory, and a sink that can be full.
#[derive(Clone, Default)]
pub struct FakeAudit {
    records: Arc<Mutex<Vec<AuditRecord>>>,
    full: Arc<Mutex<bool>>,
}

impl FakeAudit {
    /// Everything that was appended.
    pub fn records(&self) -> Vec<AuditRecord> {
        self.records.lock().unwrap().clone()
    }

    /// Makes the sink full, or gives it room again.
    pub fn set_full(&self, full: bool) {
        *self.full.lock().unwrap() = full;
    }
}

#[async_trait]
impl Audit for FakeAudit {
    async fn append(&self, record: &AuditRecord) -> Result<(), AuditError> {
        if *self.full.lock().unwrap() {
            return Err(AuditError { sink: "memory".to_owned(), source: None });
        }
        self.records.lock().unwrap().push(record.clone());
        Ok(())
    }
}

/// An RBAC that allows all, or nothing.
pub struct FakeReviewer(pub Result<bool, ReviewError>);

#[async_trait]
impl Reviewer for FakeReviewer {
    async fn review(&self, _: &Principal, _: Verb, _: &Scope<'_>) -> Result<bool, ReviewError> {
        self.0.clone()
    }
}

/// Counts in memory.
#[derive(Default)]
pub struct FakeUsage(Mutex<HashMap<Use, u64>>, Mutex<HashMap<[u8; 16], LastUse>>);

impl Usage for FakeUsage {
    fn count(&self, used: Use) {
        *self.0.lock().unwrap().entry(used).or_default() += 1;
    }

    fn drain(&self) -> Vec<(Use, u64)> {
        self.0.lock().unwrap().drain().collect()
    }

    fn note_last(&self, last: LastUse) {
        let mut noted = self.1.lock().unwrap();
        let known = noted.get(&last.key_bytes).map(|known| known.at);
        if known <= Some(last.at) {
            noted.insert(last.key_bytes, last);
        }
    }

    fn last(&self, key_id: &KeyId) -> Option<LastUse> {
        self.1.lock().unwrap().get(key_id.as_bytes()).cloned()
    }

    fn drain_last(&self) -> Vec<LastUse> {
        self.1.lock().unwrap().drain().map(|(_, last)| last).collect()
    }
}

/// Resources in memory.
#[derive(Clone, Default)]
pub struct FakeResources {
    inner: Arc<Mutex<BTreeMap<(String, String), Resource>>>,
    reports: Arc<Mutex<BTreeMap<(String, String), Vec<Condition>>>>,
    made: Arc<Mutex<u8>>,
    api_fields: Arc<Mutex<BTreeMap<(String, String), BTreeSet<SpecField>>>>,
    namespaces: Arc<Mutex<BTreeMap<String, ObjectUid>>>,
    left: Arc<Mutex<Vec<String>>>,
    keys: Arc<Mutex<BTreeMap<(String, String), KmsKeyStatus>>>,
}

/// The uid of every namespace that was never made again.
const FIRST_NAMESPACE: ObjectUid = ObjectUid::new([1; 16]);

impl FakeResources {
    /// Puts or replaces a resource.
    pub fn put(&self, resource: Resource) {
        let key = (resource.namespace.clone(), resource.name.clone());
        self.inner.lock().unwrap().insert(key, resource);
    }

    /// Makes a namespace again, as another one of the same name, without any resource.
    pub fn make_namespace_again(&self, namespace: &str, uid: ObjectUid) {
        self.namespaces.lock().unwrap().insert(namespace.to_owned(), uid);
        self.inner.lock().unwrap().retain(|(owner, _), _| owner != namespace);
    }

    /// What was told last of the key of a resource.
    pub fn last_key(&self, namespace: &str, name: &str) -> Option<KmsKeyStatus> {
        self.keys.lock().unwrap().get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// What was told of keys whose resources are gone.
    pub fn left(&self) -> Vec<String> {
        self.left.lock().unwrap().clone()
    }

    /// Removes a resource.
    pub fn remove(&self, namespace: &str, name: &str) {
        self.inner.lock().unwrap().remove(&(namespace.to_owned(), name.to_owned()));
    }
}

#[async_trait]
impl Resources for FakeResources {
    async fn list(&self) -> Result<Listing, ResourceError> {
        let resources = self.inner.lock().unwrap().values().cloned().collect();
        Ok(Listing { resources, unreadable: Vec::new() })
    }

    async fn get(&self, namespace: &str, name: &str) -> Result<Option<Resource>, ResourceError> {
        Ok(self.inner.lock().unwrap().get(&(namespace.to_owned(), name.to_owned())).cloned())
    }

    async fn create(&self, namespace: &str, name: &str, spec: KmsKeySpec) -> Result<Resource, ResourceError> {
        if let Some(resource) = self.get(namespace, name).await? {
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            let same = resource.spec == spec;
            return same.then_some(resource).ok_or(ResourceError::AlreadyExists { namespace, name });
        }
        let number = {
            let mut made = self.made.lock().unwrap();
            *made += 1;
            *made
        };
        let resource = Resource {
            namespace: namespace.to_owned(),
            namespace_uid: self.namespace_uid(namespace).unwrap_or(FIRST_NAMESPACE),
            name: name.to_owned(),
            uid: ObjectUid::new([100 + number; 16]),
            generation: 1,
            manager: Manager::Api,
            key_was_made: false,
            spec,
        };
        self.put(resource.clone());
        Ok(resource)
    }

    async fn change(&self, resource: &Resource, change: &SpecChange) -> Result<Resource, ResourceError> {
        let (namespace, name) = (resource.namespace.clone(), resource.name.clone());
        let mut all = self.inner.lock().unwrap();
        let Some(found) = all.get_mut(&(namespace.clone(), name.clone())).filter(|found| found.uid == resource.uid)
        else {
            return Err(ResourceError::Gone { namespace, name });
        };
        let (key, fields) = ((namespace.clone(), name.clone()), change.changes(&found.spec));
        let mut api_fields = self.api_fields.lock().unwrap();
        let of_api = api_fields.entry(key).or_default();
        if let Manager::Manifest(manager) = &found.manager
            && let Some(field) = fields.iter().find(|field| field.is_set(&found.spec) && !of_api.contains(field))
        {
            let (field, manager) = (field.clone(), manager.clone());
            return Err(ResourceError::Managed { namespace, name, field, manager });
        }
        if !fields.is_empty() {
            (found.spec, found.generation) = (change.applied(&found.spec), found.generation + 1);
            of_api.extend(fields);
        }
        Ok(found.clone())
    }

    async fn remember_key(&self, namespace: &str, name: &str) -> Result<(), ResourceError> {
        if let Some(resource) = self.inner.lock().unwrap().get_mut(&(namespace.to_owned(), name.to_owned())) {
            resource.key_was_made = true;
        }
        Ok(())
    }

    async fn report(&self, resource: &Resource, report: Report) {
        let key = (resource.namespace.clone(), resource.name.clone());
        if let Some(status) = report.key {
            self.keys.lock().unwrap().insert(key.clone(), status);
        }
        self.reports.lock().unwrap().insert(key, report.conditions);
    }

    async fn report_left(&self, record: &Record, happened: &[Reason]) {
        let mut left = self.left.lock().unwrap();
        left.extend(happened.iter().filter_map(|because| EventReason::of(*because)).map(|event| event.left(record)));
    }

    async fn reported(&self, namespace: &str, name: &str) -> Vec<Condition> {
        let key = (namespace.to_owned(), name.to_owned());
        self.reports.lock().unwrap().get(&key).cloned().unwrap_or_default()
    }

    fn namespace_uid(&self, namespace: &str) -> Option<ObjectUid> {
        Some(self.namespaces.lock().unwrap().get(namespace).copied().unwrap_or(FIRST_NAMESPACE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::conformance;
    use futures::executor::block_on;

    #[test]
    fn the_small_fakes_do_what_their_ports_promise() {
        let sink = FakeAudit::default();
        let read = || sink.records().iter().map(|record| serde_json::to_value(record).unwrap()).collect();
        block_on(conformance::audit(&sink, read));
        block_on(conformance::resources(|| Arc::new(FakeResources::default())));
        conformance::usage(&FakeUsage::default());
        block_on(conformance::clock(&FakeClock::default()));
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_its_high_water_mark() {
        let clock = FakeClock::default();
        let [early, late] = [1, 2].map(Timestamp::from_milliseconds);
        clock.set(late);
        clock.set(early);
        assert_eq!((clock.wall(), clock.high_water_mark()), (early, late));
    }
}
