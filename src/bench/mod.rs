//! How fast it is: the study's own prompts and single kernels, as shares of the device's own peak.
//!
//! Every figure is a ratio to something measured in the same run: the best that the device does in a plain product and
//! a plain copy, and the same prompts with sharing switched off.

mod kernels;
mod model;
mod pack;
mod random;
mod shapes;
mod study;
mod timing;

pub use kernels::{Bound, KernelReport, KernelTiming, ProductTiming, kernels};
pub use model::{Load, Machine, Model, Predicted, model};
pub use random::RandomWeights;
pub use shapes::{Shape, shape, shapes};
pub use study::{ShapeBench, StudyBench};
pub use timing::{Report, Timing};

use crate::backend::BackendError;
use crate::checkpoint::CheckpointError;
use crate::decoder::DecoderError;
use crate::scoring::TooLittleMemory;
use crate::store::{RosterError, StoreError};
use crate::study::StudyError;
use crate::sweep::{ModelError, SweepError};

#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error(transparent)]
    Study(#[from] StudyError),
    #[error(transparent)]
    Roster(#[from] RosterError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Sweep(#[from] SweepError),
    #[error(transparent)]
    Memory(#[from] TooLittleMemory),
    #[error(transparent)]
    Decoder(#[from] DecoderError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error("the study asks nothing of {0}")]
    Nothing(String),
    #[error("there is no shape `{name}`; there are {known}")]
    Shape { name: String, known: String },
    #[error("no temporary files or memory can be had: {0}")]
    Scratch(std::io::Error),
}
