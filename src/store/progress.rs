//! How far runs are that are swept at the same time, each and in all.

use std::path::PathBuf;

use serde::Serialize;

use crate::plain::total;

use super::lock::RunLock;
use super::shard::runs_in;
use super::{Completeness, RunReader, RunState, Shards, StoreError, StoredSweep};

/// How far one run is.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct RunProgress {
    pub run: PathBuf,
    pub state: RunState,
    pub asked: u64,
    pub scored: u64,
    pub left: u64,
    /// At the pace of the checkpoint that is being scored; `None` where nothing runs, or no pace is known yet.
    pub seconds_left: Option<f64>,
    /// Of which splits, which shards.
    pub shards: Vec<Shards>,
    #[serde(skip)]
    sweeps: Vec<StoredSweep>,
}

/// How far several runs are.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Progress {
    pub runs: Vec<RunProgress>,
    pub asked: u64,
    pub scored: u64,
    pub left: u64,
    /// Until the last of those that run has ended; `None` if one of them has no pace, or none runs.
    pub seconds_left: Option<f64>,
    /// Shards over all runs.
    pub shards: Vec<Shards>,
}

impl Progress {
    /// Of the runs in `runs`, or of the shards in these folders.
    ///
    /// # Errors
    /// A folder that holds neither; a run that cannot be read.
    pub fn of(runs: &[PathBuf]) -> Result<Progress, StoreError> {
        let mut found: Vec<RunProgress> = Vec::new();
        for named in runs {
            for dir in runs_in(named)? {
                if !found.iter().any(|known| known.run == dir) {
                    found.push(RunProgress::of(dir)?);
                }
            }
        }
        let sum = |of: fn(&RunProgress) -> u64| total(found.iter().map(of));
        let (asked, scored, left) = (sum(|run| run.asked), sum(|run| run.scored), sum(|run| run.left));
        let running = || found.iter().filter(|run| run.state == RunState::Running);
        let known = running().map(|run| run.seconds_left).collect::<Option<Vec<f64>>>();
        Ok(Progress {
            seconds_left: known.and_then(|seconds| seconds.into_iter().reduce(f64::max)),
            shards: Shards::of_sweeps(found.iter().flat_map(|run| &run.sweeps), asked),
            runs: found,
            asked,
            scored,
            left,
        })
    }
}

impl RunProgress {
    fn of(dir: PathBuf) -> Result<RunProgress, StoreError> {
        // Before its scores are read: who ends in between has scored all of them.
        let held = RunLock::is_held(&dir);
        let (found, sweeps, pace) = match RunReader::open(&dir) {
            Ok(reader) => (reader.completeness()?, reader.sweeps()?, reader.pace()?),
            Err(StoreError::NoRun { .. }) => (Completeness::default(), Vec::new(), None),
            Err(error) => return Err(error),
        };
        let left = found.asked.saturating_sub(found.scored);
        let state = RunState::of(held, !sweeps.is_empty(), &found);
        let seconds_left = pace.filter(|_| state == RunState::Running).map(|pace| left as f64 / pace);
        Ok(RunProgress {
            run: dir,
            state,
            asked: found.asked,
            scored: found.scored,
            left,
            seconds_left,
            shards: found.shards,
            sweeps,
        })
    }
}
