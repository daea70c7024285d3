//! Files that are there whole or not at all, and stay there when the power fails.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

static TEMPORARY: AtomicU64 = AtomicU64::new(0);
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Writes a file in place of what is there: into a temporary file, made durable, then renamed.
///
/// # Errors
/// Those of the file system. The old file is then still there, or the new one is whole.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_path(path)?;
    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // What is left of the temporary file is swept away at the next start too.
        drop(fs::remove_file(&temporary));
        return Err(error);
    }
    sync_parent(path)
}

/// Makes a file that must not exist: whole, durable, and exclusive by the file system's own word.
///
/// # Errors
/// `AlreadyExists` where it exists, and those of the file system.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_path(path)?;
    let linked = write_new(&temporary, bytes).and_then(|()| fs::hard_link(&temporary, path));
    drop(fs::remove_file(&temporary));
    linked.and_then(|()| sync_parent(path))
}

/// Removes a file for good.
///
/// # Errors
/// Those of the file system.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_parent(path)
}

/// Writes a file that must not exist, readable by its owner alone, and makes its bytes durable.
///
/// # Errors
/// `AlreadyExists` where it exists, and those of the file system.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reads at most `limit` bytes of a file; none where it does not exist.
///
/// # Errors
/// Those of the file system.
pub fn read(path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(limit as u64).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Makes a folder and those above it, for its owner alone, and makes it durable.
///
/// # Errors
/// Those of the file system.
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    sync_parent(path)
}

/// Removes the temporary files that a lost process left in a folder.
///
/// # Errors
/// Those of the file system.
pub fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(TEMPORARY_SUFFIX) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The names of the files in a folder, but for temporary ones; none where the folder does not exist.
///
/// # Errors
/// Those of the file system.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    names_of(entries)
}

/// The names of these files, but for temporary ones, in order.
///
/// # Errors
/// Those of the file system.
pub fn names_of(entries: fs::ReadDir) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn temporary_path(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let number = TEMPORARY.fetch_add(1, Ordering::Relaxed);
    Ok(path.with_file_name(format!(".{name}.{number}{TEMPORARY_SUFFIX}")))
}

/// A new name is durable only once its folder is.
fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leftovers_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("object");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        fs::write(folder.path().join(".object.7.tmp"), b"half").unwrap();
        assert_eq!(read(&path, 100).unwrap().unwrap(), b"two");
        assert_eq!(read(&path, 2).unwrap().unwrap(), b"tw");
        assert_eq!(names(folder.path()).unwrap(), ["object"]);
        sweep(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(write_new(&path, b"x").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&folder.path().join("none"), 1).unwrap(), None);
    }
}
