//! Matrix products `x W^T`.
//!
//! Weight rows are interleaved once for all activation rows; then tasks multiply some activation rows with some panels.
//! Elements are summed in stretches of at most [`DEPTH`], each from first to last, and the stretches' sums are added in
//! order: the bits of a result depend on its two rows alone, so tasks may be cut as the machine likes.

use super::kernel::{self, Step, Target, by_instruction_set};
use super::panels::{Panels, fill};
use super::rows::Rows;
use super::widen::widen_all;
use crate::checkpoint::weights::Tensor;
use rayon::prelude::*;
use std::ops::Range;

/// Elements summed in one stretch: so many of a step's activation rows stay in the first-level cache while all panels of
/// a task pass by. Panels come in one sequence, which a processor fetches ahead better than rows at a distance.
const DEPTH: usize = 576;
/// Weight rows of a task: as often as a product has tiles are activations fetched anew, a third of a step's time for
/// tiles of a hundred.
const TILE: usize = 576;
/// Most elements interleaved at a time: 16 MiB of f32.
const MOST: usize = 1 << 22;
/// Fewest activation rows of a task.
const LEAST: usize = 24;
/// Tasks per thread, so that none waits long for the last.
const TASKS: usize = 12;

/// What happens to the values already in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    Set,
    Add,
}

/// `out = x W^T + bias`, or `out += ...`; x `[n, in]`, W `[out, in]`.
pub fn product(x: &Rows, w: &Tensor<'_>, bias: Option<&Tensor<'_>>, write: Write, out: &mut Rows) {
    assert!(x.width == w.cols && out.width == w.rows && out.data.len() == x.n * w.rows);
    let bias = bias.map(widen_all);
    let (step_rows, panel) = kernel::step_shape();
    let target = Target { first: out.data.as_mut_ptr(), stride: w.rows };
    let most = (MOST / w.cols.max(1)).max(TILE);
    for columns in pieces(0..w.rows, most, panel) {
        let panels = Panels::of(w, columns.clone());
        let tiles: Vec<_> = pieces(columns, TILE, panel).collect();
        let cuts = (TASKS * rayon::current_num_threads()).div_ceil(tiles.len().max(1));
        let block = x.n.div_ceil(cuts).max(LEAST).next_multiple_of(step_rows);
        let tasks: Vec<_> =
            (0..x.n).step_by(block).flat_map(|row| tiles.iter().map(move |tile| (row, tile))).collect();
        tasks.into_par_iter().with_max_len(1).for_each(|(row, columns)| {
            let task = Task {
                x: &x.data,
                k: w.cols,
                rows: row..(row + block).min(x.n),
                panels: panels.rows(columns),
                columns: columns.clone(),
                bias: bias.as_deref(),
                write,
            };
            // SAFETY: tasks are disjoint and lie inside `out`.
            unsafe { run_task(&task, target) }
        });
    }
}

/// `x W^T` on this thread: x `[n, in]`, W `[out, in]`, result `[n, out]` in `out`; `panels` is a buffer.
pub fn multiply<'o>(x: &Rows, w: &Tensor<'_>, panels: &mut Vec<f32>, out: &'o mut Vec<f32>) -> &'o mut [f32] {
    assert!(x.width == w.cols && x.data.len() == x.n * x.width);
    out.resize(x.n * w.rows, 0.0);
    panels.resize(w.rows.next_multiple_of(kernel::step_shape().1) * w.cols, 0.0);
    fill(w, 0..w.rows, panels);
    let target = Target { first: out.as_mut_ptr(), stride: w.rows };
    let task = Task {
        x: &x.data,
        k: w.cols,
        rows: 0..x.n,
        panels,
        columns: 0..w.rows,
        bias: None,
        write: Write::Set,
    };
    // SAFETY: the one task fills `out`.
    unsafe { run_task(&task, target) }
    out
}

/// `range` in equal pieces of at most `most`, all but the last a multiple of `unit`.
fn pieces(range: Range<usize>, most: usize, unit: usize) -> impl Iterator<Item = Range<usize>> {
    let size = even_tile(range.len(), most).next_multiple_of(unit);
    range.clone().step_by(size).map(move |start| start..(start + size).min(range.end))
}

/// The size of equal tiles of at most `most` rows, so that no sliver is left over.
pub fn even_tile(rows: usize, most: usize) -> usize {
    rows.div_ceil(rows.div_ceil(most).max(1)).max(1)
}

/// Activation rows `rows` times weight rows `columns`.
struct Task<'a> {
    /// `[.., k]`
    x: &'a [f32],
    k: usize,
    rows: Range<usize>,
    /// Weight rows `columns`, interleaved: `[panels, k, PANEL]`.
    panels: &'a [f32],
    columns: Range<usize>,
    bias: Option<&'a [f32]>,
    write: Write,
}

/// # Safety
/// The task's part lies inside the target and is written by nobody else meanwhile.
unsafe fn run_task(task: &Task<'_>, target: Target) {
    #[inline(always)]
    fn run<S: Step<ROWS, PANEL>, const ROWS: usize, const PANEL: usize>(task: &Task<'_>, target: Target) {
        task.run::<S, ROWS, PANEL>(target);
    }
    by_instruction_set!(run(task: &Task<'_>, target: Target))
}

impl Task<'_> {
    #[inline(always)]
    fn run<S: Step<STEP, PANEL>, const STEP: usize, const PANEL: usize>(&self, target: Target) {
        let k = self.k;
        let depth = even_tile(k, DEPTH);
        let panels = self.panels.as_chunks::<PANEL>().0;
        if let Some(bias) = self.bias {
            self.start_with(bias, target);
        }
        for from in (0..k).step_by(depth) {
            let depth = from..(from + depth).min(k);
            let add = self.write == Write::Add || self.bias.is_some() || from > 0;
            for row in self.rows.clone().step_by(STEP) {
                let rows = row..(row + STEP).min(self.rows.end);
                let next = rows.end..(rows.end + STEP).min(self.rows.end);
                let tiles = panels.chunks_exact(k).zip(self.columns.clone().step_by(PANEL));
                for (i, (panel, column)) in tiles.enumerate() {
                    // The next rows come from afar: one line of each while a panel passes.
                    let ahead = depth.start + i * kernel::LINE;
                    if ahead < depth.end {
                        next.clone().for_each(|row| kernel::fetch(&self.x[row * k + ahead]));
                    }
                    let columns = column..(column + PANEL).min(self.columns.end);
                    let panel = &panel[depth.clone()];
                    self.step::<S, STEP, PANEL>(panel, rows.clone(), depth.start, columns, add, target);
                }
            }
        }
    }

    /// Puts the bias where the sums will be added.
    fn start_with(&self, bias: &[f32], target: Target) {
        let bias = &bias[self.columns.clone()];
        for row in self.rows.clone() {
            // SAFETY: inside this task's part, which is nobody else's.
            let to = unsafe { target.row(row, self.columns.start, bias.len()) };
            match self.write {
                Write::Set => to.copy_from_slice(bias),
                Write::Add => to.iter_mut().zip(bias).for_each(|(t, b)| *t += b),
            }
        }
    }

    /// One step of the kernel over a panel's elements from `depth` on, and its results' way into the output.
    #[inline(always)]
    fn step<S: Step<STEP, PANEL>, const STEP: usize, const PANEL: usize>(
        &self,
        panel: &[[f32; PANEL]],
        rows: Range<usize>,
        depth: usize,
        columns: Range<usize>,
        add: bool,
        target: Target,
    ) {
        let k = self.k;
        if rows.len() == STEP && columns.len() == PANEL {
            let x = &self.x[rows.start * k + depth..(rows.end - 1) * k + depth + panel.len()];
            let x = std::array::from_fn(|i| x[i * k..].as_ptr());
            let out = Target { first: target.at(rows.start, columns.start), ..target };
            // SAFETY: chosen for this machine; `x` was cut to these rows; the output's are inside this task's part, which
            // is nobody else's.
            return unsafe { S::multiply(&x, panel, out, add) };
        }
        // Rows beyond the last repeat it and are dropped.
        let x = std::array::from_fn(|i| {
            let at = (rows.start + i).min(rows.end - 1) * k + depth;
            &self.x[at..at + panel.len()]
        });
        let sums = kernel::multiply::<S, STEP, PANEL>(x, panel);
        for (row, sums) in rows.zip(&sums) {
            // SAFETY: inside this task's part, which is nobody else's.
            let to = unsafe { target.row(row, columns.start, columns.len()) };
            to.iter_mut().zip(sums).for_each(|(t, s)| *t = if add { *t + s } else { *s });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::weights::Dtype;

    fn values(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 24) as f32 - 0.5
            })
            .collect()
    }

    fn tensor(data: &[f32], rows: usize) -> Tensor<'_> {
        Tensor { dtype: Dtype::F32, rows, cols: data.len() / rows, bytes: bytemuck::cast_slice(data) }
    }

    /// The promise on which everything else rests: a row's bits do not depend on the rows beside it.
    #[test]
    fn a_rows_bits_do_not_depend_on_the_number_of_rows() {
        for (k, n) in [
            (16, 8),
            (24, 96),
            (64, 20),
            (576, 64),
            (576, 192),
            (576, 1536),
            (1536, 40),
            (1536, 576),
            (3584, 65),
        ] {
            let m = 700;
            let x = values(m * k, 1);
            let w = values(n * k, 2);
            let w = tensor(&w, n);
            let mut whole = Rows::zeros(m, n);
            product(&Rows::new(m, k, x.clone()), &w, None, Write::Set, &mut whole);
            for (first, rows) in
                [(0, 1), (699, 1), (3, 2), (10, 3), (5, 7), (0, 63), (1, 64), (2, 65), (33, 200), (0, 513)]
            {
                let part = Rows::new(rows, k, x[first * k..(first + rows) * k].to_vec());
                let mut out = Rows::zeros(rows, n);
                product(&part, &w, None, Write::Set, &mut out);
                assert!(
                    out.data[..] == whole.data[first * n..(first + rows) * n],
                    "k {k}, n {n}: rows {first}..{} differ",
                    first + rows
                );
            }
        }
    }

    #[test]
    fn product_bias_and_residual_are_exact_on_small_integers() {
        let x = Rows::new(3, 2, vec![1., 2., 3., 4., 5., 6.]);
        let w = [1., 0., 0., 1., 1., 1.];
        let b = [10., 20., 30.];
        let (w, b) = (tensor(&w, 3), tensor(&b, 1));
        let mut out = Rows::zeros(3, 3);
        product(&x, &w, Some(&b), Write::Set, &mut out);
        assert_eq!(*out.data, [11., 22., 33., 13., 24., 37., 15., 26., 41.]);
        product(&x, &w, None, Write::Add, &mut out);
        assert_eq!(*out.data, [12., 24., 36., 16., 28., 44., 20., 32., 52.]);
    }
}
