//! Why something cannot be handed to another program: one sentence each.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::store::StoreError;
use crate::study::StudyError;
use crate::tokens::TokensError;

#[derive(Debug, Error)]
pub enum InterchangeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Study(#[from] StudyError),
    #[error(transparent)]
    Tokens(#[from] TokensError),
    #[error(
        "the run was asked the study {asked}, and `{given}` is another one ({found}): name the folder of the one that it was asked \
         with --study, its texts are not in the run"
    )]
    OtherStudy { asked: String, given: String, found: String },
    #[error("the run holds scores of `{id}`, which the study does not ask, whatever its hash says")]
    NotAsked { id: String },
    #[error("the run has no checkpoint `{name}`{hint}; it has {known}")]
    NoCheckpoint { name: String, hint: String, known: String },
    #[error("the run holds no score yet: `tiltmeter sweep` goes on with it")]
    Empty,
    #[error("{}: an Inspect log ends in .eval or .json", path.display())]
    LogEnding { path: PathBuf },
    #[error("{}: the folder is not empty; nothing is overwritten", path.display())]
    Filled { path: PathBuf },
    #[error("no prompt is left by this choice of conditions, languages, countries and scenarios")]
    Nothing,
    #[error(
        "condition `{condition}` shows a chat checkpoint {what}, and the harness has one system text, one user message and the \
         beginning of an answer: it cannot be written as its task"
    )]
    Turns { condition: String, what: String },
    #[error(
        "condition `{condition}`: the plain prompt `{id}` ends in white space, which the harness moves into the answer, so that it \
         would read other tokens: it cannot be written as its task"
    )]
    TrailingSpace { condition: String, id: String },
    #[error(
        "language `{language}`: the answer {answer:?} is read by its last token, which no text behind a prompt stands for: it \
         cannot be written as a task of the harness"
    )]
    Answer { language: String, answer: String },
    #[error("with {checkpoint}, the harness does not read what is read here of `{id}`: {why}")]
    OtherTokens { checkpoint: String, id: String, why: String },
}

impl InterchangeError {
    pub(super) fn io(path: &Path, error: std::io::Error) -> Self {
        StoreError::io(path, error).into()
    }
}
