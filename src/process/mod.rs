//! L7, wiring: choose adapters, start tasks, stop cleanly.

pub mod crds;
pub mod inspect;
pub mod local;

use clap::{Parser, Subcommand};

/// AWS KMS for your own Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(name = "coffer", version, about, max_term_width = 110)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the AWS KMS API on this machine, without a cluster
    Local(Box<local::arguments::LocalArguments>),
    /// Tell offline which keys of a state folder can be opened
    Inspect(inspect::InspectArguments),
    /// Print the custom resource definitions, or write them into a folder
    Crds(crds::CrdsArguments),
}

/// Runs a command.
///
/// # Errors
/// What stopped it, in words for its user.
pub fn run(arguments: Arguments) -> anyhow::Result<std::process::ExitCode> {
    match arguments.command {
        Command::Local(arguments) => local::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Crds(arguments) => crds::run(&arguments),
    }
}

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
