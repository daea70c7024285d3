//! Leadership by a Lease on the real API server.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use tokio::sync::watch;

use super::cluster::{clients, namespace};
use crate::adapters::kube::lease::Candidate;
use crate::adapters::system::SystemClock;
use crate::types::limits::{LEASE_DURATION, LEASE_RETRY_PERIOD};
use crate::types::time::Timestamp;

struct Running {
    leads: watch::Receiver<bool>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

async fn start(namespace: &str, identity: &str) -> Running {
    let client = clients().await.prompt;
    let clock = Arc::new(SystemClock::new(Timestamp::default()));
    let candidate = Candidate::new(client, namespace, "coffer", identity.to_owned(), clock);
    let ((lead, leads), (stop, stopped)) = (watch::channel(false), watch::channel(false));
    let task = tokio::spawn(async move { candidate.run(&lead, stopped).await });
    Running { leads, stop, task }
}

async fn leads_within(running: &mut Running, time: Duration) -> bool {
    tokio::time::timeout(time, running.leads.wait_for(|leads| *leads)).await.is_ok()
}

async fn until_leads(running: &mut Running, time: Duration) {
    assert!(leads_within(running, time).await, "it leads in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_leads_and_whoever_lets_go_or_dies_is_followed() {
    let clients = clients().await;
    let namespace = namespace(&clients.patient).await;
    let period = LEASE_RETRY_PERIOD.duration();
    let mut one = start(&namespace, "one").await;
    until_leads(&mut one, period * 5).await;
    let mut two = start(&namespace, "two").await;
    assert!(!leads_within(&mut two, period * 2).await, "a lease that is renewed is not taken");

    one.stop.send_replace(true);
    one.task.await.unwrap();
    until_leads(&mut two, period * 5).await;

    // A process that died says nothing; its lease runs out.
    two.task.abort();
    let mut three = start(&namespace, "three").await;
    assert!(!leads_within(&mut three, LEASE_DURATION.duration() / 2).await, "nor before it expired");
    until_leads(&mut three, LEASE_DURATION.duration() * 5).await;
    let lease = Api::<Lease>::namespaced(clients.patient.clone(), &namespace).get("coffer").await.unwrap();
    let spec = lease.spec.unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some("three"));
    assert_eq!(spec.lease_transitions, Some(3));
    three.stop.send_replace(true);
    three.task.await.unwrap();
}
