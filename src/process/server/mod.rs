//! `coffer server`: one replica of an installation in a cluster.

pub mod alias_control;
pub mod alias_queue;
pub mod application;
pub mod arguments;
pub mod clock;
pub mod control;
pub mod health;
pub mod installation;
pub mod installation_conditions;
pub mod metrics;
pub mod unlock;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use futures::channel::oneshot;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::adapters::audit::file::FileAudit;
use crate::adapters::audit::stdout::StdoutAudit;
use crate::adapters::http::guard::Hosts;
use crate::adapters::http::listen::Listener;
use crate::adapters::http::{health as health_listener, server};
use crate::adapters::kube::access_review::KubeReviewer;
use crate::adapters::kube::aliases::KubeAliases;
use crate::adapters::kube::client::Clients;
use crate::adapters::kube::events::Events;
use crate::adapters::kube::key_watch::KeyWatch;
use crate::adapters::kube::lease::Candidate;
use crate::adapters::kube::namespaces::Namespaces;
use crate::adapters::kube::outage::Outage;
use crate::adapters::kube::resources::KubeResources;
use crate::adapters::kube::store::SecretStore;
use crate::adapters::kube::token_review::{AuthenticationOptions, TokenAuthenticator};
use crate::adapters::kube::{rbac_watch, unimplemented};
use crate::adapters::memory_usage::MemoryUsage;
use crate::adapters::rsa_keys::StockedRsaKeys;
use crate::adapters::tls::{authority, resolver};
use crate::api::crd::key_alias::KeyAlias;
use crate::crypto::rng::{Rng, SystemRng};
use crate::crypto::selftest;
use crate::domain::authority::Authority;
use crate::domain::quota::Rate;
use crate::engine::accounts::Accounts;
use crate::engine::alias_claims::AliasClaims;
use crate::engine::approvals::Approvals;
use crate::engine::changes::ChangedOwners;
use crate::engine::destruction::Destruction;
use crate::engine::limiter::{Limiter, Rates};
use crate::engine::local_backend::LocalBackend;
use crate::engine::refusals::Refusals;
use crate::engine::snapshot_cell::SnapshotCell;
use crate::engine::turns::Turns;
use crate::engine::vault::Vault;
use crate::engine::{Engine, Ports};
use crate::ports::audit::Audit;
use crate::ports::clock::Clock;
use crate::process::signals::Signals;
use crate::types::limits::{
    HEARTBEAT_PERIOD, LEAF_RENEW_PERIOD, PRINCIPAL_REQUESTS_PER_SECOND, RECONCILE_BACKOFF_MAX, REFUSALS_PERIOD,
    USAGE_FLUSH_TIMEOUT,
};
use crate::types::time::Span;
use alias_control::AliasControl;
use application::ServerApplication;
use arguments::{AuditClass, Reconcile, ServerArguments};
use clock::ClusterClock;
use control::Control;
use health::ServerHealth;
use installation::Announcer;
use metrics::{Calls, Metrics};

/// The name of the Lease.
const LEASE: &str = "coffer";

/// Runs `coffer server` until it is asked to stop.
///
/// # Errors
/// What keeps it from serving, in words for its operator.
pub fn run(arguments: &ServerArguments) -> anyhow::Result<ExitCode> {
    crate::process::start_logging();
    selftest::run().context("the self-test of the cryptography failed; this build must not be used")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(arguments))?;
    Ok(ExitCode::SUCCESS)
}

/// What the parts of a replica share.
struct Replica {
    clients: Clients,
    clock: Arc<dyn Clock>,
    outage: Arc<Outage>,
    store: Arc<SecretStore>,
    namespaces: Namespaces,
    watch: KeyWatch,
    resources: Arc<KubeResources>,
    alias_watch: KeyWatch<KeyAlias>,
    aliases: Arc<KubeAliases>,
    engine: Arc<Engine>,
    authority: Authority,
    name: String,
    tasks: JoinSet<()>,
}

async fn serve(arguments: &ServerArguments) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let mut replica = tokio::select! {
        replica = build(arguments) => replica?,
        () = signals.wait() => return Ok(()),
    };
    let calls = Arc::new(Calls::new());
    let (lead, leads) = watch::channel(false);
    let health = Arc::new(ServerHealth {
        engine: Arc::clone(&replica.engine),
        store: Arc::clone(&replica.store),
        outage: Arc::clone(&replica.outage),
        leads: leads.clone(),
        ready: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
        metrics: Metrics::new(&calls),
    });
    let listener = tokio::net::TcpListener::bind(arguments.health).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", arguments.health))?;
    replica.tasks.spawn(health_listener::serve(listener, Arc::clone(&health) as _));
    tokio::select! {
        read = read_everything(&mut replica) => read?,
        () = signals.wait() => return Ok(()),
    }
    let staleness = Arc::clone(&health);
    replica.tasks.spawn(async move { staleness.watch_staleness().await });
    let (stop, stopped) = watch::channel(false);
    let application = Arc::new(application(&mut replica, arguments, calls));
    let mut server = match arguments.reconcile {
        Reconcile::Only => None,
        _ => Some(start_listener(&mut replica, arguments, Arc::clone(&application), stopped.clone()).await?),
    };
    let mut candidate = start_control(&mut replica, arguments, lead, leads, stopped);
    health.ready.store(true, Ordering::Release);
    tracing::info!(installation = %arguments.installation_id, replica = replica.name, "ready");
    tokio::select! {
        () = signals.wait() => {}
        _ = replica.tasks.join_next() => anyhow::bail!(ENDED),
        () = ended(&mut server) => anyhow::bail!(ENDED),
        () = ended(&mut candidate) => anyhow::bail!(ENDED),
    }
    health.stopping.store(true, Ordering::Release);
    // Who still sends here has not heard yet that this replica goes away.
    tokio::time::sleep(Duration::from_secs(u64::from(arguments.drain_delay))).await;
    stop.send_replace(true);
    for task in [server, candidate].into_iter().flatten() {
        task.await?;
    }
    application.flush_refusals(true).await;
    let _ = tokio::time::timeout(USAGE_FLUSH_TIMEOUT.duration(), application.engine.flush_usage()).await;
    replica.tasks.shutdown().await;
    Ok(())
}

/// Whoever has a rate of its own cannot take that of others.
const RATES: Rates = Rates { principal: Some(Rate { per_second: PRINCIPAL_REQUESTS_PER_SECOND }), class: |_| None };

/// Opens the installation and puts the engine together.
async fn build(arguments: &ServerArguments) -> anyhow::Result<Replica> {
    let clients = Clients::connect().await.context("no API server is known; run in a cluster, or set KUBECONFIG")?;
    let clock: Arc<dyn Clock> = Arc::new(ClusterClock::new(clients.date.clone()));
    let rng: Arc<dyn Rng> = Arc::new(SystemRng::new());
    let name = arguments.replica_name();
    let mut tasks = JoinSet::new();
    let store = Arc::new(SecretStore::new(clients.patient.clone(), &arguments.keys_namespace, Arc::clone(&clock)));
    let roots = Arc::new(unlock::open(arguments, store.as_ref(), &clients.patient).await?);
    let vault = Vault::new(Arc::clone(&roots), Arc::clone(&store) as _);
    let authority = unlock::authority(&vault).await?;
    let (namespaces, following) = Namespaces::follow(clients.patient.clone());
    tasks.spawn(following);
    let (watch, following) = KeyWatch::follow(clients.patient.clone());
    tasks.spawn(following);
    let (events, publishing) = Events::new(clients.patient.clone(), Some(name.clone()));
    tasks.spawn(publishing);
    let (alias_watch, following) = KeyWatch::follow(clients.patient.clone());
    tasks.spawn(following);
    let (patient, seen) = (|| clients.patient.clone(), alias_watch.seen.clone());
    let aliases = Arc::new(KubeAliases::new(patient(), namespaces.clone(), seen, events.clone()));
    let resources = Arc::new(KubeResources::new(patient(), namespaces.clone(), watch.seen.clone(), events));
    let outage = Arc::new(Outage::new(Span::from_seconds(i64::from(arguments.outage_grace)), Arc::clone(&clock)));
    let reviewer = Arc::new(KubeReviewer::new(&clients, namespaces.clone(), Arc::clone(&clock), Arc::clone(&outage)));
    tasks.spawn(rbac_watch::follow(clients.patient.clone(), Arc::clone(&reviewer)));
    let rsa_keys = Arc::new(StockedRsaKeys::default());
    let ports = Ports {
        store: Arc::clone(&store) as _,
        backend: Arc::new(LocalBackend::new(roots, Arc::clone(&rng), Arc::clone(&rsa_keys) as _, name.clone())),
        resources: Arc::clone(&resources) as _,
        aliases: Arc::clone(&aliases) as _,
        audit: open_audit(arguments)?,
        reviewer,
        clock: Arc::clone(&clock),
        rng,
        usage: Arc::new(MemoryUsage::default()),
        rsa_keys,
    };
    let engine = Arc::new(Engine {
        ports,
        region: arguments.region.clone(),
        replica: name.clone(),
        approvals: Approvals::new(arguments.restore_scope()),
        destruction: Destruction::default(),
        allows_fixed_key_ids: arguments.allow_fixed_key_ids,
        accounts: Accounts::Namespaces,
        vault,
        snapshots: SnapshotCell::default(),
        changes: ChangedOwners::default(),
        alias_changes: ChangedOwners::default(),
        turns: Turns::default(),
        alias_claims: AliasClaims::default(),
        usage_since: clock.wall(),
        limiter: Limiter::new(RATES),
    });
    Ok(Replica {
        clients,
        clock,
        outage,
        store,
        namespaces,
        watch,
        resources,
        alias_watch,
        aliases,
        engine,
        authority,
        name,
        tasks,
    })
}

fn open_audit(arguments: &ServerArguments) -> anyhow::Result<Arc<dyn Audit>> {
    if arguments.audit == AuditClass::Besteffort {
        return Ok(Arc::new(StdoutAudit));
    }
    let folder = &arguments.audit_folder;
    if arguments.audit == AuditClass::Node {
        std::fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    }
    let path = folder.join("audit.jsonl");
    let audit =
        FileAudit::open(&path).with_context(|| format!("the audit file {} cannot be opened", path.display()))?;
    Ok(Arc::new(audit))
}

/// Starts to follow the store, and waits until the first snapshot and the first lists are complete.
async fn read_everything(replica: &mut Replica) -> anyhow::Result<()> {
    let (ready, is_ready) = oneshot::channel();
    let engine = Arc::clone(&replica.engine);
    replica.tasks.spawn(async move { engine.follow_store(ready).await });
    is_ready.await.context("the sealed objects could not be read")?;
    replica.namespaces.ready().await;
    // Before the first heartbeat, which would hide how long nothing ran.
    replica.engine.remember_time().await.context("the heartbeats could not be read")?;
    let (engine, name) = (Arc::clone(&replica.engine), replica.name.clone());
    replica.tasks.spawn(async move {
        loop {
            if let Err(error) = engine.beat(&name, env!("CARGO_PKG_VERSION")).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the heartbeat could not be written");
            }
            tokio::time::sleep(HEARTBEAT_PERIOD.duration()).await;
        }
    });
    Ok(())
}

fn application(replica: &mut Replica, arguments: &ServerArguments, calls: Arc<Calls>) -> ServerApplication {
    let options = AuthenticationOptions { allow_unbound: arguments.allow_unbound_tokens };
    let (clock, outage) = (Arc::clone(&replica.clock), Arc::clone(&replica.outage));
    let authenticator =
        Arc::new(TokenAuthenticator::new(&replica.clients, arguments.audience(), clock, outage, options));
    replica.tasks.spawn(Arc::clone(&authenticator).run());
    ServerApplication { engine: Arc::clone(&replica.engine), authenticator, refusals: Refusals::default(), calls }
}

type Task = tokio::task::JoinHandle<()>;

async fn start_listener(
    replica: &mut Replica,
    arguments: &ServerArguments,
    application: Arc<ServerApplication>,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<Task> {
    let (installation, names) = (arguments.installation_id, arguments.tls_names());
    let issue = |authority: &Authority, now| authority::issue(authority, &installation, &names, now);
    let first = issue(&replica.authority, replica.clock.wall())?;
    let current = Arc::new(resolver::CurrentCertificate::new(first));
    let config = Arc::new(resolver::server_config(Arc::clone(&current))?);
    let listener = Listener::tls(arguments.listen, config).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let (clock, engine) = (Arc::clone(&replica.clock), Arc::clone(&replica.engine));
    replica.tasks.spawn(async move {
        let mut wait = LEAF_RENEW_PERIOD;
        loop {
            clock.sleep(wait).await;
            let authority = unlock::authority(&engine.vault).await;
            let renewed =
                authority.and_then(|authority| Ok(authority::issue(&authority, &installation, &names, clock.wall())?));
            wait = match renewed {
                Ok(next) => {
                    current.replace(next);
                    LEAF_RENEW_PERIOD
                }
                Err(error) => {
                    tracing::error!("the certificate could not be renewed: {error:#}");
                    RECONCILE_BACKOFF_MAX
                }
            };
        }
    });
    let flushing = Arc::clone(&application);
    replica.tasks.spawn(async move {
        loop {
            tokio::time::sleep(REFUSALS_PERIOD.duration()).await;
            flushing.flush_refusals(false).await;
        }
    });
    tracing::info!(address = ?listener.address(), "serving the AWS KMS API");
    Ok(tokio::spawn(server::serve(listener, Hosts::Any, application, stopped)))
}

/// Starts what the leader does, and the candidacy, which is awaited at the end so that it lets go of the lease.
fn start_control(
    replica: &mut Replica,
    arguments: &ServerArguments,
    lead: watch::Sender<bool>,
    mut leads: watch::Receiver<bool>,
    stopped: watch::Receiver<bool>,
) -> Option<Task> {
    if arguments.reconcile == Reconcile::Never {
        return None;
    }
    let (resources, watch) = (Arc::clone(&replica.resources), replica.watch.clone());
    let control = Arc::new(Control::new(Arc::clone(&replica.engine), resources, watch));
    let (aliases, watch) = (Arc::clone(&replica.aliases), replica.alias_watch.clone());
    let alias_control = AliasControl::new(Arc::clone(&replica.engine), aliases, watch);
    let announcer = Announcer {
        client: replica.clients.patient.clone(),
        engine: Arc::clone(&replica.engine),
        namespaces: replica.namespaces.clone(),
        authority_pem: authority::to_pem(&replica.authority.certificate),
        replica: replica.name.clone(),
    };
    replica.tasks.spawn(async move {
        while leads.wait_for(|leads| *leads).await.is_ok() {
            let mut until = leads.clone();
            tokio::select! {
                () = act(Arc::clone(&control), &alias_control, &announcer) => {}
                _ = until.wait_for(|leads| !leads) => {
                    announcer.engine.changes.follow(false);
                    announcer.engine.alias_changes.follow(false);
                }
            }
        }
    });
    let (client, namespace) = (replica.clients.prompt.clone(), &arguments.system_namespace);
    let candidate = Candidate::new(client, namespace, LEASE, replica.name.clone(), Arc::clone(&replica.clock));
    Some(tokio::spawn(async move { candidate.run(&lead, stopped).await }))
}

async fn act(control: Arc<Control>, aliases: &AliasControl, announcer: &Announcer) {
    let now = || announcer.engine.ports.clock.wall();
    let client = || announcer.client.clone();
    let unimplemented = unimplemented::KINDS.map(|(kind, plural)| unimplemented::follow(client(), kind, plural, now));
    let timers = announcer.engine.run_timers();
    futures::join!(control.lead(), aliases.lead(), timers, announcer.run(), futures::future::join_all(unimplemented));
}

const ENDED: &str = "a part of this replica ended that never should; it stops";

/// Ends with a task; never, where there is none.
async fn ended(task: &mut Option<Task>) {
    match task {
        Some(task) => drop(task.await),
        None => std::future::pending().await,
    }
}
