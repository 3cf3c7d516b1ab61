//! Is this machine's arithmetic right? A tiny checkpoint with known scores, on each device, against the processor; and on an
//! NVIDIA GPU each fast kernel against its naive twin.

pub mod kernels;
mod selfcheck;

pub use selfcheck::{Bounds, Sample, SelfCheck, SelfCheckError};
