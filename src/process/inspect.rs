//! `coffer inspect`: proves offline which keys of a state folder can be opened. It changes nothing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::local::regions::existing;
use crate::adapters::folder::atomic;
use crate::adapters::folder::root_file::RootFile;
use crate::adapters::folder::store::FolderStore;
use crate::adapters::rsa_keys::StockedRsaKeys;
use crate::adapters::system::SystemClock;
use crate::crypto::rng::SystemRng;
use crate::domain::lifecycle::{MaterialHealth, effective_state};
use crate::domain::record::{Lifecycle, Material, OwnerClaim, Record};
use crate::engine::initialise::unlock;
use crate::engine::local_backend::LocalBackend;
use crate::engine::snapshot::binding;
use crate::engine::vault::{Vault, claim_name};
use crate::ports::clock::Clock as _;
use crate::ports::key_backend::KeyBackend as _;
use crate::ports::store::Store;
use crate::types::ids::InstallationId;
use crate::types::object::{Kind, ObjectName};
use crate::types::revision::Revision;
use crate::types::state::KeyState;
use crate::types::time::Timestamp;
use std::sync::Arc;

/// Arguments of `coffer inspect`.
#[derive(Debug, Args)]
pub struct InspectArguments {
    /// The data folder of `coffer local`
    #[arg(value_name = "DIR")]
    data: PathBuf,
    /// The root file [default: root.key in the data folder]
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "text")]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For programs
    Yaml,
}

#[derive(Serialize)]
struct Report {
    regions: Vec<RegionReport>,
}

#[derive(Serialize)]
struct RegionReport {
    region: String,
    installation: String,
    keys: Vec<KeyReport>,
    problems: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyReport {
    key_id: String,
    namespace: String,
    name: String,
    state: KeyState,
    materials: Vec<MaterialReport>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MaterialReport {
    version: u32,
    material_id: String,
    opens: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// Runs the command; the exit code tells whether every key opens.
///
/// # Errors
/// Where the folder or the root file cannot be used at all.
pub fn run(arguments: &InspectArguments) -> anyhow::Result<ExitCode> {
    let root = arguments.root.clone().unwrap_or_else(|| arguments.data.join("root.key"));
    let root = RootFile::load(&root)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let report = runtime.block_on(inspect(&arguments.data, &root))?;
    match arguments.output {
        Format::Text => print!("{}", text(&report)),
        Format::Json => println!("{}", serde_json::to_string_pretty(&report)?),
        Format::Yaml => print!("{}", serde_yaml::to_string(&report)?),
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn inspect(data: &Path, root: &RootFile) -> anyhow::Result<Report> {
    let mut regions = Vec::new();
    for region in existing(data)? {
        let folder = data.join(region.as_str());
        regions.push(inspect_region(&folder, region.to_string(), root).await?);
    }
    anyhow::ensure!(!regions.is_empty(), "the folder {} holds no Region of coffer local", data.display());
    Ok(Report { regions })
}

async fn inspect_region(folder: &Path, region: String, root: &RootFile) -> anyhow::Result<RegionReport> {
    let pin = atomic::read(&folder.join("installation"), 64)?.unwrap_or_default();
    let installation = InstallationId::parse(String::from_utf8_lossy(&pin).trim_end())
        .with_context(|| format!("{} has no valid file `installation`", folder.display()))?;
    let store: Arc<dyn Store> = Arc::new(FolderStore::over(folder, Revision::default()));
    let roots = Arc::new(unlock(store.as_ref(), root, installation).await?);
    let (rng, rsa_keys) = (Arc::new(SystemRng::new()), Arc::new(StockedRsaKeys::default()));
    let backend = LocalBackend::new(Arc::clone(&roots), rng, rsa_keys, "inspect".to_owned());
    let vault = Vault::new(roots, Arc::clone(&store));
    let mut report =
        RegionReport { region, installation: installation.to_string(), keys: Vec::new(), problems: Vec::new() };
    for (name, stored) in store.list(Kind::Key).await? {
        match vault.open_record(&name, stored) {
            Ok(opened) => report.keys.push(inspect_key(store.as_ref(), &backend, &opened.content).await?),
            Err(error) => report.problems.push(error.to_string()),
        }
    }
    report.keys.sort_by(|left, right| left.key_id.cmp(&right.key_id));
    report.problems.extend(orphans(store.as_ref(), &vault, &report.keys).await?);
    Ok(report)
}

async fn inspect_key(store: &dyn Store, backend: &LocalBackend, record: &Record) -> anyhow::Result<KeyReport> {
    let mut materials = Vec::new();
    // What was destroyed, or deleted and not imported again, is rightly not there.
    let is_kept = |material: &&Material| material.is_present() && record.lifecycle != Lifecycle::Destroyed;
    for material in record.materials.iter().filter(is_kept) {
        let name = ObjectName::material(&record.key_id(), material.version, material.term);
        let problem = match store.get(&name).await? {
            None => Some(format!("{name} is missing")),
            Some(stored) => {
                let found = backend.identify(&binding(record, material.version), material.term, &stored.bytes).await;
                (found != Ok(material.material_id)).then(|| format!("{name} does not open: it was changed or swapped"))
            }
        };
        let material_id = material.material_id.to_string();
        materials.push(MaterialReport { version: material.version, material_id, opens: problem.is_none(), problem });
    }
    let complete = materials.iter().all(|material| material.opens);
    let health = if complete { MaterialHealth::Complete } else { MaterialHealth::Damaged };
    Ok(KeyReport {
        key_id: record.key_id().to_string(),
        namespace: record.owner.namespace.clone(),
        name: record.owner.name.clone(),
        state: effective_state(record, health, SystemClock::new(Timestamp::default()).wall()),
        materials,
    })
}

/// Materials and claims that belong to no record.
async fn orphans(store: &dyn Store, vault: &Vault, keys: &[KeyReport]) -> anyhow::Result<Vec<String>> {
    let known = |key_id: &str| keys.iter().any(|key| key.key_id == key_id);
    let mut problems = Vec::new();
    for (name, _) in store.list(Kind::Material).await? {
        let owner = name.key_id().map(|key_id| key_id.to_string()).unwrap_or_default();
        if !known(&owner) {
            problems.push(format!("{name} has no record"));
        }
    }
    for (name, stored) in store.list(Kind::Owner).await? {
        match vault.open::<OwnerClaim>(&name, stored) {
            Err(error) => problems.push(error.to_string()),
            Ok(claim) => {
                let claim = claim.content;
                let own = claim_name(&claim.namespace, &claim.name) == name;
                if !own || (claim.confirmed && !known(&claim.key_id().to_string())) {
                    problems.push(format!(
                        "{name} claims {} for {}/{}, which has no record",
                        claim.key_id(),
                        claim.namespace,
                        claim.name
                    ));
                }
            }
        }
    }
    Ok(problems)
}

impl Report {
    fn is_sound(&self) -> bool {
        let opens = |key: &KeyReport| key.materials.iter().all(|material| material.opens);
        self.regions.iter().all(|region| region.problems.is_empty() && region.keys.iter().all(opens))
    }
}

fn text(report: &Report) -> String {
    let mut lines = Vec::new();
    for region in &report.regions {
        lines.push(format!("{} (installation {}): {} keys", region.region, region.installation, region.keys.len()));
        for key in &region.keys {
            lines.push(format!("  {}  {:<16} {}/{}", key.key_id, key.state.as_str(), key.namespace, key.name));
            let problems = key.materials.iter().filter_map(|material| material.problem.as_ref());
            lines.extend(problems.map(|problem| format!("    problem: {problem}")));
        }
        lines.extend(region.problems.iter().map(|problem| format!("  problem: {problem}")));
    }
    lines.push(if report.is_sound() { "every key opens".to_owned() } else { "not every key opens".to_owned() });
    lines.join("\n") + "\n"
}
