//! One process for one folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Held for as long as the process uses the folder. The kernel lets go of it when the process ends, however
/// it ends.
pub struct FolderLock {
    _file: File,
}

/// Why a folder could not be locked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LockError {
    /// Another process uses it.
    #[error(
        "the folder {0} is in use by another coffer, which holds its lock; stop that one first, or name another folder with --data"
    )]
    InUse(PathBuf),
    /// The file system failed.
    #[error("the folder {folder} cannot be used: its file `lock` cannot be opened for writing")]
    Medium {
        /// The folder.
        folder: PathBuf,
        /// What the file system said.
        #[source]
        source: Arc<io::Error>,
    },
}

impl FolderLock {
    /// Locks a folder.
    ///
    /// # Errors
    /// `InUse` where another process has it.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let medium = |source: io::Error| LockError::Medium { folder: folder.to_owned(), source: Arc::new(source) };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(folder.join("lock")).map_err(medium)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::InUse(folder.to_owned())),
            Err(TryLockError::Error(source)) => Err(medium(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        assert!(matches!(FolderLock::take(folder.path()), Err(LockError::InUse(_))));
        drop(first);
        assert!(FolderLock::take(folder.path()).is_ok());
    }
}
