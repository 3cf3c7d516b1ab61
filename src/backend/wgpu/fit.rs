//! How many tokens a pass can have on this device.

use super::Wgpu;
use super::error::WgpuError;
use crate::checkpoint::spec::{DecoderSpec, Kv, LayerSpec};

/// Fewer tokens than this are not worth trying.
const LEAST: usize = 64;

impl Wgpu {
    /// The largest number of tokens of a pass, at most `wanted`, whose activations can be bound and allocated now.
    /// Call it when the weights are on the device.
    ///
    /// # Errors
    /// If there is no memory even for a small pass.
    pub fn fitting_pack(&self, spec: &DecoderSpec, wanted: usize) -> Result<usize, WgpuError> {
        let bindable = self.device.binding_limit() / (4 * widest(spec) as u64);
        let mut pack = wanted.min(bindable as usize).max(1);
        loop {
            match self.try_allocating(pack as u64 * bytes_per_token(spec)) {
                Ok(()) => return Ok(pack),
                Err(WgpuError::OutOfMemory { .. }) if pack > LEAST => pack = (pack / 2).max(LEAST),
                Err(e) => return Err(e),
            }
        }
    }

    /// Allocates so many bytes and lets them go again.
    fn try_allocating(&self, bytes: u64) -> Result<(), WgpuError> {
        self.memory.give_back();
        let piece = self.device.binding_limit();
        let mut buffers = Vec::new();
        let mut left = bytes;
        while left > 0 {
            let size = left.min(piece);
            buffers.push(self.memory.storage(&self.device, "the activations of a pass", size)?);
            left -= size;
        }
        drop(buffers);
        let _ = self.device.raw.poll(wgpu::PollType::Poll);
        Ok(())
    }
}

fn side_width(spec: &DecoderSpec) -> usize {
    spec.side.as_ref().map_or(0, |side| side.width * spec.layers.len())
}

/// Elements of the widest rows that a pass makes of every token.
fn widest(spec: &DecoderSpec) -> usize {
    let of = |l: &LayerSpec| l.q_width().max(l.kv_width()).max(l.mlp.width);
    spec.layers.iter().map(of).max().unwrap_or(1).max(spec.hidden).max(side_width(spec))
}

/// Bytes of activations per token where they are most: the stream and its norm, queries and what attention makes of
/// them, the MLP's inner rows, the side input, and all keys and values that are still to be read; a quarter more for what
/// the pool wastes.
fn bytes_per_token(spec: &DecoderSpec) -> u64 {
    let of = |l: &LayerSpec| 2 * l.q_width() + l.mlp.width;
    let layer = spec.layers.iter().map(of).max().unwrap_or(0);
    let kv = spec.layers.iter().map(LayerSpec::kv_width).max().unwrap_or(0);
    let mut donors: Vec<usize> = spec
        .layers
        .iter()
        .filter_map(|l| match l.kv {
            Kv::Own => None,
            Kv::Of(donor) => Some(donor),
        })
        .collect();
    donors.sort_unstable();
    donors.dedup();
    let elements = 3 * spec.hidden + layer + 2 * kv * (1 + donors.len()) + 2 * side_width(spec);
    elements as u64 * 4 * 5 / 4
}
