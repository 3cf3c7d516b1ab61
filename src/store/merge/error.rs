//! Why runs were not merged.

use std::path::PathBuf;

use thiserror::Error;

use crate::store::{RosterError, StoreError};

#[derive(Debug, Error)]
pub enum MergeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Roster(#[from] RosterError),
    #[error(
        "the runs in {} and {} do not belong together: {what} is {first} in the one and {second} in the other; nothing was merged",
        one.display(), other.display()
    )]
    Differs { what: String, one: PathBuf, first: String, other: PathBuf, second: String },
    #[error(
        "prompt `{id}` of checkpoint `{model}` has another {what} in {} than in {}: one of them was computed otherwise; nothing \
         was merged",
        one.display(), other.display()
    )]
    Score { id: String, model: String, what: String, one: PathBuf, other: PathBuf },
    #[error(
        "{} holds a run that `merge` did not make: choose another --run folder, nothing is overwritten", out.display()
    )]
    NotMerged { out: PathBuf },
    #[error("there is nothing to merge: {}", names(runs))]
    Nothing { runs: Vec<PathBuf> },
}

fn names(runs: &[PathBuf]) -> String {
    match runs {
        [] => "no run is named".to_owned(),
        runs => {
            let names: Vec<String> = runs.iter().map(|run| run.display().to_string()).collect();
            format!("{} holds no run besides the one that is merged into", names.join(", "))
        }
    }
}
