//! One writer per run folder: an advisory lock that the system drops when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use super::StoreError;

pub(super) const LOCK_FILE: &str = "lock";

/// Held for as long as a process may write to the run.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of the run in `dir` without waiting.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another process holds it.
    pub fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOCK_FILE);
        // To open a named pipe would be to wait for ever.
        if std::fs::metadata(&path).is_ok_and(|meta| !meta.is_file()) {
            return Err(StoreError::io(&path, std::io::Error::other("is not a regular file")));
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| StoreError::io(&path, e))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { dir: dir.to_path_buf() }),
            Err(TryLockError::Error(e)) if has_no_locks(&e) => Err(StoreError::NoLocks { path }),
            Err(TryLockError::Error(e)) => Err(StoreError::io(&path, e)),
        }
    }
}

/// Whether a process holds the lock of the run in `dir`; nothing is made or waited for.
pub(super) fn is_held(dir: &Path) -> bool {
    let path = dir.join(LOCK_FILE);
    let regular = std::fs::metadata(&path).is_ok_and(|meta| meta.is_file());
    regular
        && File::open(&path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Some network file systems keep none, or have a service for them that is not running.
fn has_no_locks(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::ENOLCK) {
        return true;
    }
    error.kind() == std::io::ErrorKind::Unsupported
}
