//! Weights widened to f32 and interleaved for the innermost step of a product.

use super::widen::widen;
use crate::checkpoint::weights::Tensor;
use std::ops::Range;

/// Buffers of one worker, kept from tile to tile.
#[derive(Default)]
pub struct Scratch {
    panels: Vec<f32>,
    /// A few weight rows, widened.
    rows: Vec<f32>,
}

impl Scratch {
    /// The weight rows `rows` as panels of `PANEL` rows, `[panels, weight.cols, PANEL]`; rows that fill up the last
    /// panel are zero.
    #[inline(always)]
    pub fn fill<const PANEL: usize>(&mut self, weight: &Tensor<'_>, rows: Range<usize>) -> &[[f32; PANEL]] {
        let len = weight.cols;
        let count = rows.len().div_ceil(PANEL);
        self.panels.resize(count * len * PANEL, 0.0);
        self.rows.resize(PANEL * len, 0.0);
        let size = weight.dtype.size();
        for (panel, first) in self.panels.chunks_exact_mut(len * PANEL).zip(rows.clone().step_by(PANEL)) {
            let there = PANEL.min(rows.end - first);
            for (i, row) in self.rows.chunks_exact_mut(len).enumerate() {
                if i < there {
                    let at = (first + i) * len * size;
                    widen(weight.dtype, &weight.bytes[at..at + len * size], row);
                } else {
                    row.fill(0.0);
                }
            }
            for (p, lane) in panel.as_chunks_mut::<PANEL>().0.iter_mut().enumerate() {
                for (j, value) in lane.iter_mut().enumerate() {
                    *value = self.rows[j * len + p];
                }
            }
        }
        self.panels.as_chunks::<PANEL>().0
    }
}
