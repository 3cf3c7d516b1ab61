//! Row-wise steps: RMS norm and gate. Rows are independent, and so are their bits.

use super::math::{gelu_tanh, silu, sum_lanes, vectorized};
use super::rows::Rows;
use crate::checkpoint::spec::Act;
use rayon::prelude::*;

/// Rows handled by one task.
const ROWS_PER_TASK: usize = 32;

/// `x / sqrt(mean(x^2) + eps) * weight`
pub fn rms_norm(x: &Rows, weight: &[f32], eps: f32) -> Rows {
    let mut out = Rows::zeros(x.n, x.width);
    let span = ROWS_PER_TASK * x.width;
    out.data
        .par_chunks_mut(span)
        .zip(x.data.par_chunks(span))
        .for_each(|(out, x)| rms_norm_rows(out, x, weight, eps));
    out
}

vectorized! {
    fn rms_norm_rows(out: &mut [f32], x: &[f32], weight: &[f32], eps: f32) {
        for (out, x) in out.chunks_exact_mut(weight.len()).zip(x.chunks_exact(weight.len())) {
            rms_norm_row(out, x, weight, eps);
        }
    }
}

#[inline(always)]
fn rms_norm_row(out: &mut [f32], x: &[f32], weight: &[f32], eps: f32) {
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
    for ((o, v), w) in out.iter_mut().zip(x).zip(weight) {
        *o = v * scale * w;
    }
}

/// `inner = act(inner) * up`
pub fn gate(inner: &mut Rows, up: &Rows, act: Act) {
    let span = ROWS_PER_TASK * up.width;
    inner.data.par_chunks_mut(span).zip(up.data.par_chunks(span)).for_each(|(g, u)| gate_slice(g, u, act));
}

vectorized! {
    fn gate_slice(gate: &mut [f32], up: &[f32], act: Act) {
        match act {
            Act::Silu => gate.iter_mut().zip(up).for_each(|(g, u)| *g = silu(*g) * u),
            Act::GeluTanh => gate.iter_mut().zip(up).for_each(|(g, u)| *g = gelu_tanh(*g) * u),
        }
    }
}
