//! `coffer local`: the whole engine on one machine, without a cluster.

pub mod application;
pub mod arguments;
pub mod banner;
pub mod credentials;
pub mod manifests;
pub mod regions;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::watch;

use crate::adapters::audit::file::FileAudit;
use crate::adapters::audit::stdout::StdoutAudit;
use crate::adapters::folder::atomic;
use crate::adapters::folder::lock::FolderLock;
use crate::adapters::folder::root_file::RootFile;
use crate::adapters::http::guard::Hosts;
use crate::adapters::http::listen::Listener;
use crate::adapters::http::server::serve;
use crate::crypto::rng::{Rng, SystemRng};
use crate::crypto::selftest;
use crate::engine::approvals::Approved;
use crate::ports::audit::Audit;
use crate::process::signals::Signals;
use crate::types::limits::REFUSALS_PERIOD;
use application::LocalApplication;
use arguments::{AuditSink, LocalArguments};
use credentials::Callers;
use regions::Regions;

/// Runs `coffer local` until it is asked to stop.
///
/// # Errors
/// What keeps it from serving, in words for its user.
pub fn run(arguments: &LocalArguments) -> anyhow::Result<ExitCode> {
    super::start_logging();
    selftest::run().context("the self-test of the cryptography failed; this build must not be used")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve_local(arguments))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve_local(arguments: &LocalArguments) -> anyhow::Result<()> {
    anyhow::ensure!(
        arguments.http.ip().is_loopback() || arguments.credentials.is_some(),
        "--http {} is open to the network, and without --credentials everyone on it would be the root of the account; \
         name a loopback address, or a credentials file",
        arguments.http
    );
    let data = arguments.data_folder()?;
    let fresh = open_data_folder(&data)?;
    let _lock = FolderLock::take(&data)?;
    let rng: Arc<dyn Rng> = Arc::new(SystemRng::new());
    let root = open_root(arguments, &data, rng.as_ref())?;
    let (audit, file_audit) = open_audit(arguments, &data)?;
    let callers = Callers::open(arguments)?;
    let manifests = arguments.manifests.as_deref();
    if let Some(folder) = manifests {
        anyhow::ensure!(folder.is_dir(), "the folder of manifests {} does not exist", folder.display());
    }
    let approved = Approved { vanished_until: arguments.destroy_vanished_until, ..Approved::default() };
    let regions = Regions::new(&data, Arc::new(root), rng, Arc::clone(&audit), arguments.account)
        .approving(approved)
        .kept_by_manifests(manifests.map(|_| arguments.home_region()));
    let regions = Arc::new(regions);
    let initialised = regions.open_all(&arguments.home_region(), arguments.region.is_some()).await?;
    let home = regions.get(&arguments.home_region()).context("the Region was not opened")?;
    if let Some(folder) = manifests {
        regions.spawn(manifests::follow(home, folder.to_owned()).await).await;
    }
    let pinned = arguments.region.clone();
    let application = Arc::new(LocalApplication::new(Arc::clone(&regions), callers, pinned, audit));
    let (stop, stopped) = watch::channel(false);
    // Before anybody can see that it serves: whoever sees that may ask it to stop at once.
    let mut signals = Signals::new()?;
    let (tcp, unix) = listen(arguments, &data).await?;
    banner::print(&banner::Banner {
        data: &data,
        fresh,
        initialised,
        tcp: tcp.address(),
        socket: &arguments.socket_path(&data),
        region: arguments.home_region(),
    });
    let hosts = Hosts::Only(arguments.allow_host.clone());
    let servers = [
        tokio::spawn(serve(tcp, hosts, Arc::clone(&application) as _, stopped.clone())),
        tokio::spawn(serve(unix, Hosts::Any, Arc::clone(&application) as _, stopped)),
    ];
    let flusher = tokio::spawn(flush_refusals(Arc::clone(&application)));
    signals.wait().await;
    tracing::info!("stopping: open requests may finish");
    stop.send_replace(true);
    for server in servers {
        server.await?;
    }
    flusher.abort();
    regions.stop().await;
    application.flush_refusals(true).await;
    if let Some((records, commits)) = file_audit.map(|audit| audit.counts()) {
        tracing::info!(records, commits, "stopped");
    }
    Ok(())
}

async fn flush_refusals(application: Arc<LocalApplication>) {
    loop {
        tokio::time::sleep(REFUSALS_PERIOD.duration()).await;
        application.flush_refusals(false).await;
    }
}

/// Makes the folder where it is missing, and tells whether it held nothing.
fn open_data_folder(data: &Path) -> anyhow::Result<bool> {
    let fresh = atomic::names(data).map(|names| names.is_empty());
    let fresh = fresh.with_context(|| format!("the data folder {} cannot be read", data.display()))?;
    if !data.is_dir() {
        atomic::create_folder(data).with_context(|| format!("the data folder {} cannot be made", data.display()))?;
    }
    Ok(fresh)
}

/// Loads the root file. A new one is made only where nothing was ever sealed.
fn open_root(arguments: &LocalArguments, data: &Path, rng: &dyn Rng) -> anyhow::Result<RootFile> {
    let path = arguments.root_path(data);
    if path.try_exists().with_context(|| format!("the root file {} cannot be read", path.display()))? {
        return Ok(RootFile::load(&path)?);
    }
    if let Some(region) = regions::existing(data)?.first() {
        anyhow::bail!(
            "the root file {} is missing, and the data folder {} holds keys of {region} that only it can open; \
             bring it back, or name it with --root, or name a new folder with --data",
            path.display(),
            data.display()
        );
    }
    Ok(RootFile::create(&path, rng)?)
}

fn open_audit(arguments: &LocalArguments, data: &Path) -> anyhow::Result<(Arc<dyn Audit>, Option<Arc<FileAudit>>)> {
    match arguments.audit {
        AuditSink::Stdout => Ok((Arc::new(StdoutAudit), None)),
        AuditSink::File => {
            let path = data.join("audit.jsonl");
            let audit = FileAudit::open(&path).with_context(|| format!("{} cannot be written", path.display()))?;
            let audit = Arc::new(audit);
            Ok((Arc::clone(&audit) as _, Some(audit)))
        }
    }
}

async fn listen(arguments: &LocalArguments, data: &Path) -> anyhow::Result<(Listener, Listener)> {
    let tcp = Listener::tcp(arguments.http).await.with_context(|| {
        format!("cannot listen on {}; name another address with --http, port 0 for any free one", arguments.http)
    })?;
    let path = arguments.socket_path(data);
    let unix = Listener::unix(&path)
        .await
        .with_context(|| format!("cannot listen on the socket {}; name another path with --socket", path.display()))?;
    Ok((tcp, unix))
}
