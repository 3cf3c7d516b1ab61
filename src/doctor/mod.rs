//! Is this machine's arithmetic right? A tiny checkpoint with known scores, on each device, against the processor.

mod selfcheck;

pub use selfcheck::{Bounds, Sample, SelfCheck, SelfCheckError};
