//! The runs that are merged, and whether they belong together.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::store::file::Identity;
use crate::store::provenance::{CheckpointRecord, IDENTITY};
use crate::store::run::DATABASE;
use crate::store::shard::runs_in;
use crate::store::{Completeness, RunReader, StoreError};

use super::MergeError;

/// A run, open at one moment.
pub struct Source {
    pub dir: PathBuf,
    pub reader: RunReader,
    /// Keys and values of its `run` table.
    pub identity: HashMap<String, String>,
    pub checkpoints: Vec<CheckpointRecord>,
    pub completeness: Completeness,
    pub roster: Option<String>,
}

impl Source {
    pub fn of(dir: PathBuf, reader: RunReader) -> Result<Source, StoreError> {
        let identity = reader.identity()?.into_iter().collect();
        let checkpoints = reader.checkpoint_records()?;
        let completeness = reader.completeness()?;
        let roster = reader.roster()?.map(|(_, text)| text);
        Ok(Source { dir, reader, identity, checkpoints, completeness, roster })
    }

    /// By what is in it, so that the order of the arguments is of no consequence.
    pub fn order(&self) -> (String, Vec<Vec<u32>>, PathBuf) {
        let created = self.identity.get("created").cloned().unwrap_or_default();
        let shards = self.completeness.shards.iter().map(|shards| shards.present.clone()).collect();
        (created, shards, self.dir.clone())
    }
}

/// The runs in `runs` or in these folders, each once and without `out`, and the shards' folders that hold no run yet.
pub fn open(runs: &[PathBuf], out: &Path) -> Result<(Vec<Source>, Vec<PathBuf>), StoreError> {
    let database = |dir: &Path| Identity::of(&dir.join(DATABASE));
    let mut known = HashSet::from([database(out)]);
    let (mut sources, mut absent) = (Vec::new(), Vec::new());
    for named in runs {
        for dir in runs_in(named)? {
            if !known.insert(database(&dir)) {
                continue;
            }
            match RunReader::open(&dir) {
                Ok(reader) => sources.push(Source::of(dir, reader)?),
                // A shard whose sweep has not begun is missing, as one is that has no folder.
                Err(StoreError::NoRun { .. }) if dir != *named => absent.push(dir),
                Err(error) => return Err(error),
            }
        }
    }
    Ok((sources, absent))
}

/// Refuses runs of different programs, studies, or checkpoints of one name.
pub fn check(sources: &[&Source]) -> Result<(), MergeError> {
    for (key, what) in IDENTITY {
        let mut known: Option<(&Source, &String)> = None;
        for source in sources {
            let Some(value) = source.identity.get(key) else { continue };
            match known {
                Some((one, first)) if first != value => {
                    return Err(differs(what.to_owned(), one, first, source, value));
                }
                _ => known = Some((source, value)),
            }
        }
    }
    let mut known: HashMap<&str, (&Source, &CheckpointRecord)> = HashMap::new();
    for source in sources {
        for record in &source.checkpoints {
            let (one, first) = *known.entry(&record.model).or_insert((source, record));
            if let Some((field, first, second)) =
                first.beside(record).into_iter().find(|(_, one, other)| one != other)
            {
                let what = format!("checkpoint `{}`'s {field}", record.model);
                return Err(differs(what, one, &first, source, &second));
            }
        }
    }
    Ok(())
}

pub fn differs(what: String, one: &Source, first: &str, other: &Source, second: &str) -> MergeError {
    MergeError::Differs {
        what,
        one: one.dir.clone(),
        first: first.to_owned(),
        other: other.dir.clone(),
        second: second.to_owned(),
    }
}
