//! The CPU backend: f32 arithmetic on all cores, whatever type the weights are stored in.
//!
//! It is the oracle for the GPU backends and what a machine without a GPU runs. Weights stored in 16 bits
//! are widened tile by tile as products need them and never as a second copy.

mod attention;
mod elementwise;
mod head;
mod kernel;
mod math;
mod panels;
mod peak;
mod product;
mod rotary;
mod rows;
mod widen;

pub use peak::peak;
pub use rotary::Turns;
pub use rows::Rows;

use super::{Backend, BackendError, GatedMlp, Projection, TokenLogit};
use crate::checkpoint::spec::{LayerSpec, Rotary};
use crate::checkpoint::weights::Tensor;
use crate::prefix::{Carry, QueryRun};

/// All cores of this machine (rayon's global pool).
#[derive(Debug, Default, Clone, Copy)]
pub struct Cpu;

/// Keys and values of a decoder.
pub struct Kv {
    /// Per layer: the carried path, `[path, kv_width]` keys and values, row = depth.
    paths: Vec<[Vec<f32>; 2]>,
    /// The pass in work: path rows, then the pass's own.
    keys: Rows,
    values: Rows,
}

impl Backend for Cpu {
    type Rows = Rows;
    type Matrix<'w> = Tensor<'w>;
    type Turns = Turns;
    type Kv = Kv;

    fn describe(&self) -> String {
        format!("cpu, {} threads, {}, f32", rayon::current_num_threads(), math::instruction_set())
    }

    fn upload<'w>(&self, tensor: Tensor<'w>) -> Result<Tensor<'w>, BackendError> {
        Ok(tensor)
    }

    fn new_kv(&self, layers: &[LayerSpec], _pack: usize, _path: usize) -> Result<Kv, BackendError> {
        Ok(Kv {
            paths: layers.iter().map(|_| [Vec::new(), Vec::new()]).collect(),
            keys: Rows::default(),
            values: Rows::default(),
        })
    }

    fn embed(&self, table: &Tensor<'_>, tokens: &[u32], scale: f32) -> Result<Rows, BackendError> {
        let mut out = Rows::zeros(tokens.len(), table.cols);
        for (row, &token) in out.data.chunks_exact_mut(table.cols).zip(tokens) {
            widen::widen_row(table, token as usize, row);
            if scale != 1.0 {
                row.iter_mut().for_each(|x| *x *= scale);
            }
        }
        Ok(out)
    }

    fn norm(&self, x: &Rows, weight: &Tensor<'_>, eps: f32) -> Result<Rows, BackendError> {
        Ok(elementwise::rms_norm(x, &widen::widen_all(weight), eps))
    }

    fn linear(&self, x: &Rows, p: &Projection<'_, Tensor<'_>>) -> Result<Rows, BackendError> {
        let mut out = Rows::zeros(x.n, p.weight.rows);
        product::product(x, p.weight, p.bias, product::Write::Set, &mut out);
        Ok(out)
    }

    fn linear_add(
        &self,
        x: &Rows,
        p: &Projection<'_, Tensor<'_>>,
        residual: &mut Rows,
    ) -> Result<(), BackendError> {
        product::product(x, p.weight, p.bias, product::Write::Add, residual);
        Ok(())
    }

    fn turns(&self, rotary: &Rotary, positions: &[u32]) -> Result<Turns, BackendError> {
        Ok(Turns::new(rotary, positions))
    }

    fn rope(&self, x: &mut Rows, head_dim: usize, turns: &Turns) -> Result<(), BackendError> {
        turns.apply(x, head_dim);
        Ok(())
    }

    fn write_kv(&self, kv: &mut Kv, layer: usize, path: usize, k: Rows, v: Rows) -> Result<(), BackendError> {
        let [path_k, path_v] = &kv.paths[layer];
        let (k_len, v_len) = (path * k.width, path * v.width);
        kv.keys = k.prepend(&path_k[..k_len]);
        kv.values = v.prepend(&path_v[..v_len]);
        Ok(())
    }

    fn tree_attention(
        &self,
        q: &Rows,
        kv: &Kv,
        runs: &[QueryRun],
        layer: &LayerSpec,
    ) -> Result<Rows, BackendError> {
        Ok(attention::tree_attention(q, &kv.keys, &kv.values, runs, layer))
    }

    fn carry(&self, kv: &mut Kv, layer: usize, carry: &[Carry]) -> Result<(), BackendError> {
        for (path, from) in kv.paths[layer].iter_mut().zip([&kv.keys, &kv.values]) {
            let w = from.width;
            for c in carry {
                let end = (c.depth + c.len) * w;
                if path.len() < end {
                    path.resize(end, 0.0);
                }
                path[c.depth * w..end].copy_from_slice(&from.data[c.from * w..(c.from + c.len) * w]);
            }
        }
        Ok(())
    }

    fn gated_mlp(
        &self,
        x: &Rows,
        mlp: &GatedMlp<'_, Tensor<'_>>,
        residual: &mut Rows,
    ) -> Result<(), BackendError> {
        let mut inner = self.linear(x, &mlp.gate)?;
        let up = self.linear(x, &mlp.up)?;
        elementwise::gate(&mut inner, &up, mlp.act);
        self.linear_add(&inner, &mlp.down, residual)
    }

    fn gather_rows(&self, x: &Rows, rows: &[usize]) -> Result<Rows, BackendError> {
        let data = rows.iter().flat_map(|&r| x.row(r)).copied().collect();
        Ok(Rows { n: rows.len(), width: x.width, data })
    }

    fn choice_logits(&self, x: &Rows, head: &Tensor<'_>, ids: &[u32]) -> Result<Vec<Vec<f32>>, BackendError> {
        Ok(head::choice_logits(x, head, ids))
    }

    fn log_sum_exp(&self, x: &Rows, head: &Tensor<'_>) -> Result<Vec<f64>, BackendError> {
        Ok(head::log_sum_exp(x, head))
    }

    fn top_tokens(
        &self,
        x: &Rows,
        head: &Tensor<'_>,
        k: usize,
    ) -> Result<Vec<Vec<TokenLogit>>, BackendError> {
        Ok(head::top_tokens(x, head, k))
    }

    fn first_non_finite(&self, x: &Rows) -> Result<Option<usize>, BackendError> {
        Ok(x.data.iter().position(|v| !v.is_finite()).map(|i| i / x.width))
    }

    fn read(&self, x: &Rows) -> Result<Vec<f32>, BackendError> {
        Ok(x.data.clone())
    }
}
