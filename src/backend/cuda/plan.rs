//! The plan of a pass: planes, and every buffer that the passes of a run need, by size, before the first is made.

use super::error::CudaError;
use super::load::padded;
pub use super::packing::padded_head;
use super::transfer::ALIGNED;
use crate::backend::{PassSizes, Precision};
use crate::checkpoint::spec::{Around, DecoderSpec, HeadNorm, Kv, LayerSpec};

/// Rows of planes are given in such steps: those of a pair of tiles.
pub const ROWS: usize = 256;
/// Query rows of one attention block; half as many for the longest heads.
const QUERIES: usize = 64;
/// Columns of the vocabulary that one partial sum covers.
pub const SUM_COLUMNS: usize = 256;
/// Answer tokens that are asked of a row, usually at most.
const IDS: usize = 64;

/// Bytes by what they are for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Keys and values: of each layer's path, and of the passes in work.
    pub paths: Vec<usize>,
    pub slots: Vec<usize>,
    /// Planes that products read, and what they read of each row.
    pub input: usize,
    /// Queries and attention's output, or the gated products.
    pub scratch: usize,
    /// Bytes of the queries in it.
    pub queries: usize,
    /// Rows of f32: the stream, what is added to it, side inputs, tables.
    pub blocks: Vec<(&'static str, usize)>,
    /// Shared memory of the host for what goes up during a pass, and for what comes back at a time.
    pub up: usize,
    pub down: usize,
    /// Per layer that makes keys and values, the slot that its pass's rows take.
    pub slot_of: Vec<Option<usize>>,
}

/// Planes of activations in a layer's attention block, the same for all layers, so that what one writes another can read, and
/// in its MLP. In `fast` what goes through an MLP is rounded to 11 bits where weights are stored in 16, but in the first layer:
/// every other one carries its errors on, and they are half of the whole. Attention blocks, a sixth of the arithmetic, keep both
/// planes, and products of weights stored in f32 stay whole.
pub fn activation_planes(precision: Precision, layer: usize, is_stored_in_f32: bool) -> [usize; 2] {
    match precision {
        Precision::F32 => [2, 2],
        Precision::Fast if layer == 0 || is_stored_in_f32 => [2, 2],
        Precision::Fast => [2, 1],
    }
}

/// How many queries one attention block takes.
pub fn queries(dim: usize, group: usize) -> usize {
    let rows = if dim > 256 { QUERIES / 2 } else { QUERIES };
    (rows / group).max(1)
}

/// Whether a product's epilogue can finish this layer's heads; else a kernel of rows does. The spec decides, never the pass.
pub fn fuses_heads(layer: &LayerSpec, dim: usize) -> bool {
    dim <= 256 && layer.head_norm != HeadNorm::WholeRow
}

/// Row length of f32 rows of this width: even.
pub fn row_length(width: usize) -> usize {
    width.next_multiple_of(2)
}

/// Bytes of f32 rows.
pub fn rows_bytes(n: usize, width: usize) -> usize {
    4 * n * row_length(width)
}

impl Plan {
    /// The buffers of passes of these sizes; `planes` of activations.
    ///
    /// # Errors
    /// Heads longer than there are kernels for.
    pub fn new(decoder: &DecoderSpec, most: &PassSizes, planes: usize) -> Result<Plan, CudaError> {
        let rows = most.tokens.next_multiple_of(ROWS);
        let plane = |width: usize| 2 * rows * width;
        let mut plan = Plan { slot_of: vec![None; decoder.layers.len()], ..Plan::default() };
        let (mut outputs, mut inner, mut widest) = (0, 0, 0);
        for layer in &decoder.layers {
            let dim = padded_head(layer.head_dim)?;
            let (q, kv) = (layer.heads * dim, layer.kv_heads * dim);
            plan.queries = plan.queries.max(2 * plane(q));
            outputs = outputs.max(planes * plane(q));
            inner = inner.max(planes * plane(padded(layer.mlp.width)));
            if !fuses_heads(layer, dim) {
                widest = widest.max(q + 2 * kv);
            }
            if layer.norms != Around::BEFORE || layer.side {
                widest = widest.max(decoder.hidden);
            }
        }
        plan.scratch = inner.max(plan.queries + outputs);
        let side = decoder.side.as_ref().map_or(0, |side| side.width);
        // Side inputs are products of the embedded rows, and inputs of products themselves.
        plan.input = 2 * plane(padded(decoder.hidden.max(side)));
        plan.lay_keys(decoder, most, planes)?;
        plan.list_blocks(decoder, most, widest);
        Ok(plan)
    }

    /// Slots are used again once the last layer has read them.
    fn lay_keys(&mut self, decoder: &DecoderSpec, most: &PassSizes, planes: usize) -> Result<(), CudaError> {
        let mut free: Vec<usize> = Vec::new();
        for (i, layer) in decoder.layers.iter().enumerate() {
            if layer.kv == Kv::Own {
                let row = 2 * (2 + planes) * layer.kv_heads * padded_head(layer.head_dim)?;
                let slot = free.pop().unwrap_or(self.slots.len());
                if slot == self.slots.len() {
                    self.slots.push(0);
                }
                self.slots[slot] = self.slots[slot].max(row * most.tokens);
                self.slot_of[i] = Some(slot);
                self.paths.push(row * most.path);
            }
            for (maker, slot) in self.slot_of.iter().enumerate() {
                let last = (maker..decoder.layers.len()).rfind(|reader| decoder.kv_layer(*reader) == maker);
                if let (Some(slot), true) = (slot, last == Some(i)) {
                    free.push(*slot);
                }
            }
        }
        Ok(())
    }

    fn list_blocks(&mut self, decoder: &DecoderSpec, most: &PassSizes, widest: usize) {
        let PassSizes { tokens, path, ends, runs, keys, end_keys } = *most;
        let (hidden, rotaries) = (decoder.hidden, decoder.rotaries.len().max(1));
        let mut list = vec![
            ("the stream", rows_bytes(tokens, hidden)),
            ("rows of prompts' ends", rows_bytes(ends, hidden)),
            ("rows of prompts' ends", rows_bytes(ends, hidden)),
            ("embedded rows", tokens.min(decoder.vocab) * hidden * 4),
            ("token rows", 4 * tokens),
            ("end rows", 4 * ends),
            ("end rows", 4 * ends),
            ("key rows", 4 * keys),
            ("key rows", 4 * end_keys),
            ("moves of keys", 8 * path),
            ("planes of prompts' ends", 4 * ends.next_multiple_of(ROWS) * padded(hidden)),
            ("powers of two", 4 * ends),
            ("partial sums", 8 * ends * decoder.vocab.div_ceil(SUM_COLUMNS)),
            ("sums", 16 * ends),
            // Their logits come where the planes were.
            ("asked tokens", 8 * ends * IDS),
        ];
        if decoder.head.unit_rows {
            list.push(("scales of the head", rows_bytes(1, decoder.vocab)));
        }
        if widest > 0 {
            list.push(("projected rows", rows_bytes(tokens, widest)));
        }
        for _ in 0..rotaries {
            list.extend([("positions", 4 * tokens), ("positions", 4 * ends)]);
        }
        // Each shape of heads cuts the queries in its own way.
        let mut shapes: Vec<usize> = decoder
            .layers
            .iter()
            .filter_map(|l| Some(queries(padded_head(l.head_dim).ok()?, l.heads / l.kv_heads)))
            .collect();
        shapes.sort_unstable();
        shapes.dedup();
        for queries in &shapes {
            list.extend([("attention", 16 * (runs + tokens / queries)), ("attention", 16 * ends)]);
        }
        if let Some(side) = &decoder.side {
            let need = decoder.last_kv_maker();
            let (lower, upper) = (need * side.width, (decoder.layers.len() - need) * side.width);
            for _ in 0..3 {
                list.extend([
                    ("side inputs", rows_bytes(tokens, lower)),
                    ("side inputs", rows_bytes(ends, upper)),
                ]);
            }
            list.push(("side table rows", tokens.min(decoder.vocab) * lower * 4));
            list.push(("side gates", rows_bytes(tokens, side.width)));
        }
        let gathered = decoder.side.as_ref().map_or(hidden, |s| hidden.max(s.width * decoder.layers.len()));
        self.up = 4 * tokens.min(decoder.vocab) * gathered
            + 4 * (tokens * (2 + rotaries) + ends * (4 + rotaries) + keys + end_keys + 2 * path)
            + 16 * shapes.len() * (runs + tokens + ends)
            + 8 * ends * IDS
            + (64 << 10);
        // Sums and logits, behind a flag.
        self.down = ALIGNED + 16 * ends + (4 * ends * IDS).next_multiple_of(ALIGNED);
        self.blocks = list;
    }

    /// All of it on the GPU.
    pub fn bytes(&self) -> u64 {
        let of = |sizes: &[usize]| sizes.iter().map(|bytes| *bytes as u64).sum::<u64>();
        let blocks = self.blocks.iter().map(|(_, bytes)| *bytes as u64).sum::<u64>();
        of(&self.paths) + of(&self.slots) + blocks + (self.input + self.scratch) as u64
    }

    /// For people.
    pub fn text(&self, weights: u64, free: u64) -> String {
        let mb = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
        let sum = |sizes: &[usize]| sizes.iter().map(|bytes| *bytes as u64).sum::<u64>();
        let planes = (self.input + self.scratch) as u64;
        let kv = sum(&self.paths) + sum(&self.slots);
        format!(
            "memory: weights {}, keys and values {}, planes {}, rows and tables {}; {} were free",
            mb(weights),
            mb(kv),
            mb(planes),
            mb(self.bytes() - planes - kv),
            mb(free),
        )
    }
}

/// Bytes that passes of `tokens` tokens on paths of `path` take, before the prompts are known: every fourth token may end one.
pub fn pass_bytes(decoder: &DecoderSpec, tokens: usize, path: usize, planes: usize) -> u64 {
    let quarter = tokens.div_ceil(4);
    let most = PassSizes {
        tokens,
        path,
        ends: quarter,
        runs: quarter,
        keys: quarter * path,
        end_keys: quarter * path,
    };
    Plan::new(decoder, &most, planes).map_or(u64::MAX, |plan| plan.bytes())
}

/// The smallest pack of at least `least` tokens, in steps of [`ROWS`], whose tiles fill all of a GPU's multiprocessors in
/// whole waves for most widths; then nothing idles at a product's end.
pub fn whole_wave(sms: u32, least: usize) -> usize {
    // A wave is `pairs` of blocks that make 256 rows by 256 columns each; weights have an even number of such columns.
    let pairs = (sms as usize / 2).max(1);
    let idle = |tokens: usize| {
        let parts = tokens / ROWS;
        let worst = [14, 16, 18, 20, 24, 28, 36, 56, 112, 148].map(|columns| {
            let tiles = parts * columns;
            let waves = tiles.div_ceil(pairs);
            1.0 - tiles as f64 / (waves * pairs) as f64
        });
        worst.iter().sum::<f64>() / worst.len() as f64
    };
    let first = least.next_multiple_of(ROWS);
    let sizes = (first..=4 * first).step_by(ROWS);
    let whole = sizes.clone().find(|tokens| idle(*tokens) < 0.01);
    whole.unwrap_or_else(|| sizes.min_by(|a, b| idle(*a).total_cmp(&idle(*b))).unwrap_or(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most() -> PassSizes {
        PassSizes { tokens: 100, path: 20, ends: 10, runs: 12, keys: 200, end_keys: 150 }
    }

    #[test]
    fn a_pass_slot_is_used_again_when_the_last_reader_is_through() {
        let own = LayerSpec::plain(4, 2, 16, 100);
        let lent = |donor| LayerSpec { kv: Kv::Of(donor), ..own.clone() };
        let plain = DecoderSpec::plain(32, 300, 8, 1e-6, vec![own.clone(); 5]);
        let plan = Plan::new(&plain, &most(), 2).expect("fits");
        assert_eq!(plan.slot_of, [Some(0); 5]);
        // Two planes of keys, two of values, two heads of 64.
        assert_eq!((plan.slots.as_slice(), plan.paths.as_slice()), (&[100 * 1024][..], &[20 * 1024; 5][..]));
        let layers = vec![own.clone(), own.clone(), own.clone(), lent(1), lent(2), own];
        let sharing = DecoderSpec::plain(32, 300, 8, 1e-6, layers);
        let plan = Plan::new(&sharing, &most(), 1).expect("fits");
        assert_eq!(plan.slot_of[..3], [Some(0), Some(0), Some(1)]);
        assert_eq!((plan.slot_of[3], plan.slots.len()), (None, 2));
    }

    #[test]
    fn packs_of_whole_waves_are_those_of_the_number_of_multiprocessors() {
        for (sms, tokens) in [(132, 8448), (114, 14592), (78, 9984)] {
            assert_eq!(whole_wave(sms, 4096).max(tokens) % ROWS, 0);
            let size = whole_wave(sms, 4096);
            assert!((4096..=16384).contains(&size), "{sms}: {size}");
        }
        assert_eq!(whole_wave(132, 4096), 8448);
        // An emulator has few.
        assert!(whole_wave(4, 1024) >= 1024);
    }

    #[test]
    fn more_tokens_take_more_bytes() {
        let decoder = DecoderSpec::plain(64, 300, 8, 1e-6, vec![LayerSpec::plain(4, 2, 16, 100); 2]);
        let bytes = |tokens| pass_bytes(&decoder, tokens, 50, 2);
        assert!(bytes(256) < bytes(512) && bytes(512) < bytes(4096));
        let long = DecoderSpec { layers: vec![LayerSpec::plain(1, 1, 600, 10)], ..decoder };
        assert_eq!(pass_bytes(&long, 256, 50, 2), u64::MAX);
    }
}
