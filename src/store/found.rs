//! The run folders below a folder, with how far each has come.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::lock::RunLock;
use super::{DATABASE, RunReader, RunState, StoreError};

/// Levels below the folder that are looked through.
const DEPTH: usize = 4;

/// A run folder. What cannot be read of it is absent.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct FoundRun {
    pub dir: PathBuf,
    pub state: RunState,
    pub study: Option<String>,
    pub study_version: Option<String>,
    /// Version of the program that began it.
    pub program: Option<String>,
    /// When it was begun, UTC.
    pub begun: Option<String>,
    pub checkpoints: Vec<String>,
    pub asked: u64,
    pub scored: u64,
    /// Whether some of the study's prompts were not asked.
    pub filtered: bool,
    /// Why it cannot be read.
    pub error: Option<String>,
}

/// All runs in `dir` and up to four levels below it, by path. Links are not followed; folders that may not be looked into are
/// passed over, but for `dir` itself.
///
/// # Errors
/// If `dir` cannot be read.
pub fn find_runs(dir: &Path) -> Result<Vec<FoundRun>, StoreError> {
    let mut found = Vec::new();
    look(dir, DEPTH, &mut found).map_err(|error| StoreError::io(dir, error))?;
    found.sort_by(|a: &FoundRun, b| a.dir.cmp(&b.dir));
    Ok(found)
}

fn look(dir: &Path, depth: usize, found: &mut Vec<FoundRun>) -> std::io::Result<()> {
    let entries = std::fs::read_dir(dir)?;
    if dir.join(DATABASE).is_file() {
        found.push(describe(dir));
    }
    if depth > 0 {
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let _unreadable = look(&entry.path(), depth - 1, found);
            }
        }
    }
    Ok(())
}

fn describe(dir: &Path) -> FoundRun {
    read(dir).unwrap_or_else(|error| FoundRun {
        dir: dir.to_path_buf(),
        state: RunState::Unreadable,
        study: None,
        study_version: None,
        program: None,
        begun: None,
        checkpoints: Vec::new(),
        asked: 0,
        scored: 0,
        filtered: false,
        error: Some(error.to_string()),
    })
}

fn read(dir: &Path) -> Result<FoundRun, StoreError> {
    let held = RunLock::is_held(dir);
    let reader = RunReader::open(dir)?;
    let identity = reader.identity()?;
    let of = |key: &str| identity.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
    let completeness = reader.completeness()?;
    let mut checkpoints: Vec<String> = completeness.cells.iter().map(|cell| cell.model.clone()).collect();
    checkpoints.dedup();
    let state = RunState::of(held, !reader.sweeps()?.is_empty(), &completeness);
    Ok(FoundRun {
        dir: dir.to_path_buf(),
        state,
        study: of("study_name"),
        study_version: of("study_version"),
        program: of("program"),
        begun: of("created"),
        checkpoints,
        asked: completeness.asked,
        scored: completeness.scored,
        filtered: completeness.is_filtered(),
        error: None,
    })
}
