//! The CUDA backend: our own kernels (`kernels/`) on NVIDIA GPUs since Ampere, through the driver alone.
//!
//! Products read f16 planes and sum in f32 on tensor cores; the residual stream, norms, rotary and softmax are f32. All work
//! runs on one stream in the order in which it is asked; only reading waits, once a pass and for the pass before. A kernel's
//! result for a row is one fixed sequence of operations, so it does not depend on the rows beside it.

pub mod library;
pub mod lost;
pub mod plan;

mod bounds;
mod cublaslt;
mod driver;
mod error;
mod gpu;
mod head;
mod kernels;
mod kv;
mod layer;
mod load;
mod memory;
mod outputs;
mod packing;
mod params;
mod peak;
mod pool;
mod product;
mod reading;
mod ring;
mod rows;
mod single;
mod stored;
mod tables;
mod transfer;
mod twins;
mod watch;
mod weights;
mod workspace;

pub use error::CudaError;
pub use gpu::{Cuda, CudaOptions};
pub use kernels::{KernelSet, VARIABLE, kernels_sha256};
pub use kv::Kv;
pub use library::Gpu;
pub use load::Layer;
pub use reading::Reading;
pub use rows::Rows;
pub use tables::Turns;
pub use watch::Watch;
pub use weights::Matrix;

use super::layer::{At, LayerTensors, See};
use super::reading::{Asks, ReadOff};
use super::{Backend, BackendError, HeadUse, PassSizes, Precision, Projection, Purpose, Staging, TokenLogit};
use crate::checkpoint::spec::{Act, DecoderSpec, LayerSpec, Rotary};
use crate::checkpoint::weights::Tensor;
use crate::prefix::{Carry, QueryRun};
use params::ADD;
use std::ops::Range;
use std::sync::PoisonError;

impl Backend for Cuda {
    type Rows = Rows;
    type Matrix<'w> = Matrix<'w>;
    type Layer<'w> = Layer;
    type Turns = Turns;
    type Kv = Kv;
    type Watch = Watch;
    type Reading = Reading;

    const READS_LATE: bool = true;

    fn describe(&self) -> String {
        let gpu = self.gpu();
        format!("cuda, {}, {}, {}", gpu.title(), gpu.driver_title(), self.path())
    }

    fn upload<'w>(&self, tensor: Tensor<'w>, purpose: Purpose) -> Result<Matrix<'w>, BackendError> {
        Ok(self.upload_weight(tensor, purpose)?)
    }

    fn load_layer<'w>(
        &self,
        decoder: &DecoderSpec,
        layer: usize,
        tensors: LayerTensors<'w>,
    ) -> Result<Layer, BackendError> {
        let layer = self.load(decoder, layer, tensors)?;
        *self.planes.lock().unwrap_or_else(PoisonError::into_inner) = layer.planes;
        Ok(layer)
    }

    fn stage(&self, bytes: u64, largest: u64) -> Staging<'_> {
        self.begin_staging(bytes, largest).map_or(Staging::NoRoom, Staging::Begun)
    }

    fn unit_rows(&self, tensor: Tensor<'_>) -> Result<Rows, BackendError> {
        let lengths = packing::row_lengths(&tensor);
        let scales: Vec<f32> = lengths.iter().map(|length| length.max(1e-12).recip() as f32).collect();
        Ok(self.rows_of("lengths of rows", 1, scales.len(), &scales)?)
    }

    fn new_kv(&self, decoder: &DecoderSpec, most: &PassSizes) -> Result<Kv, BackendError> {
        Ok(self.begin(decoder, most)?)
    }

    fn keys_values(
        &self,
        layer: &Layer,
        at: &At<'_, Self>,
        x: &Rows,
        kv: &mut Kv,
    ) -> Result<(), BackendError> {
        self.make_keys_values(layer, at, x, kv)
    }

    fn attention(
        &self,
        layer: &Layer,
        at: &At<'_, Self>,
        x: &mut Rows,
        kv: &mut Kv,
        see: &mut See<'_, Rows>,
    ) -> Result<(), BackendError> {
        self.attend_block(layer, at, x, kv, see)
    }

    fn mlp(
        &self,
        layer: &Layer,
        at: &At<'_, Self>,
        x: &mut Rows,
        see: &mut See<'_, Rows>,
    ) -> Result<(), BackendError> {
        self.mlp_block(layer, at, x, see)
    }

    fn embed(
        &self,
        table: &Matrix<'_>,
        columns: Range<usize>,
        tokens: &[u32],
        scale: f32,
    ) -> Result<Rows, BackendError> {
        self.forget_pass();
        Ok(self.embed_rows(table, columns, tokens, scale)?)
    }

    fn norm(
        &self,
        x: &Rows,
        weight: Option<&Matrix<'_>>,
        group: usize,
        eps: f32,
    ) -> Result<Rows, BackendError> {
        let out = self.new_rows("normed rows", x.n, x.width)?;
        let weight = weight.map(Matrix::vector).transpose()?;
        self.norm_into(x, weight, group, eps, &out, false)?;
        Ok(out)
    }

    fn linear(&self, x: &Rows, p: &Projection<'_, Matrix<'_>>) -> Result<Rows, BackendError> {
        Ok(self.linear_rows(x, p)?)
    }

    fn linear_add(
        &self,
        x: &Rows,
        p: &Projection<'_, Matrix<'_>>,
        residual: &mut Rows,
    ) -> Result<(), BackendError> {
        Ok(self.linear_into(x, p, residual, ADD)?)
    }

    fn gate(
        &self,
        x: &Rows,
        gate: &Projection<'_, Matrix<'_>>,
        up: &Projection<'_, Matrix<'_>>,
        act: Act,
    ) -> Result<Rows, BackendError> {
        let (gate, up) = (self.linear_rows(x, gate)?, self.linear_rows(x, up)?);
        Ok(self.gated(&gate, &up, 0, act)?)
    }

    fn side_gate(
        &self,
        x: &Rows,
        w: &Projection<'_, Matrix<'_>>,
        side: &Rows,
        column: usize,
        act: Act,
    ) -> Result<Rows, BackendError> {
        Ok(self.gated(&self.linear_rows(x, w)?, side, column, act)?)
    }

    fn add(&self, x: &Rows, to: &mut Rows) -> Result<(), BackendError> {
        Ok(self.add_rows(x, to)?)
    }

    fn scale(&self, x: &mut Rows, by: f32) -> Result<(), BackendError> {
        Ok(self.scale_rows(x, by)?)
    }

    fn turns(&self, rotary: &Rotary, positions: &[u32]) -> Result<Turns, BackendError> {
        Ok(self.new_turns(rotary, positions)?)
    }

    fn rope(&self, x: &mut Rows, head_dim: usize, turns: &Turns) -> Result<(), BackendError> {
        Ok(self.turn(x, head_dim, turns)?)
    }

    fn write_kv(&self, kv: &mut Kv, layer: usize, path: usize, k: Rows, v: Rows) -> Result<(), BackendError> {
        Ok(self.write_rows(kv, layer, path, &k, &v)?)
    }

    fn tree_attention(
        &self,
        q: &Rows,
        kv: &Kv,
        kv_layer: usize,
        runs: &[QueryRun],
        layer: &LayerSpec,
    ) -> Result<Rows, BackendError> {
        Ok(self.attend_rows(q, kv, kv_layer, runs, layer)?)
    }

    fn carry(&self, kv: &mut Kv, layer: usize, carry: &[Carry]) -> Result<(), BackendError> {
        Ok(self.carry_rows(kv, layer, carry)?)
    }

    fn gather_rows(&self, x: &Rows, rows: &[usize]) -> Result<Rows, BackendError> {
        Ok(self.gather(x, rows)?)
    }

    fn choice_logits(
        &self,
        x: &Rows,
        head: &HeadUse<'_, Matrix<'_>, Rows>,
        ids: &[u32],
    ) -> Result<Vec<Vec<f32>>, BackendError> {
        Ok(self.logits_of(x, head, ids)?)
    }

    fn log_sum_exp(&self, x: &Rows, head: &HeadUse<'_, Matrix<'_>, Rows>) -> Result<Vec<f64>, BackendError> {
        Ok(self.log_sums(x, head)?)
    }

    fn top_tokens(
        &self,
        x: &Rows,
        head: &HeadUse<'_, Matrix<'_>, Rows>,
        k: usize,
    ) -> Result<Vec<Vec<TokenLogit>>, BackendError> {
        Ok(self.largest(x, head, k)?)
    }

    fn new_watch(&self) -> Result<Watch, BackendError> {
        Ok(self.make_watch()?)
    }

    fn watch(&self, watch: &mut Watch, x: &Rows, place: usize) -> Result<(), BackendError> {
        Ok(self.watch_rows(watch, x, place)?)
    }

    fn noticed(&self, watch: &mut Watch) -> Result<Option<usize>, BackendError> {
        Ok(self.read_watch(watch)?)
    }

    fn read_off(
        &self,
        x: &Rows,
        head: &HeadUse<'_, Matrix<'_>, Rows>,
        asks: &Asks,
        watch: &mut Watch,
    ) -> Result<Reading, BackendError> {
        Ok(self.send_off(x, head, asks, watch)?)
    }

    fn collect(&self, reading: Reading) -> Result<ReadOff, BackendError> {
        Ok(self.arrived(reading)?)
    }

    fn read(&self, x: &Rows) -> Result<Vec<f32>, BackendError> {
        Ok(self.read_rows(x)?)
    }
}
