//! Keys and values: per layer the carried path, and the rows of the pass in work.
//!
//! Neither is copied for a pass: the attention reads path rows and the pass's own rows from where they lie.

use super::Wgpu;
use super::error::WgpuError;
use super::rows::Rows;
use crate::prefix::Carry;

/// Keys and values of one decoder.
pub struct Kv {
    /// Rows that a path has at most.
    path_rows: usize,
    pub(super) layers: Vec<LayerKv>,
}

#[derive(Default)]
pub(super) struct LayerKv {
    /// `[path_rows, width]` keys and values, row = depth; made when the first path is kept.
    pub path: Option<[wgpu::Buffer; 2]>,
    /// Path rows that the pass in work sees.
    pub path_len: usize,
    /// Keys and values of the pass in work.
    pub pass: Option<[Rows; 2]>,
}

impl Kv {
    pub(super) fn new(layers: usize, path_rows: usize) -> Kv {
        Kv { path_rows, layers: (0..layers).map(|_| LayerKv::default()).collect() }
    }

    pub(super) fn layer(&mut self, layer: usize) -> Result<&mut LayerKv, WgpuError> {
        self.layers.get_mut(layer).ok_or_else(|| no_layer(layer))
    }
}

pub(super) fn no_layer(layer: usize) -> WgpuError {
    WgpuError::Refused(format!("keys and values of layer {layer} were asked for before they were written"))
}

impl Wgpu {
    /// Keeps rows of the pass for the next pass's path and lets the others go.
    pub(super) fn carry_rows(&self, kv: &mut Kv, layer: usize, carry: &[Carry]) -> Result<(), WgpuError> {
        let path_rows = kv.path_rows;
        let layer_kv = kv.layer(layer)?;
        let Some(pass) = layer_kv.pass.take() else {
            return Err(no_layer(layer));
        };
        if carry.is_empty() {
            return Ok(());
        }
        let row_bytes = (pass[0].width * 4) as u64;
        if layer_kv.path.is_none() {
            let make = || {
                self.memory.storage(&self.device, "keys and values of the path", path_rows as u64 * row_bytes)
            };
            layer_kv.path = Some([make()?, make()?]);
        }
        for (path, rows) in layer_kv.path.iter().flatten().zip(&pass) {
            for c in carry {
                // A path is only ever extended by rows of the pass: the others are where they were.
                let from = c.from.checked_sub(layer_kv.path_len).ok_or_else(|| no_layer(layer))?;
                self.recorder().copy(
                    &self.device,
                    (&rows.buffer, from as u64 * row_bytes),
                    (path, c.depth as u64 * row_bytes),
                    c.len as u64 * row_bytes,
                );
            }
        }
        Ok(())
    }
}
