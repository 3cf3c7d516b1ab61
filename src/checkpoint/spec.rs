//! `DecoderSpec`: the arithmetic of a decoder as data, without any family's name.
//!
//! Every family's parser fills this one structure; the forward pass and the backends read nothing else.

mod check;

pub use check::SpecError;

/// The whole decoder. `T` tokens, hidden size `H`, vocabulary `V`.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderSpec {
    /// `H`, the width of the residual stream.
    pub hidden: usize,
    /// `V`, rows of the embedding and of the output embedding (may exceed the tokenizer's size).
    pub vocab: usize,
    /// Longest prompt in tokens (`max_position_embeddings`).
    pub context: usize,
    /// Added to the mean square inside every RMS norm's root.
    pub eps: f32,
    /// Embedded rows are multiplied by this: 1, or sqrt(H).
    pub embed_scale: f32,
    /// A second embedding that enters every layer whose `side` is set.
    pub side: Option<SideInput>,
    /// Rotary tables; layers point into this list.
    pub rotaries: Vec<Rotary>,
    pub layers: Vec<LayerSpec>,
    pub head: Head,
}

/// Per-layer input (Gemma 3n, Gemma 4): from the token and from its embedded row `e`, `[layers * width]` per token,
/// `join_scale * (token_scale * table[token] + norm(context_scale * e P^T))`, the norm over each layer's `width`.
#[derive(Debug, Clone, PartialEq)]
pub struct SideInput {
    /// Elements per layer.
    pub width: usize,
    pub token_scale: f32,
    pub context_scale: f32,
    pub join_scale: f32,
}

/// One rotary table.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotary {
    /// Radians per position, one per turning pair, any scaling already applied. `len() <= head_dim / 2`.
    pub freq: Vec<f32>,
    pub pairs: Pairs,
}

/// Which two elements of a head turn together. Pairs beyond `freq.len()` stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairs {
    /// `(i, i + distance)`
    Apart(usize),
    /// `(2i, 2i + 1)`
    Adjacent,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LayerSpec {
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub qkv_bias: bool,
    pub out_bias: bool,
    /// RMS norm of queries and keys, before the rotary turn.
    pub head_norm: HeadNorm,
    /// RMS norm without weight of each head's value.
    pub value_norm: bool,
    /// Index into `DecoderSpec::rotaries`.
    pub rotary: usize,
    /// Scores are multiplied by this: `head_dim^-1/2`, or 1, or what a maker chose; a factor on turned queries and keys
    /// included.
    pub score_scale: f32,
    /// Scores become `cap * tanh(score / cap)`.
    pub score_cap: Option<f32>,
    /// A key is visible if `0 <= query position - key position < window`.
    pub window: Option<u32>,
    pub kv: Kv,
    pub norms: Around,
    pub mlp: Mlp,
    /// After the MLP: `x += norm(act(x G^T) * side input) P^T)`.
    pub side: bool,
    /// A stored scalar multiplies the residual stream at the layer's end.
    pub out_scale: bool,
}

/// Over what the norm of queries and keys runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadNorm {
    None,
    /// Each head by itself, one weight of `head_dim` elements for all.
    EachHead,
    /// All heads together, a weight as wide as the projection.
    WholeRow,
}

/// Whose keys and values a layer's queries read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kv {
    Own,
    /// Those of an earlier layer that makes its own, with the same heads and window.
    Of(usize),
}

/// Which RMS norms stand before and after attention and MLP; those after act on what is then added to the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Around {
    pub attn_in: bool,
    pub attn_out: bool,
    pub mlp_in: bool,
    pub mlp_out: bool,
}

impl Around {
    /// Llama's: before both.
    pub const BEFORE: Around = Around { attn_in: true, attn_out: false, mlp_in: true, mlp_out: false };
    /// OLMo 2's: after both.
    pub const AFTER: Around = Around { attn_in: false, attn_out: true, mlp_in: false, mlp_out: true };
    pub const BOTH: Around = Around { attn_in: true, attn_out: true, mlp_in: true, mlp_out: true };
}

/// A gated feed-forward block: `down(act(gate(x)) * up(x))`.
#[derive(Debug, Clone, PartialEq)]
pub struct Mlp {
    pub width: usize,
    pub act: Act,
    pub bias: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Silu,
    GeluTanh,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The output embedding is the input embedding.
    pub tied: bool,
    /// Each row of the output embedding is divided by its L2 norm (or 1e-12, whichever is more).
    pub unit_rows: bool,
    /// Logits become `cap * tanh(logit / cap)`.
    pub cap: Option<f32>,
}

impl Head {
    pub fn plain(tied: bool) -> Head {
        Head { tied, unit_rows: false, cap: None }
    }
}

impl LayerSpec {
    /// A layer of plain Llama: no biases, norms before, the first rotary table, its own keys and values.
    pub fn plain(heads: usize, kv_heads: usize, head_dim: usize, mlp_width: usize) -> LayerSpec {
        LayerSpec {
            heads,
            kv_heads,
            head_dim,
            qkv_bias: false,
            out_bias: false,
            head_norm: HeadNorm::None,
            value_norm: false,
            rotary: 0,
            score_scale: (head_dim as f64).sqrt().recip() as f32,
            score_cap: None,
            window: None,
            kv: Kv::Own,
            norms: Around::BEFORE,
            mlp: Mlp { width: mlp_width, act: Act::Silu, bias: false },
            side: false,
            out_scale: false,
        }
    }

    /// The same with scores multiplied by this as well.
    pub fn with_score_factor(self, factor: f64) -> LayerSpec {
        LayerSpec { score_scale: (f64::from(self.score_scale) * factor) as f32, ..self }
    }

    /// Width of the query projection's output.
    pub fn q_width(&self) -> usize {
        self.heads * self.head_dim
    }
    /// Width of the key (and of the value) projection's output.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }
}

impl DecoderSpec {
    /// Nothing special around the layers: no side input, no rotary table yet, the embedding at both ends.
    pub fn plain(
        hidden: usize,
        vocab: usize,
        context: usize,
        eps: f32,
        layers: Vec<LayerSpec>,
    ) -> DecoderSpec {
        DecoderSpec {
            hidden,
            vocab,
            context,
            eps,
            embed_scale: 1.0,
            side: None,
            rotaries: Vec::new(),
            layers,
            head: Head::plain(true),
        }
    }

    /// The last layer that makes keys and values. Of it, and of no layer after it, a token that ends no prompt needs
    /// anything but those.
    pub fn last_kv_maker(&self) -> usize {
        self.layers.iter().rposition(|l| l.kv == Kv::Own).unwrap_or(0)
    }

    /// The layer whose keys and values `layer` reads.
    pub fn kv_layer(&self, layer: usize) -> usize {
        match self.layers[layer].kv {
            Kv::Own => layer,
            Kv::Of(donor) => donor,
        }
    }

    /// Multiply-adds of one layer's matrices per token: first its keys and values, then all else.
    pub fn layer_products(&self, layer: usize) -> (u64, u64) {
        let l = &self.layers[layer];
        let kv = if l.kv == Kv::Own { 2 * l.kv_width() } else { 0 };
        // Its gate, its output, and the layer's rows of the projection that makes the side input.
        let side = self.side.as_ref().filter(|_| l.side).map_or(0, |side| 3 * side.width);
        let rest = 2 * l.q_width() + 3 * l.mlp.width + side;
        (self.hidden as u64 * kv as u64, self.hidden as u64 * rest as u64)
    }

    /// Multiply-adds of all layers' matrices for one token: one that ends a prompt, or one that does not and so stops
    /// at the last layer that makes keys and values.
    pub fn token_products(&self, ends_a_prompt: bool) -> u64 {
        let need = self.last_kv_maker();
        (0..self.layers.len())
            .map(|i| match self.layer_products(i) {
                (kv, rest) if ends_a_prompt || i < need => kv + rest,
                // No layer behind it makes any.
                (kv, _) => kv,
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gemma 4 E4B as published: 42 layers, every sixth global, the last 18 without keys and values of their own.
    fn e4b() -> DecoderSpec {
        let layer = |i: usize| {
            let global = i % 6 == 5;
            let kv = match (i, global) {
                (24.., true) => Kv::Of(23),
                (24.., false) => Kv::Of(22),
                _ => Kv::Own,
            };
            let head_dim = if global { 512 } else { 256 };
            let window = (!global).then_some(512);
            LayerSpec { kv, window, side: true, ..LayerSpec::plain(8, 2, head_dim, 10240) }
        };
        DecoderSpec {
            hidden: 2560,
            vocab: 262_144,
            context: 131_072,
            eps: 1e-6,
            embed_scale: 2560f32.sqrt(),
            side: Some(SideInput { width: 256, token_scale: 16.0, context_scale: 1.0, join_scale: 1.0 }),
            rotaries: vec![Rotary { freq: Vec::new(), pairs: Pairs::Adjacent }],
            layers: (0..42).map(layer).collect(),
            head: Head::plain(true),
        }
    }

    #[test]
    fn a_token_that_ends_no_prompt_stops_at_the_last_maker_of_keys_and_values() {
        let spec = e4b();
        spec.check().expect("sound");
        assert_eq!(spec.last_kv_maker(), 23);
        let (whole, stopped) = (spec.token_products(true) as f64, spec.token_products(false) as f64);
        assert!((2.0 * whole / 1e9 - 7.95).abs() < 0.01, "{whole}");
        assert!((2.0 * stopped / 1e9 - 4.40).abs() < 0.01, "{stopped}");
        assert!((1.0 - stopped / whole - 0.446).abs() < 0.001);
    }
}
