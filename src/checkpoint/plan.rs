//! Which tensors a decoder needs, by the names under which its files hold them.

use super::spec::DecoderSpec;
use super::weights::Role;

/// One tensor that must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorUse {
    pub role: Role,
    pub layer: Option<usize>,
    pub name: String,
    pub shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Vector(usize),
    Matrix(usize, usize),
}

impl Shape {
    /// Rows and columns; a vector is one row.
    pub fn rows_cols(self) -> (usize, usize) {
        match self {
            Shape::Vector(n) => (1, n),
            Shape::Matrix(rows, cols) => (rows, cols),
        }
    }

    pub fn is(self, sizes: &[usize]) -> bool {
        match self {
            Shape::Vector(n) => sizes == [n],
            Shape::Matrix(rows, cols) => sizes == [rows, cols],
        }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Shape::Vector(n) => write!(f, "[{n}]"),
            Shape::Matrix(rows, cols) => write!(f, "[{rows}, {cols}]"),
        }
    }
}

/// Tensors that may stand in the files and are not read. Anchored at one end: never a substring.
#[derive(Debug, Clone, Copy)]
pub(super) enum NamePattern {
    Suffix(&'static str),
}

impl NamePattern {
    pub fn matches(self, name: &str) -> bool {
        match self {
            NamePattern::Suffix(suffix) => name.ends_with(suffix),
        }
    }
}

/// The name of the output embedding in every llama-like file.
pub(super) const OUTPUT_EMBEDDING: &str = "lm_head.weight";

/// Rotary frequencies that old files carry along; they are computed from the config instead.
pub(super) const ROTARY_LEFTOVERS: NamePattern = NamePattern::Suffix(".rotary_emb.inv_freq");

/// The table of plain Llama, which most families share; biases as the spec asks for them.
pub(super) fn llama_tensors(spec: &DecoderSpec) -> Vec<TensorUse> {
    use Role::*;
    use Shape::*;
    let hidden = spec.hidden;
    let mut uses = Vec::new();
    let mut add = |role, layer, name, shape| uses.push(TensorUse { role, layer, name, shape });

    let table = Matrix(spec.vocab, hidden);
    add(Embedding, None, "model.embed_tokens.weight".into(), table);
    for (i, l) in spec.layers.iter().enumerate() {
        let (q, kv, width) = (l.q_width(), l.kv_width(), l.mlp.width);
        let mut part = |role, name, shape| {
            add(role, Some(i), format!("model.layers.{i}.{name}"), shape);
        };
        part(AttnInNorm, "input_layernorm.weight", Vector(hidden));
        part(Query, "self_attn.q_proj.weight", Matrix(q, hidden));
        part(Key, "self_attn.k_proj.weight", Matrix(kv, hidden));
        part(Value, "self_attn.v_proj.weight", Matrix(kv, hidden));
        if l.qkv_bias {
            part(QueryBias, "self_attn.q_proj.bias", Vector(q));
            part(KeyBias, "self_attn.k_proj.bias", Vector(kv));
            part(ValueBias, "self_attn.v_proj.bias", Vector(kv));
        }
        part(AttnOut, "self_attn.o_proj.weight", Matrix(hidden, q));
        if l.out_bias {
            part(AttnOutBias, "self_attn.o_proj.bias", Vector(hidden));
        }
        part(MlpInNorm, "post_attention_layernorm.weight", Vector(hidden));
        part(Gate, "mlp.gate_proj.weight", Matrix(width, hidden));
        part(Up, "mlp.up_proj.weight", Matrix(width, hidden));
        part(Down, "mlp.down_proj.weight", Matrix(hidden, width));
        if l.mlp.bias {
            part(GateBias, "mlp.gate_proj.bias", Vector(width));
            part(UpBias, "mlp.up_proj.bias", Vector(width));
            part(DownBias, "mlp.down_proj.bias", Vector(hidden));
        }
    }
    add(FinalNorm, None, "model.norm.weight".into(), Vector(hidden));
    if !spec.head.tied {
        add(OutputEmbedding, None, OUTPUT_EMBEDDING.into(), table);
    }
    uses
}
