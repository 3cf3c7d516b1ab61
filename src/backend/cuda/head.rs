//! The output embedding: logits of a few tokens, log-sum-exp and the likeliest tokens, without a `[n, V]` matrix.

use super::Cuda;
use super::error::CudaError;
use super::memory::Buffer;
use super::params::{self, STORE};
use super::pool::Block;
use super::product::{Epilogue, Weight};
use super::rows::Rows;
use super::weights::{Matrix, Planes};
use crate::backend::{HeadUse, TokenLogit};

/// Bytes of logits that the likeliest tokens are picked from at a time.
const LOGITS: usize = 64 << 20;

type Head<'a, 'w> = HeadUse<'a, Matrix<'w>, Rows>;

/// What undoes the powers of two of the table's rows, and divides by their lengths where the head does.
struct Inverse {
    at: u64,
    _rows: Option<Rows>,
}

impl Cuda {
    fn head_inverse(&self, table: &Planes, head: &Head<'_, '_>) -> Result<Inverse, CudaError> {
        let Some(scale) = head.row_scale else {
            return Ok(Inverse { at: table.inverse.at(), _rows: None });
        };
        if scale.width != table.rows {
            return Err(CudaError::Refused(format!("{} row scales of {} rows", scale.width, table.rows)));
        }
        let rows = self.gather(scale, &[0])?;
        self.scale_rows(&rows, 2f32.powi(-table.exponent))?;
        Ok(Inverse { at: rows.at(), _rows: Some(rows) })
    }

    /// Starts the logits of these pairs of a row and a token: f32 `[asked]`; `None` where nothing is asked.
    pub(super) fn start_logits(
        &self,
        x: &Rows,
        head: &Head<'_, '_>,
        asked: &[[u32; 2]],
    ) -> Result<Option<Block>, CudaError> {
        let table = head.table.planes()?;
        if asked.is_empty() {
            return Ok(None);
        }
        for [row, id] in asked {
            if *row as usize >= x.n || *id as usize >= table.rows {
                return Err(CudaError::Refused(format!(
                    "token {id} of a vocabulary of {} was asked for at row {row} of {}",
                    table.rows, x.n
                )));
            }
        }
        let inverse = self.head_inverse(table, head)?;
        let out = self.pool.take("logits", 4 * asked.len())?;
        let asks = self.transfer.up(&self.pool, "asked tokens", bytemuck::cast_slice(asked))?;
        let logits = params::ChoiceLogits {
            x: x.at(),
            table: table.values.at(),
            b_inv: inverse.at,
            asks: asks.at(),
            out: out.at(),
            count: asked.len() as i32,
            width: x.width as i32,
            ld: x.ld as i32,
            k: table.width as i32,
            b_rows: table.rows as i32,
            planes: table.planes as i32,
            cap: head.cap.unwrap_or(0.0),
        };
        self.start("choice_logits", [asked.len().div_ceil(4) as u32, 1, 1], &logits)?;
        Ok(Some(out))
    }

    pub(super) fn logits_of(
        &self,
        x: &Rows,
        head: &Head<'_, '_>,
        ids: &[u32],
    ) -> Result<Vec<Vec<f32>>, CudaError> {
        let rows: Vec<usize> = (0..x.n).collect();
        let asked: Vec<[u32; 2]> = each(&rows, ids).collect();
        match self.start_logits(x, head, &asked)? {
            Some(out) => Ok(by_row(&self.read_values(out.buffer()?, asked.len())?, x.n, ids.len())),
            None => Ok(vec![Vec::new(); x.n]),
        }
    }

    /// Starts the sums over the vocabulary: f64 `[n, 2]`, the largest logit and the sum of what the others are beside it.
    pub(super) fn start_sums(&self, x: &Rows, head: &Head<'_, '_>) -> Result<Option<Block>, CudaError> {
        let table = head.table.planes()?;
        if x.n == 0 {
            return Ok(None);
        }
        let inverse = self.head_inverse(table, head)?;
        let tiles = Cuda::sum_tiles(table.rows);
        let parts = self.pool.take("partial sums", 8 * x.n * tiles)?;
        let sums = self.pool.take("sums", 16 * x.n)?;
        // Both planes in either precision: a sum over a vocabulary is off by more than a difference of logits.
        let own = self.split_own(x, 2)?;
        let weight = Weight { inverse: Some(inverse.at), ..Weight::of(table, None) };
        let epilogue = params::ToSums { out: parts.at(), tiles: tiles as i32, cap: head.cap.unwrap_or(0.0) };
        self.product(&own.input, &weight, &Epilogue::Sums(&epilogue))?;
        let fold = params::FoldSums { input: parts.at(), out: sums.at(), n: x.n as i32, tiles: tiles as i32 };
        self.start("fold_sums", [x.n.div_ceil(256) as u32, 1, 1], &fold)?;
        Ok(Some(sums))
    }

    pub(super) fn log_sums(&self, x: &Rows, head: &Head<'_, '_>) -> Result<Vec<f64>, CudaError> {
        match self.start_sums(x, head)? {
            Some(sums) => Ok(logs(&self.read_values(sums.buffer()?, 2 * x.n)?)),
            None => Ok(Vec::new()),
        }
    }

    /// Starts the choice of the `k` likeliest tokens of each row: u32 ids `[n, k]`, then f32 logits.
    pub(super) fn start_largest(
        &self,
        x: &Rows,
        head: &Head<'_, '_>,
        k: usize,
    ) -> Result<Option<Block>, CudaError> {
        let table = head.table.planes()?;
        if x.n == 0 || k == 0 {
            return Ok(None);
        }
        let inverse = self.head_inverse(table, head)?;
        let ids = self.pool.take("likeliest tokens", 8 * x.n * k)?;
        let values_at = ids.at() + (4 * x.n * k) as u64;
        let own = self.split_own(x, 2)?;
        let weight = Weight { inverse: Some(inverse.at), ..Weight::of(table, None) };
        let step = (LOGITS / (4 * table.rows)).clamp(1, x.n);
        let logits = self.new_rows("logits", step, table.rows)?;
        for first in (0..x.n).step_by(step) {
            let rows = step.min(x.n - first);
            let mut input = own.input;
            input.at += (2 * first * input.width) as u64;
            input.inverse += 4 * first as u64;
            input.rows = rows;
            input.first = first;
            self.product(&input, &weight, &Epilogue::Rows(&logits.target(STORE)))?;
            let top = params::TopTokens {
                logits: logits.at(),
                ids: ids.at() + (4 * first * k) as u64,
                values: values_at + (4 * first * k) as u64,
                n: rows as i32,
                vocab: table.rows as i32,
                ld: logits.ld as i32,
                count: k as i32,
                cap: head.cap.unwrap_or(0.0),
            };
            self.start("top_tokens", [rows as u32, 1, 1], &top)?;
        }
        Ok(Some(ids))
    }

    pub(super) fn largest(
        &self,
        x: &Rows,
        head: &Head<'_, '_>,
        k: usize,
    ) -> Result<Vec<Vec<TokenLogit>>, CudaError> {
        let k = k.min(head.table.planes()?.rows);
        match self.start_largest(x, head, k)? {
            Some(ids) => Ok(pairs(&self.read_values(ids.buffer()?, 2 * x.n * k)?, k)),
            None => Ok(vec![Vec::new(); x.n]),
        }
    }

    fn read_values<T: bytemuck::AnyBitPattern + bytemuck::NoUninit>(
        &self,
        buffer: &Buffer,
        count: usize,
    ) -> Result<Vec<T>, CudaError> {
        Ok(bytemuck::pod_collect_to_vec(&self.transfer.down(buffer, count * size_of::<T>())?))
    }
}

/// Every token at every row, row by row.
pub(super) fn each(rows: &[usize], ids: &[u32]) -> impl Iterator<Item = [u32; 2]> {
    rows.iter().flat_map(move |row| ids.iter().map(move |id| [*row as u32, *id]))
}

pub(super) fn by_row(logits: &[f32], rows: usize, ids: usize) -> Vec<Vec<f32>> {
    (0..rows).map(|row| logits[row * ids..(row + 1) * ids].to_vec()).collect()
}

pub(super) fn logs(sums: &[f64]) -> Vec<f64> {
    sums.as_chunks::<2>().0.iter().map(|[max, sum]| max + sum.ln()).collect()
}

pub(super) fn pairs(words: &[u32], k: usize) -> Vec<Vec<TokenLogit>> {
    let (ids, values) = words.split_at(words.len() / 2);
    let pair = |(id, value): (&u32, &u32)| TokenLogit { token: *id, logit: f32::from_bits(*value) };
    let lists = ids.chunks_exact(k).zip(values.chunks_exact(k));
    lists.map(|(ids, values)| ids.iter().zip(values).map(pair).collect()).collect()
}
