//! The commands of the `coffer` program.

use clap::{Parser, Subcommand};

use super::{crds, inspect, local};

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
    /// Serve an installation in a cluster: the API, and on one replica the reconcilers
    #[cfg(feature = "cluster")]
    Server(Box<super::server::arguments::ServerArguments>),
    /// Begin an installation in a cluster, once
    #[cfg(feature = "cluster")]
    Init(super::initialise::InitialiseArguments),
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
        #[cfg(feature = "cluster")]
        Command::Server(arguments) => super::server::run(&arguments),
        #[cfg(feature = "cluster")]
        Command::Init(arguments) => super::initialise::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Crds(arguments) => crds::run(&arguments),
    }
}
