//! Whether a checkpoint's files are still those that were opened: a download that goes on, or a conversion that is run once
//! more, must not mix two checkpoints into one table.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::{CheckpointError, Result};
use super::open::Checkpoint;

/// What of a file changes when it is written to or another takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    /// To the nanosecond, where the file system keeps that.
    modified: Option<SystemTime>,
    /// Device and inode; none where the system has no such thing.
    place: Option<(u64, u64)>,
}

impl Stamp {
    fn of(meta: &Metadata) -> Stamp {
        #[cfg(unix)]
        let place = {
            use std::os::unix::fs::MetadataExt;
            Some((meta.dev(), meta.ino()))
        };
        #[cfg(not(unix))]
        let place = None;
        Stamp { bytes: meta.len(), modified: meta.modified().ok(), place }
    }
}

/// The files that a checkpoint may be read from, as they were before any of them was opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Stamps(Vec<(PathBuf, Stamp)>);

impl Stamps {
    /// Of every file in `dir` that has a name as checkpoints' files have them. What cannot be looked at is left to those who
    /// read it.
    pub fn take(dir: &Path) -> Stamps {
        let files = std::fs::read_dir(dir).into_iter().flatten().filter_map(|e| Some(e.ok()?.path()));
        let stamps = files.filter(|path| is_of_checkpoint(path)).filter_map(|path| {
            // Through links: the files of a cache are links to their contents.
            let meta = std::fs::metadata(&path).ok().filter(Metadata::is_file)?;
            Some((path, Stamp::of(&meta)))
        });
        Stamps(stamps.collect())
    }

    fn check(&self) -> Result<()> {
        for (path, before) in &self.0 {
            let why = match std::fs::metadata(path).as_ref().map(Stamp::of) {
                Ok(now) if now == *before => continue,
                Ok(now) if now.bytes != before.bytes => {
                    format!("had {} bytes when it was opened and has {} now", before.bytes, now.bytes)
                }
                Ok(now) if now.place != before.place => "is another file than was opened".to_owned(),
                Ok(_) => "was written to since it was opened".to_owned(),
                Err(error) => format!("was there when it was opened and is not now ({error})"),
            };
            return Err(CheckpointError::file(
                path,
                format!("{why}: begin again when the checkpoint is whole"),
            ));
        }
        Ok(())
    }
}

/// Weights, configurations, tokenizers and templates.
fn is_of_checkpoint(path: &Path) -> bool {
    const ENDINGS: [&str; 6] = ["safetensors", "bin", "json", "model", "jinja", "txt"];
    path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
}

impl Checkpoint {
    /// Looks at size, time of change and place of every file of the checkpoint, which takes microseconds.
    ///
    /// # Errors
    /// The first file that is no longer the one that was opened.
    pub fn check_unchanged(&self) -> Result<()> {
        self.stamps.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_is_written_cut_replaced_or_removed_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("model.safetensors");
        let changed = |change: &dyn Fn()| {
            fs::write(&file, "weights").expect("written");
            let stamps = Stamps::take(dir.path());
            stamps.check().expect("unchanged");
            change();
            stamps.check().expect_err("changed").to_string()
        };
        let cut = changed(&|| fs::write(&file, "wei").expect("cut"));
        assert!(cut.contains("model.safetensors: had 7 bytes when it was opened and has 3 now"), "{cut}");
        let removed = changed(&|| fs::remove_file(&file).expect("removed"));
        assert!(removed.contains("is not now"), "{removed}");
        let other = dir.path().join("other");
        let replaced = changed(&|| {
            fs::write(&other, "WEIGHTS").expect("written");
            fs::rename(&other, &file).expect("replaced");
        });
        assert!(replaced.contains("another file") || cfg!(not(unix)), "{replaced}");
        let written = changed(&|| {
            let later = SystemTime::now() + std::time::Duration::from_nanos(10_000_000);
            fs::File::options().write(true).open(&file).and_then(|f| f.set_modified(later)).expect("touched");
        });
        assert!(written.contains("was written to"), "{written}");

        // What is no part of a checkpoint may change at any time.
        let log = dir.path().join("conversion.log");
        fs::write(&log, "0 %").expect("written");
        let stamps = Stamps::take(dir.path());
        fs::write(&log, "100 %").expect("written");
        stamps.check().expect("unchanged");
    }
}
