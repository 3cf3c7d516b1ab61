//! Unfinished files that a process left behind which could not remove them any more: killed where a file must have a name, or
//! between the two system calls that put one in the place of another.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

pub(super) const PREFIX: &str = ".tiltmeter-";
pub(super) const SUFFIX: &str = ".part";

/// Whether an unfinished file carries such a name.
pub(super) fn is_part(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
}

/// Says that somebody writes to `file`, for as long as any handle of it is open. Where no locks are kept, nothing is removed.
pub(super) fn hold(file: &File) {
    #[cfg(unix)]
    let _ = file.try_lock();
    // Elsewhere a lock would stop other handles of the same process from writing.
    #[cfg(not(unix))]
    let _ = file;
}

/// Removes from `folder` what carries such a name, was not written to for an hour, and is nobody's. The lock alone would do on a
/// disk of this machine; on one that machines share it may not be known to the others, so there is the hour.
pub(super) fn clear(folder: &Path) {
    #[cfg(unix)]
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        if is_part(&entry.file_name()) && unix::is_left(&entry) {
            // It may be another user's; then it is theirs to remove.
            let _ = std::fs::remove_file(entry.path());
        }
    }
    #[cfg(not(unix))]
    let _ = folder;
}

#[cfg(unix)]
mod unix {
    use std::fs::{DirEntry, File};
    use std::time::Duration;

    const LONG_AGO: Duration = Duration::from_secs(60 * 60);

    pub fn is_left(entry: &DirEntry) -> bool {
        // Of the entry itself: a link is not followed, a pipe not opened.
        let Ok(meta) = entry.metadata() else { return false };
        let age = meta.modified().ok().and_then(|time| time.elapsed().ok());
        meta.is_file()
            && age.is_some_and(|age| age > LONG_AGO)
            && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::time::{Duration, SystemTime};

    #[test]
    fn only_what_nobody_writes_to_is_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        let put = |name: &str, minutes: u64| {
            let file = File::create(dir.path().join(name)).expect("it is made");
            file.set_modified(SystemTime::now() - Duration::from_secs(60 * minutes)).expect("it is set");
            file
        };
        put(".tiltmeter-4711-0.part", 61);
        put(".tiltmeter-aB3xYz.part", 100_000);
        put(".tiltmeter-4711-1.part", 59);
        put(".tiltmeter-notes", 61);
        put("mine.part", 61);
        let held = put(".tiltmeter-4711-2.part", 61);
        hold(&held);
        let link = dir.path().join(".tiltmeter-link.part");
        std::os::unix::fs::symlink(dir.path().join("mine.part"), &link).expect("a link");

        clear(dir.path());
        let mut left: Vec<_> = fs::read_dir(dir.path())
            .expect("readable")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .collect();
        left.sort();
        let kept = [
            ".tiltmeter-4711-1.part",
            ".tiltmeter-4711-2.part",
            ".tiltmeter-link.part",
            ".tiltmeter-notes",
            "mine.part",
        ];
        assert_eq!(left, kept);
        drop(held);
        clear(dir.path());
        assert!(!dir.path().join(kept[1]).exists(), "its writer is gone");
        clear(&dir.path().join("none"));
    }
}
