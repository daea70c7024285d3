//! `coffer-sidecar`: the AWS KMS API inside a pod.

pub mod application;
pub mod arguments;
pub mod budget;
pub mod condition;
pub mod credentials;
pub mod failure;
pub mod forward;
pub mod probe;
pub mod revisions;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::watch;

use crate::adapters::http::guard::Hosts;
use crate::adapters::http::listen::Listener;
use crate::adapters::http::server::serve;
use crate::adapters::system::SystemClock;
use crate::crypto::rng::{Rng, SystemRng};
use crate::crypto::selftest;
use crate::ports::clock::Clock;
use crate::process::signals::Signals;
use crate::types::time::Timestamp;
use application::{Sidecar, Signatures};
use arguments::{Arguments, Command, OrOff, ServeArguments};
use credentials::Issuer;
use forward::Forwarder;

/// Every container of the pod that mounts the folder of the socket may connect, whatever its user.
const SOCKET_MODE: u32 = 0o666;

/// Runs a command of `coffer-sidecar`.
///
/// # Errors
/// What stopped it, in words for its user.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Some(Command::Probe(arguments)) => probe::run(&arguments),
        Some(Command::Serve(arguments)) => serve_pod(*arguments),
        None => serve_pod(arguments.serve),
    }
}

fn serve_pod(arguments: ServeArguments) -> anyhow::Result<ExitCode> {
    super::start_logging();
    selftest::run().context("the self-test of the cryptography failed; this build must not be used")?;
    // One thread is enough for what the containers of one pod ask, and costs the least memory.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()?;
    runtime.block_on(async {
        let stop = signals()?;
        let (_, serving) = start(&arguments, stop).await?;
        serving.await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Listens, and gives the address of HTTP and the work of serving until `stop` changes.
async fn start(
    arguments: &ServeArguments,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<(Option<SocketAddr>, impl Future<Output = anyhow::Result<()>> + use<>)> {
    let (unix, tcp) = listen(arguments).await?;
    let sidecar = Arc::new(open(arguments)?);
    let address = tcp.as_ref().and_then(Listener::address);
    let http = address.map_or_else(|| "off".to_owned(), |address| address.to_string());
    tracing::info!(socket = %arguments.socket.display(), http, server = %arguments.server, "serving");
    let hosts = Hosts::Only(arguments.allow_host.clone());
    let mut servers = vec![tokio::spawn(serve(unix, Hosts::Any, Arc::clone(&sidecar) as _, stop.clone()))];
    servers.extend(tcp.map(|tcp| tokio::spawn(serve(tcp, hosts, Arc::clone(&sidecar) as _, stop))));
    let serving = async move {
        // The log says from the start whether calls will get through.
        let first_look = tokio::spawn(async move { drop(sidecar.forwarder().ready().await) });
        for server in servers {
            server.await?;
        }
        first_look.abort();
        tracing::info!("stopped");
        Ok(())
    };
    Ok((address, serving))
}

fn open(arguments: &ServeArguments) -> anyhow::Result<Sidecar> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(Timestamp::default()));
    let rng: Arc<dyn Rng> = Arc::new(SystemRng::new());
    let issuer = match &arguments.authorization_token_file {
        OrOff::On(file) => Some(Issuer::open(file, rng.as_ref()).with_context(|| {
            format!(
                "the authorization token file {} cannot be made; name another with --authorization-token-file, or off",
                file.display()
            )
        })?),
        OrOff::Off => None,
    };
    anyhow::ensure!(
        issuer.is_some() || !arguments.require_signature,
        "--require-signature needs credentials to sign with, and --authorization-token-file off gives none"
    );
    let forwarder = Forwarder::new(
        arguments.server.clone(),
        arguments.ca_file.clone(),
        arguments.token_file.clone(),
        Arc::clone(&clock),
        Arc::clone(&rng),
    );
    let signatures = if arguments.require_signature { Signatures::Required } else { Signatures::Optional };
    Ok(Sidecar::new(forwarder, issuer, signatures, clock, rng))
}

async fn listen(arguments: &ServeArguments) -> anyhow::Result<(Listener, Option<Listener>)> {
    let path = &arguments.socket;
    let unix = Listener::unix_of_mode(path, SOCKET_MODE).await;
    let unix = unix.with_context(|| {
        format!("cannot listen on the socket {}; its folder must be writable; --socket names another", path.display())
    })?;
    let OrOff::On(address) = &arguments.http else { return Ok((unix, None)) };
    let tcp = Listener::tcp(*address).await;
    let tcp = tcp.with_context(|| format!("cannot listen on {address}; name another address with --http, or off"))?;
    Ok((unix, Some(tcp)))
}

/// Changes at the first request to stop.
fn signals() -> anyhow::Result<watch::Receiver<bool>> {
    let mut signals = Signals::new()?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        signals.wait().await;
        tracing::info!("stopping: open requests may finish");
        stop.send_replace(true);
    });
    Ok(stopped)
}
