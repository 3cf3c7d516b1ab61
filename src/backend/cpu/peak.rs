//! What this machine could do at most: the ceiling that benchmarks measure against.

use super::kernel::{self, Step, by_instruction_set};
use rayon::prelude::*;
use std::time::Instant;

/// Elements of a row: the operands stay in the first-level cache.
const LENGTH: usize = 128;
/// Steps of one thread and try.
const STEPS: usize = 20_000;

/// GFLOP/s of f32 multiply-adds of all threads together on operands that never leave the first-level cache; the best of
/// `tries`.
pub fn peak(tries: usize) -> f64 {
    let threads = rayon::current_num_threads();
    let one = || {
        let start = Instant::now();
        let flop: f64 = (0..threads).into_par_iter().with_max_len(1).map(|_| steps()).sum();
        flop / start.elapsed().as_secs_f64() / 1e9
    };
    (0..tries.max(1)).map(|_| one()).fold(0.0, f64::max)
}

/// Runs the innermost step of a product again and again; returns its operations.
fn steps() -> f64 {
    #[inline(always)]
    fn run<S: Step<ROWS, PANEL>, const ROWS: usize, const PANEL: usize>(flop: &mut f64) {
        let stride = kernel::stride(LENGTH);
        let x = vec![0.5f32; ROWS * stride];
        let mut rows = x.chunks_exact(stride);
        let rows: [&[f32]; ROWS] = std::array::from_fn(|_| rows.next().map_or(&[][..], |row| &row[..LENGTH]));
        let panel = [[0.25f32; PANEL]; LENGTH];
        for _ in 0..STEPS {
            std::hint::black_box(kernel::multiply::<S, ROWS, PANEL>(rows, std::hint::black_box(&panel)));
        }
        *flop = 2.0 * (STEPS * LENGTH * ROWS * PANEL) as f64;
    }
    fn dispatch(flop: &mut f64) {
        by_instruction_set!(run(flop: &mut f64))
    }
    let mut flop = 0.0;
    dispatch(&mut flop);
    flop
}
