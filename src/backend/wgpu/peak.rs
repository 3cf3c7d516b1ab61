//! The device's own best, by a kernel that only computes and one that only copies.

use std::time::Instant;

use super::Wgpu;
use super::error::WgpuError;
use super::kernels::{self, ELEMENTS};
use super::record::Dispatch;
use crate::backend::BackendError;
use crate::backend::measure::{Measured, Peak};

/// Rounds of `bench_fma.wgsl`: long enough that starting a workgroup does not count.
const ROUNDS: u64 = 2048;
/// Operations of a round and thread.
const ROUND: u64 = 64;
/// Longest array to copy; no cache holds it.
const COPIED: u64 = 256 << 20;
/// A measurement takes at least this long.
const LEAST_SECONDS: f64 = 0.02;
/// Measurements of that length, of which the best counts.
const TRIES: usize = 3;

impl Measured for Wgpu {
    const PEAK: &'static str = "f32 multiply-adds on registers by a kernel that does nothing else";

    fn peak(&self) -> Result<Peak, BackendError> {
        Ok(Peak { gflop_per_second: self.multiply_adds()?, gb_per_second: self.copies()? })
    }

    fn finish(&self) -> Result<(), BackendError> {
        Ok(self.recorder().finish(&self.device)?)
    }

    fn memory_in_use(&self) -> Option<u64> {
        Some(self.device.raw.generate_allocator_report()?.total_allocated_bytes)
    }
}

impl Wgpu {
    fn multiply_adds(&self) -> Result<f64, WgpuError> {
        let flop_of = |parts: u64| parts * u64::from(ELEMENTS) * ROUNDS * ROUND;
        let out = |parts: u64| self.new_rows("sums of the peak", parts as usize, ELEMENTS as usize);
        self.best(16, 1 << 16, |parts| {
            let out = out(parts)?;
            self.run(&Dispatch {
                kernel: kernels::bench_fma(ROUNDS),
                buffers: &[&out.buffer],
                params: &[0.999f32.to_bits()],
                parts,
                cost: flop_of(parts),
            })?;
            Ok(flop_of(parts) as f64 / 1e9)
        })
    }

    fn copies(&self) -> Result<f64, WgpuError> {
        let bytes = COPIED.min(self.device.binding_limit() / 2);
        let width = ELEMENTS as usize * 4;
        let n = bytes as usize / (4 * width);
        let [x, y] = [self.new_rows("copied", n, width)?, self.new_rows("copy", n, width)?];
        let moved = 2 * 4 * (n * width) as u64;
        self.best(1, 1 << 10, |repeats| {
            for _ in 0..repeats {
                self.run(&Dispatch {
                    kernel: kernels::BENCH_COPY,
                    buffers: &[&x.buffer, &y.buffer],
                    params: &[(n * width / 4) as u32],
                    parts: n as u64,
                    cost: moved,
                })?;
            }
            Ok((moved * repeats) as f64 / 1e9)
        })
    }

    /// Gigas per second of `run`, which does so many times its work and returns the gigas, from `least` times on.
    fn best(
        &self,
        least: u64,
        most: u64,
        run: impl Fn(u64) -> Result<f64, WgpuError>,
    ) -> Result<f64, WgpuError> {
        let timed = |times: u64| {
            self.recorder().finish(&self.device)?;
            let start = Instant::now();
            let gigas = run(times)?;
            self.recorder().finish(&self.device)?;
            Ok::<_, WgpuError>((gigas, start.elapsed().as_secs_f64()))
        };
        let mut times = least;
        timed(times)?;
        while timed(times)?.1 < LEAST_SECONDS && times < most {
            times *= 2;
        }
        let mut best = 0.0f64;
        for _ in 0..TRIES {
            let (gigas, seconds) = timed(times)?;
            best = best.max(gigas / seconds);
        }
        Ok(best)
    }
}
