//! The processor's own best.

use rayon::prelude::*;
use std::time::Instant;

use super::Cpu;
use super::peak::peak;
use crate::backend::BackendError;
use crate::backend::measure::{Measured, Peak};

/// Floats of the array that is copied: 128 MiB, beyond any cache.
const COPIED: usize = 32 << 20;
const TRIES: usize = 3;

impl Measured for Cpu {
    const PEAK: &'static str = "f32 multiply-adds on operands in the first-level cache, all threads together";

    fn peak(&self) -> Result<Peak, BackendError> {
        Ok(Peak { gflop_per_second: peak(TRIES), gb_per_second: copy() })
    }

    fn finish(&self) -> Result<(), BackendError> {
        Ok(())
    }

    fn memory_in_use(&self) -> Option<u64> {
        None
    }
}

/// GB/s of the best of a few copies on all cores.
fn copy() -> f64 {
    let from = vec![1.0f32; COPIED];
    let mut to = vec![0.0f32; COPIED];
    let part = COPIED.div_ceil(rayon::current_num_threads().max(1));
    let mut best = 0.0f64;
    for _ in 0..TRIES {
        let start = Instant::now();
        to.par_chunks_mut(part).zip(from.par_chunks(part)).for_each(|(to, from)| to.copy_from_slice(from));
        std::hint::black_box(&mut to);
        best = best.max(2.0 * 4.0 * COPIED as f64 / start.elapsed().as_secs_f64() / 1e9);
    }
    best
}
