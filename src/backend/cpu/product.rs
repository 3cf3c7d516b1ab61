//! Matrix products `x W^T`.
//!
//! A task multiplies some activation rows with some panels of weight rows. Elements are summed in stretches of at most
//! [`DEPTH`], each from first to last, and the stretches' sums are added in order: the bits of a result depend on its two
//! rows alone, so tasks may be cut as the machine likes.

use super::kernel::{self, Step, by_instruction_set};
use super::panels::Scratch;
use super::rows::Rows;
use super::widen::widen_all;
use crate::checkpoint::weights::Tensor;
use rayon::prelude::*;
use std::ops::Range;

/// Elements summed in one stretch: so many of a panel stay in the first-level cache, even of two threads that share one.
const DEPTH: usize = 192;
/// Weight rows of a task.
const TILE: usize = 96;
/// Activation rows that meet all panels of a task before the next do: they and their results stay in the second-level
/// cache.
const ROWS: usize = 48;
/// Fewest activation rows of a task, to make up for interleaving its weights.
const LEAST: usize = 96;
/// Tasks per thread, so that none waits long for the last.
const TASKS: usize = 4;

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
    let tile = even_tile(w.rows, TILE).next_multiple_of(panel);
    let cuts = (TASKS * rayon::current_num_threads()).div_ceil(w.rows.div_ceil(tile).max(1));
    let block = x.n.div_ceil(cuts).max(LEAST).next_multiple_of(step_rows);
    let tasks: Vec<(usize, usize)> =
        (0..x.n).step_by(block).flat_map(|r| (0..w.rows).step_by(tile).map(move |c| (r, c))).collect();
    let target = Target { values: out.data.as_mut_ptr(), width: w.rows };
    tasks.into_par_iter().for_each_init(Scratch::default, |scratch, (row, col)| {
        let task = Task {
            x: &x.data,
            rows: row..(row + block).min(x.n),
            weight: w,
            columns: col..(col + tile).min(w.rows),
            bias: bias.as_deref(),
            write,
        };
        // SAFETY: tasks are disjoint and lie inside `out`.
        unsafe { run_task(&task, &target, scratch) }
    });
}

/// `x W^T` on this thread: x `[n, in]`, W `[out, in]`, result `[n, out]` in `out`.
pub fn multiply<'o>(x: &Rows, w: &Tensor<'_>, scratch: &mut Scratch, out: &'o mut Vec<f32>) -> &'o mut [f32] {
    assert!(x.width == w.cols && x.data.len() == x.n * x.width);
    out.resize(x.n * w.rows, 0.0);
    let target = Target { values: out.as_mut_ptr(), width: w.rows };
    let task =
        Task { x: &x.data, rows: 0..x.n, weight: w, columns: 0..w.rows, bias: None, write: Write::Set };
    // SAFETY: the one task fills `out`.
    unsafe { run_task(&task, &target, scratch) }
    out
}

/// The size of equal tiles of at most `most` rows, so that no sliver is left over.
pub fn even_tile(rows: usize, most: usize) -> usize {
    rows.div_ceil(rows.div_ceil(most).max(1)).max(1)
}

/// An output `[.., width]`, shared by tasks that write disjoint parts of it.
struct Target {
    values: *mut f32,
    width: usize,
}
// SAFETY: only ever used to write disjoint parts.
unsafe impl Sync for Target {}

impl Target {
    /// # Safety
    /// Row and columns lie inside the output, and no other reference to them is alive.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    unsafe fn part(&self, row: usize, columns: Range<usize>) -> &mut [f32] {
        // SAFETY: as promised by the caller.
        unsafe {
            std::slice::from_raw_parts_mut(self.values.add(row * self.width + columns.start), columns.len())
        }
    }
}

/// Activation rows `rows` times weight rows `columns`.
struct Task<'a> {
    /// `[.., weight.cols]`
    x: &'a [f32],
    rows: Range<usize>,
    weight: &'a Tensor<'a>,
    columns: Range<usize>,
    bias: Option<&'a [f32]>,
    write: Write,
}

/// # Safety
/// The task's part lies inside the target and is written by nobody else meanwhile.
unsafe fn run_task(task: &Task<'_>, target: &Target, scratch: &mut Scratch) {
    #[inline(always)]
    fn run<S: Step<ROWS, PANEL>, const ROWS: usize, const PANEL: usize>(
        task: &Task<'_>,
        target: &Target,
        scratch: &mut Scratch,
    ) {
        task.run::<S, ROWS, PANEL>(target, scratch);
    }
    by_instruction_set!(run(task: &Task<'_>, target: &Target, scratch: &mut Scratch))
}

impl Task<'_> {
    #[inline(always)]
    fn run<S: Step<STEP, PANEL>, const STEP: usize, const PANEL: usize>(
        &self,
        target: &Target,
        scratch: &mut Scratch,
    ) {
        let k = self.weight.cols;
        let depth = even_tile(k, DEPTH);
        let panels = scratch.fill::<PANEL>(self.weight, self.columns.clone());
        for block in self.rows.clone().step_by(ROWS) {
            let block = block..(block + ROWS).min(self.rows.end);
            for from in (0..k).step_by(depth) {
                let depth = from..(from + depth).min(k);
                for (panel, column) in panels.chunks_exact(k).zip(self.columns.clone().step_by(PANEL)) {
                    let columns = column..(column + PANEL).min(self.columns.end);
                    let panel = &panel[depth.clone()];
                    for row in block.clone().step_by(STEP) {
                        let rows = row..(row + STEP).min(block.end);
                        self.step::<S, STEP, PANEL>(rows, columns.clone(), depth.clone(), panel, target);
                    }
                }
            }
        }
    }

    /// One step of the kernel and its results' way into the output. Rows beyond the last repeat it and are dropped.
    #[inline(always)]
    fn step<S: Step<STEP, PANEL>, const STEP: usize, const PANEL: usize>(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        depth: Range<usize>,
        panel: &[[f32; PANEL]],
        target: &Target,
    ) {
        let k = self.weight.cols;
        let x = std::array::from_fn(|i| {
            let at = (rows.start + i).min(rows.end - 1) * k;
            &self.x[at + depth.start..at + depth.end]
        });
        let sums = kernel::multiply::<S, STEP, PANEL>(x, panel);
        let set = self.write == Write::Set && depth.start == 0;
        for (row, sums) in rows.zip(&sums) {
            // SAFETY: inside this task's part, which is nobody else's.
            let to = unsafe { target.part(row, columns.clone()) };
            match (set, self.bias.filter(|_| depth.start == 0)) {
                (true, None) => to.iter_mut().zip(sums).for_each(|(t, s)| *t = *s),
                (false, None) => to.iter_mut().zip(sums).for_each(|(t, s)| *t += s),
                (true, Some(b)) => {
                    to.iter_mut().zip(sums).zip(&b[columns.start..]).for_each(|((t, s), b)| *t = s + b)
                }
                (false, Some(b)) => {
                    to.iter_mut().zip(sums).zip(&b[columns.start..]).for_each(|((t, s), b)| *t += s + b)
                }
            }
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
            product(&Rows { n: m, width: k, data: x.clone() }, &w, None, Write::Set, &mut whole);
            for (first, rows) in
                [(0, 1), (699, 1), (3, 2), (10, 3), (5, 7), (0, 63), (1, 64), (2, 65), (33, 200), (0, 513)]
            {
                let part = Rows { n: rows, width: k, data: x[first * k..(first + rows) * k].to_vec() };
                let mut out = Rows::zeros(rows, n);
                product(&part, &w, None, Write::Set, &mut out);
                assert!(
                    out.data == whole.data[first * n..(first + rows) * n],
                    "k {k}, n {n}: rows {first}..{} differ",
                    first + rows
                );
            }
        }
    }

    #[test]
    fn product_bias_and_residual_are_exact_on_small_integers() {
        let x = Rows { n: 3, width: 2, data: vec![1., 2., 3., 4., 5., 6.] };
        let w = [1., 0., 0., 1., 1., 1.];
        let b = [10., 20., 30.];
        let (w, b) = (tensor(&w, 3), tensor(&b, 1));
        let mut out = Rows::zeros(3, 3);
        product(&x, &w, Some(&b), Write::Set, &mut out);
        assert_eq!(out.data, [11., 22., 33., 13., 24., 37., 15., 26., 41.]);
        product(&x, &w, None, Write::Add, &mut out);
        assert_eq!(out.data, [12., 24., 36., 16., 28., 44., 20., 32., 52.]);
    }
}
