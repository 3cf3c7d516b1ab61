//! Weights widened to f32 and interleaved for the innermost step of a product.

use super::kernel::{Step, by_instruction_set, step_shape};
use super::rows::Rows;
use super::widen::widen_columns;
use crate::checkpoint::weights::Tensor;
use rayon::prelude::*;
use std::ops::Range;

/// Elements of a weight row widened at a time: a panel's share stays in the first-level cache.
const STRETCH: usize = 128;

/// Some rows of a weight: `[panels, k, PANEL]`, each panel so many rows with their elements interleaved; what is missing
/// in the last panel is zero.
pub struct Panels {
    /// The weight's first row here.
    first: usize,
    k: usize,
    panel: usize,
    data: Rows,
}

impl Panels {
    pub fn of(weight: &Tensor<'_>, rows: Range<usize>) -> Panels {
        let (k, panel) = (weight.cols, step_shape().1);
        let mut data = Rows::unset(rows.len().div_ceil(panel), k * panel);
        data.data
            .par_chunks_mut((k * panel).max(1))
            .zip(rows.clone().into_par_iter().step_by(panel))
            .with_max_len(1)
            .for_each(|(one, first)| fill(weight, first..(first + panel).min(rows.end), one));
        Panels { first: rows.start, k, panel, data }
    }

    /// The panels of these rows of the weight, from a panel's first on.
    pub fn rows(&self, rows: &Range<usize>) -> &[f32] {
        let panels = (rows.start - self.first) / self.panel..(rows.end - self.first).div_ceil(self.panel);
        let size = self.k * self.panel;
        &self.data.data[panels.start * size..panels.end * size]
    }
}

/// Fills `panels` with rows `rows` of the weight.
pub fn fill(weight: &Tensor<'_>, rows: Range<usize>, panels: &mut [f32]) {
    #[inline(always)]
    fn run<S: Step<ROWS, PANEL>, const ROWS: usize, const PANEL: usize>(
        weight: &Tensor<'_>,
        rows: Range<usize>,
        panels: &mut [f32],
    ) {
        fill_panels::<PANEL>(weight, rows, panels);
    }
    by_instruction_set!(run(weight: &Tensor<'_>, rows: Range<usize>, panels: &mut [f32]))
}

#[inline(always)]
fn fill_panels<const PANEL: usize>(weight: &Tensor<'_>, rows: Range<usize>, panels: &mut [f32]) {
    let len = weight.cols;
    // A stretch of the panel's weight rows, widened.
    let mut wide = [[0.0f32; STRETCH]; PANEL];
    let panels = panels.as_chunks_mut::<PANEL>().0;
    for (panel, first) in panels.chunks_exact_mut(len.max(1)).zip(rows.clone().step_by(PANEL)) {
        let there = PANEL.min(rows.end - first);
        wide[there..].fill([0.0; STRETCH]);
        for (lanes, from) in panel.chunks_mut(STRETCH).zip((0..len).step_by(STRETCH)) {
            for (i, row) in wide.iter_mut().take(there).enumerate() {
                widen_columns(weight, first + i, from..from + lanes.len(), &mut row[..lanes.len()]);
            }
            interleave(wide.as_flattened(), lanes);
        }
    }
}

/// `lanes[p][j] = rows[j * STRETCH + p]`
#[inline(always)]
fn interleave<const PANEL: usize>(rows: &[f32], lanes: &mut [[f32; PANEL]]) {
    assert!(rows.len() >= PANEL * STRETCH && lanes.len() <= STRETCH && PANEL.is_multiple_of(8));
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut))]
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
            for first in [0, 3.min(rows - 1)] {
                let mut panels = vec![f32::NAN; (rows - first).div_ceil(16) * cols * 16];
                fill_panels::<16>(&weight, first..rows, &mut panels);
                let panels = panels.as_chunks::<16>().0;
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
