//! Rotary position embedding.

use super::rows::Rows;
use crate::checkpoint::spec::{Pairs, Rotary};
use rayon::prelude::*;

/// Rows handled by one task.
const ROWS_PER_TASK: usize = 32;

/// Cosine and sine per row and turning pair, `[n, pairs]` each.
///
/// The angle is the f32 product of position and frequency, as the reference implementation has it; its sine and cosine
/// are taken in f64 and kept in f32.
pub struct Turns {
    pairs: Pairs,
    per_row: usize,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Turns {
    pub fn new(rotary: &Rotary, positions: &[u32]) -> Turns {
        let per_row = rotary.freq.len();
        let (cos, sin) = positions
            .par_iter()
            .flat_map_iter(|&p| rotary.freq.iter().map(move |f| f64::from(p as f32 * f)))
            .map(|angle| (angle.cos() as f32, angle.sin() as f32))
            .unzip();
        Turns { pairs: rotary.pairs, per_row, cos, sin }
    }

    /// Turns pair `i` of every head of row `r` by the `i`-th angle of row `r`; other elements stay.
    pub fn apply(&self, x: &mut Rows, head_dim: usize) {
        if self.per_row == 0 {
            return;
        }
        let width = x.width;
        x.data
            .par_chunks_mut(ROWS_PER_TASK * width)
            .zip(self.cos.par_chunks(ROWS_PER_TASK * self.per_row))
            .zip(self.sin.par_chunks(ROWS_PER_TASK * self.per_row))
            .for_each(|((rows, cos), sin)| {
                let turns = cos.chunks_exact(self.per_row).zip(sin.chunks_exact(self.per_row));
                for (row, (cos, sin)) in rows.chunks_exact_mut(width).zip(turns) {
                    row.chunks_exact_mut(head_dim).for_each(|head| turn_head(head, self.pairs, cos, sin));
                }
            });
    }
}

fn turn_head(head: &mut [f32], pairs: Pairs, cos: &[f32], sin: &[f32]) {
    for (i, (&cos, &sin)) in cos.iter().zip(sin).enumerate() {
        let (a, b) = match pairs {
            Pairs::Apart(distance) => (i, i + distance),
            Pairs::Adjacent => (2 * i, 2 * i + 1),
        };
        let (x, y) = (head[a], head[b]);
        head[a] = x * cos - y * sin;
        head[b] = y * cos + x * sin;
    }
}
