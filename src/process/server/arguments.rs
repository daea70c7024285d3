//! Arguments of `coffer server`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::engine::approvals::RestoreScope;
use crate::types::account::Region;
use crate::types::ids::InstallationId;

/// Whether this replica reconciles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reconcile {
    /// While it holds the lease
    Auto,
    /// Not at all: it serves the API only
    Never,
    /// While it holds the lease, and it does not serve the API
    Only,
}

/// How durable audit records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuditClass {
    /// In a file on a persistent volume, written through before each answer
    Durable,
    /// In a file that goes away with the pod, written through before each answer
    Node,
    /// On standard output, for a collector; accepted counts as written
    Besteffort,
}

/// Arguments of `coffer server`.
#[derive(Debug, Args)]
pub struct ServerArguments {
    /// The installation that this deployment is, 32 hex digits; a root of another one is refused
    #[arg(long, value_name = "ID", value_parser = parse_installation)]
    pub installation_id: InstallationId,

    /// File with the 64 bytes that open the installation's root
    #[arg(long, value_name = "FILE", default_value = "/etc/coffer/root/root.key")]
    pub root: PathBuf,

    /// Namespace of the sealed objects
    #[arg(long, value_name = "NAMESPACE", default_value = "coffer-keys")]
    pub keys_namespace: String,

    /// Namespace of this deployment, where its Lease is
    #[arg(long, value_name = "NAMESPACE", default_value = "coffer-system")]
    pub system_namespace: String,

    /// Name of this replica, unique in the installation [default: the host's name]
    #[arg(long, value_name = "NAME")]
    pub replica: Option<String>,

    /// The Region that ARNs name
    #[arg(long, value_name = "REGION", default_value = "us-east-1", value_parser = parse_region)]
    pub region: Region,

    /// Address of the API, with TLS
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8443")]
    pub listen: SocketAddr,

    /// Address of /livez, /readyz and /metrics, without TLS
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8080")]
    pub health: SocketAddr,

    /// Name or IP address that clients reach the API by; may be repeated
    /// [default: the Service `coffer` of the system namespace, and localhost]
    #[arg(long, value_name = "NAME")]
    pub tls_name: Vec<String>,

    /// Whether this replica reconciles
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    pub reconcile: Reconcile,

    /// How durable audit records are
    #[arg(long, value_name = "CLASS", value_enum, default_value = "durable")]
    pub audit: AuditClass,

    /// Folder of the audit records
    #[arg(long, value_name = "DIR", default_value = "/var/lib/coffer/audit")]
    pub audit_folder: PathBuf,

    /// How long callers that were reviewed go on while the API server cannot be reached, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub outage_grace: u32,

    /// Accept ServiceAccount tokens that are bound to no pod
    #[arg(long)]
    pub allow_unbound_tokens: bool,

    /// Let KmsKeys name their key id (spec.keyId), for moving keys between installations
    #[arg(long)]
    pub allow_fixed_key_ids: bool,

    /// Into which namespaces keys are restored when their manifests are applied again: only the namespace that they
    /// were made in, until an administrator approves another of its name, or any namespace of that name
    #[arg(long, value_name = "SCOPE", value_enum, default_value = "same-namespace-uid")]
    pub restore_scope: RestoreScopeArgument,

    /// How long to wait for `coffer init` before giving up, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub initialisation_wait: u32,

    /// How long to go on serving after the signal to stop, so that the Service learns of it first, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub drain_delay: u32,
}

/// Into which namespaces keys are restored without an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RestoreScopeArgument {
    /// The namespace that they were made in
    #[value(alias = "SameNamespaceUID")]
    SameNamespaceUid,
    /// Any namespace of the same name
    #[value(alias = "SameName")]
    SameName,
}

impl ServerArguments {
    /// Into which namespaces keys are restored without an approval.
    #[must_use]
    pub const fn restore_scope(&self) -> RestoreScope {
        match self.restore_scope {
            RestoreScopeArgument::SameNamespaceUid => RestoreScope::SameNamespaceUid,
            RestoreScopeArgument::SameName => RestoreScope::SameName,
        }
    }

    /// The names in the certificate.
    #[must_use]
    pub fn tls_names(&self) -> Vec<String> {
        if !self.tls_name.is_empty() {
            return self.tls_name.clone();
        }
        let namespace = &self.system_namespace;
        let service = ["coffer".to_owned(), format!("coffer.{namespace}"), format!("coffer.{namespace}.svc")];
        let full = format!("coffer.{namespace}.svc.cluster.local");
        service.into_iter().chain([full, "localhost".to_owned(), "127.0.0.1".to_owned()]).collect()
    }

    /// The name of this replica.
    #[must_use]
    pub fn replica_name(&self) -> String {
        let host = || environment("HOSTNAME").filter(|name| !name.is_empty());
        self.replica.clone().or_else(host).unwrap_or_else(|| "coffer-0".to_owned())
    }

    /// The audience of tokens for this installation.
    #[must_use]
    pub fn audience(&self) -> String {
        format!("kms.coffer.dev/{}", self.installation_id)
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line is where the environment is read")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads an installation id.
///
/// # Errors
/// What one looks like.
pub fn parse_installation(text: &str) -> Result<InstallationId, String> {
    InstallationId::parse(text)
        .ok_or_else(|| "must be 32 lower-case hex digits, as `coffer init` printed them".to_owned())
}

/// Reads a Region.
///
/// # Errors
/// What one looks like.
pub fn parse_region(text: &str) -> Result<Region, String> {
    Region::parse(text).ok_or_else(|| "must be shaped as AWS's Regions are, such as eu-central-1".to_owned())
}
