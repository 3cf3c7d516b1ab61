//! Runs put together into one, as if one machine had computed them: a pure function of the runs.
//!
//! All of it is one transaction on the database of the merged run: until that is committed, a new folder holds no run and an
//! earlier merge stands as it was, whatever becomes of the process.

mod error;
mod rosters;
mod rows;
mod source;

pub use error::MergeError;

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use crate::plain::is_there;

use super::lock::{LOCK_FILE, RunLock};
use super::run::{DATABASE, ROSTER, ROSTER_SHA256, refuse_filled, sha256};
use super::{Completeness, RunReader, StoreError, file, schema};

use rows::Copied;
use source::Source;

/// Key of a merged run: only such a one is merged into.
const MERGED: &str = "merged";

/// What was merged.
#[derive(Debug)]
pub struct Merged {
    pub copied: Copied,
    /// Each run that was read, and how far it is.
    pub runs: Vec<(PathBuf, Completeness)>,
    /// Folders of shards that hold no run yet.
    pub absent: Vec<PathBuf>,
}

/// Merges the runs in `runs`, or the shards in these folders, into the run in `out`: a new folder, or an earlier merge, which
/// then also keeps what it has. `begin` is told of each run as its turn comes.
///
/// # Errors
/// Runs that do not belong together, by what differs; a prompt with two scores; an `out` that merge did not write. Nothing is
/// changed then.
pub fn merge(runs: &[PathBuf], out: &Path, mut begin: impl FnMut(&Path)) -> Result<Merged, MergeError> {
    let (mut sources, absent) = source::open(runs, out)?;
    let target = Target::open(out)?;
    let earlier = target.earlier()?;
    if earlier.is_none() && sources.is_empty() {
        return Err(MergeError::Nothing { runs: runs.to_vec() });
    }
    let all: Vec<&Source> = earlier.iter().chain(&sources).collect();
    source::check(&all)?;
    let roster = rosters::merged(&all)?;
    sources.sort_by_cached_key(Source::order);
    let copied = target.fill(earlier.as_ref(), &sources, roster.as_deref(), &mut begin)?;
    let runs = sources.into_iter().map(|source| (source.dir, source.completeness)).collect();
    Ok(Merged { copied, runs, absent })
}

/// The folder that is merged into.
struct Target {
    dir: PathBuf,
    path: PathBuf,
    db: Option<Connection>,
    /// Of its tables, if it has any.
    format: Option<i64>,
    /// Dropped after everything else.
    lock: Option<RunLock>,
    /// Neither folder nor database was there before.
    made: bool,
    /// To be taken away again if nothing is committed.
    fresh: bool,
}

impl Target {
    fn open(dir: &Path) -> Result<Target, MergeError> {
        let made = !dir.exists();
        fs::create_dir_all(dir).map_err(|e| StoreError::io(dir, e))?;
        let path = dir.join(DATABASE);
        let fresh = !is_there(&path);
        let mut target =
            Target { dir: dir.to_path_buf(), path, db: None, format: None, lock: None, made, fresh };
        refuse_filled(dir).inspect_err(|_| target.fresh = false)?;
        target.lock = Some(RunLock::take(dir).inspect_err(|_| target.fresh = false)?);
        let (db, format) = schema::connect(&target.path)?;
        // What a killed merge left, or a sweep that came to nothing.
        target.fresh = format.is_none();
        target.format = format;
        target.db = Some(db);
        Ok(target)
    }

    /// What an earlier merge put there.
    fn earlier(&self) -> Result<Option<Source>, MergeError> {
        if self.format.is_none() {
            return Ok(None);
        }
        let reader = RunReader::open(&self.dir)?;
        if !reader.identity()?.iter().any(|(key, _)| key == MERGED) {
            return Err(MergeError::NotMerged { out: self.dir.clone() });
        }
        Ok(Some(Source::of(self.dir.clone(), reader)?))
    }

    fn fill(
        mut self,
        earlier: Option<&Source>,
        sources: &[Source],
        roster: Option<&str>,
        begin: &mut dyn FnMut(&Path),
    ) -> Result<Copied, MergeError> {
        let path = self.path.clone();
        let fail = |e| MergeError::Store(StoreError::sqlite(&path, e));
        let kept = self.dir.join(ROSTER);
        let before = earlier.and_then(|source| source.roster.clone());
        let changed = roster.filter(|roster| before.as_deref() != Some(*roster));
        let Some(db) = self.db.as_mut() else { return Ok(Copied::default()) };
        if let (Some(before), Some(after)) = (&before, changed) {
            // Both are the run's own until the one has taken the other's place.
            sign(db, &[before, after]).map_err(fail)?;
        }
        let change = db.transaction().map_err(fail)?;
        schema::make(&change, self.format).map_err(fail)?;
        let mut all: Vec<&Source> = earlier.into_iter().collect();
        let mut rows = rows::Rows::of(&change, &path)?;
        for source in sources {
            begin(&source.dir);
            rows.copy(source, &all)?;
            all.push(source);
        }
        let copied = rows.copied();
        rows::identity(&change, &all).map_err(fail)?;
        let mark = "INSERT OR IGNORE INTO run (key, value) VALUES (?1, ?2)";
        change.execute(mark, [MERGED, env!("CARGO_PKG_VERSION")]).map_err(fail)?;
        if let Some(text) = changed {
            file::replace(&kept, |out| {
                std::io::Write::write_all(out, text.as_bytes()).map_err(|e| StoreError::io(&kept, e))
            })?;
            sign(&change, &[text]).map_err(fail)?;
        }
        change.commit().map_err(fail)?;
        self.fresh = false;
        Ok(copied)
    }
}

/// A merge that came to nothing leaves nothing.
impl Drop for Target {
    fn drop(&mut self) {
        drop(self.db.take());
        if !self.fresh {
            return;
        }
        for ending in ["", "-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(self.dir.join(format!("{DATABASE}{ending}")));
        }
        // Written within the transaction that did not end, if at all.
        let _ = fs::remove_file(self.dir.join(ROSTER));
        drop(self.lock.take());
        let _ = fs::remove_file(self.dir.join(LOCK_FILE));
        if self.made {
            let _ = fs::remove_dir(&self.dir);
        }
    }
}

fn sign(db: &Connection, texts: &[&str]) -> Result<(), rusqlite::Error> {
    let signed: Vec<String> = texts.iter().map(|text| sha256(text)).collect();
    let write =
        "INSERT INTO run (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
    db.execute(write, params![ROSTER_SHA256, signed.join(" ")]).map(drop)
}
