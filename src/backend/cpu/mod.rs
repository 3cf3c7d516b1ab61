//! The CPU backend: f32 arithmetic on all cores, whatever type the weights are stored in.
//!
//! It is the oracle for the GPU backends and what a machine without a GPU runs. Weights stored in 16 bits
//! are widened tile by tile as products need them and never as a second copy.

mod attention;
mod elementwise;
mod head;
mod kernel;
mod math;
mod measure;
mod panels;
mod peak;
mod product;
mod rotary;
mod rows;
mod values;

#[cfg(test)]
mod tests;

pub use rotary::Turns;
pub use rows::Rows;

use super::layer::{At, LayerTensors, See};
use super::reading::{self, Asks, ReadOff};
use super::{Backend, BackendError, HeadUse, PassSizes, Projection, Purpose, TokenLogit, steps, widen};
use crate::checkpoint::spec::{Act, DecoderSpec, LayerSpec, Rotary};
use crate::checkpoint::weights::Tensor;
use crate::plain::counted;
use crate::prefix::{Carry, QueryRun};
use rayon::prelude::*;
use std::ops::Range;

/// All cores of this machine (rayon's global pool).
#[derive(Debug, Default, Clone, Copy)]
pub struct Cpu;

/// Keys and values of a decoder.
pub struct Kv {
    /// Per layer: the carried path, `[path, kv_width]` keys and values, row = depth.
    paths: Vec<[Vec<f32>; 2]>,
    /// Per layer, between `write_kv` and `carry`: path rows, then the pass's own.
    pass: Vec<[Rows; 2]>,
}

type Head<'a, 'w> = HeadUse<'a, Tensor<'w>, Rows>;

impl Backend for Cpu {
    type Rows = Rows;
    type Matrix<'w> = Tensor<'w>;
    type Layer<'w> = steps::Layer<Tensor<'w>>;
    type Turns = Turns;
    type Kv = Kv;
    type Watch = Option<usize>;
    type Reading = ReadOff;

    const READS_LATE: bool = false;

    fn describe(&self) -> String {
        let threads = counted(rayon::current_num_threads(), "thread");
        format!("cpu, {threads}, {}, f32", math::instruction_set())
    }

    fn upload<'w>(&self, tensor: Tensor<'w>, _purpose: Purpose) -> Result<Tensor<'w>, BackendError> {
        Ok(tensor)
    }

    fn load_layer<'w>(
        &self,
        decoder: &DecoderSpec,
        layer: usize,
        tensors: LayerTensors<'w>,
    ) -> Result<Self::Layer<'w>, BackendError> {
        steps::load_layer(self, decoder, layer, tensors)
    }

    fn keys_values(
        &self,
        layer: &Self::Layer<'_>,
        at: &At<'_, Self>,
        x: &Rows,
        kv: &mut Kv,
    ) -> Result<(), BackendError> {
        steps::keys_values(self, layer, at, x, kv)
    }

    fn attention(
        &self,
        layer: &Self::Layer<'_>,
        at: &At<'_, Self>,
        x: &mut Rows,
        kv: &mut Kv,
        see: &mut See<'_, Rows>,
    ) -> Result<(), BackendError> {
        steps::attention(self, layer, at, x, kv, see)
    }

    fn mlp(
        &self,
        layer: &Self::Layer<'_>,
        at: &At<'_, Self>,
        x: &mut Rows,
        see: &mut See<'_, Rows>,
    ) -> Result<(), BackendError> {
        steps::mlp(self, layer, at, x, see)
    }

    fn unit_rows(&self, tensor: Tensor<'_>) -> Result<Rows, BackendError> {
        Ok(head::unit_rows(&tensor))
    }

    fn new_kv(&self, decoder: &DecoderSpec, _most: &PassSizes) -> Result<Kv, BackendError> {
        let layers = &decoder.layers;
        Ok(Kv {
            paths: layers.iter().map(|_| [Vec::new(), Vec::new()]).collect(),
            pass: layers.iter().map(|_| [Rows::default(), Rows::default()]).collect(),
        })
    }

    fn embed(
        &self,
        table: &Tensor<'_>,
        columns: Range<usize>,
        tokens: &[u32],
        scale: f32,
    ) -> Result<Rows, BackendError> {
        let mut out = Rows::unset(tokens.len(), columns.len());
        out.data.par_chunks_exact_mut(columns.len().max(1)).zip(tokens).for_each(|(row, &token)| {
            widen::widen_columns(table, token as usize, columns.clone(), row);
            if scale != 1.0 {
                row.iter_mut().for_each(|x| *x *= scale);
            }
        });
        Ok(out)
    }

    fn norm(
        &self,
        x: &Rows,
        weight: Option<&Tensor<'_>>,
        group: usize,
        eps: f32,
    ) -> Result<Rows, BackendError> {
        let weight = weight.map(widen::widen_all);
        Ok(elementwise::rms_norm(x, weight.as_deref(), group, eps))
    }

    fn linear(&self, x: &Rows, p: &Projection<'_, Tensor<'_>>) -> Result<Rows, BackendError> {
        let mut out = Rows::unset(x.n, p.weight.rows);
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

    fn gate(
        &self,
        x: &Rows,
        gate: &Projection<'_, Tensor<'_>>,
        up: &Projection<'_, Tensor<'_>>,
        act: Act,
    ) -> Result<Rows, BackendError> {
        let mut inner = self.linear(x, gate)?;
        let up = self.linear(x, up)?;
        elementwise::gate(&mut inner, &up, 0, act);
        Ok(inner)
    }

    fn side_gate(
        &self,
        x: &Rows,
        w: &Projection<'_, Tensor<'_>>,
        side: &Rows,
        column: usize,
        act: Act,
    ) -> Result<Rows, BackendError> {
        let mut inner = self.linear(x, w)?;
        elementwise::gate(&mut inner, side, column, act);
        Ok(inner)
    }

    fn add(&self, x: &Rows, to: &mut Rows) -> Result<(), BackendError> {
        elementwise::add(x, to);
        Ok(())
    }

    fn scale(&self, x: &mut Rows, by: f32) -> Result<(), BackendError> {
        elementwise::scale(x, by);
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
        kv.pass[layer] = [k.prepend(&path_k[..k_len]), v.prepend(&path_v[..v_len])];
        Ok(())
    }

    fn tree_attention(
        &self,
        q: &Rows,
        kv: &Kv,
        kv_layer: usize,
        runs: &[QueryRun],
        layer: &LayerSpec,
    ) -> Result<Rows, BackendError> {
        let [keys, values] = &kv.pass[kv_layer];
        Ok(attention::tree_attention(q, keys, values, runs, layer))
    }

    fn carry(&self, kv: &mut Kv, layer: usize, carry: &[Carry]) -> Result<(), BackendError> {
        let pass = std::mem::take(&mut kv.pass[layer]);
        for (path, from) in kv.paths[layer].iter_mut().zip(pass) {
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

    fn gather_rows(&self, x: &Rows, rows: &[usize]) -> Result<Rows, BackendError> {
        let mut out = Rows::unset(rows.len(), x.width);
        for (to, &from) in out.data.chunks_exact_mut(x.width.max(1)).zip(rows) {
            to.copy_from_slice(x.row(from));
        }
        Ok(out)
    }

    fn choice_logits(
        &self,
        x: &Rows,
        head: &Head<'_, '_>,
        ids: &[u32],
    ) -> Result<Vec<Vec<f32>>, BackendError> {
        Ok(head::choice_logits(x, head, ids))
    }

    fn log_sum_exp(&self, x: &Rows, head: &Head<'_, '_>) -> Result<Vec<f64>, BackendError> {
        Ok(head::log_sum_exp(x, head))
    }

    fn top_tokens(
        &self,
        x: &Rows,
        head: &Head<'_, '_>,
        k: usize,
    ) -> Result<Vec<Vec<TokenLogit>>, BackendError> {
        Ok(head::top_tokens(x, head, k))
    }

    fn new_watch(&self) -> Result<Option<usize>, BackendError> {
        Ok(None)
    }

    fn watch(&self, watch: &mut Option<usize>, x: &Rows, place: usize) -> Result<(), BackendError> {
        if elementwise::any_not_finite(x) {
            *watch = Some(watch.map_or(place, |first| first.min(place)));
        }
        Ok(())
    }

    fn noticed(&self, watch: &mut Option<usize>) -> Result<Option<usize>, BackendError> {
        Ok(watch.take())
    }

    fn read_off(
        &self,
        x: &Rows,
        head: &Head<'_, '_>,
        asks: &Asks,
        watch: &mut Option<usize>,
    ) -> Result<ReadOff, BackendError> {
        reading::read_off(self, x, head, asks, watch)
    }

    fn collect(&self, reading: ReadOff) -> Result<ReadOff, BackendError> {
        Ok(reading)
    }

    fn read(&self, x: &Rows) -> Result<Vec<f32>, BackendError> {
        Ok(x.data.to_vec())
    }
}
