//! What is kept: a run folder with every prompt's score and where it came from, and the tables made from it.

pub mod export;
pub mod roster;

mod begun;
mod error;
pub(crate) mod file;
mod found;
mod left;
mod lock;
pub mod merge;
mod names;
mod origin;
mod progress;
mod provenance;
mod read;
mod run;
mod schema;
mod shard;
mod state;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use error::StoreError;
pub use export::{Format, export_items, export_scores};
pub use found::{FoundRun, find_runs};
pub use names::PromptKey;
pub use origin::{Ended, Filters, Machine, StoredSweep, SweepRecord};
pub use progress::{Progress as RunsProgress, RunProgress};
pub use provenance::{CheckpointRecord, RunIdentity, SessionRecord};
pub use read::{
    CellCount, Completeness, ItemCounts, Met, PromptScore, RunReader, Shards, StoredCheckpoint, load_items,
    visit_joined,
};
pub use roster::{Family, Roster, RosterError, Stage};
pub use run::{
    AnswersId, Cell, CheckpointId, DATABASE, KeptRoster, Progress, ROSTER, RunStore, ScoreRow, Scored,
    SessionId,
};
pub use schema::{FORMAT, OLDEST_FORMAT};
pub use shard::{MOST_SHARDS, ShardRecord, runs_in, shard_folder, shards_in};
pub use state::RunState;
