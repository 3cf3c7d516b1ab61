//! The GPU's own best: products on tensor cores, this program's and cuBLASLt's, and a large copy.

use super::Cuda;
use super::cublaslt::{CublasLt, Half};
use super::driver::{Driver, Lane};
use super::error::CudaError;
use super::memory::Buffer;
use super::packing::STEP;
use super::params::STORE;
use super::plan::{ROWS, activation_planes};
use super::product::{Epilogue, Input, Weight};
use super::rows::Rows;
use super::weights::Planes;
use crate::backend::BackendError;
use crate::backend::measure::{Measured, Peak, ProductTime};
use crate::checkpoint::spec::DecoderSpec;
use half::{bf16, f16};
use std::sync::Arc;
use std::time::Instant;

/// Rows, columns and depth of the product, for each multiprocessor that the GPU has up to a whole one's.
const SIDE: usize = 64;
const MOST: usize = 8192;
/// Bytes that are copied.
const COPIED: usize = 256 << 20;
const TRIES: usize = 3;
/// Products that are asked for before the host waits, where one takes less than a tenth of this.
const LEAST_SECONDS: f64 = 0.02;
/// Random values before they repeat; odd, so that the rows of a matrix differ.
const PERIOD: usize = (1 << 18) + 7;

impl Measured for Cuda {
    const PEAK: &'static str = "f16 multiply-adds of the faster product of this run at its best size: this program's own kernel \
                                with one plane each, or cuBLASLt's where that library is";

    fn peak(&self) -> Result<Peak, BackendError> {
        let side = (SIDE * self.driver.gpu.sms as usize).next_multiple_of(SIDE).min(MOST);
        let flop = 2.0 * (side as f64).powi(3);
        // Of cuBLASLt's two types the one that the planes have.
        let times = self.times(side, side, side, &[1], &[Half::F16])?;
        let best = times.iter().map(|time| time.seconds).fold(f64::INFINITY, f64::min);
        Ok(Peak { gflop_per_second: flop / best / 1e9, gb_per_second: copies(&self.driver)? })
    }

    fn products(&self, rows: usize, columns: usize, depth: usize) -> Result<Vec<ProductTime>, BackendError> {
        Ok(self.times(rows, columns, depth, &[1, 2], &[Half::F16, Half::Bf16])?)
    }

    fn lacks(&self) -> Option<&'static str> {
        match CublasLt::open(&self.driver) {
            Ok(Some(_)) => None,
            _ => Some("cuBLASLt is not installed here: there is no ratio to it"),
        }
    }

    fn planes(&self, decoder: &DecoderSpec) -> Option<f64> {
        let (mut once, mut all) = (0.0, 0.0);
        for (i, layer) in decoder.layers.iter().enumerate() {
            let [around, mlp] = activation_planes(self.precision, i, false).map(|planes| planes as f64);
            let attention = (2 * (layer.heads + layer.kv_heads) * layer.head_dim) as f64;
            let inner = (3 * layer.mlp.width) as f64;
            once += attention + inner;
            all += around * attention + mlp * inner;
        }
        Some(all / once)
    }

    fn finish(&self) -> Result<(), BackendError> {
        Ok(self.transfer.wait()?)
    }

    fn memory_in_use(&self) -> Option<u64> {
        self.driver.memory().ok().map(|(free, total)| total - free)
    }
}

/// The best of some tries, in seconds; short work is repeated in each.
fn best(driver: &Driver, mut work: impl FnMut() -> Result<(), CudaError>) -> Result<f64, CudaError> {
    let mut best = f64::INFINITY;
    let mut repeats = 1;
    for _ in 0..=TRIES {
        driver.wait(Lane::Passes)?;
        let start = Instant::now();
        for _ in 0..repeats {
            work()?;
        }
        driver.wait(Lane::Passes)?;
        let seconds = start.elapsed().as_secs_f64() / f64::from(repeats);
        best = best.min(seconds);
        repeats = ((LEAST_SECONDS / seconds.max(1e-6)) as u32).clamp(1, 100);
    }
    Ok(best)
}

impl Cuda {
    /// Times products of these sizes: ours with so many planes of activations, cuBLASLt's with these types.
    fn times(
        &self,
        m: usize,
        n: usize,
        depth: usize,
        planes: &[usize],
        halves: &[Half],
    ) -> Result<Vec<ProductTime>, CudaError> {
        let k = depth.next_multiple_of(STEP);
        let rows = m.next_multiple_of(ROWS);
        let most = planes.iter().max().copied().unwrap_or(1);
        // Random bits cost the power that real ones do; zeros would look faster.
        let a = self.random("rows to measure with", most * rows * k, Half::F16)?;
        let weight = Planes {
            values: self.random("a weight to measure with", n * k, Half::F16)?,
            inverse: self.vector(&vec![1.0; n])?,
            rows: n,
            width: k,
            planes: 1,
            exponent: 0,
        };
        let out: Rows = self.new_rows("results", m, n)?;
        let mut times = Vec::new();
        for &planes in planes {
            let input = Input {
                at: a.at(),
                planes,
                plane_rows: rows,
                width: k,
                rows: m,
                first: 0,
                inverse: 0,
                scale: 1.0,
            };
            let seconds = best(&self.driver, || {
                self.product(&input, &Weight::of(&weight, None), &Epilogue::Rows(&out.target(STORE)))
            })?;
            let by = match planes {
                1 => format!("{}, one plane", self.set.name()),
                _ => format!("{}, two planes", self.set.name()),
            };
            times.push(ProductTime { by, seconds, planes, is_yardstick: false });
        }
        let Some(library) = CublasLt::open(&self.driver)? else {
            return Ok(times);
        };
        let result = self.driver.buffer("results of cuBLASLt", 2 * m * n)?;
        for &half in halves {
            let prepared = library.prepare(half, m, n, k)?;
            let (a, b) = (self.random("rows", m * k, half)?, self.random("a weight", n * k, half)?);
            let seconds = best(&self.driver, || prepared.start(&a, &b, &result))?;
            let name = if half == Half::F16 { "cuBLASLt f16" } else { "cuBLASLt bf16" };
            times.push(ProductTime { by: name.to_owned(), seconds, planes: 1, is_yardstick: true });
        }
        Ok(times)
    }

    /// So many random values between -1 and 1.
    fn random(&self, what: &str, count: usize, half: Half) -> Result<Buffer, CudaError> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
            match half {
                Half::F16 => f16::from_f32(value).to_bits(),
                Half::Bf16 => bf16::from_f32(value).to_bits(),
            }
        };
        let pattern: Vec<u16> = (0..PERIOD.min(count)).map(|_| next()).collect();
        let bytes: &[u8] = bytemuck::cast_slice(&pattern);
        let buffer = self.driver.buffer(what, 2 * count)?;
        self.loading.ring.send(bytes, &buffer, 0)?;
        self.driver.follow()?;
        for start in (bytes.len()..2 * count).step_by(bytes.len()) {
            self.driver.copy((&buffer, 0), (&buffer, start), bytes.len().min(2 * count - start))?;
        }
        Ok(buffer)
    }
}

fn copies(driver: &Arc<Driver>) -> Result<f64, CudaError> {
    let [from, to] = [driver.zeros("copied", COPIED)?, driver.buffer("a copy", COPIED)?];
    let seconds = best(driver, || driver.copy((&from, 0), (&to, 0), COPIED))?;
    Ok(2.0 * COPIED as f64 / seconds / 1e9)
}
