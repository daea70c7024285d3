//! Arguments of `coffer-sidecar`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::adapters::upstream::address::ServerAddress;

/// The AWS KMS API inside a pod: forwards the calls of the pod's containers with the pod's own token.
#[derive(Debug, Parser)]
#[command(name = "coffer-sidecar", version, about, max_term_width = 110, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What to do; `serve` where nothing is named.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Arguments of `serve`.
    #[command(flatten)]
    pub serve: ServeArguments,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the containers of the pod; this is what happens without a command
    Serve(Box<ServeArguments>),
    /// Tell by the exit code whether the sidecar of this pod is ready: for exec probes
    Probe(ProbeArguments),
}

/// A value, or the word `off`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrOff<T> {
    /// The word `off`.
    Off,
    /// The value.
    On(T),
}

/// Arguments of `coffer-sidecar serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArguments {
    /// Path of the Unix socket; every user who can reach the path may connect
    #[arg(long, value_name = "PATH", default_value = "/run/coffer/coffer.sock")]
    pub socket: PathBuf,

    /// Loopback address of the HTTP listener, for SDKs that cannot use a Unix socket; `off` for none
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4599", value_parser = parse_http)]
    pub http: OrOff<SocketAddr>,

    /// Accept this name in the Host header of HTTP requests too; may be repeated
    #[arg(long, value_name = "HOST")]
    pub allow_host: Vec<String>,

    /// The key management server
    #[arg(long, value_name = "URL", default_value = "https://coffer.coffer-system.svc:8443",
          value_parser = parse_server)]
    pub server: ServerAddress,

    /// Certificate authorities that may vouch for the server, in PEM; nobody else may. Read again when it changes
    #[arg(long, value_name = "FILE", default_value = "/etc/coffer/ca/ca.crt")]
    pub ca_file: PathBuf,

    /// The projected ServiceAccount token of the pod. Read again when it changes
    #[arg(long, value_name = "FILE", default_value = "/var/run/secrets/coffer/token")]
    pub token_file: PathBuf,

    /// File that the sidecar makes for AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: who can read it may ask for AWS
    /// credentials at /v1/credentials; `off` gives credentials to nobody
    #[arg(long, value_name = "FILE", default_value = "/run/coffer/authorization", value_parser = parse_file)]
    pub authorization_token_file: OrOff<PathBuf>,

    /// Refuse calls that are not signed with credentials of this sidecar [default: a signature is verified where
    /// it was made with credentials of this sidecar, and any other is accepted]
    #[arg(long)]
    pub require_signature: bool,
}

/// Arguments of `coffer-sidecar probe`.
#[derive(Debug, Args)]
pub struct ProbeArguments {
    /// Path of the Unix socket of the sidecar
    #[arg(long, value_name = "PATH", default_value = "/run/coffer/coffer.sock")]
    pub socket: PathBuf,

    /// Ask only whether the socket answers: for the startup probe, which must pass while the server is away
    #[arg(long)]
    pub startup: bool,

    /// Be ready while the server cannot be reached, so that its outage does not take the pod out of its Services
    #[arg(long)]
    pub ready_without_server: bool,
}

fn parse_http(text: &str) -> Result<OrOff<SocketAddr>, String> {
    if text == "off" {
        return Ok(OrOff::Off);
    }
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "must be an IP address and a port, such as 127.0.0.1:4599 or [::1]:0, or off".to_owned())?;
    if address.ip().is_loopback() {
        Ok(OrOff::On(address))
    } else {
        Err("must be a loopback address: whoever reaches it calls with the token of the pod".to_owned())
    }
}

fn parse_server(text: &str) -> Result<ServerAddress, String> {
    ServerAddress::parse(text)
        .ok_or_else(|| "must be a URL without a path, such as https://coffer.coffer-system.svc:8443".to_owned())
}

fn parse_file(text: &str) -> Result<OrOff<PathBuf>, std::convert::Infallible> {
    Ok(if text == "off" { OrOff::Off } else { OrOff::On(PathBuf::from(text)) })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from([&["coffer-sidecar"], words].concat())
    }

    #[test]
    fn serve_is_what_happens_without_a_command() {
        Arguments::command().debug_assert();
        let plain = parse(&["--require-signature", "--http", "off"]).unwrap();
        assert!(plain.command.is_none() && plain.serve.require_signature && plain.serve.http == OrOff::Off);
        let named = parse(&["serve", "--http", "[::1]:0"]).unwrap();
        assert!(matches!(named.command, Some(Command::Serve(serve)) if matches!(serve.http, OrOff::On(_))));
        assert!(
            matches!(parse(&["probe", "--startup"]).unwrap().command, Some(Command::Probe(probe)) if probe.startup)
        );
    }

    #[test]
    fn only_loopback_is_listened_on() {
        for wrong in ["0.0.0.0:4599", "10.0.0.1:80", "[::]:80", "localhost:80", "4599"] {
            assert!(parse(&["--http", wrong]).is_err(), "{wrong}");
        }
        assert!(parse(&["--server", "http://coffer:80"]).is_err());
    }
}
