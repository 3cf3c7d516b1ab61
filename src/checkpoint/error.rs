//! What can be wrong with a checkpoint: each error is one sentence that names the file and the field or tensor.

use std::io;
use std::path::{Path, PathBuf};

use super::hub::HubError;
pub(super) use crate::plain::shown;

pub type Result<T, E = CheckpointError> = std::result::Result<T, E>;

/// Why a checkpoint was refused.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("{}: {why}", dir.display())]
    Folder { dir: PathBuf, why: String },
    #[error("{}: cannot be read: {source}", file.display())]
    Io {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}: {why}", file.display())]
    File { file: PathBuf, why: String },
    /// `field` is dotted for nested objects: `rope_scaling.factor`.
    #[error("{}: `{field}` {why}", file.display())]
    Field { file: PathBuf, field: String, why: String },
    #[error(
        "{}: `model_type` {model_type} is not a family that this program knows; known are {known}", file.display()
    )]
    UnknownFamily { file: PathBuf, model_type: String, known: String },
    #[error("{}: tensor {tensor} {why}", file.display())]
    Tensor { file: PathBuf, tensor: String, why: String },
    #[error(
        "{}: tensor {tensor} holds {value} at element {index}; such a checkpoint cannot be scored", file.display()
    )]
    NotFinite {
        file: PathBuf,
        tensor: String,
        /// Position in the tensor, counted row by row from 0.
        index: usize,
        value: f32,
    },
    /// Somebody else asked for it.
    #[error("the reading of its weights was stopped")]
    Stopped,
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl CheckpointError {
    pub(super) fn io(file: &Path, source: io::Error) -> Self {
        match crate::plain::dangling(file) {
            Some(why) => Self::file(file, why),
            None => CheckpointError::Io { file: file.to_owned(), source },
        }
    }

    pub(super) fn file(file: &Path, why: impl Into<String>) -> Self {
        CheckpointError::File { file: file.to_owned(), why: why.into() }
    }

    pub(super) fn tensor(file: &Path, tensor: &str, why: impl Into<String>) -> Self {
        CheckpointError::Tensor { file: file.to_owned(), tensor: shown(tensor), why: why.into() }
    }
}

/// A JSON value as it may stand in a message.
pub(super) fn shown_value(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => format!("\"{}\"", shown(text)),
        serde_json::Value::Array(list) if list.len() > 8 => format!("a list of {}", list.len()),
        serde_json::Value::Object(map) if map.len() > 8 => {
            format!("an object of {} fields", map.len())
        }
        other => shown(&other.to_string()),
    }
}
