//! What is read off: choice scores of prompts, and the items they add up to.

mod answers;
mod choice;
mod continuation;
mod engine;
mod faults;
mod fingerprint;
pub mod item;
mod line;
pub mod lines;
pub mod output;
mod plan;
mod questions;
mod room;
mod spread;
mod unit;
mod work;

pub use choice::{ChoiceScore, ChoiceSet};
pub use engine::{Engine, ScoreError, ScoreOptions, Tally};
pub use fingerprint::{distance, fingerprint};
pub use plan::{Plan, ScoreItem};
pub use room::{PackSize, Room, TooLittleMemory, Workspace};
pub use spread::spread;
pub use unit::Unit;
pub use work::{Rates, Work};
