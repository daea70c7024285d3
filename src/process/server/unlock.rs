//! Opening the installation: the pin, the root, the certificate authority.

use std::time::Duration;

use anyhow::Context as _;
use kube::{Api, Client};

use super::arguments::ServerArguments;
use super::installation::INSTALLATION;
use crate::adapters::folder::root_file::{Readers, RootFile};
use crate::api::crd::installation::Installation;
use crate::domain::authority::Authority;
use crate::engine::initialise::{InitialiseError, unlock};
use crate::engine::vault::{Roots, Vault};
use crate::ports::root::RootError;
use crate::ports::store::Store;
use crate::types::object::ObjectName;

/// The number of the certificate authority in use.
pub const AUTHORITY_NUMBER: u32 = 1;
const POLL_PERIOD: Duration = Duration::from_secs(1);

/// Unlocks the pinned installation. Where nothing is there yet, waits a while for `coffer init`.
///
/// # Errors
/// Where the root or the state is another installation's, or missing.
pub async fn open(arguments: &ServerArguments, store: &dyn Store, client: &Client) -> anyhow::Result<Roots> {
    let provider = RootFile::load_for(&arguments.root, Readers::Group)?;
    let installation = arguments.installation_id;
    for waited in 0..=arguments.initialisation_wait {
        match unlock(store, &provider, installation).await {
            Ok(roots) => return Ok(roots),
            Err(InitialiseError::Empty) if waited < arguments.initialisation_wait => {
                if waited == 0 {
                    tracing::info!("nothing is initialised yet; waiting for `coffer init`");
                }
                tokio::time::sleep(POLL_PERIOD).await;
            }
            Err(InitialiseError::Empty) => return Err(empty(arguments, client).await),
            Err(error @ InitialiseError::Root(RootError::DoesNotOpen { .. })) => {
                return Err(does_not_open(arguments, client, error).await);
            }
            Err(error) => return Err(error.into()),
        }
    }
    anyhow::bail!("nothing is initialised")
}

/// Whether nothing ever began here, or everything was lost.
async fn empty(arguments: &ServerArguments, client: &Client) -> anyhow::Error {
    let (namespace, installation) = (&arguments.keys_namespace, arguments.installation_id);
    let api: Api<Installation> = Api::all(client.clone());
    if let Ok(Some(found)) = api.get_opt(INSTALLATION).await {
        return anyhow::anyhow!(
            "the namespace {namespace} holds no root, and this cluster has the installation {}: its Secrets were lost; \
             bring all of them back from a backup",
            found.spec.installation_id
        );
    }
    anyhow::anyhow!(
        "the namespace {namespace} holds no root: run `coffer init --installation-id {installation}`, or, where this \
         installation had keys before, bring its Secrets and its Installation back from a backup"
    )
}

/// Whether the pin or the root file is wrong: the cluster's own `Installation` tells.
async fn does_not_open(arguments: &ServerArguments, client: &Client, error: InitialiseError) -> anyhow::Error {
    let api: Api<Installation> = Api::all(client.clone());
    let pinned = arguments.installation_id.to_string();
    match api.get_opt(INSTALLATION).await {
        Ok(Some(found)) if found.spec.installation_id != pinned => anyhow::anyhow!(
            "--installation-id {pinned} is not the installation of this cluster, which is {}: correct the pin, or, for \
             another installation, use another cluster",
            found.spec.installation_id
        ),
        _ => anyhow::Error::new(error).context(format!(
            "the root in the namespace {} cannot be opened for --installation-id {pinned}; bring back the Secret that \
             the root file {} comes from",
            arguments.keys_namespace,
            arguments.root.display()
        )),
    }
}

/// The certificate authority that was sealed at initialisation.
///
/// # Errors
/// Where it is missing or does not open.
pub async fn authority(vault: &Vault) -> anyhow::Result<Authority> {
    let name = ObjectName::authority(AUTHORITY_NUMBER);
    let read = vault.read::<Authority>(&name).await?;
    let missing = "is missing: `coffer init` did not finish; run it again with the same --installation-id";
    Ok(read.with_context(|| format!("the certificate authority {name} {missing}"))?.content)
}
