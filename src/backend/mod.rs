//! Who computes: the steps of a decoder on some device, coarse enough to fuse and few enough to write three times.
//!
//! # Contract
//! - Activations, norms, rotary, softmax and all sums are f32 (or wider), whatever the stored type of the weights.
//! - **Batch invariance**: a row of any result has the same bits whatever other rows are computed with it. Tile shapes
//!   depend on the weights only; a query takes its keys by depth from 0 on, never range by range.
//! - Matrices are `[out, in]` row-major, as checkpoints store them: `linear` computes `x W^T`.

pub mod cpu;
pub mod wgpu;

use crate::checkpoint::spec::{Act, LayerSpec, Rotary};
use crate::checkpoint::weights::Tensor;
use crate::prefix::{Carry, QueryRun};

/// What can go wrong on a device.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    #[error("{0}")]
    Device(String),
}

/// Projections of one layer's attention input.
pub struct Projection<'a, M> {
    pub weight: &'a M,
    pub bias: Option<&'a M>,
}

/// The three matrices of a gated MLP, each `[out, in]`.
pub struct GatedMlp<'a, M> {
    pub gate: Projection<'a, M>,
    pub up: Projection<'a, M>,
    pub down: Projection<'a, M>,
    pub act: Act,
}

/// One token and its logit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenLogit {
    pub token: u32,
    pub logit: f32,
}

/// A device. `n` rows, hidden size `H`, vocabulary `V`.
pub trait Backend {
    /// `[n, width]` f32 activations on the device.
    type Rows;
    /// A weight on the device, in its stored type.
    type Matrix<'w>;
    /// A rotary table on the device.
    type Turns;
    /// Keys and values of one decoder: per layer the carried path, and room for one pass.
    type Kv;

    /// Short name and device, for people and for provenance.
    fn describe(&self) -> String;

    /// Brings a weight to the device; on the CPU a view into the mapped file.
    fn upload<'w>(&self, tensor: Tensor<'w>) -> Result<Self::Matrix<'w>, BackendError>;

    /// Room for the keys and values of `layers` with passes of up to `pack` rows on paths of up to `path` rows.
    fn new_kv(&self, layers: &[LayerSpec], pack: usize, path: usize) -> Result<Self::Kv, BackendError>;

    /// Rows of `table` `[V, H]` for `tokens`, times `scale`: `[n, H]`.
    fn embed(&self, table: &Self::Matrix<'_>, tokens: &[u32], scale: f32)
    -> Result<Self::Rows, BackendError>;

    /// `x / sqrt(mean(x^2) + eps) * weight`, row by row.
    fn norm(&self, x: &Self::Rows, weight: &Self::Matrix<'_>, eps: f32) -> Result<Self::Rows, BackendError>;

    /// `x W^T + bias`: `[n, out]`.
    fn linear(
        &self,
        x: &Self::Rows,
        p: &Projection<'_, Self::Matrix<'_>>,
    ) -> Result<Self::Rows, BackendError>;

    /// `residual += x W^T + bias`.
    fn linear_add(
        &self,
        x: &Self::Rows,
        p: &Projection<'_, Self::Matrix<'_>>,
        residual: &mut Self::Rows,
    ) -> Result<(), BackendError>;

    /// Sines and cosines of `rotary` at these positions, one row each; used by all layers of a pass.
    fn turns(&self, rotary: &Rotary, positions: &[u32]) -> Result<Self::Turns, BackendError>;

    /// Turns each head of `x` `[n, heads * head_dim]` by its row's position.
    fn rope(&self, x: &mut Self::Rows, head_dim: usize, turns: &Self::Turns) -> Result<(), BackendError>;

    /// Places `layer`'s carried path and the pass's own keys and values (`[n, kv_heads * head_dim]` each) as the key
    /// rows that query runs refer to: path rows first, then `k` and `v`.
    fn write_kv(
        &self,
        kv: &mut Self::Kv,
        layer: usize,
        path: usize,
        k: Self::Rows,
        v: Self::Rows,
    ) -> Result<(), BackendError>;

    /// `softmax(scale * q K^T) V` per head over the keys that `layer.window` lets a query see: `[n, heads * head_dim]`.
    fn tree_attention(
        &self,
        q: &Self::Rows,
        kv: &Self::Kv,
        runs: &[QueryRun],
        layer: &LayerSpec,
    ) -> Result<Self::Rows, BackendError>;

    /// Keeps the key/value rows that the next pass's path needs from `layer`.
    fn carry(&self, kv: &mut Self::Kv, layer: usize, carry: &[Carry]) -> Result<(), BackendError>;

    /// `residual += down(act(gate x) * up x)`.
    fn gated_mlp(
        &self,
        x: &Self::Rows,
        mlp: &GatedMlp<'_, Self::Matrix<'_>>,
        residual: &mut Self::Rows,
    ) -> Result<(), BackendError>;

    /// The rows of `x` with these indices.
    fn gather_rows(&self, x: &Self::Rows, rows: &[usize]) -> Result<Self::Rows, BackendError>;

    /// Logits of `ids` only: for each row of `x`, in order, one f32 per id.
    fn choice_logits(
        &self,
        x: &Self::Rows,
        head: &Self::Matrix<'_>,
        ids: &[u32],
    ) -> Result<Vec<Vec<f32>>, BackendError>;

    /// `log(sum(exp(logits)))` over the whole vocabulary, one per row, without ever storing `[n, V]`.
    fn log_sum_exp(&self, x: &Self::Rows, head: &Self::Matrix<'_>) -> Result<Vec<f64>, BackendError>;

    /// The `k` largest logits of each row, largest first (ties: smaller id first).
    fn top_tokens(
        &self,
        x: &Self::Rows,
        head: &Self::Matrix<'_>,
        k: usize,
    ) -> Result<Vec<Vec<TokenLogit>>, BackendError>;

    /// Index of the first row that holds a NaN or an infinity.
    fn first_non_finite(&self, x: &Self::Rows) -> Result<Option<usize>, BackendError>;

    /// Rows as f32 on the host, `[n * width]` row-major.
    fn read(&self, x: &Self::Rows) -> Result<Vec<f32>, BackendError>;
}
