//! `DecoderSpec`: the arithmetic of a decoder as data, without any family's name.
//!
//! Every family's parser fills this one structure; the forward pass and the backends read nothing else.

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
    /// Rotary tables; layers point into this list.
    pub rotaries: Vec<Rotary>,
    pub layers: Vec<LayerSpec>,
    pub head: Head,
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
    /// Index into `DecoderSpec::rotaries`.
    pub rotary: usize,
    /// Scores are multiplied by this: `head_dim^-1/2`, or 1.
    pub score_scale: f32,
    /// A key is visible if `0 <= query position - key position < window`.
    pub window: Option<u32>,
    pub mlp: Mlp,
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
}

impl LayerSpec {
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
    /// Multiply-adds of one layer's matrices per token.
    pub fn layer_matmul(&self, layer: usize) -> u64 {
        let l = &self.layers[layer];
        let h = self.hidden as u64;
        2 * h * (l.q_width() + l.kv_width()) as u64 + 3 * h * l.mlp.width as u64
    }
}
