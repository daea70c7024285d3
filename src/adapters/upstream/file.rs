//! A file that somebody else replaces: its content, read again when it changes.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::crypto::digest::sha256;
use crate::ports::clock::Clock;
use crate::types::limits::FILE_REREAD_PERIOD;
use crate::types::secret::SecretBytes;
use crate::types::time::Span;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there, or may not be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// It is larger than what it should hold.
    #[error("it is too large")]
    TooLarge,
    /// It does not hold what it should.
    #[error("{0}")]
    Content(&'static str),
}

/// Makes of a file's bytes what it is read for.
pub type Parse<T> = Box<dyn Fn(SecretBytes) -> Result<T, &'static str> + Send + Sync>;

/// A file and what was last read from it.
///
/// # Guarantees
/// What is given out was read after the last change that the file system shows, and at most
/// `FILE_REREAD_PERIOD` ago. The same bytes give the same value, so that its users can tell a change.
/// A file that cannot be read any more gives an error, and what it held is dropped.
pub struct WatchedFile<T> {
    path: PathBuf,
    length_max: usize,
    parse: Parse<T>,
    clock: Arc<dyn Clock>,
    seen: Mutex<Option<Seen<T>>>,
}

struct Seen<T> {
    version: Version,
    digest: [u8; 32],
    read_at: Span,
    value: Arc<T>,
}

/// What the file system tells of a change. The kubelet replaces a link to a folder, so the file behind the path
/// becomes another one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl<T> WatchedFile<T> {
    /// Watches a path, where there may be nothing yet.
    #[must_use]
    pub fn new(path: PathBuf, length_max: usize, clock: Arc<dyn Clock>, parse: Parse<T>) -> Self {
        Self { path, length_max, parse, clock, seen: Mutex::new(None) }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file holds now.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn current(&self) -> Result<Arc<T>, FileError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let read = self.read(seen.take())?;
        let value = Arc::clone(&read.value);
        *seen = Some(read);
        Ok(value)
    }

    fn read(&self, seen: Option<Seen<T>>) -> Result<Seen<T>, FileError> {
        let now = self.clock.monotonic();
        let mut file = File::open(&self.path).map_err(FileError::Read)?;
        let metadata = file.metadata().map_err(FileError::Read)?;
        let version = Version::of(&metadata);
        let seen = match seen {
            Some(seen) if seen.version == version && seen.read_at.milliseconds() + PERIOD > now.milliseconds() => {
                return Ok(seen);
            }
            other => other,
        };
        let bytes = self.bytes(&mut file)?;
        let digest = sha256(&[bytes.expose()]);
        let value = match seen {
            Some(seen) if seen.digest == digest => seen.value,
            _ => Arc::new((self.parse)(bytes).map_err(FileError::Content)?),
        };
        Ok(Seen { version, digest, read_at: now, value })
    }

    /// Reads into one buffer that never grows, so that no copy of it is left behind.
    fn bytes(&self, file: &mut File) -> Result<SecretBytes, FileError> {
        let mut length = 0;
        let mut bytes = SecretBytes::try_init_with(self.length_max, |buffer| {
            while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
                match file.read(rest)? {
                    0 => break,
                    read => length += read,
                }
            }
            Ok(())
        })
        .map_err(FileError::Read)?;
        if length == self.length_max {
            return Err(FileError::TooLarge);
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

const PERIOD: i64 = FILE_REREAD_PERIOD.milliseconds();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fake::FakeClock;

    fn watched(path: &Path) -> WatchedFile<String> {
        let parse = |bytes: SecretBytes| {
            let text = String::from_utf8(bytes.expose().to_vec()).map_err(|_| "it is no text")?;
            if text.is_empty() { Err("it is empty") } else { Ok(text) }
        };
        WatchedFile::new(path.to_owned(), 16, Arc::new(FakeClock::default()), Box::new(parse))
    }

    #[test]
    fn a_file_is_read_when_it_comes_changes_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let file = watched(&path);
        assert!(matches!(file.current(), Err(FileError::Read(_))));
        std::fs::write(&path, "one").unwrap();
        let one = file.current().unwrap();
        assert_eq!(*one, "one");
        assert!(Arc::ptr_eq(&one, &file.current().unwrap()));
        // As the kubelet does it: another file takes the place.
        std::fs::write(folder.path().join("next"), "two").unwrap();
        std::fs::rename(folder.path().join("next"), &path).unwrap();
        assert_eq!(*file.current().unwrap(), "two");
        // The same bytes in another file are the same value.
        let two = file.current().unwrap();
        std::fs::write(folder.path().join("next"), "two").unwrap();
        std::fs::rename(folder.path().join("next"), &path).unwrap();
        assert!(Arc::ptr_eq(&two, &file.current().unwrap()));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(file.current(), Err(FileError::Read(_))));
    }

    #[test]
    fn what_a_file_must_not_hold_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let file = watched(&path);
        for (content, message) in [("", "it is empty"), ("0123456789abcdef", "it is too large")] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(file.current().unwrap_err().to_string(), message);
        }
        assert!(watched(folder.path()).current().is_err());
    }
}
