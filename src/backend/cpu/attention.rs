//! Attention over the prefix tree.
//!
//! A task is a few runs' queries and one key/value head. Keys and values are gathered by depth into panels for the
//! kernel that products use; from run to run only what follows the point where their paths part is gathered anew. All
//! query heads that share the key/value head are rows of one step.
//!
//! A query's scores, maximum, sum and output always run over its own keys by depth: keys that it does not see weigh
//! exactly zero, so no result depends on where the tree was cut into runs, packs or paths, nor on the queries beside it.

use super::kernel::{self, Step, Target, by_instruction_set};
use super::math::{exp, sum_lanes, tanh};
use super::rows::Rows;
use crate::checkpoint::spec::LayerSpec;
use crate::prefix::{KeyRange, QueryRun};
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;

/// Queries of one task, about.
const QUERIES: usize = 64;
/// Partial sums of one softmax.
const LANES: usize = 16;

/// q `[n, heads * d]`, keys and values `[rows, kv_heads * d]`; returns `[n, heads * d]`.
pub fn tree_attention(q: &Rows, keys: &Rows, values: &Rows, runs: &[QueryRun], layer: &LayerSpec) -> Rows {
    let mut out = Rows::unset(q.n, q.width);
    let stretches: Vec<Stretch<'_>> = runs
        .iter()
        .flat_map(|run| {
            let cuts = (0..run.rows.len()).step_by(QUERIES);
            cuts.map(move |s| Stretch { run, queries: s..(s + QUERIES).min(run.rows.len()) })
        })
        .collect();
    let groups = in_groups(&stretches);
    let tasks: Vec<(&[Stretch<'_>], usize)> =
        groups.iter().flat_map(|g| (0..layer.kv_heads).map(|head| (&stretches[g.clone()], head))).collect();
    let job = Job { q, keys, values, layer, out: Target { first: out.data.as_mut_ptr(), stride: q.width } };
    tasks.into_par_iter().with_max_len(1).for_each(|(stretches, head)| {
        SCRATCH.with_borrow_mut(|scratch| run_task(&job, stretches, head, scratch));
    });
    out
}

fn run_task(job: &Job<'_>, stretches: &[Stretch<'_>], head: usize, scratch: &mut Scratch) {
    #[inline(always)]
    fn run<S: Step<ROWS, PANEL>, const ROWS: usize, const PANEL: usize>(
        job: &Job<'_>,
        stretches: &[Stretch<'_>],
        head: usize,
        scratch: &mut Scratch,
    ) {
        job.task::<S, ROWS, PANEL>(stretches, head, scratch);
    }
    by_instruction_set!(run(job: &Job<'_>, stretches: &[Stretch<'_>], head: usize, scratch: &mut Scratch))
}

/// A query's head: its token's depth, and where it stands in `q` and in the output.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    row: usize,
    column: usize,
}

/// Some queries of one run.
struct Stretch<'a> {
    run: &'a QueryRun,
    queries: Range<usize>,
}

/// Neighbouring stretches together, until they hold enough queries for a task.
fn in_groups(stretches: &[Stretch<'_>]) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let (mut start, mut queries) = (0, 0);
    for (i, stretch) in stretches.iter().enumerate() {
        queries += stretch.queries.len();
        if queries >= QUERIES || i + 1 == stretches.len() {
            groups.push(start..i + 1);
            (start, queries) = (i + 1, 0);
        }
    }
    groups
}

/// Depths of the keys that a query sees.
fn seen(depth: usize, window: Option<u32>) -> Range<usize> {
    window.map_or(0, |w| (depth + 1).saturating_sub(w as usize))..depth + 1
}

struct Job<'a> {
    q: &'a Rows,
    keys: &'a Rows,
    values: &'a Rows,
    layer: &'a LayerSpec,
    out: Target,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Buffers of one worker, kept from task to task.
#[derive(Default)]
struct Scratch {
    /// Where each gathered depth came from.
    path: Vec<KeyRange>,
    /// Depths gathered, from the first to the last.
    there: Range<usize>,
    /// `[depth / PANEL, d, PANEL]`, zero beyond the last key of a panel or whatever was gathered there before.
    keys: Vec<f32>,
    /// `[d / PANEL, depths, PANEL]`
    values: Vec<f32>,
    /// `[ROWS, d]`, a [`kernel::stride`] apart.
    q: Vec<f32>,
    /// `[ROWS, depths]`: scores, then weights; a [`kernel::stride`] apart.
    scores: Vec<f32>,
}

impl Job<'_> {
    #[inline(always)]
    fn task<S: Step<ROWS, PANEL>, const ROWS: usize, const PANEL: usize>(
        &self,
        stretches: &[Stretch<'_>],
        kv_head: usize,
        scratch: &mut Scratch,
    ) {
        let d = self.layer.head_dim;
        let deepest = stretches.iter().map(|s| s.run.first_depth + s.queries.end).max().unwrap_or(0);
        let depths = deepest.next_multiple_of(PANEL.max(LANES));
        scratch.begin(depths, d, PANEL, ROWS);
        let group = self.layer.heads / self.layer.kv_heads;
        for Stretch { run, queries } in stretches {
            let first = seen(run.first_depth + queries.start, self.layer.window).start;
            let wanted = first / PANEL * PANEL..run.first_depth + queries.end;
            scratch.gather::<PANEL>(self, &run.keys, wanted, depths, kv_head);
            // Query by query, the heads of the group in turn.
            let rows = queries.len() * group;
            for row in (0..rows).step_by(ROWS) {
                let at = |i: usize| {
                    let i = (row + i).min(rows - 1);
                    let query = queries.start + i / group;
                    let head = kv_head * group + i % group;
                    Place { depth: run.first_depth + query, row: run.rows.start + query, column: head * d }
                };
                self.step::<S, ROWS, PANEL>(std::array::from_fn(at), ROWS.min(rows - row), depths, scratch);
            }
        }
    }

    /// A few heads: scores, softmax, weighted values. Only the first `count` of `rows` are real.
    #[inline(always)]
    fn step<S: Step<ROWS, PANEL>, const ROWS: usize, const PANEL: usize>(
        &self,
        rows: [Place; ROWS],
        count: usize,
        depths: usize,
        scratch: &mut Scratch,
    ) {
        let d = self.layer.head_dim;
        let window = self.layer.window;
        let start = seen(rows[0].depth, window).start / PANEL * PANEL;
        let end = rows[ROWS - 1].depth + 1;
        let stride = kernel::stride(depths);
        for (to, at) in scratch.q.chunks_exact_mut(kernel::stride(d)).zip(rows) {
            to[..d].copy_from_slice(&self.q.row(at.row)[at.column..at.column + d]);
        }
        let mut q = scratch.q.chunks_exact(kernel::stride(d));
        let q: [*const f32; ROWS] =
            std::array::from_fn(|_| q.next().map_or(&[][..], |row| &row[..d]).as_ptr());
        let padded = end.next_multiple_of(PANEL);
        assert!(scratch.scores.len() >= ROWS * stride && padded <= stride);
        let scores = Target { first: scratch.scores.as_mut_ptr(), stride };
        for block in (start..end).step_by(PANEL) {
            let panel = scratch.keys[block * d..(block + PANEL) * d].as_chunks::<PANEL>().0;
            // SAFETY: chosen for this machine; rows of `d` elements, as the panel has; there are so many rows of scores.
            unsafe { S::multiply(&q, panel, Target { first: scores.at(0, block), stride }, false) };
        }
        let mut inverse = [0.0f32; ROWS];
        for ((inverse, at), scores) in
            inverse.iter_mut().zip(rows).zip(scratch.scores.chunks_exact_mut(stride))
        {
            finish(&mut scores[start..padded], self.layer);
            let seen = seen(at.depth, window);
            scores[start..seen.start.max(start)].fill(f32::NEG_INFINITY);
            scores[seen.end..padded].fill(f32::NEG_INFINITY);
            *inverse = softmax(&mut scores[start..padded]);
        }
        let mut scores = scratch.scores.chunks_exact(stride);
        let weights: [&[f32]; ROWS] =
            std::array::from_fn(|_| scores.next().map_or(&[][..], |row| &row[start..end]));
        for (c, values) in (0..d).step_by(PANEL).zip(scratch.values.chunks_exact(depths * PANEL)) {
            let panel = &values.as_chunks::<PANEL>().0[start..end];
            let sums = kernel::multiply::<S, ROWS, PANEL>(weights, panel);
            for ((at, sums), inverse) in rows.iter().zip(&sums).zip(&inverse).take(count) {
                // SAFETY: each (row, head) belongs to one task only and lies inside the output.
                let out = unsafe { self.out.row(at.row, at.column + c, PANEL.min(d - c)) };
                out.iter_mut().zip(sums).for_each(|(o, s)| *o = s * inverse);
            }
        }
    }
}

/// From products to scores.
#[inline(always)]
fn finish(scores: &mut [f32], layer: &LayerSpec) {
    scores.iter_mut().for_each(|score| *score *= layer.score_scale);
    if let Some(cap) = layer.score_cap {
        scores.iter_mut().for_each(|score| *score = cap * tanh(*score / cap));
    }
}

/// `e^(x - max)` in place; returns one over their sum. Whole vectors, of which the first starts on a multiple of
/// [`LANES`], so that a score adds to the same partial sum however many unseen ones stand before it.
#[inline(always)]
fn softmax(scores: &mut [f32]) -> f32 {
    let chunks = scores.as_chunks_mut::<LANES>().0;
    let mut max = [f32::NEG_INFINITY; LANES];
    for chunk in chunks.iter() {
        for i in 0..LANES {
            max[i] = max[i].max(chunk[i]);
        }
    }
    let max = max.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0.0f32; LANES];
    for chunk in chunks {
        for i in 0..LANES {
            chunk[i] = exp(chunk[i] - max);
            sums[i] += chunk[i];
        }
    }
    1.0 / sum_lanes(sums)
}

impl Scratch {
    /// Nothing gathered, and room for keys up to `depths`.
    fn begin(&mut self, depths: usize, head_dim: usize, panel: usize, rows: usize) {
        let d = head_dim.next_multiple_of(panel);
        self.path.clear();
        self.there = 0..0;
        let sizes = [
            (&mut self.keys, depths * d),
            (&mut self.values, depths * d),
            (&mut self.q, rows * kernel::stride(head_dim)),
            (&mut self.scores, rows * kernel::stride(depths)),
        ];
        for (buffer, size) in sizes {
            if buffer.len() < size {
                buffer.resize(size, 0.0);
            }
        }
    }

    /// Sees to it that keys and values of `wanted` (starting on a panel) are those of `path`.
    #[inline(always)]
    fn gather<const PANEL: usize>(
        &mut self,
        job: &Job<'_>,
        path: &[KeyRange],
        wanted: Range<usize>,
        depths: usize,
        kv_head: usize,
    ) {
        let d = job.layer.head_dim;
        let kept = if self.there.start <= wanted.start && wanted.start <= self.there.end {
            common(&self.path, path).min(self.there.end)
        } else {
            wanted.start
        };
        let from = kept.max(wanted.start);
        let mut depth = 0;
        for range in path {
            for at in from.max(depth)..wanted.end.min(depth + range.len) {
                let row = range.row + (at - depth);
                let head = kv_head * d..(kv_head + 1) * d;
                let panel = &mut self.keys[at / PANEL * PANEL * d..][..PANEL * d];
                let lanes = panel.as_chunks_mut::<PANEL>().0;
                for (lane, &k) in lanes.iter_mut().zip(&job.keys.row(row)[head.clone()]) {
                    lane[at % PANEL] = k;
                }
                let mut panels = self.values.chunks_exact_mut(depths * PANEL);
                // Whole panels by themselves: a copy of known length is two moves, any other a call.
                let (whole, rest) = job.values.row(row)[head].as_chunks::<PANEL>();
                for (v, panel) in whole.iter().zip(&mut panels) {
                    panel[at * PANEL..][..PANEL].copy_from_slice(v);
                }
                if let Some(panel) = panels.next() {
                    panel[at * PANEL..][..rest.len()].copy_from_slice(rest);
                }
            }
            depth += range.len;
        }
        self.there = if kept > wanted.start { self.there.start..wanted.end } else { wanted };
        self.path.clear();
        self.path.extend_from_slice(path);
    }
}

/// Depth to which two paths are the same rows.
fn common(a: &[KeyRange], b: &[KeyRange]) -> usize {
    let mut depth = 0;
    for (a, b) in a.iter().zip(b) {
        if a.row != b.row {
            break;
        }
        depth += a.len.min(b.len);
        if a.len != b.len {
            break;
        }
    }
    depth
}
