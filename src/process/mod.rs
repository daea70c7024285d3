//! L7, wiring: choose adapters, start tasks, stop cleanly.

#[cfg(feature = "local")]
pub mod command;
#[cfg(feature = "local")]
pub mod crds;
#[cfg(feature = "cluster")]
pub mod initialise;
#[cfg(feature = "local")]
pub mod inspect;
#[cfg(feature = "local")]
pub mod local;
#[cfg(feature = "cluster")]
pub mod server;
#[cfg(feature = "sidecar")]
pub mod sidecar;
#[cfg(any(feature = "local", feature = "cluster", feature = "sidecar"))]
mod signals;

/// Logs go to standard error; standard output is for what a command says.
pub(crate) fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_env_var("COFFER_LOG")
        .with_default_directive(tracing_subscriber::filter::LevelFilter::INFO.into())
        .from_env_lossy();
    let color = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(color)
        .with_target(false)
        .init();
}
