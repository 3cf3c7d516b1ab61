//! Weights widened to f32 and interleaved for the innermost step of a product.

use super::widen::widen_columns;
use crate::checkpoint::weights::Tensor;
use std::ops::Range;

/// Elements of a weight row widened at a time: a panel's share stays in the first-level cache.
const STRETCH: usize = 128;

/// Buffers of one worker, kept from tile to tile.
#[derive(Default)]
pub struct Scratch {
    panels: Vec<f32>,
    /// A stretch of a panel's weight rows, widened: `[PANEL, STRETCH]`.
    rows: Vec<f32>,
}

impl Scratch {
    /// The weight rows `rows` as panels of `PANEL` rows, `[panels, weight.cols, PANEL]`; rows that fill up the last
    /// panel are zero.
    #[inline(always)]
    pub fn fill<const PANEL: usize>(&mut self, weight: &Tensor<'_>, rows: Range<usize>) -> &[[f32; PANEL]] {
        let len = weight.cols;
        let size = rows.len().div_ceil(PANEL) * len * PANEL;
        if self.panels.len() < size {
            self.panels.resize(size, 0.0);
        }
        self.rows.resize(PANEL * STRETCH, 0.0);
        let panels = self.panels[..size].as_chunks_mut::<PANEL>().0;
        for (panel, first) in panels.chunks_exact_mut(len).zip(rows.clone().step_by(PANEL)) {
            let there = PANEL.min(rows.end - first);
            self.rows[there * STRETCH..].fill(0.0);
            for (lanes, from) in panel.chunks_mut(STRETCH).zip((0..len).step_by(STRETCH)) {
                for (i, row) in self.rows.chunks_exact_mut(STRETCH).take(there).enumerate() {
                    widen_columns(weight, first + i, from..from + lanes.len(), &mut row[..lanes.len()]);
                }
                interleave(&self.rows, lanes);
            }
        }
        panels
    }
}

/// `lanes[p][j] = rows[j * STRETCH + p]`
#[inline(always)]
fn interleave<const PANEL: usize>(rows: &[f32], lanes: &mut [[f32; PANEL]]) {
    assert!(rows.len() >= PANEL * STRETCH && lanes.len() <= STRETCH && PANEL.is_multiple_of(8));
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx") {
        done = lanes.len() / 8 * 8;
        for p in (0..done).step_by(8) {
            for j in (0..PANEL).step_by(8) {
                // SAFETY: the machine has AVX; eight elements of eight rows, eight of eight lanes: both asserted above.
                unsafe {
                    turn_square::<PANEL>(rows.as_ptr().add(j * STRETCH + p), lanes[p][j..].as_mut_ptr())
                };
            }
        }
    }
    for (p, lane) in lanes.iter_mut().enumerate().skip(done) {
        for (j, value) in lane.iter_mut().enumerate() {
            *value = rows[j * STRETCH + p];
        }
    }
}

/// Eight rows of eight elements, [`STRETCH`] apart, as eight columns, `PANEL` apart.
///
/// # Safety
/// The machine has AVX, and there are so many elements.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx")]
unsafe fn turn_square<const PANEL: usize>(from: *const f32, to: *mut f32) {
    use std::arch::x86_64::*;
    // SAFETY: as promised by the caller.
    let r: [__m256; 8] = std::array::from_fn(|i| unsafe { _mm256_loadu_ps(from.add(i * STRETCH)) });
    // Pairs of rows, then quadruples, within each half of a vector; then the halves.
    let pairs: [__m256; 8] = std::array::from_fn(|i| match i % 2 {
        0 => _mm256_unpacklo_ps(r[i], r[i + 1]),
        _ => _mm256_unpackhi_ps(r[i - 1], r[i]),
    });
    let quads: [__m256; 8] = std::array::from_fn(|i| {
        let (first, column) = (i / 4 * 4, i % 4);
        let (a, b) = (pairs[first + column / 2], pairs[first + column / 2 + 2]);
        if column % 2 == 0 { _mm256_shuffle_ps::<0x44>(a, b) } else { _mm256_shuffle_ps::<0xee>(a, b) }
    });
    for i in 0..4 {
        // SAFETY: as promised by the caller.
        unsafe {
            let low = _mm256_permute2f128_ps::<0x20>(quads[i], quads[i + 4]);
            let high = _mm256_permute2f128_ps::<0x31>(quads[i], quads[i + 4]);
            _mm256_storeu_ps(to.add(i * PANEL), low);
            _mm256_storeu_ps(to.add((i + 4) * PANEL), high);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::weights::Dtype;

    #[test]
    fn every_weight_lands_in_its_lane_and_missing_rows_are_zero() {
        for (rows, cols) in [(16, 8), (16, 128), (40, 129), (5, 300), (33, 7), (17, 1)] {
            let weights: Vec<f32> = (0..rows * cols).map(|i| i as f32 + 1.0).collect();
            let bytes = bytemuck::cast_slice(&weights);
            let weight = Tensor { dtype: Dtype::F32, rows, cols, bytes };
            let mut scratch = Scratch::default();
            for first in [0, 3.min(rows - 1)] {
                let panels = scratch.fill::<16>(&weight, first..rows);
                assert_eq!(panels.len(), (rows - first).div_ceil(16) * cols);
                for (at, lane) in panels.iter().enumerate() {
                    let (panel, p) = (at / cols, at % cols);
                    for (j, &value) in lane.iter().enumerate() {
                        let row = first + panel * 16 + j;
                        let want = if row < rows { (row * cols + p) as f32 + 1.0 } else { 0.0 };
                        assert_eq!(value, want, "{rows} x {cols} from {first}: row {row}, column {p}");
                    }
                }
            }
        }
    }
}
