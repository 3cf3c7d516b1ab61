//! One writer per run folder: an advisory lock that the system drops when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use super::{StoreError, left};
use crate::plain;

pub(super) const LOCK_FILE: &str = "lock";

/// Somebody may look whether it is held, and holds it for that moment.
const LOOKS: usize = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(40);

/// Held for as long as a process may write to the run. Meanwhile the file says who holds it.
#[derive(Debug)]
pub struct RunLock {
    file: File,
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
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|e| StoreError::io(&path, e))?;
        let mut taken = file.try_lock();
        for _ in 1..LOOKS {
            if !matches!(taken, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(BETWEEN_LOOKS);
            taken = file.try_lock();
        }
        match taken {
            Ok(()) => {
                left::clear(dir);
                // For people: where it cannot be written, the lock holds all the same.
                let _ = file.set_len(0).and_then(|()| file.write_all(this_process().as_bytes()));
                Ok(Self { file })
            }
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::InUse { dir: dir.to_path_buf(), holder: holder(&mut file) })
            }
            Err(TryLockError::Error(e)) if has_no_locks(&e) => Err(StoreError::NoLocks { path }),
            Err(TryLockError::Error(e)) => Err(StoreError::io(&path, e)),
        }
    }
}

impl RunLock {
    /// Whether the file that stands there holds nothing but what we write.
    pub fn is_ours(dir: &Path) -> bool {
        let path = dir.join(LOCK_FILE);
        let Ok(meta) = std::fs::metadata(&path) else { return false };
        // What is no file is refused where it is taken.
        !meta.is_file()
            || meta.len() == 0
            || File::open(&path).is_ok_and(|mut file| holder(&mut file).is_some())
    }

    /// Whether a process writes to the run in `dir`; `None` where that cannot be told.
    pub fn is_held(dir: &Path) -> Option<bool> {
        let path = dir.join(LOCK_FILE);
        if !std::fs::metadata(&path).ok()?.is_file() {
            return None;
        }
        match File::open(&path).ok()?.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        }
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
    }
}

/// No name of a machine or a person: run folders are handed on.
fn this_process() -> String {
    let job = job(|name| std::env::var(name).ok());
    format!("process {}{job} since {}", std::process::id(), plain::now())
}

/// ` of Slurm job 12_3`, if the environment that `variable` reads names one.
fn job(variable: impl Fn(&str) -> Option<String>) -> String {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    match (set("SLURM_ARRAY_JOB_ID"), set("SLURM_ARRAY_TASK_ID"), set("SLURM_JOB_ID")) {
        (Some(job), Some(task), _) => format!(" of Slurm job {job}_{task}"),
        (_, _, Some(job)) => format!(" of Slurm job {job}"),
        _ => String::new(),
    }
}

/// What the file says, if that is what we write there.
fn holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.take(200).read_to_string(&mut text).ok()?;
    (text.starts_with("process ") && !text.contains(char::is_control)).then_some(text)
}

/// Some network file systems keep none, or have a service for them that is not running.
fn has_no_locks(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::ENOLCK) {
        return true;
    }
    error.kind() == std::io::ErrorKind::Unsupported
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_named_as_its_cluster_names_it() {
        let named = |set: &[(&str, &str)]| {
            job(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        let (array, task, whole) = ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_ID");
        assert_eq!(named(&[(array, "12"), (task, "3"), (whole, "15")]), " of Slurm job 12_3");
        assert_eq!(named(&[(array, ""), (task, ""), (whole, "15")]), " of Slurm job 15");
        assert_eq!(named(&[(array, "12"), (whole, "15")]), " of Slurm job 15");
        assert_eq!(named(&[(whole, "")]), "");
        assert_eq!(named(&[]), "");
    }

    #[cfg(unix)]
    #[test]
    fn file_systems_without_locks_are_told_from_faults() {
        let of = |code| std::io::Error::from_raw_os_error(code);
        assert!(has_no_locks(&of(libc::ENOLCK)) && has_no_locks(&of(libc::EOPNOTSUPP)));
        assert!(!has_no_locks(&of(libc::EIO)) && !has_no_locks(&of(libc::EACCES)));
    }
}
