//! The file provider of root keys: 64 bytes in a file that its owner alone can read.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::atomic;
use crate::crypto::rng::Rng;
use crate::crypto::root;
use crate::crypto::seal::Root;
use crate::ports::root::{RootError, RootProvider};
use crate::types::ids::InstallationId;
use crate::types::secret::{FileKey, SecretBytes};

/// The name of this provider in the associated data of its wraps.
const PROVIDER: &str = "file";
/// Who besides its owner may read a root file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Nobody.
    Owner,
    /// Its group: the kubelet gives a Secret's file to root and to the pod's group.
    Group,
}

impl Readers {
    const fn forbidden(self) -> u32 {
        match self {
            Self::Owner => 0o077,
            Self::Group => 0o037,
        }
    }

    const fn wanted(self) -> &'static str {
        match self {
            Self::Owner => "readable by its owner alone: run `chmod 600` on it",
            Self::Group => "readable by its owner and group alone: set the volume's defaultMode to 0440",
        }
    }
}

/// A root file that was read and checked.
pub struct RootFile {
    path: PathBuf,
    key: FileKey,
}

impl RootFile {
    /// Makes a new root file.
    ///
    /// # Errors
    /// `Provider` where it exists or cannot be written.
    pub fn create(path: &Path, rng: &dyn Rng) -> Result<Self, RootError> {
        let key = FileKey::try_init_with(|bytes| rng.fill(bytes));
        let key = key.map_err(|error| failed(path, "cannot be made", io::Error::other(error)))?;
        atomic::write_new(path, key.expose()).map_err(|error| failed(path, "cannot be made", error))?;
        Ok(Self { path: path.to_owned(), key })
    }

    /// Reads a root file and checks its mode and length.
    ///
    /// # Errors
    /// `Provider` where it is missing, open to others, or not 64 bytes long.
    pub fn load(path: &Path) -> Result<Self, RootError> {
        Self::load_for(path, Readers::Owner)
    }

    /// The same with others than the owner as readers.
    ///
    /// # Errors
    /// As those of `load`.
    pub fn load_for(path: &Path, readers: Readers) -> Result<Self, RootError> {
        let metadata = std::fs::metadata(path).map_err(|error| failed(path, "cannot be read", error))?;
        if !metadata.is_file() {
            let what = format!("the root file {} is not a file", path.display());
            return Err(RootError::Provider { what, source: None });
        }
        let mode = metadata.permissions().mode();
        if mode & readers.forbidden() != 0 {
            let (path, mode, wanted) = (path.display(), mode & 0o7777, readers.wanted());
            let what = format!("the root file {path} has mode {mode:04o} and must be {wanted}");
            return Err(RootError::Provider { what, source: None });
        }
        let bytes = atomic::read(path, FileKey::LENGTH + 1).map_err(|error| failed(path, "cannot be read", error))?;
        let bytes = SecretBytes::new(bytes.unwrap_or_default());
        Self::of_bytes(path, &bytes)
    }

    /// The same from bytes that were read elsewhere; the path is for messages.
    ///
    /// # Errors
    /// `Provider` where they are not 64.
    pub fn of_bytes(path: &Path, bytes: &SecretBytes) -> Result<Self, RootError> {
        let exact: &[u8; FileKey::LENGTH] = bytes.expose().try_into().map_err(|_| wrong_length(path))?;
        Ok(Self { path: path.to_owned(), key: FileKey::init_with(|key| key.copy_from_slice(exact)) })
    }
}

fn wrong_length(path: &Path) -> RootError {
    let what = format!(
        "the root file {} must have exactly {} bytes; it was cut, or it is another file",
        path.display(),
        FileKey::LENGTH
    );
    RootError::Provider { what, source: None }
}

fn failed(path: &Path, what: &str, source: io::Error) -> RootError {
    let what = format!("the root file {} {what}", path.display());
    RootError::Provider { what, source: Some(Arc::new(source)) }
}

#[async_trait]
impl RootProvider for RootFile {
    async fn wrap(&self, root: &Root) -> Result<Vec<u8>, RootError> {
        root::wrap(root, &self.key, PROVIDER).map_err(|error| RootError::Provider {
            what: "the root key cannot be wrapped".to_owned(),
            source: Some(Arc::new(error)),
        })
    }

    async fn unwrap(&self, stored: &[u8], installation: InstallationId, term: u32) -> Result<Root, RootError> {
        let provider = format!("the root file {}", self.path.display());
        root::unwrap(stored, &self.key, PROVIDER, installation, term)
            .map_err(|_| RootError::DoesNotOpen { term, provider })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rng::SeededRng;

    fn problem(path: &Path) -> String {
        RootFile::load(path).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn mode_and_length_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        assert!(problem(&path).contains("cannot be read"));
        RootFile::create(&path, &SeededRng::new(1)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(RootFile::load(&path).is_ok());
        assert!(RootFile::create(&path, &SeededRng::new(2)).is_err());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(problem(&path).contains("mode 0640"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        for length in [0, 63, 65] {
            std::fs::write(&path, vec![7; length]).unwrap();
            assert!(problem(&path).contains("exactly 64 bytes"), "{length}");
        }
    }

    #[test]
    fn only_the_file_that_wrapped_unwraps() {
        let folder = tempfile::tempdir().unwrap();
        let rng = SeededRng::new(1);
        let [one, two] = ["one", "two"].map(|name| RootFile::create(&folder.path().join(name), &rng).unwrap());
        let installation = InstallationId::new([3; 16]);
        let root = root::generate(installation, 1, &rng).unwrap();
        let wrapped = futures::executor::block_on(one.wrap(&root)).unwrap();
        let unwrap = |file: &RootFile, installation, term| {
            futures::executor::block_on(file.unwrap(&wrapped, installation, term)).is_ok()
        };
        assert!(unwrap(&one, installation, 1));
        assert!(!unwrap(&two, installation, 1));
        assert!(!unwrap(&one, installation, 2));
        assert!(!unwrap(&one, InstallationId::new([4; 16]), 1));
    }
}
