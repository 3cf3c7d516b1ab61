//! How many tokens a pack may have on a device of bounded memory. Scores do not depend on it.

use super::{Plan, ScoreOptions};
use crate::backend::cuda;
use crate::checkpoint::spec::{DecoderSpec, Kv, LayerSpec};
use crate::plain::bytes;
use std::collections::BTreeSet;

/// Bytes of a checkpoint that a processor passes in seconds.
const SMALL: u64 = 2_000_000_000;

/// How large packs are to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PackSize {
    /// What a person asked for; else it follows from the room there is.
    pub asked: Option<usize>,
    /// `None` for the CPU.
    pub room: Option<Room>,
}

impl PackSize {
    /// Tokens of a pack of `plan` beside `weight_bytes` of weights.
    ///
    /// # Errors
    /// A size was not asked for, and not even a small pack fits.
    pub fn tokens(
        &self,
        spec: &DecoderSpec,
        weight_bytes: u64,
        plan: &Plan<'_>,
    ) -> Result<usize, TooLittleMemory> {
        match (self.asked, self.room) {
            (Some(tokens), _) => Ok(tokens),
            (None, Some(room)) => room.pack_tokens(spec, weight_bytes, plan.longest()),
            // A small checkpoint passes fast, and larger packs prepare its weights less often; of a large one less is
            // lost between packs.
            (None, None) if weight_bytes < SMALL => Ok(2 * ScoreOptions::default().pack_tokens),
            (None, None) => Ok(ScoreOptions::default().pack_tokens),
        }
    }
}

/// The room that a device has for a checkpoint and its passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Free memory; `None` where the system does not tell.
    pub free_bytes: Option<u64>,
    /// Longest array of rows that a kernel can see at once.
    pub binding_bytes: u64,
    /// More tokens bring no more speed.
    pub most_tokens: usize,
    /// Packs are whole multiples of this, where so much fits.
    pub step: usize,
    pub workspace: Workspace,
}

/// What a pass keeps on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workspace {
    /// f32 rows from step to step.
    Rows,
    /// Fused layers: so many f16 planes of activations.
    Planes(usize),
}

/// A device with too little memory for a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the device has {} of free memory, but the checkpoint's weights take {} and a pass of {LEAST_TOKENS} tokens {}; close \
     what else uses the device, or compute with `--backend cpu`",
    bytes(*.free_bytes),
    bytes(*.weight_bytes),
    bytes(*.pass_bytes)
)]
pub struct TooLittleMemory {
    pub free_bytes: u64,
    pub weight_bytes: u64,
    /// Of the smallest pass.
    pub pass_bytes: u64,
}

/// Smaller packs are not worth a device.
const LEAST_TOKENS: usize = 64;

/// Left to the driver and to others, out of a hundred.
const RESERVE_PERCENT: u64 = 5;

impl Room {
    /// The largest pack that fits beside `weight_bytes` of weights and paths of `path` tokens, in whole steps.
    ///
    /// # Errors
    /// Not even 64 tokens fit.
    fn pack_tokens(
        &self,
        spec: &DecoderSpec,
        weight_bytes: u64,
        path: usize,
    ) -> Result<usize, TooLittleMemory> {
        // Buffers are rounded up by less than an eighth.
        let by_binding = self.binding_bytes / 8 * 7 / (4 * widest_row(spec)).max(1);
        let most = self.most_tokens.min(usize::try_from(by_binding).unwrap_or(usize::MAX));
        let fits = |tokens: usize| match self.free_bytes {
            None => true,
            Some(free) => {
                let usable = free - free / 100 * RESERVE_PERCENT;
                self.pass_bytes(spec, tokens, path).saturating_add(weight_bytes) <= usable
            }
        };
        if let (Some(free_bytes), false) = (self.free_bytes, fits(LEAST_TOKENS)) {
            let pass_bytes = self.pass_bytes(spec, LEAST_TOKENS, path);
            return Err(TooLittleMemory { free_bytes, weight_bytes, pass_bytes });
        }
        let in_steps =
            |step: usize| (1..=most / step).map(|steps| steps * step).rfind(|tokens| fits(*tokens));
        Ok(in_steps(self.step).or_else(|| in_steps(LEAST_TOKENS)).unwrap_or(LEAST_TOKENS))
    }

    /// Bytes of passes of `tokens` tokens, keys and values of the path included.
    fn pass_bytes(&self, spec: &DecoderSpec, tokens: usize, path: usize) -> u64 {
        match self.workspace {
            Workspace::Rows => path_bytes(spec, path) + token_bytes(spec) * tokens as u64,
            Workspace::Planes(planes) => cuda::plan::pass_bytes(spec, tokens, path, planes),
        }
    }
}

/// Elements of all layers' second embeddings of one token.
fn side_width(spec: &DecoderSpec) -> usize {
    spec.side.as_ref().map_or(0, |side| side.width * spec.layers.len())
}

/// Elements of the widest row of a pass.
fn widest_row(spec: &DecoderSpec) -> u64 {
    let widest =
        spec.layers.iter().map(|l| l.mlp.width.max(l.q_width()).max(l.kv_width())).max().unwrap_or(0);
    widest.max(spec.hidden).max(side_width(spec)) as u64
}

/// Activations of one token where they are most, all f32: the stream and what is added to it, queries before and after
/// attention, the MLP's inner rows, second embeddings, and all keys and values that some layer still reads. Half as
/// much again, because buffers are rounded up and used again only when their size fits.
fn token_bytes(spec: &DecoderSpec) -> u64 {
    let layer = spec.layers.iter().map(|l| 2 * l.q_width() + l.mlp.width).max().unwrap_or(0);
    let kv = spec.layers.iter().map(LayerSpec::kv_width).max().unwrap_or(0);
    let donors: BTreeSet<usize> = (0..spec.layers.len()).map(|i| spec.kv_layer(i)).collect();
    let lent = donors.iter().filter(|donor| spec.layers.iter().any(|l| l.kv == Kv::Of(**donor))).count();
    let elements = 3 * spec.hidden + layer + 2 * kv * (1 + lent) + 2 * side_width(spec);
    (4 * elements as u64) * 3 / 2
}

/// Keys and values that all layers carry from pass to pass.
fn path_bytes(spec: &DecoderSpec, path: usize) -> u64 {
    let makers = spec.layers.iter().filter(|l| l.kv == Kv::Own);
    makers.map(|l| 8 * (l.kv_width() * path) as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::spec::SideInput;

    fn spec() -> DecoderSpec {
        DecoderSpec::plain(32, 10, 8, 1e-6, vec![LayerSpec::plain(4, 2, 8, 100); 2])
    }

    #[test]
    fn the_pack_is_what_memory_the_binding_and_the_device_allow() {
        // One token: 4 * (3 * 32 + 64 + 100 + 32) * 3 / 2 bytes; a path of 10: 2 * 8 * 16 * 10.
        let (token, path) = (1752, 2560);
        let room = |free, binding| Room {
            free_bytes: free,
            binding_bytes: binding,
            most_tokens: 1000,
            step: 64,
            workspace: Workspace::Rows,
        };
        let tokens = |room: Room| room.pack_tokens(&spec(), 5000, 10);
        assert_eq!(tokens(room(None, 1 << 30)), Ok(960), "as many as are of use");
        assert_eq!(tokens(room(None, 400 * 240)), Ok(192), "210 rows of the widest matrix");
        // 95 % of it holds weights, path and 130 tokens.
        let free = (5000 + path + 130 * token) * 100 / 95 + 100;
        assert_eq!(tokens(room(Some(free), 1 << 30)), Ok(128));
        // 95 % of the one is 231,800 bytes, of the other 231,895.
        let pack = path + 128 * token;
        for (free, weights, fitting) in
            [(244_000, 231_801 - pack, 64), (244_000, 231_800 - pack, 128), (244_100, 231_895 - pack, 128)]
        {
            assert_eq!(room(Some(free), 1 << 30).pack_tokens(&spec(), weights, 10), Ok(fitting));
        }
        let error = tokens(room(Some(5000 + path), 1 << 30)).expect_err("weights and nothing else");
        assert_eq!(error.pass_bytes, path + 64 * token);
        assert!(error.to_string().contains("free memory"), "{error}");
        // Second embeddings of 3 elements for each of two layers: 4 * 2 * 6 * 3 / 2 bytes more.
        let side = SideInput { width: 3, token_scale: 1.0, context_scale: 1.0, join_scale: 1.0 };
        let with_side = DecoderSpec { side: Some(side), ..spec() };
        assert_eq!(token_bytes(&with_side), token_bytes(&spec()) + 72);
        // Keys and values that another layer reads are kept beside a layer's own: 4 * 32 * 3 / 2 bytes more.
        let mut lending = spec();
        lending.layers[1].kv = Kv::Of(0);
        assert_eq!(token_bytes(&lending), token_bytes(&spec()) + 192);
        // Fused layers take packs of whole tiles while there is room for one.
        let planes = |free| Room { step: 256, workspace: Workspace::Planes(2), ..room(free, u64::MAX / 8) };
        assert_eq!(tokens(planes(None)), Ok(768));
        let of = |tokens| cuda::plan::pass_bytes(&spec(), tokens, 10, 2) + 5000;
        assert_eq!(tokens(planes(Some(of(512) * 100 / 95 + 100))), Ok(512));
        assert_eq!(tokens(planes(Some(of(128) * 100 / 95 + 100))), Ok(128));
        assert!(tokens(planes(Some(of(64) / 2))).is_err());
    }
}
