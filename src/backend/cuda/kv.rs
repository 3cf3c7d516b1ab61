//! Keys and values: per layer the carried path; the passes in work share slots, each for as long as some layer reads it.

use super::Cuda;
use super::bounds::Exponents;
use super::error::CudaError;
use super::params;
use super::plan::Plan;
use super::pool::Block;
use crate::backend::PassSizes;
use crate::checkpoint::spec::{DecoderSpec, Kv as KvOf, LayerSpec};
use crate::prefix::Carry;

/// Keys and values of one decoder.
pub struct Kv {
    /// Rows that a path and a pass have at most.
    pub(super) path_rows: usize,
    pub(super) pass_rows: usize,
    layers: Vec<Option<LayerKv>>,
    slots: Vec<Block>,
    /// Planes of values; of keys there are two.
    planes: usize,
    /// What the layers that share this room are.
    pub(super) specs: Vec<LayerSpec>,
}

/// One layer's.
pub(super) struct LayerKv {
    path: Block,
    slot: usize,
    /// Elements of a row.
    pub width: usize,
    /// Path rows that the pass in work sees.
    pub path_len: usize,
    /// Of the pass in work; `None` before it is written.
    pub exponents: Option<Exponents>,
    /// Of the path's rows.
    pub carried: Option<Exponents>,
}

/// Where a layer's keys and values begin on the GPU.
pub(super) struct Places {
    pub k_path: u64,
    pub v_path: u64,
    pub k_pass: u64,
    pub v_pass: u64,
    pub width: usize,
    pub v_planes: usize,
}

fn no_layer(layer: usize) -> CudaError {
    CudaError::Refused(format!("keys and values of layer {layer} were asked for before they were written"))
}

impl Kv {
    pub(super) fn new(
        cuda: &Cuda,
        decoder: &DecoderSpec,
        most: &PassSizes,
        plan: &Plan,
        planes: usize,
    ) -> Result<Kv, CudaError> {
        let mut paths = plan.paths.iter();
        let mut layers = Vec::with_capacity(decoder.layers.len());
        for (layer, slot) in decoder.layers.iter().zip(&plan.slot_of) {
            layers.push(match (layer.kv, slot, layer.kv == KvOf::Own) {
                (_, Some(slot), true) => {
                    let bytes = paths.next().copied().unwrap_or(0);
                    Some(LayerKv {
                        path: cuda.pool.take("keys and values of the path", bytes)?,
                        slot: *slot,
                        width: layer.kv_heads * super::packing::padded_head(layer.head_dim)?,
                        path_len: 0,
                        exponents: None,
                        carried: None,
                    })
                }
                _ => None,
            });
        }
        let slots = plan.slots.iter().map(|bytes| cuda.pool.take("keys and values of a pass", *bytes));
        Ok(Kv {
            path_rows: most.path,
            pass_rows: most.tokens,
            layers,
            slots: slots.collect::<Result<_, _>>()?,
            planes,
            specs: decoder.layers.clone(),
        })
    }

    pub(super) fn layer(&mut self, layer: usize) -> Result<&mut LayerKv, CudaError> {
        self.layers.get_mut(layer).and_then(Option::as_mut).ok_or_else(|| no_layer(layer))
    }

    /// The exponents of a layer's keys and values, once they are written.
    pub(super) fn written(&self, layer: usize) -> Result<Exponents, CudaError> {
        let kv = self.layers.get(layer).and_then(Option::as_ref);
        kv.and_then(|kv| kv.exponents).ok_or_else(|| no_layer(layer))
    }

    /// Path rows that the pass in work sees.
    pub(super) fn path_len(&self, layer: usize) -> usize {
        self.layers.get(layer).and_then(Option::as_ref).map_or(0, |kv| kv.path_len)
    }

    pub(super) fn places(&self, layer: usize) -> Result<Places, CudaError> {
        let kv = self.layers.get(layer).and_then(Option::as_ref).ok_or_else(|| no_layer(layer))?;
        let slot = self.slots.get(kv.slot).ok_or_else(|| no_layer(layer))?;
        // Two planes of keys, then those of values.
        let keys = |rows: usize| (2 * 2 * rows * kv.width) as u64;
        Ok(Places {
            k_path: kv.path.at(),
            v_path: kv.path.at() + keys(self.path_rows),
            k_pass: slot.at(),
            v_pass: slot.at() + keys(self.pass_rows),
            width: kv.width,
            v_planes: self.planes,
        })
    }
}

impl Cuda {
    /// Keeps rows of the pass for the next pass's path and lets the others go.
    pub(super) fn carry_rows(&self, kv: &mut Kv, layer: usize, carry: &[Carry]) -> Result<(), CudaError> {
        let places = kv.places(layer)?;
        let layer_kv = kv.layer(layer)?;
        let path_len = layer_kv.path_len;
        let written = layer_kv.exponents.take().ok_or_else(|| no_layer(layer))?;
        layer_kv.carried = Some(written);
        let count: usize = carry.iter().map(|c| c.len).sum();
        if count == 0 {
            return Ok(());
        }
        // A path is only ever extended by rows of the pass: the others are where they were.
        if carry.iter().any(|c| c.from < path_len) {
            return Err(no_layer(layer));
        }
        let moves = self.cached_moves(carry, path_len)?;
        let carry = params::Carry {
            k_pass: places.k_pass,
            v_pass: places.v_pass,
            k_path: places.k_path,
            v_path: places.v_path,
            moves: moves.at(),
            count: count as i32,
            width: places.width as i32,
            pass_cap: kv.pass_rows as i32,
            path_cap: kv.path_rows as i32,
            v_planes: places.v_planes as i32,
        };
        self.start("carry", [count as u32, 1, 1], &carry)
    }
}
