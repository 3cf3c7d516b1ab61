//! The GPU's own best: a large product on tensor cores, and a large copy.

use super::Cuda;
use super::driver::Driver;
use super::error::CudaError;
use super::packing::Packing;
use super::params::STORE;
use super::product::{Epilogue, Weight};
use crate::backend::BackendError;
use crate::backend::measure::{Measured, Peak};
use crate::checkpoint::{Dtype, Tensor};
use std::sync::Arc;
use std::time::Instant;

/// Rows, columns and depth of the product, for each multiprocessor pair that the GPU has up to a whole one's.
const SIDE: usize = 64;
const MOST: usize = 8192;
/// Bytes that are copied.
const COPIED: usize = 256 << 20;
const TRIES: usize = 3;

impl Measured for Cuda {
    const PEAK: &'static str =
        "f16 multiply-adds of this program's own product kernel, one plane each, at its best size";

    fn peak(&self) -> Result<Peak, BackendError> {
        Ok(Peak { gflop_per_second: self.multiply_adds()?, gb_per_second: copies(&self.driver)? })
    }

    fn finish(&self) -> Result<(), BackendError> {
        Ok(self.transfer.wait()?)
    }

    fn memory_in_use(&self) -> Option<u64> {
        self.driver.memory().ok().map(|(free, total)| total - free)
    }
}

/// The best of some tries, in seconds.
fn best(driver: &Driver, mut work: impl FnMut() -> Result<(), CudaError>) -> Result<f64, CudaError> {
    let mut best = f64::INFINITY;
    for _ in 0..=TRIES {
        driver.wait()?;
        let start = Instant::now();
        work()?;
        driver.wait()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

impl Cuda {
    fn multiply_adds(&self) -> Result<f64, CudaError> {
        let side = (SIDE * self.driver.gpu.sms as usize).next_multiple_of(SIDE).min(MOST);
        // Random bits cost the power that real ones do; zeros would look faster.
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            half::bf16::from_f32((state >> 8) as f32 / (1 << 23) as f32 - 1.0)
        };
        let values: Vec<half::bf16> = (0..side * side).map(|_| next()).collect();
        let bytes = bytemuck::cast_slice(&values);
        let weight = self.pack(
            "a weight to measure with",
            &Packing::plain(Tensor { dtype: Dtype::Bf16, rows: side, cols: side, bytes }),
            1,
        )?;
        let rows: Vec<f32> = values.iter().map(|v| v.to_f32()).collect();
        let own = self.split_own(&self.rows_of("rows to measure with", side, side, &rows)?, 1)?;
        let out = self.new_rows("results", side, side)?;
        let seconds = best(&self.driver, || {
            self.product(&own.input, &Weight::of(&weight, None), &Epilogue::Rows(&out.target(STORE)))
        })?;
        Ok(2.0 * (side as f64).powi(3) / seconds / 1e9)
    }
}

fn copies(driver: &Arc<Driver>) -> Result<f64, CudaError> {
    let [from, to] = [driver.zeros("copied", COPIED)?, driver.buffer("a copy", COPIED)?];
    let seconds = best(driver, || driver.copy((&from, 0), (&to, 0), COPIED))?;
    Ok(2.0 * COPIED as f64 / seconds / 1e9)
}
