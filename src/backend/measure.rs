//! What benchmarks need of a device beyond computing: its own best, and an end to wait for.

use super::{Backend, BackendError};

/// The best that a device does, measured now: what the speed of a kernel is a share of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Multiply-adds in f32, counted as two operations.
    pub gflop_per_second: f64,
    /// Bytes read and bytes written by a plain copy of a large array, added up.
    pub gb_per_second: f64,
}

/// A device that can be measured.
pub trait Measured: Backend + Sync {
    /// How [`Measured::peak`] measures arithmetic, for people.
    const PEAK: &'static str;

    fn peak(&self) -> Result<Peak, BackendError>;

    /// Returns when everything asked of the device so far is done.
    fn finish(&self) -> Result<(), BackendError>;

    /// Bytes that are taken now on a device that has its own memory and tells.
    fn memory_in_use(&self) -> Option<u64>;
}
