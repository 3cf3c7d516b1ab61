//! Why a sweep, or its work on one checkpoint, ended.

use std::error::Error;
use std::path::PathBuf;

use thiserror::Error;

use crate::plain::nearest;
use crate::store::{RosterError, StoreError};
use crate::study::StudyError;

use super::shard::{Shard, ShardError};

/// Whatever a checkpoint's rooms say.
pub type ModelError = Box<dyn Error + Send + Sync>;

#[derive(Debug, Error)]
pub enum SweepError {
    #[error(transparent)]
    Roster(#[from] RosterError),
    #[error(transparent)]
    Study(#[from] StudyError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Only this checkpoint is affected.
    #[error("checkpoint `{model}`: {source}")]
    Checkpoint { model: String, source: ModelError },
    /// The device computes no more, whatever checkpoint it is given.
    #[error("checkpoint `{model}`: {source}")]
    Device { model: String, source: ModelError },
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// Machines that count differently would split differently.
    #[error(
        "checkpoint `{model}`: {source}; a sweep is split by the counted prompts of all its checkpoints, for which every machine \
         needs their text files, though not their weights: put it right, or leave it out everywhere with --models"
    )]
    Uncounted { model: String, source: ModelError },
    #[error(
        "{} holds {shard} of another split (the roster, the study, the filters or a checkpoint's text files were others): choose \
         another --run folder, and merge them when all are done",
        dir.display()
    )]
    OtherSplit { dir: PathBuf, shard: Shard },
    /// [`super::Watch::stop`] said so.
    #[error("stopped before its end; what was scored is kept")]
    Stopped,
    #[error("no prompt is asked: {0}")]
    NothingAsked(String),
    #[error(
        "{roster}: family `{family}` has the maker_country `{country}`, which the study does not compare{} (it has {}): spell it \
         as the study does, or leave it out",
        nearest(country, known.iter().map(String::as_str)), known.join(", ")
    )]
    MakerCountry { roster: String, family: String, country: String, known: Vec<String> },
}

impl SweepError {
    pub(super) fn checkpoint(model: &str, source: impl Into<ModelError>) -> Self {
        Self::Checkpoint { model: model.to_owned(), source: source.into() }
    }
}

/// A prompt or an answer that a checkpoint cannot take.
#[derive(Debug, Error)]
pub enum PromptError {
    #[error("prompt `{id}` has no tokens")]
    Empty { id: String },
    #[error("prompt `{id}` has {tokens} tokens, more than the model's context of {context}")]
    TooLong { id: String, tokens: usize, context: usize },
    #[error("prompt `{id}` has the token id {token}, outside the model's vocabulary of {vocab} rows")]
    Token { id: String, token: u32, vocab: usize },
    #[error(
        "the answers in `{language}` need token id {token}, outside the model's vocabulary of {vocab} rows"
    )]
    Answer { language: String, token: u32, vocab: usize },
    #[error("an answer adds no token to prompt `{id}`")]
    NoAnswer { id: String },
    #[error("the study asks prompt `{id}` twice")]
    Twice { id: String },
}
