//! The Regions of one data folder: each is an installation of its own, made on first use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use futures::channel::oneshot;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::adapters::folder::aliases::FolderAliases;
use crate::adapters::folder::atomic;
use crate::adapters::folder::resources::FolderResources;
use crate::adapters::folder::root_file::RootFile;
use crate::adapters::folder::store::FolderStore;
use crate::adapters::memory_usage::MemoryUsage;
use crate::adapters::owner_reviewer::OwnerReviewer;
use crate::adapters::rsa_keys::StockedRsaKeys;
use crate::adapters::system::SystemClock;
use crate::crypto::rng::{Rng, random_array};
use crate::engine::accounts::Accounts;
use crate::engine::alias_claims::AliasClaims;
use crate::engine::approvals::{Approvals, Approved};
use crate::engine::changes::ChangedOwners;
use crate::engine::destruction::Destruction;
use crate::engine::initialise::{self, initialise};
use crate::engine::limiter::{Limiter, Rates};
use crate::engine::local_backend::LocalBackend;
use crate::engine::snapshot_cell::SnapshotCell;
use crate::engine::turns::Turns;
use crate::engine::vault::{Roots, Vault};
use crate::engine::{Engine, Ports};
use crate::ports::audit::Audit;
use crate::ports::clock::Clock as _;
use crate::ports::rsa_keys::RsaKeys;
use crate::ports::store::Store;
use crate::types::account::{AccountId, Region};
use crate::types::ids::InstallationId;
use crate::types::limits::{LOCAL_HEARTBEAT_PERIOD, REGIONS_MAX, WAKE_AFTER_MAX};
use crate::types::revision::Revision;
use crate::types::time::Timestamp;

/// The file that pins a Region's installation id.
const PIN: &str = "installation";
/// The name of the one replica that a Region has.
const REPLICA: &str = "local";

/// One Region at work.
#[derive(Clone)]
pub struct LocalRegion {
    /// The engine.
    pub engine: Arc<Engine>,
    /// Its resources, for whoever reads manifests.
    pub resources: Arc<FolderResources>,
    /// Its aliases, likewise.
    pub aliases: Arc<FolderAliases>,
}

/// All Regions of a data folder.
pub struct Regions {
    data: PathBuf,
    root: Arc<RootFile>,
    rng: Arc<dyn Rng>,
    rsa_keys: Arc<dyn RsaKeys>,
    audit: Arc<dyn Audit>,
    account: AccountId,
    /// What the user approved on the command line.
    approved: Approved,
    /// The Region whose resources a folder of manifests keeps, too.
    kept_by_manifests: Option<Region>,
    open: RwLock<BTreeMap<Region, LocalRegion>>,
    /// What runs beside the requests. Whoever opens a Region holds it, so that one is opened at a time.
    tasks: Mutex<JoinSet<()>>,
}

/// The Regions that a data folder holds.
///
/// # Errors
/// Those of the file system.
pub fn existing(data: &Path) -> anyhow::Result<Vec<Region>> {
    let names = atomic::names(data).with_context(|| format!("the data folder {} cannot be read", data.display()))?;
    Ok(names
        .iter()
        .filter_map(|name| Region::parse(name))
        .filter(|region| data.join(region.as_str()).is_dir())
        .collect())
}

impl Regions {
    /// The Regions below a data folder; none is open yet.
    #[must_use]
    pub fn new(data: &Path, root: Arc<RootFile>, rng: Arc<dyn Rng>, audit: Arc<dyn Audit>, account: AccountId) -> Self {
        let (open, tasks, approved) = (RwLock::default(), Mutex::default(), Approved::default());
        let (rsa_keys, kept_by_manifests) = (Arc::new(StockedRsaKeys::default()), None);
        Self { data: data.to_owned(), root, rng, rsa_keys, audit, account, approved, kept_by_manifests, open, tasks }
    }

    /// The same with what the user approves.
    #[must_use]
    pub fn approving(self, approved: Approved) -> Self {
        Self { approved, ..self }
    }

    /// The same with a Region whose resources a folder of manifests keeps: before that was read, none is gone.
    #[must_use]
    pub fn kept_by_manifests(self, region: Option<Region>) -> Self {
        Self { kept_by_manifests: region, ..self }
    }

    /// Opens the home Region, which must work, and unless it is pinned every other one that is there. Tells the
    /// installation where the home Region was initialised.
    ///
    /// # Errors
    /// What keeps a Region from being opened.
    pub async fn open_all(&self, home: &Region, pinned: bool) -> anyhow::Result<Option<InstallationId>> {
        let existing = existing(&self.data)?;
        for region in existing.iter().filter(|region| *region != home && !pinned) {
            if let Err(error) = self.open(region).await {
                tracing::error!("the Region {region} cannot be opened, its requests are refused: {error:#}");
            }
        }
        self.open(home).await.with_context(|| format!("the Region {home} cannot be opened"))?;
        let new = !existing.contains(home);
        Ok(self.get(home).filter(|_| new).and_then(|region| region.engine.vault.roots.installation()))
    }

    /// An open Region.
    #[must_use]
    pub fn get(&self, region: &Region) -> Option<LocalRegion> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).get(region).cloned()
    }

    /// A Region, opened on first use.
    ///
    /// # Errors
    /// Where there are too many, or it cannot be opened.
    pub async fn open(&self, region: &Region) -> anyhow::Result<LocalRegion> {
        if let Some(open) = self.get(region) {
            return Ok(open);
        }
        let mut tasks = self.tasks.lock().await;
        if let Some(open) = self.get(region) {
            return Ok(open);
        }
        let count = self.open.read().unwrap_or_else(PoisonError::into_inner).len();
        anyhow::ensure!(count < REGIONS_MAX, TooManyRegions);
        let opened = self.start(region, &mut tasks).await?;
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(region.clone(), opened.clone());
        Ok(opened)
    }

    /// Runs something beside the requests until the process stops.
    pub async fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.lock().await.spawn(task);
    }

    /// Ends what runs beside the requests, and waits until it has ended: the runtime goes away next.
    pub async fn stop(&self) {
        let open: Vec<Arc<Engine>> = {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            open.values().map(|region| Arc::clone(&region.engine)).collect()
        };
        for engine in open {
            engine.flush_usage().await;
        }
        self.tasks.lock().await.shutdown().await;
    }

    async fn start(&self, region: &Region, tasks: &mut JoinSet<()>) -> anyhow::Result<LocalRegion> {
        let folder = self.data.join(region.as_str());
        let installation = self.pin(&folder)?;
        let clock = Arc::new(SystemClock::new(Timestamp::default()));
        // Milliseconds, shifted: later starts begin after all writes of earlier ones.
        let first = Revision(u64::try_from(clock.wall().milliseconds()).unwrap_or(0) << 16);
        let store: Arc<dyn Store> = Arc::new(FolderStore::open(&folder, first)?);
        let roots = Arc::new(self.unlock(&folder, &store, installation).await?);
        let resources = FolderResources::open(
            &folder.join("resources"),
            installation,
            Arc::clone(&clock) as _,
            Arc::clone(&self.rng),
        )?;
        if self.kept_by_manifests.as_ref() == Some(region) {
            resources.lose_sight();
        }
        let (resources, aliases) = (Arc::new(resources), Arc::new(FolderAliases::default()));
        let (rng, rsa_keys) = (Arc::clone(&self.rng), Arc::clone(&self.rsa_keys));
        let backend = LocalBackend::new(Arc::clone(&roots), rng, rsa_keys, REPLICA.to_owned());
        let usage_since = clock.wall();
        let engine = Engine {
            ports: Ports {
                store: Arc::clone(&store),
                backend: Arc::new(backend),
                resources: Arc::clone(&resources) as _,
                aliases: Arc::clone(&aliases) as _,
                audit: Arc::clone(&self.audit),
                reviewer: Arc::new(OwnerReviewer),
                clock,
                rng: Arc::clone(&self.rng),
                usage: Arc::new(MemoryUsage::default()),
                rsa_keys: Arc::clone(&self.rsa_keys),
            },
            region: region.clone(),
            replica: REPLICA.to_owned(),
            approvals: Approvals::default(),
            destruction: Destruction::default(),
            allows_fixed_key_ids: true,
            accounts: Accounts::Shared(self.account),
            vault: Vault::new(roots, store),
            snapshots: SnapshotCell::default(),
            changes: ChangedOwners::default(),
            alias_changes: ChangedOwners::default(),
            turns: Turns::default(),
            alias_claims: AliasClaims::default(),
            usage_since,
            limiter: Limiter::new(Rates::UNLIMITED),
        };
        let region = LocalRegion { engine: Arc::new(engine), resources, aliases };
        region.engine.approve(self.approved.clone()).await.context("what was approved could not be recorded")?;
        region.work(tasks).await?;
        Ok(region)
    }

    /// The id of the installation: pinned, or made for a folder that holds nothing.
    fn pin(&self, folder: &Path) -> anyhow::Result<InstallationId> {
        let path = folder.join(PIN);
        let pinned = atomic::read(&path, 64).with_context(|| format!("{} cannot be read", path.display()))?;
        if let Some(bytes) = pinned {
            let text = String::from_utf8_lossy(&bytes);
            return InstallationId::parse(text.trim_end())
                .with_context(|| format!("{} does not hold 32 hex digits; it was changed", path.display()));
        }
        let evidence = atomic::names(folder)?;
        anyhow::ensure!(
            evidence.is_empty(),
            "the folder {} holds state ({}) and no file `{PIN}`; bring it back from a backup",
            folder.display(),
            evidence.join(", ")
        );
        let installation = InstallationId::new(random_array(self.rng.as_ref())?);
        atomic::create_folder(folder)?;
        atomic::write(&path, format!("{installation}\n").as_bytes())?;
        Ok(installation)
    }

    async fn unlock(
        &self,
        folder: &Path,
        store: &Arc<dyn Store>,
        installation: InstallationId,
    ) -> anyhow::Result<Roots> {
        let provider = self.root.as_ref();
        if initialise::is_empty(store).await? {
            anyhow::ensure!(
                !has_files(&folder.join("resources"))?,
                "the folder {} holds KmsKeys and nothing sealed: their keys were lost, and new ones would take their \
                 place; bring back root, key, material and owner from a backup",
                folder.display()
            );
            return Ok(initialise(store.as_ref(), provider, installation, self.rng.as_ref()).await?);
        }
        Ok(initialise::unlock(store.as_ref(), provider, installation).await?)
    }
}

/// Whether a folder of folders holds a file.
fn has_files(folder: &Path) -> std::io::Result<bool> {
    for name in atomic::names(folder)? {
        let path = folder.join(name);
        if path.is_dir() && !atomic::names(&path)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The bound on Regions is reached.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this coffer local holds {REGIONS_MAX} Regions already; use one of them, or pin one with --region")]
pub struct TooManyRegions;

impl LocalRegion {
    /// Starts what runs beside the requests, and waits until the first snapshot is complete.
    async fn work(&self, tasks: &mut JoinSet<()>) -> anyhow::Result<()> {
        let (ready, is_ready) = oneshot::channel();
        let engine = Arc::clone(&self.engine);
        tasks.spawn(async move { engine.follow_store(ready).await });
        is_ready.await?;
        // Before the first heartbeat, which would hide how long nothing ran.
        self.engine.remember_time().await?;
        note_time(&self.engine).await;
        let engine = Arc::clone(&self.engine);
        tasks.spawn(async move {
            loop {
                tokio::time::sleep(LOCAL_HEARTBEAT_PERIOD.duration()).await;
                note_time(&engine).await;
            }
        });
        let engine = Arc::clone(&self.engine);
        tasks.spawn(async move { engine.run_timers().await });
        let engine = Arc::clone(&self.engine);
        tasks.spawn(async move { engine.keep_usage().await });
        let engine = Arc::clone(&self.engine);
        tasks.spawn(async move {
            loop {
                if let Err(error) = engine.sweep().await {
                    tracing::error!(error = &error as &dyn std::error::Error, "the keys could not be swept");
                }
                tokio::time::sleep(WAKE_AFTER_MAX.duration()).await;
                let used = engine.ports.usage.drain();
                tracing::info!(materials = used.len(), "materials used since the last sweep");
            }
        });
        Ok(())
    }
}

/// Notes the time, so that the next start knows how long nothing ran.
async fn note_time(engine: &Engine) {
    if let Err(error) = engine.beat(REPLICA, env!("CARGO_PKG_VERSION")).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the time could not be noted");
    }
}
