//! The output embedding: choice logits, log-sum-exp and the likeliest tokens, without a `[n, V]` matrix.

use super::Head;
use super::math::{dot, tanh, vectorized};
use super::product::{even_tile, multiply};
use super::rows::Rows;
use super::widen::widen_row;
use crate::backend::TokenLogit;
use crate::checkpoint::weights::Tensor;
use rayon::prelude::*;

/// Vocabulary rows of one tile.
const TILE: usize = 256;

/// `1 / max(|w_j|, 1e-12)` for each row, summed in f64.
pub fn unit_rows(table: &Tensor<'_>) -> Rows {
    let mut out = Rows::zeros(1, table.rows);
    out.data.par_iter_mut().enumerate().for_each_init(
        || vec![0.0; table.cols],
        |row, (j, scale)| {
            widen_row(table, j, row);
            let square: f64 = row.iter().map(|&w| f64::from(w) * f64::from(w)).sum();
            *scale = square.sqrt().max(1e-12).recip() as f32;
        },
    );
    out
}

/// Logits of `ids` only, one dot product each.
pub fn choice_logits(x: &Rows, head: &Head<'_, '_>, ids: &[u32]) -> Vec<Vec<f32>> {
    let mut weights = vec![0.0; ids.len() * x.width];
    for (row, &id) in weights.chunks_exact_mut(x.width).zip(ids) {
        widen_row(head.table, id as usize, row);
    }
    let scales: Option<Vec<f32>> =
        head.row_scale.map(|scales| ids.iter().map(|&id| scales.data[id as usize]).collect());
    (0..x.n)
        .into_par_iter()
        .map(|i| {
            let mut logits = vec![0.0; ids.len()];
            dots(x.row(i), &weights, &mut logits);
            finish(&mut logits, scales.as_deref(), head.cap);
            logits
        })
        .collect()
}

vectorized! {
    /// From dot products with some rows of the table to their logits.
    fn finish(logits: &mut [f32], scales: Option<&[f32]>, cap: Option<f32>) {
        if let Some(scales) = scales {
            logits.iter_mut().zip(scales).for_each(|(l, s)| *l *= s);
        }
        if let Some(cap) = cap {
            logits.iter_mut().for_each(|l| *l = cap * tanh(*l / cap));
        }
    }
}

vectorized! {
    /// `out[j] = x . weights[j]`
    fn dots(x: &[f32], weights: &[f32], out: &mut [f32]) {
        for (o, w) in out.iter_mut().zip(weights.chunks_exact(x.len())) {
            *o = dot(x, w);
        }
    }
}

/// A running `log(sum(exp))`: `max + ln(sum)`.
#[derive(Clone, Copy)]
struct Running {
    max: f64,
    sum: f64,
}

impl Running {
    fn of(logits: &[f32]) -> Running {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum = logits.iter().map(|&l| f64::from(l - max).exp()).sum();
        Running { max: f64::from(max), sum }
    }

    fn join(self, other: Running) -> Running {
        let max = self.max.max(other.max);
        Running { max, sum: self.sum * (self.max - max).exp() + other.sum * (other.max - max).exp() }
    }
}

/// Runs `read` over every vocabulary tile's logits (`[n, tile]`, row-major) and returns its results in tile order.
fn by_tile<R: Send>(
    x: &Rows,
    head: &Head<'_, '_>,
    read: impl Fn(usize, &[f32], usize) -> R + Sync,
) -> Vec<R> {
    let table = head.table;
    let tile = even_tile(table.rows, TILE);
    let starts: Vec<usize> = (0..table.rows).step_by(tile).collect();
    starts
        .into_par_iter()
        .map_init(<(Vec<f32>, Vec<f32>)>::default, |(panels, logits), start| {
            let n = tile.min(table.rows - start);
            let weights = table.row_range(start..start + n);
            let logits = multiply(x, &weights, panels, logits);
            let scales = head.row_scale.map(|scales| &scales.data[start..start + n]);
            if scales.is_some() || head.cap.is_some() {
                logits.chunks_exact_mut(n).for_each(|logits| finish(logits, scales, head.cap));
            }
            read(start, logits, n)
        })
        .collect()
}

/// One value per row; tiles are joined in the order of the vocabulary.
pub fn log_sum_exp(x: &Rows, head: &Head<'_, '_>) -> Vec<f64> {
    if x.n == 0 {
        return Vec::new();
    }
    let tiles = by_tile(x, head, |_, logits, n| logits.chunks_exact(n).map(Running::of).collect::<Vec<_>>());
    (0..x.n)
        .map(|i| {
            let total = tiles.iter().map(|tile| tile[i]).reduce(Running::join);
            total.map_or(f64::NEG_INFINITY, |r| r.max + r.sum.ln())
        })
        .collect()
}

/// The `k` largest logits of each row, largest first, ties by id.
pub fn top_tokens(x: &Rows, head: &Head<'_, '_>, k: usize) -> Vec<Vec<TokenLogit>> {
    if x.n == 0 {
        return Vec::new();
    }
    let best = |mut list: Vec<TokenLogit>| {
        list.sort_by(|a, b| b.logit.total_cmp(&a.logit).then(a.token.cmp(&b.token)));
        list.truncate(k);
        list
    };
    let tiles = by_tile(x, head, |start, logits, n| {
        let row = |l: &[f32]| {
            best(
                l.iter()
                    .enumerate()
                    .map(|(j, &logit)| TokenLogit { token: (start + j) as u32, logit })
                    .collect(),
            )
        };
        logits.chunks_exact(n).map(row).collect::<Vec<_>>()
    });
    (0..x.n).map(|i| best(tiles.iter().flat_map(|tile| tile[i].iter().copied()).collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::weights::Dtype;

    #[test]
    fn the_head_agrees_with_a_plain_sum() {
        let (v, h) = (700, 6);
        let w: Vec<f32> = (0..v * h).map(|i| ((i * 37 % 101) as f32 - 50.0) / 20.0).collect();
        let table = Tensor { dtype: Dtype::F32, rows: v, cols: h, bytes: bytemuck::cast_slice(&w) };
        let x = Rows::new(2, h, (0..2 * h).map(|i| (i as f32 - 5.0) / 3.0).collect());
        let scales = unit_rows(&table);
        for (row_scale, cap) in
            [(None, None), (Some(&scales), None), (None, Some(3.0)), (Some(&scales), Some(0.5))]
        {
            let head = Head { table: &table, row_scale, cap };
            for i in 0..2 {
                let logit = |t: usize| {
                    let row = w[t * h..][..h].iter().map(|&w| f64::from(w));
                    let dot: f64 = row.clone().zip(x.row(i)).map(|(w, x)| w * f64::from(*x)).sum();
                    let norm = row.map(|w| w * w).sum::<f64>().sqrt();
                    let logit = if row_scale.is_some() { dot / norm } else { dot };
                    cap.map_or(logit, |cap| f64::from(cap) * (logit / f64::from(cap)).tanh())
                };
                let logits: Vec<f64> = (0..v).map(logit).collect();
                let want = logits.iter().map(|l| l.exp()).sum::<f64>().ln();
                assert!((log_sum_exp(&x, &head)[i] - want).abs() < 1e-5);
                let mut order: Vec<usize> = (0..v).collect();
                order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
                let top = &top_tokens(&x, &head, 3)[i];
                assert_eq!(top.len(), 3);
                assert!((f64::from(top[0].logit) - logits[order[0]]).abs() < 1e-4);
                let choice = choice_logits(&x, &head, &[699, 0]);
                assert!((f64::from(choice[i][0]) - logits[699]).abs() < 1e-4);
                assert!((f64::from(choice[i][1]) - logits[0]).abs() < 1e-4);
            }
        }
    }
}
