//! Matrix products `x W^T` through the `gemm` crate.
//!
//! One task multiplies one tile of weight rows with one block of activation rows, single-threaded. Tile shapes follow
//! from the weight alone. The crate sums over `k` in the same order for every row of a call and for every number of
//! rows, but for its paths for small problems, which [`multiply`] keeps away from; tests check it shape by shape.

use super::rows::Rows;
use super::widen::rows_f32;
use crate::checkpoint::weights::Tensor;
use rayon::prelude::*;

/// Weight rows of one tile: small enough that a widened tile stays in the second-level cache's reach.
const TILE: usize = 192;
/// Activation rows of one block.
const BLOCK: usize = 512;
/// Up to this many results the crate takes dot products along `k`, which sum in another order.
const DOT_RESULTS: usize = 256;
/// Up to this many rows and columns the crate cuts a `k` above [`SMALL_DEPTH`] otherwise than beyond.
const SMALL: usize = 64;
const SMALL_DEPTH: usize = 512;

/// What happens to the values already in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    Set,
    Add,
}

/// `out = x W^T + bias`, or `out += ...`; x `[n, in]`, W `[out, in]`.
pub fn product(x: &Rows, w: &Tensor<'_>, bias: Option<&Tensor<'_>>, write: Write, out: &mut Rows) {
    let bias = bias.map(super::widen::widen_all);
    let width = w.rows;
    let tile = even_tile(width, TILE);
    let blocks: Vec<(usize, usize)> =
        (0..x.n).step_by(BLOCK).flat_map(|r| (0..width).step_by(tile).map(move |c| (r, c))).collect();
    let target = Target(out.data.as_mut_ptr());
    blocks.into_par_iter().for_each_init(Scratch::default, |scratch, (row, col)| {
        let m = BLOCK.min(x.n - row);
        let n = tile.min(width - col);
        let weights = rows_f32(w, col..col + n, &mut scratch.weights);
        let a = &x.data[row * x.width..(row + m) * x.width];
        let product = multiply(a, weights, Shape { m, n, k: x.width }, &mut scratch.product);
        for i in 0..m {
            // SAFETY: blocks do not overlap, and each lies inside `out` (`[x.n, width]`).
            let to = unsafe { std::slice::from_raw_parts_mut(target.at((row + i) * width + col), n) };
            let from = &product[i * n..(i + 1) * n];
            match (write, &bias) {
                (Write::Set, None) => to.copy_from_slice(from),
                (Write::Set, Some(b)) => {
                    to.iter_mut().zip(from).zip(&b[col..]).for_each(|((t, f), b)| *t = f + b)
                }
                (Write::Add, None) => to.iter_mut().zip(from).for_each(|(t, f)| *t += f),
                (Write::Add, Some(b)) => {
                    to.iter_mut().zip(from).zip(&b[col..]).for_each(|((t, f), b)| *t += f + b)
                }
            }
        }
    });
}

/// The size of equal tiles of at most `most` rows, so that no sliver is left over.
pub fn even_tile(rows: usize, most: usize) -> usize {
    rows.div_ceil(rows.div_ceil(most).max(1)).max(1)
}

/// The output's address, shared by tasks that write disjoint parts of it.
struct Target(*mut f32);
// SAFETY: only ever used to write disjoint blocks.
unsafe impl Sync for Target {}
impl Target {
    fn at(&self, offset: usize) -> *mut f32 {
        // SAFETY: callers stay inside the allocation.
        unsafe { self.0.add(offset) }
    }
}

/// Buffers of one worker, kept from tile to tile.
#[derive(Default)]
pub struct Scratch {
    pub weights: Vec<f32>,
    pub product: Vec<f32>,
}

/// `a` is `[m, k]`, `b` is `[n, k]`.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub m: usize,
    pub n: usize,
    pub k: usize,
}

/// `a b^T` `[m, n]` in `out`, on this thread, with bits that do not depend on `m`.
pub fn multiply<'o>(a: &[f32], b: &[f32], s: Shape, out: &'o mut Vec<f32>) -> &'o mut [f32] {
    let least = (DOT_RESULTS / s.n + 1).max(if s.n <= SMALL && s.k > SMALL_DEPTH { SMALL + 1 } else { 2 });
    out.clear();
    if s.m >= least {
        out.resize(s.m * s.n, 0.0);
        gemm_into(a, b, s, out);
    } else {
        let mut padded = a.to_vec();
        padded.resize(least * s.k, 0.0);
        out.resize(least * s.n, 0.0);
        gemm_into(&padded, b, Shape { m: least, ..s }, out);
        out.truncate(s.m * s.n);
    }
    out
}

fn gemm_into(a: &[f32], b: &[f32], Shape { m, n, k }: Shape, out: &mut [f32]) {
    assert!(a.len() >= m * k && b.len() >= n * k && out.len() >= m * n);
    let (n_, k_) = (n as isize, k as isize);
    // SAFETY: the three slices hold the shapes that the strides span (asserted above).
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n_,
            false,
            a.as_ptr(),
            1,
            k_,
            b.as_ptr(),
            k_,
            1,
            0.0f32,
            1.0f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// GFLOP/s of one large square product on all cores: the ceiling that benchmarks measure against.
pub fn peak_product(size: usize, repeats: usize) -> f64 {
    let a = vec![0.5f32; size * size];
    let b = vec![0.25f32; size * size];
    let mut out = vec![0.0f32; size * size];
    let mut best = f64::INFINITY;
    for _ in 0..=repeats {
        let start = std::time::Instant::now();
        let s = size as isize;
        // SAFETY: all three are `size * size`.
        unsafe {
            gemm::gemm(
                size,
                size,
                size,
                out.as_mut_ptr(),
                1,
                s,
                false,
                a.as_ptr(),
                1,
                s,
                b.as_ptr(),
                s,
                1,
                0.0f32,
                1.0f32,
                false,
                false,
                false,
                gemm::Parallelism::Rayon(0),
            );
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    2.0 * (size as f64).powi(3) / best / 1e9
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
