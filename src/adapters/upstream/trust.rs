//! Whom the TLS client believes: the certificate authorities of one file and nobody else.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::file::{FileError, WatchedFile};
use crate::ports::clock::Clock;
use crate::types::limits::CA_FILE_MAX;
use crate::types::secret::SecretBytes;

/// The client configuration that follows a bundle of certificate authorities.
pub struct Trust {
    bundle: WatchedFile<Arc<ClientConfig>>,
    /// What the last good bundle gave, and whether the log says that it is out of date.
    last: Mutex<(Option<Arc<ClientConfig>>, bool)>,
}

impl Trust {
    /// Follows the bundle at `path`, where there may be none yet.
    #[must_use]
    pub fn new(path: PathBuf, clock: Arc<dyn Clock>) -> Self {
        let bundle = WatchedFile::new(path, CA_FILE_MAX, clock, Box::new(|bytes| configuration(&bytes)));
        Self { bundle, last: Mutex::default() }
    }

    /// The path of the bundle.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.bundle.path()
    }

    /// The configuration of the bundle as it is now. A bundle that cannot be read does not take away the one
    /// before it.
    ///
    /// # Errors
    /// Why there has been no usable bundle yet.
    pub fn current(&self) -> Result<Arc<ClientConfig>, FileError> {
        let read = self.bundle.current();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match (read, last.0.clone()) {
            (Ok(configuration), _) => {
                *last = (Some(Arc::clone(&configuration)), false);
                Ok(Arc::clone(&configuration))
            }
            (Err(error), Some(before)) => {
                if !std::mem::replace(&mut last.1, true) {
                    let (path, error) = (self.path().display(), &error as &dyn std::error::Error);
                    tracing::warn!(%path, error, "the bundle of certificate authorities was not read; the one before it stays");
                }
                Ok(before)
            }
            (Err(error), None) => Err(error),
        }
    }
}

/// TLS 1.3 with AWS-LC, as every listener of ours speaks it.
fn configuration(bundle: &SecretBytes) -> Result<Arc<ClientConfig>, &'static str> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.expose()) {
        let certificate = certificate.map_err(|_| "it is not a list of certificates in pem")?;
        roots.add(certificate).map_err(|_| "it holds a certificate that cannot be an authority")?;
    }
    if roots.is_empty() {
        return Err("it holds no certificate in pem");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
    let builder = builder.map_err(|_| "this build speaks no tls 1.3")?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
