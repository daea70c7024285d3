//! Arguments of `coffer local`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::types::account::{AccountId, Region};
use crate::types::time::Timestamp;

/// Where audit records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuditSink {
    /// `audit.jsonl` in the data folder, durable before each answer
    File,
    /// Standard output
    Stdout,
}

/// Arguments of `coffer local`.
#[derive(Debug, Args)]
pub struct LocalArguments {
    /// Address of the HTTP listener; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4599", value_parser = parse_address)]
    pub http: SocketAddr,

    /// Path of the Unix socket [default: coffer.sock in the data folder]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,

    /// Folder of the sealed state; a new or empty one is initialised
    /// [default: ${XDG_STATE_HOME:-~/.local/state}/coffer]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// File with the 64 bytes that open the state; made with a new folder. Keep a copy elsewhere: without it,
    /// no key opens any more [default: root.key in the data folder]
    #[arg(long, value_name = "FILE")]
    pub root: Option<PathBuf>,

    /// Folder of KmsKey manifests to follow
    #[arg(long, value_name = "DIR")]
    pub manifests: Option<PathBuf>,

    /// Serve this Region only, whatever a signature names [default: each Region that a signature names is one
    /// of its own, us-east-1 where there is none]
    #[arg(long, value_name = "REGION", value_parser = parse_region)]
    pub region: Option<Region>,

    /// The account that owns the keys
    #[arg(long, value_name = "DIGITS", default_value = "000000000000", value_parser = parse_account)]
    pub account: AccountId,

    /// Accept this name in the Host header too; may be repeated
    #[arg(long, value_name = "HOST")]
    pub allow_host: Vec<String>,

    /// Verify signatures against the access keys in this YAML file [default: any credentials, or none, are the
    /// root of the account]
    #[arg(long, value_name = "FILE")]
    pub credentials: Option<PathBuf>,

    /// Let keys be destroyed at the end of their waiting period although many of them vanished together, where that
    /// was until this time (RFC 3339, such as 2026-12-01T00:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub destroy_vanished_until: Option<Timestamp>,

    /// Where audit records go
    #[arg(long, value_name = "SINK", value_enum, default_value = "file")]
    pub audit: AuditSink,
}

impl LocalArguments {
    /// The data folder.
    ///
    /// # Errors
    /// Where neither an argument nor the environment names one.
    pub fn data_folder(&self) -> anyhow::Result<PathBuf> {
        if let Some(data) = &self.data {
            return Ok(data.clone());
        }
        let set = |name: &str| environment(name).filter(|value| !value.as_os_str().is_empty());
        let state = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
        let state = state.ok_or_else(|| anyhow::anyhow!("HOME is not set; name a folder with --data"))?;
        Ok(state.join("coffer"))
    }

    /// The root file.
    #[must_use]
    pub fn root_path(&self, data: &Path) -> PathBuf {
        self.root.clone().unwrap_or_else(|| data.join("root.key"))
    }

    /// The Unix socket.
    #[must_use]
    pub fn socket_path(&self, data: &Path) -> PathBuf {
        self.socket.clone().unwrap_or_else(|| data.join("coffer.sock"))
    }

    /// The Region where manifests live.
    #[must_use]
    pub fn home_region(&self) -> Region {
        self.region.clone().unwrap_or_default()
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line is where the environment is read")]
fn environment(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "must be an IP address and a port, such as 127.0.0.1:4599 or [::1]:0".to_owned())
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| "must be a time such as 2026-12-01T00:00:00Z".to_owned())
}

fn parse_region(text: &str) -> Result<Region, String> {
    Region::parse(text).ok_or_else(|| "must be shaped as AWS's Regions are, such as eu-central-1".to_owned())
}

fn parse_account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).ok_or_else(|| "must be 12 digits".to_owned())
}
