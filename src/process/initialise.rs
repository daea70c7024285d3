//! `coffer init`: the beginning of an installation in a cluster, once.
//!
//! It goes on where an earlier try was cut, and refuses where anything was ever sealed: a second root would
//! bury the first one's keys.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, ObjectMeta, PostParams};
use kube::{Api, Client, ResourceExt as _};

use super::server::arguments::{parse_installation, parse_region};
use super::server::clock::ClusterClock;
use super::server::installation::INSTALLATION;
use super::server::unlock::AUTHORITY_NUMBER;
use crate::adapters::folder::root_file::RootFile;
use crate::adapters::kube::client::Clients;
use crate::adapters::kube::store::SecretStore;
use crate::adapters::tls::authority;
use crate::api::crd::installation::{Installation, InstallationSpec};
use crate::api::crd::kms_key::KmsKey;
use crate::crypto::rng::{Rng, SystemRng, random_array};
use crate::domain::authority::Authority;
use crate::engine::initialise::{FIRST_TERM, InitialiseError, initialise, unlock};
use crate::engine::vault::{Roots, Vault};
use crate::ports::clock::Clock;
use crate::ports::store::Store;
use crate::types::account::Region;
use crate::types::ids::InstallationId;
use crate::types::object::ObjectName;
use crate::types::secret::{FileKey, SecretBytes};

/// The key of the root Secret's data, which is also the name of the mounted file.
const ROOT_FILE: &str = "root.key";

/// Arguments of `coffer init`.
#[derive(Debug, Args)]
pub struct InitialiseArguments {
    /// The id of the new installation, 32 hex digits; pin it in the deployment [default: a random one]
    #[arg(long, value_name = "ID", value_parser = parse_installation)]
    installation_id: Option<InstallationId>,

    /// Namespace of the sealed objects
    #[arg(long, value_name = "NAMESPACE", default_value = "coffer-keys")]
    keys_namespace: String,

    /// Namespace of the deployment, where the Secret with the root file is made
    #[arg(long, value_name = "NAMESPACE", default_value = "coffer-system")]
    system_namespace: String,

    /// Name of that Secret; one that is there already is used. Keep a copy of it elsewhere: without it, no key
    /// opens any more
    #[arg(long, value_name = "NAME", default_value = "coffer-root")]
    root_secret: String,

    /// The Region that ARNs name
    #[arg(long, value_name = "REGION", default_value = "us-east-1", value_parser = parse_region)]
    region: Region,

    /// Succeed where the installation named by --installation-id is complete already, for jobs that are
    /// applied again and again
    #[arg(long, requires = "installation_id")]
    accept_existing: bool,
}

/// Runs the command.
///
/// # Errors
/// What keeps an installation from beginning, in words for its operator.
pub fn run(arguments: &InitialiseArguments) -> anyhow::Result<ExitCode> {
    super::start_logging();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(Beginning::new(arguments)?.begin(arguments))?;
    Ok(ExitCode::SUCCESS)
}

struct Beginning {
    installation: InstallationId,
    rng: Arc<dyn Rng>,
}

impl Beginning {
    fn new(arguments: &InitialiseArguments) -> anyhow::Result<Self> {
        let rng: Arc<dyn Rng> = Arc::new(SystemRng::new());
        let installation = match arguments.installation_id {
            Some(installation) => installation,
            None => InstallationId::new(random_array(rng.as_ref())?),
        };
        Ok(Self { installation, rng })
    }

    async fn begin(&self, arguments: &InitialiseArguments) -> anyhow::Result<()> {
        let clients = Clients::connect().await.context("no API server is known; set KUBECONFIG")?;
        let client = &clients.patient;
        let clock: Arc<dyn Clock> = Arc::new(ClusterClock::new(clients.date.clone()));
        if self.is_complete(client, arguments).await? {
            println!("installation {} is complete already", self.installation);
            return Ok(());
        }
        refuse_earlier_life(client, &arguments.keys_namespace).await?;
        let store: Arc<dyn Store> =
            Arc::new(SecretStore::new(client.clone(), &arguments.keys_namespace, Arc::clone(&clock)));
        let provider = self.root_secret(client, store.as_ref(), arguments).await?;
        let roots = self.roots(store.as_ref(), &provider).await?;
        let vault = Vault::new(Arc::new(roots), store);
        self.authority(&vault, clock.as_ref()).await?;
        self.record_installation(client, &arguments.region).await?;
        println!("installation-id: {}", self.installation);
        println!("audience:        kms.coffer.dev/{}", self.installation);
        let (namespace, secret) = (&arguments.system_namespace, &arguments.root_secret);
        println!("Keep a copy of the Secret {namespace}/{secret} elsewhere: without it, no key opens any more.");
        Ok(())
    }

    /// Whether the cluster has its installation. Another one than was asked for is refused.
    async fn is_complete(&self, client: &Client, arguments: &InitialiseArguments) -> anyhow::Result<bool> {
        // A list tells a kind that is not served from one of which there is no object.
        let listed = Api::<Installation>::all(client.clone()).list(&ListParams::default()).await;
        let listed = listed.context("Installations cannot be listed; apply the CustomResourceDefinitions first")?;
        let Some(found) = listed.items.into_iter().find(|found| found.name_any() == INSTALLATION) else {
            return Ok(false);
        };
        let (id, namespace) = (found.spec.installation_id, &arguments.keys_namespace);
        if !arguments.accept_existing || id != self.installation.to_string() {
            anyhow::bail!(
                "this cluster has the installation {id} already, and a cluster has one: start servers with \
                 --installation-id {id}. To bring back lost Secrets of it, restore them from a backup; nothing was changed"
            );
        }
        let sealed: Api<Secret> = Api::namespaced(client.clone(), namespace);
        anyhow::ensure!(
            sealed.get_opt(ObjectName::root(FIRST_TERM).as_str()).await?.is_some(),
            "the root of the installation {id} is not in the namespace {namespace}: it was lost. Bring back all Secrets of \
             that namespace from a backup; a new root would not open its keys. Nothing was changed"
        );
        Ok(true)
    }

    /// The file key in the root Secret, made where it is missing and nothing was sealed with it yet.
    async fn root_secret(
        &self,
        client: &Client,
        store: &dyn Store,
        arguments: &InitialiseArguments,
    ) -> anyhow::Result<RootFile> {
        let (namespace, name) = (&arguments.system_namespace, &arguments.root_secret);
        let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let found = match api.get_opt(name).await? {
            Some(found) => found,
            None if store.get(&ObjectName::root(FIRST_TERM)).await?.is_some() => anyhow::bail!(
                "the namespace {} holds a root and the Secret {namespace}/{name} that opens it is missing: bring it back \
                 from where its copy is kept. Nothing was changed",
                arguments.keys_namespace
            ),
            None => self.make_root_secret(&api, name).await?,
        };
        let bytes = found.data.and_then(|mut data| data.remove(ROOT_FILE));
        let bytes = bytes.with_context(|| format!("the Secret {namespace}/{name} has no `{ROOT_FILE}`"))?;
        let label = format!("{namespace}/{name}/{ROOT_FILE}");
        Ok(RootFile::of_bytes(Path::new(&label), &SecretBytes::new(bytes.0))?)
    }

    async fn make_root_secret(&self, api: &Api<Secret>, name: &str) -> anyhow::Result<Secret> {
        let key = FileKey::try_init_with(|bytes| self.rng.fill(bytes))?;
        let labels = BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "coffer".to_owned())]);
        let secret = Secret {
            metadata: ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() },
            immutable: Some(true),
            data: Some(BTreeMap::from([(ROOT_FILE.to_owned(), ByteString(key.expose().to_vec()))])),
            ..Secret::default()
        };
        api.create(&PostParams::default(), &secret).await.with_context(|| format!("the Secret {name} cannot be made"))
    }

    async fn roots(&self, store: &dyn Store, provider: &RootFile) -> anyhow::Result<Roots> {
        match unlock(store, provider, self.installation).await {
            Ok(roots) => Ok(roots),
            Err(InitialiseError::Empty) => Ok(initialise(store, provider, self.installation, self.rng.as_ref()).await?),
            Err(error) => Err(anyhow::Error::new(error).context(
                "the root that is there does not open: name the --installation-id that an earlier `coffer init` printed, \
                 and bring back the root Secret that it made. Nothing was changed",
            )),
        }
    }

    async fn authority(&self, vault: &Vault, clock: &dyn Clock) -> anyhow::Result<()> {
        let name = ObjectName::authority(AUTHORITY_NUMBER);
        if vault.read::<Authority>(&name).await?.is_none() {
            vault.create(&name, &authority::generate(&self.installation, clock.wall())?).await?;
        }
        Ok(())
    }

    /// The last step: from now on the installation is there.
    async fn record_installation(&self, client: &Client, region: &Region) -> anyhow::Result<()> {
        let spec = InstallationSpec {
            installation_id: self.installation.to_string(),
            region: region.as_str().to_owned(),
            ..InstallationSpec::default()
        };
        let api: Api<Installation> = Api::all(client.clone());
        let parameters = PostParams { field_manager: Some("coffer-init".to_owned()), ..PostParams::default() };
        api.create(&parameters, &Installation::new(INSTALLATION, spec)).await?;
        Ok(())
    }
}

/// Anything but what an init that was cut leaves is evidence of an earlier life.
async fn refuse_earlier_life(client: &Client, keys_namespace: &str) -> anyhow::Result<()> {
    const OURS: [&str; 2] = ["root-1", "ca-1"];
    let secrets: Api<Secret> = Api::namespaced(client.clone(), keys_namespace);
    let listed = secrets.list_metadata(&ListParams::default()).await?;
    if let Some(found) = listed.items.iter().find(|secret| !OURS.contains(&secret.name_any().as_str())) {
        anyhow::bail!(
            "the namespace {keys_namespace} holds the Secret {} and there is no Installation/coffer: an earlier \
             installation was lost or is being restored. Bring back all of its Secrets and its Installation; a new root \
             would bury its keys. Nothing was changed",
            found.name_any()
        );
    }
    let keys: Api<KmsKey> = Api::all(client.clone());
    if let Some(found) = keys.list_metadata(&ListParams::default().limit(1)).await?.items.first() {
        anyhow::bail!(
            "the KmsKey {}/{} is there and nothing sealed is: its key was lost with an earlier installation, or it was \
             applied too early. Restore the installation, or delete the KmsKeys and apply them after this. Nothing was \
             changed",
            found.namespace().unwrap_or_default(),
            found.name_any()
        );
    }
    Ok(())
}
