//! The output embedding: logits of a few tokens, log-sum-exp and the likeliest tokens over the whole vocabulary.
//!
//! Logits exist only as a strip of [`STRIP`] vocabulary rows for up to [`BLOCK`] rows of x at a time.

use super::Wgpu;
use super::error::WgpuError;
use super::kernels;
use super::product::{Extent, Finish};
use super::record::Dispatch;
use super::rows::{Rows, TOUCH};
use super::weights::{Matrix, widen};
use crate::backend::{HeadUse, Purpose, TokenLogit};
use crate::checkpoint::Tensor;
use std::ops::Range;

/// Vocabulary rows of a strip. Fixed, since sums run strip by strip.
const STRIP: usize = 4096;
/// Rows of x that meet a strip at a time.
const BLOCK: usize = 1024;

type Head<'a, 'w> = HeadUse<'a, Matrix<'w>, Rows>;

impl Wgpu {
    pub(super) fn logits_of(
        &self,
        x: &Rows,
        head: &Head<'_, '_>,
        ids: &[u32],
    ) -> Result<Vec<Vec<f32>>, WgpuError> {
        if ids.is_empty() || x.n == 0 {
            return Ok(vec![Vec::new(); x.n]);
        }
        let table = &head.table.tensor;
        let row_bytes = table.cols * table.dtype.size();
        let mut bytes = Vec::with_capacity(ids.len() * row_bytes);
        for &id in ids {
            bytes.extend_from_slice(&table.bytes[id as usize * row_bytes..(id as usize + 1) * row_bytes]);
        }
        // Two rows at least: a single one would be taken for a vector and widened.
        let rows = ids.len().max(2);
        bytes.resize(rows * row_bytes, 0);
        let tensor = Tensor { rows, bytes: &bytes, ..*table };
        let weights = self.upload_weight(tensor, Purpose::Product)?;
        let z = self.new_rows("choice logits", x.n, ids.len())?;
        let extent = Extent { rows: 0..x.n, outputs: 0..ids.len(), exact: true };
        self.product_of(x, &weights, None, Finish::Set, &z, &extent)?;
        let ids_buffer = self.put("choice ids", bytemuck::cast_slice(ids))?;
        self.finish_logits(&z, head, Some(&ids_buffer), 0)?;
        Ok(self.read_rows(&z)?.chunks_exact(ids.len()).map(<[f32]>::to_vec).collect())
    }

    /// Row scales and cap, in place.
    fn finish_logits(
        &self,
        z: &Rows,
        head: &Head<'_, '_>,
        ids: Option<&wgpu::Buffer>,
        first_id: usize,
    ) -> Result<(), WgpuError> {
        if head.row_scale.is_none() && head.cap.is_none() {
            return Ok(());
        }
        let scales = head.row_scale.map_or(&self.nothing, |s| &*s.buffer);
        self.elementwise(
            kernels::LOGITS,
            &[scales, ids.unwrap_or(&self.nothing), &z.buffer],
            z.elements(),
            &[
                z.width as u32,
                u32::from(ids.is_some()),
                first_id as u32,
                u32::from(head.row_scale.is_some()),
                head.cap.unwrap_or(0.0).to_bits(),
            ],
        )
    }

    /// Makes every strip of logits in turn and lets `read` record what reads it: rows of x, vocabulary rows, logits.
    fn by_strip(
        &self,
        x: &Rows,
        head: &Head<'_, '_>,
        mut read: impl FnMut(Range<usize>, Range<usize>, &Rows) -> Result<(), WgpuError>,
    ) -> Result<(), WgpuError> {
        let vocab = head.table.tensor.rows;
        for block in (0..x.n).step_by(BLOCK) {
            let rows = block..(block + BLOCK).min(x.n);
            for start in (0..vocab).step_by(STRIP) {
                let outputs = start..(start + STRIP).min(vocab);
                let z = self.new_rows("logits", rows.len(), outputs.len())?;
                let extent = Extent { rows: rows.clone(), outputs: outputs.clone(), exact: false };
                self.product_of(x, head.table, None, Finish::Set, &z, &extent)?;
                self.finish_logits(&z, head, None, start)?;
                read(rows.clone(), outputs, &z)?;
            }
        }
        Ok(())
    }

    pub(super) fn log_sums(&self, x: &Rows, head: &Head<'_, '_>) -> Result<Vec<f64>, WgpuError> {
        let strips = head.table.tensor.rows.div_ceil(STRIP);
        // [strips, n, 2]: maximum and sum.
        let sums = self.new_rows("log-sum-exp", strips * x.n, 2)?;
        self.by_strip(x, head, |rows, outputs, z| {
            self.run(&Dispatch {
                kernel: kernels::log_sum_exp(self.reduce),
                buffers: &[&z.buffer, &sums.buffer],
                params: &[z.width as u32, (outputs.start / STRIP * x.n + rows.start) as u32],
                parts: rows.len() as u64,
                cost: z.elements() as u64 * 2 * TOUCH,
            })
        })?;
        let sums = self.read_rows(&sums)?;
        Ok((0..x.n).map(|row| join(sums.chunks_exact(2).skip(row).step_by(x.n.max(1)))).collect())
    }

    pub(super) fn largest(
        &self,
        x: &Rows,
        head: &Head<'_, '_>,
        k: usize,
    ) -> Result<Vec<Vec<TokenLogit>>, WgpuError> {
        let strips = head.table.tensor.rows.div_ceil(STRIP);
        let k = k.min(STRIP);
        // [strips, n, k, 2]: column and value; a short last strip leaves some unused.
        let best = self.new_rows("likeliest tokens", strips * x.n, 2 * k)?;
        let last = head.table.tensor.rows - (strips.max(1) - 1) * STRIP;
        self.by_strip(x, head, |rows, outputs, z| {
            let k_here = k.min(outputs.len());
            let place = outputs.start / STRIP * x.n * k + rows.start * k_here;
            self.run(&Dispatch {
                kernel: kernels::top(),
                buffers: &[&z.buffer, &best.buffer],
                params: &[z.width as u32, k_here as u32, place as u32],
                parts: rows.len() as u64,
                cost: z.elements() as u64 * k as u64 * TOUCH,
            })
        })?;
        let words: Vec<[u32; 2]> =
            bytemuck::pod_collect_to_vec(&self.fetch(&best.buffer, (best.elements() * 4) as u64)?);
        let row = |row: usize| {
            let mut list: Vec<TokenLogit> = (0..strips)
                .flat_map(|strip| {
                    let k_here = if strip + 1 == strips { k.min(last) } else { k };
                    let at = strip * x.n * k + row * k_here;
                    words[at..at + k_here].iter().map(move |&[column, bits]| TokenLogit {
                        token: (strip * STRIP) as u32 + column,
                        logit: f32::from_bits(bits),
                    })
                })
                .collect();
            list.sort_by(|a, b| b.logit.total_cmp(&a.logit).then(a.token.cmp(&b.token)));
            list.truncate(k);
            list
        };
        Ok((0..x.n).map(row).collect())
    }

    /// `1 / max(|w_j|, 1e-12)` for each row, summed in f64 on the host: `[1, rows]`.
    pub(super) fn unit_scales(&self, tensor: &Tensor<'_>) -> Result<Rows, WgpuError> {
        use rayon::prelude::*;
        let scales: Vec<f32> = (0..tensor.rows)
            .into_par_iter()
            .map(|row| {
                let squares: f64 = widen(tensor, row).iter().map(|&v| f64::from(v) * f64::from(v)).sum();
                (1.0 / squares.sqrt().max(1e-12)) as f32
            })
            .collect();
        let out = self.new_rows("row scales", 1, tensor.rows)?;
        let values = self.put("row scales", bytemuck::cast_slice(&scales))?;
        self.recorder().copy(&self.device, (&values, 0), (&out.buffer, 0), (tensor.rows * 4) as u64);
        Ok(out)
    }
}

/// `log(sum(exp))` from maxima and sums of pieces, in f64.
fn join<'a>(pieces: impl Iterator<Item = &'a [f32]> + Clone) -> f64 {
    let most = pieces.clone().map(|p| f64::from(p[0])).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = pieces.map(|p| f64::from(p[1]) * (f64::from(p[0]) - most).exp()).sum();
    most + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_to_the_sum_of_all() {
        let pieces = [[3.0, 2.0], [5.0, 1.5], [-2.0, 1.0]];
        let want: f64 = pieces.iter().map(|p| f64::from(p[1]) * f64::from(p[0]).exp()).sum();
        assert!((join(pieces.iter().map(|p| &p[..])) - want.ln()).abs() < 1e-12);
        assert!(join([[1.0, f32::NAN]].iter().map(|p| &p[..])).is_nan());
    }
}
