//! Attention over the prefix tree.
//!
//! A task is a stretch of one run's queries and one key/value head. Its keys are gathered once, by depth, into blocks of
//! [`BLOCK`] with the head's elements outermost, so that scores of one query come out a whole block at a time. A query's
//! scores, maximum, sum and output always run over its own keys by depth from the first visible one's block on: no
//! result depends on where the tree was cut into runs, packs or paths.

use super::math::{exp, sum_lanes, tanh, vectorized};
use super::rows::Rows;
use crate::checkpoint::spec::LayerSpec;
use crate::prefix::{KeyRange, QueryRun};
use rayon::prelude::*;
use std::ops::Range;

/// Keys of one block.
const BLOCK: usize = 64;
/// Queries of one task at most.
const STRETCH: usize = 64;
/// Elements of a value row summed together in registers.
const LANES: usize = 32;

/// q `[n, heads * d]`, keys and values `[rows, kv_heads * d]`; returns `[n, heads * d]`.
pub fn tree_attention(q: &Rows, keys: &Rows, values: &Rows, runs: &[QueryRun], layer: &LayerSpec) -> Rows {
    let mut out = Rows::zeros(q.n, q.width);
    let target = Target(out.data.as_mut_ptr());
    let tasks: Vec<(&QueryRun, Range<usize>, usize)> = runs
        .iter()
        .flat_map(|run| {
            (0..run.rows.len()).step_by(STRETCH).map(move |s| (run, s..(s + STRETCH).min(run.rows.len())))
        })
        .flat_map(|(run, stretch)| (0..layer.kv_heads).map(move |head| (run, stretch.clone(), head)))
        .collect();
    tasks.into_par_iter().for_each_init(Scratch::default, |scratch, (run, stretch, kv_head)| {
        let d = layer.head_dim;
        let last = run.first_depth + stretch.end - 1;
        let first = first_visible(run.first_depth + stretch.start, layer.window) / BLOCK * BLOCK;
        scratch.gather(keys, values, &run.keys, first..last + 1, kv_head * d..(kv_head + 1) * d);
        let group = layer.heads / layer.kv_heads;
        for i in stretch {
            let depth = run.first_depth + i;
            let row = run.rows.start + i;
            for head in kv_head * group..(kv_head + 1) * group {
                let at = row * q.width + head * d;
                // SAFETY: each (row, head) belongs to one task only and lies inside `out`.
                let out = unsafe { std::slice::from_raw_parts_mut(target.at(at), d) };
                let seen = first_visible(depth, layer.window)..depth + 1;
                one_query(&q.data[at..at + d], scratch, first, seen, layer.score_scale, layer.score_cap, out);
            }
        }
    });
    out
}

/// Depth of the first key that a query sees.
fn first_visible(depth: usize, window: Option<u32>) -> usize {
    window.map_or(0, |w| (depth + 1).saturating_sub(w as usize))
}

/// The output's address, shared by tasks that write disjoint parts of it.
struct Target(*mut f32);
// SAFETY: only ever used to write disjoint heads.
unsafe impl Sync for Target {}
impl Target {
    fn at(&self, offset: usize) -> *mut f32 {
        // SAFETY: callers stay inside the allocation.
        unsafe { self.0.add(offset) }
    }
}

/// Buffers of one worker, kept from task to task.
#[derive(Default)]
struct Scratch {
    /// `[blocks, d, BLOCK]`, zero beyond the last key.
    keys: Vec<f32>,
    /// `[keys, d]`
    values: Vec<f32>,
    /// One query's scores, then weights.
    scores: Vec<f32>,
}

impl Scratch {
    /// Collects keys of `depths` (starting on a block) and elements `head` of their rows.
    fn gather(
        &mut self,
        keys: &Rows,
        values: &Rows,
        ranges: &[KeyRange],
        depths: Range<usize>,
        head: Range<usize>,
    ) {
        let d = head.len();
        let blocks = depths.len().div_ceil(BLOCK);
        self.keys.clear();
        self.keys.resize(blocks * d * BLOCK, 0.0);
        self.values.resize(depths.len() * d, 0.0);
        self.scores.resize(blocks * BLOCK, 0.0);
        let mut depth = 0;
        for range in ranges {
            let from = depths.start.max(depth);
            let to = depths.end.min(depth + range.len);
            for at in from..to {
                let row = range.row + (at - depth);
                let slot = at - depths.start;
                self.values[slot * d..(slot + 1) * d].copy_from_slice(&values.row(row)[head.clone()]);
                let block = &mut self.keys[slot / BLOCK * d * BLOCK..][..d * BLOCK];
                for (column, &k) in block.chunks_exact_mut(BLOCK).zip(&keys.row(row)[head.clone()]) {
                    column[slot % BLOCK] = k;
                }
            }
            depth += range.len;
        }
    }
}

vectorized! {
/// One head of one query: scores, softmax, weighted values. `seen` are its keys' depths, gathered from `first` on.
fn one_query(
    q: &[f32],
    scratch: &mut Scratch,
    first: usize,
    seen: Range<usize>,
    scale: f32,
    cap: Option<f32>,
    out: &mut [f32],
) {
    let d = q.len();
    // Whole blocks, counted from the query's own first block, whatever else the task has gathered.
    let start = seen.start / BLOCK * BLOCK - first;
    let end = seen.end - first;
    let padded = (end.div_ceil(BLOCK)) * BLOCK;
    let scores = &mut scratch.scores[start..padded];
    let mut max = [f32::NEG_INFINITY; BLOCK];
    for (b, scores) in scores.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let depth = first + start + b * BLOCK;
        let block = &scratch.keys[(start / BLOCK + b) * d * BLOCK..][..d * BLOCK];
        let mut sums = [0.0f32; BLOCK];
        for (&q, column) in q.iter().zip(block.as_chunks::<BLOCK>().0) {
            for i in 0..BLOCK {
                sums[i] = q.mul_add(column[i], sums[i]);
            }
        }
        sums.iter_mut().for_each(|s| *s *= scale);
        if let Some(cap) = cap {
            sums.iter_mut().for_each(|s| *s = cap * tanh(*s / cap));
        }
        for i in 0..BLOCK {
            let visible = depth + i >= seen.start && depth + i < seen.end;
            scores[i] = if visible { sums[i] } else { f32::NEG_INFINITY };
            max[i] = max[i].max(scores[i]);
        }
    }
    let max = max.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut lanes = [0.0f32; 16];
    for chunk in scores.as_chunks_mut::<16>().0 {
        for i in 0..16 {
            chunk[i] = exp(chunk[i] - max);
            lanes[i] += chunk[i];
        }
    }
    let inverse = 1.0 / sum_lanes(lanes);
    let weights = &scratch.scores[start..end];
    let values = &scratch.values[start * d..end * d];
    let whole = d / LANES * LANES;
    for c in (0..whole).step_by(LANES) {
        let mut sums = [0.0f32; LANES];
        for (&w, row) in weights.iter().zip(values.chunks_exact(d)) {
            let row: &[f32; LANES] = match row[c..].first_chunk() {
                Some(row) => row,
                None => continue,
            };
            for i in 0..LANES {
                sums[i] = w.mul_add(row[i], sums[i]);
            }
        }
        for i in 0..LANES {
            out[c + i] = sums[i] * inverse;
        }
    }
    for c in whole..d {
        let mut sum = 0.0f32;
        for (&w, row) in weights.iter().zip(values.chunks_exact(d)) {
            sum = w.mul_add(row[c], sum);
        }
        out[c] = sum * inverse;
    }
}
}
