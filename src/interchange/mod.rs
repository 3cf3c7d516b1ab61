//! What other programs read and write: a run as results of lm-evaluation-harness or as an Inspect log, a study as a task of the
//! harness. docs/interchange.md has the fields, their units and what has to hold.

mod answers;
mod cells;
mod check;
mod document;
mod error;
mod harness_results;
mod harness_task;
mod inspect_log;
mod reading;

pub use check::Engine;
pub use document::Document;
pub use error::InterchangeError;
pub use harness_results::write_results;
pub use harness_task::{Selection, Written, write_task};
pub use inspect_log::{LogFormat, write_log};
