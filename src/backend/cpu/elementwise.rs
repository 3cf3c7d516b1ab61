//! Row-wise steps: RMS norm, gate, sum and scale. Rows are independent, and so are their bits.

use super::math::{gelu_tanh, silu, sum_lanes, vectorized};
use super::rows::Rows;
use crate::checkpoint::spec::Act;
use rayon::prelude::*;

/// Rows handled by one task.
const ROWS_PER_TASK: usize = 64;

/// `x / sqrt(mean(x^2) + eps) * weight`, each `group` elements of a row by themselves.
pub fn rms_norm(x: &Rows, weight: Option<&[f32]>, group: usize, eps: f32) -> Rows {
    let mut out = Rows::unset(x.n, x.width);
    let span = ROWS_PER_TASK * x.width;
    out.data
        .par_chunks_mut(span)
        .zip(x.data.par_chunks(span))
        .with_max_len(1)
        .for_each(|(out, x)| rms_norm_rows(out, x, weight, group, eps));
    out
}

vectorized! {
    fn rms_norm_rows(out: &mut [f32], x: &[f32], weight: Option<&[f32]>, group: usize, eps: f32) {
        for (out, x) in out.chunks_exact_mut(group).zip(x.chunks_exact(group)) {
            rms_norm_row(out, x, weight, eps);
        }
    }
}

#[inline(always)]
fn rms_norm_row(out: &mut [f32], x: &[f32], weight: Option<&[f32]>, eps: f32) {
    let mut lanes = [0.0f32; 16];
    let (chunks, rest) = x.as_chunks::<16>();
    for c in chunks {
        for i in 0..16 {
            lanes[i] = c[i].mul_add(c[i], lanes[i]);
        }
    }
    for (i, v) in rest.iter().enumerate() {
        lanes[i] = v.mul_add(*v, lanes[i]);
    }
    let scale = 1.0 / (sum_lanes(lanes) / x.len() as f32 + eps).sqrt();
    match weight {
        Some(weight) => {
            for ((o, v), w) in out.iter_mut().zip(x).zip(weight) {
                *o = v * scale * w;
            }
        }
        None => out.iter_mut().zip(x).for_each(|(o, v)| *o = v * scale),
    }
}

/// `inner = act(inner) * up[:, column..column + inner.width]`
pub fn gate(inner: &mut Rows, up: &Rows, column: usize, act: Act) {
    let (width, span) = (inner.width, ROWS_PER_TASK * inner.width);
    inner
        .data
        .par_chunks_mut(span)
        .zip(up.data.par_chunks(ROWS_PER_TASK * up.width))
        .with_max_len(1)
        .for_each(|(g, u)| {
            for (g, u) in g.chunks_exact_mut(width).zip(u.chunks_exact(up.width)) {
                gate_slice(g, &u[column..column + width], act);
            }
        });
}

vectorized! {
    fn gate_slice(gate: &mut [f32], up: &[f32], act: Act) {
        match act {
            Act::Silu => gate.iter_mut().zip(up).for_each(|(g, u)| *g = silu(*g) * u),
            Act::GeluTanh => gate.iter_mut().zip(up).for_each(|(g, u)| *g = gelu_tanh(*g) * u),
        }
    }
}

/// `to += x`
pub fn add(x: &Rows, to: &mut Rows) {
    let span = ROWS_PER_TASK * x.width;
    to.data
        .par_chunks_mut(span)
        .zip(x.data.par_chunks(span))
        .with_max_len(1)
        .for_each(|(to, x)| to.iter_mut().zip(x).for_each(|(to, x)| *to += x));
}

/// `x *= by`
pub fn scale(x: &mut Rows, by: f32) {
    x.data.par_chunks_mut(ROWS_PER_TASK * x.width).for_each(|x| x.iter_mut().for_each(|x| *x *= by));
}

/// Whether there is a NaN or an infinity.
pub fn any_not_finite(x: &Rows) -> bool {
    // Zero times a finite value is zero, times any other NaN: a sum, unlike a search, vectorises.
    x.data.par_chunks(ROWS_PER_TASK * x.width.max(1)).any(|chunk| {
        let mut sums = [0.0f32; 16];
        let (lanes, rest) = chunk.as_chunks::<16>();
        for lane in lanes {
            for i in 0..16 {
                sums[i] += lane[i] * 0.0;
            }
        }
        sums.iter().any(|s| *s != 0.0) || rest.iter().any(|v| !v.is_finite())
    })
}
