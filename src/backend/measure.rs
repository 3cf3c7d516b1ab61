//! What benchmarks need of a device beyond computing: its own best, and an end to wait for.

use super::{Backend, BackendError};
use crate::checkpoint::DecoderSpec;

/// The best that a device does, measured now: what the speed of a kernel is a share of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Multiply-adds in f32, counted as two operations.
    pub gflop_per_second: f64,
    /// Bytes read and bytes written by a plain copy of a large array, added up.
    pub gb_per_second: f64,
}

/// A plain product by one of the ways that a device has.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductTime {
    /// Who computes it, and how.
    pub by: String,
    pub seconds: f64,
    /// Products on matrix units for each product that is asked for.
    pub planes: usize,
    /// It is the vendor's, to compare with.
    pub is_yardstick: bool,
}

/// A device that can be measured.
pub trait Measured: Backend + Sync {
    /// How [`Measured::peak`] measures arithmetic, for people.
    const PEAK: &'static str;

    fn peak(&self) -> Result<Peak, BackendError>;

    /// Times `rows` rows of `depth` elements by a matrix of `columns` rows in every way there is; nothing where there is one way.
    ///
    /// # Errors
    /// Whatever the device refuses.
    fn products(
        &self,
        _rows: usize,
        _columns: usize,
        _depth: usize,
    ) -> Result<Vec<ProductTime>, BackendError> {
        Ok(Vec::new())
    }

    /// What [`Measured::products`] would compare with, and is not here.
    fn lacks(&self) -> Option<&'static str> {
        None
    }

    /// Products on matrix units for each multiply-add of this decoder's layers, where they are not one.
    fn planes(&self, _decoder: &DecoderSpec) -> Option<f64> {
        None
    }

    /// Returns when everything asked of the device so far is done.
    fn finish(&self) -> Result<(), BackendError>;

    /// Bytes that are taken now on a device that has its own memory and tells.
    fn memory_in_use(&self) -> Option<u64>;
}
