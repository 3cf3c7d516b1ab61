//! Who computes: the steps of a decoder on some device, coarse enough to fuse and few enough to write three times.
//!
//! # Contract
//! - The residual stream, norms, rotary, softmax and all sums are f32 (or wider), whatever the stored type of the weights.
//!   In `f32` a product's factors keep at least 21 bits; in `fast` one of them may be rounded to 11. On `cuda` a factor is two
//!   f16 planes, `hi + lo` (22 bits), or `hi` alone (11) in the MLPs of `fast`, times a power of two from a bound that no value
//!   can exceed; weights stored in 16 bits are exact in one plane.
//! - **Batch invariance**: a row of any result has the same bits whatever other rows are computed with it. Tile shapes
//!   depend on the weights only; a query takes its keys by depth from 0 on, never range by range.
//! - Matrices are `[out, in]` row-major, as checkpoints store them: `linear` computes `x W^T`.

pub mod cache;
pub mod cpu;
pub mod cuda;
mod distinct;
pub mod layer;
pub mod measure;
pub mod reading;
pub mod steps;
pub mod wgpu;

mod widen;

use crate::checkpoint::Take;
use crate::checkpoint::spec::{Act, DecoderSpec, LayerSpec, Rotary};
use crate::checkpoint::weights::{Role, Tensor};
use crate::prefix::{Carry, QueryRun};
use layer::{At, LayerTensors, See};
use reading::{Asks, ReadOff};
use std::ops::Range;

/// What can go wrong on a device.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    #[error("{0}")]
    Device(String),
    /// The device computes no more, whatever it is asked.
    #[error("{0}")]
    Lost(String),
    /// A weight that the device's arithmetic cannot hold; the text follows the weight's name.
    #[error("a weight {why}")]
    Weight { role: Option<Role>, why: String },
    /// A layer has no tensor for this.
    #[error("the checkpoint has no tensor for {0:?}")]
    Missing(Role),
}

impl BackendError {
    /// Nothing more can be had of the device.
    pub fn is_fatal(&self) -> bool {
        matches!(self, BackendError::Lost(_))
    }
}

/// Arithmetic of the matrix products on a GPU; everything else is f32 in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// As good as f32 products and sums, whatever type the weights are stored in.
    #[default]
    F32,
    /// Products in f16 with f32 sums where the device has matrix units that fit; one factor is rounded to 11 bits.
    Fast,
}

/// What the passes of one run need at most, each pass by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PassSizes {
    /// Tokens.
    pub tokens: usize,
    /// Rows of the carried path.
    pub path: usize,
    /// Prompts that end.
    pub ends: usize,
    /// Query runs.
    pub runs: usize,
    /// Keys seen by the runs' last tokens, all together; and by the prompts' last tokens.
    pub keys: usize,
    pub end_keys: usize,
}

/// A weight `[out, in]` and its bias `[out]`.
pub struct Projection<'a, M> {
    pub weight: &'a M,
    pub bias: Option<&'a M>,
}

/// What a weight is uploaded for. A table from which only rows are gathered may stay on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A matrix, bias or norm weight that is read whole.
    Product,
    /// A table of which rows are gathered.
    Gather,
    Both,
}

/// The output embedding and what is done to its logits:
/// `logit_j = cap * tanh(row_scale_j * (x . w_j) / cap)`, without the cap `row_scale_j * (x . w_j)`.
pub struct HeadUse<'a, M, R> {
    /// `[V, H]`
    pub table: &'a M,
    /// `[1, V]`
    pub row_scale: Option<&'a R>,
    pub cap: Option<f32>,
}

/// Whether a device takes weights while their files are read, before they are asked for.
pub enum Staging<'b> {
    /// It uses them where they lie.
    Unneeded,
    /// There is too little memory beside what the device holds.
    NoRoom,
    /// What is taken is kept until it is uploaded, or until this goes, which has to be before the files are closed.
    Begun(Box<dyn Take + Send + 'b>),
}

/// One token and its logit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenLogit {
    pub token: u32,
    pub logit: f32,
}

/// A device: what it does of a decoder's layer, and the single steps around layers, of which a backend that fuses nothing
/// composes its layers too ([`steps`]). Between layers only the residual stream goes from call to call. `n` rows, hidden size `H`, vocabulary `V`.
pub trait Backend {
    /// `[n, width]` f32 activations on the device.
    type Rows;
    /// A weight on the device, in its stored type.
    type Matrix<'w>;
    /// A layer's weights on the device, in whatever form its steps want them.
    type Layer<'w>;
    /// A rotary table on the device.
    type Turns;
    /// Keys and values of one decoder: per layer the carried path, and room for one pass.
    type Kv;
    /// Where a pass leaves word of values that are not finite.
    type Watch;
    /// What is read off a pass, on its way to the host.
    type Reading;

    /// Whether readings are still on their way when [`Backend::read_off`] returns, so that the next pass had better be
    /// started before they are waited for.
    const READS_LATE: bool;

    /// Short name and device, for people and for provenance.
    fn describe(&self) -> String;

    /// Prepares for tensors of `bytes` in all, the largest of them `largest`, that come while their files are read: uploading them
    /// is then quick. May be called, and the tensors may come, while the device computes with other weights.
    fn stage(&self, bytes: u64, largest: u64) -> Staging<'_> {
        let _ = (bytes, largest);
        Staging::Unneeded
    }

    /// Brings a weight to the device; on the CPU a view into the mapped file.
    fn upload<'w>(&self, tensor: Tensor<'w>, purpose: Purpose) -> Result<Self::Matrix<'w>, BackendError>;

    /// Brings the weights of layer `layer` of `decoder` to the device.
    fn load_layer<'w>(
        &self,
        decoder: &DecoderSpec,
        layer: usize,
        tensors: LayerTensors<'w>,
    ) -> Result<Self::Layer<'w>, BackendError>;

    /// `1 / max(|w_j|, 1e-12)` for each row `w_j` of a `[V, H]` matrix: `[1, V]`.
    fn unit_rows(&self, tensor: Tensor<'_>) -> Result<Self::Rows, BackendError>;

    /// Room for the keys and values of a run whose passes are of these sizes, and for all else that the passes need.
    fn new_kv(&self, decoder: &DecoderSpec, most: &PassSizes) -> Result<Self::Kv, BackendError>;

    /// Makes the layer's keys and values of `x`, its input before any norm, as the key rows that query runs refer to:
    /// the carried path's first. They stay until `carry`.
    fn keys_values(
        &self,
        layer: &Self::Layer<'_>,
        at: &At<'_, Self>,
        x: &Self::Rows,
        kv: &mut Self::Kv,
    ) -> Result<(), BackendError>;

    /// `x += attention block`, which makes the layer's keys and values first where `at.makes_kv`.
    fn attention(
        &self,
        layer: &Self::Layer<'_>,
        at: &At<'_, Self>,
        x: &mut Self::Rows,
        kv: &mut Self::Kv,
        see: &mut See<'_, Self::Rows>,
    ) -> Result<(), BackendError>;

    /// `x += MLP block`, the layer's side input and scale included.
    fn mlp(
        &self,
        layer: &Self::Layer<'_>,
        at: &At<'_, Self>,
        x: &mut Self::Rows,
        see: &mut See<'_, Self::Rows>,
    ) -> Result<(), BackendError>;

    /// These columns of the rows of `table` for `tokens`, times `scale`: `[n, columns]`.
    fn embed(
        &self,
        table: &Self::Matrix<'_>,
        columns: Range<usize>,
        tokens: &[u32],
        scale: f32,
    ) -> Result<Self::Rows, BackendError>;

    /// `x / sqrt(mean(x^2) + eps) * weight`, each `group` consecutive elements of a row by themselves; `weight` has
    /// `group` elements, and `group` divides the width.
    fn norm(
        &self,
        x: &Self::Rows,
        weight: Option<&Self::Matrix<'_>>,
        group: usize,
        eps: f32,
    ) -> Result<Self::Rows, BackendError>;

    /// `x W^T + bias`: `[n, out]`.
    fn linear(
        &self,
        x: &Self::Rows,
        p: &Projection<'_, Self::Matrix<'_>>,
    ) -> Result<Self::Rows, BackendError>;

    /// `residual += x W^T + bias`, with the same bits as `linear` and `add`.
    fn linear_add(
        &self,
        x: &Self::Rows,
        p: &Projection<'_, Self::Matrix<'_>>,
        residual: &mut Self::Rows,
    ) -> Result<(), BackendError>;

    /// `act(x Wg^T + bg) * (x Wu^T + bu)`: `[n, out]`.
    fn gate(
        &self,
        x: &Self::Rows,
        gate: &Projection<'_, Self::Matrix<'_>>,
        up: &Projection<'_, Self::Matrix<'_>>,
        act: Act,
    ) -> Result<Self::Rows, BackendError>;

    /// `act(x W^T) * side[:, column..column + out]`: `[n, out]`.
    fn side_gate(
        &self,
        x: &Self::Rows,
        w: &Projection<'_, Self::Matrix<'_>>,
        side: &Self::Rows,
        column: usize,
        act: Act,
    ) -> Result<Self::Rows, BackendError>;

    /// `to += x`
    fn add(&self, x: &Self::Rows, to: &mut Self::Rows) -> Result<(), BackendError>;

    /// `x *= by`
    fn scale(&self, x: &mut Self::Rows, by: f32) -> Result<(), BackendError>;

    /// Sines and cosines of `rotary` at these positions, one row each; used by all layers of a pass.
    fn turns(&self, rotary: &Rotary, positions: &[u32]) -> Result<Self::Turns, BackendError>;

    /// Turns each head of `x` `[n, heads * head_dim]` by its row's position. Pairs beyond the table stay.
    fn rope(&self, x: &mut Self::Rows, head_dim: usize, turns: &Self::Turns) -> Result<(), BackendError>;

    /// Places `layer`'s carried path and the pass's own keys and values (`[n, kv_heads * head_dim]` each) as the key
    /// rows that query runs refer to: path rows first, then `k` and `v`. They stay until `carry`.
    fn write_kv(
        &self,
        kv: &mut Self::Kv,
        layer: usize,
        path: usize,
        k: Self::Rows,
        v: Self::Rows,
    ) -> Result<(), BackendError>;

    /// `softmax(cap(scale * q K^T)) V` per head over the keys of layer `kv_layer` that `layer.window` lets a query see:
    /// `[n, heads * head_dim]`.
    fn tree_attention(
        &self,
        q: &Self::Rows,
        kv: &Self::Kv,
        kv_layer: usize,
        runs: &[QueryRun],
        layer: &LayerSpec,
    ) -> Result<Self::Rows, BackendError>;

    /// Keeps the key/value rows that the next pass's path needs from `layer`; the pass's other rows may go. Called once
    /// per pass for every layer that makes keys and values, after their last reader.
    fn carry(&self, kv: &mut Self::Kv, layer: usize, carry: &[Carry]) -> Result<(), BackendError>;

    /// The rows of `x` with these indices.
    fn gather_rows(&self, x: &Self::Rows, rows: &[usize]) -> Result<Self::Rows, BackendError>;

    /// Logits of `ids` only: for each row of `x`, in order, one f32 per id.
    fn choice_logits(
        &self,
        x: &Self::Rows,
        head: &HeadUse<'_, Self::Matrix<'_>, Self::Rows>,
        ids: &[u32],
    ) -> Result<Vec<Vec<f32>>, BackendError>;

    /// `log(sum(exp(logits)))` over the whole vocabulary, one per row, without ever storing `[n, V]`.
    fn log_sum_exp(
        &self,
        x: &Self::Rows,
        head: &HeadUse<'_, Self::Matrix<'_>, Self::Rows>,
    ) -> Result<Vec<f64>, BackendError>;

    /// The `k` largest logits of each row, largest first (ties: smaller id first).
    fn top_tokens(
        &self,
        x: &Self::Rows,
        head: &HeadUse<'_, Self::Matrix<'_>, Self::Rows>,
        k: usize,
    ) -> Result<Vec<Vec<TokenLogit>>, BackendError>;

    /// A watch that has noticed nothing.
    fn new_watch(&self) -> Result<Self::Watch, BackendError>;

    /// Notes `place` if `x` holds a NaN or an infinity. Waits for nothing.
    fn watch(&self, watch: &mut Self::Watch, x: &Self::Rows, place: usize) -> Result<(), BackendError>;

    /// The smallest place noted since the last call; then forgets.
    fn noticed(&self, watch: &mut Self::Watch) -> Result<Option<usize>, BackendError>;

    /// Everything that is asked of a pass's final rows, and what its watch has noted, which it then forgets. Where
    /// [`Backend::READS_LATE`], it waits for nothing.
    fn read_off(
        &self,
        x: &Self::Rows,
        head: &HeadUse<'_, Self::Matrix<'_>, Self::Rows>,
        asks: &Asks,
        watch: &mut Self::Watch,
    ) -> Result<Self::Reading, BackendError>;

    /// Waits for a reading. Readings are collected in the order in which they were begun, one later than the last at most.
    fn collect(&self, reading: Self::Reading) -> Result<ReadOff, BackendError>;

    /// Rows as f32 on the host, `[n * width]` row-major.
    fn read(&self, x: &Self::Rows) -> Result<Vec<f32>, BackendError>;
}
