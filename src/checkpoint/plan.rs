//! Which tensors a decoder needs, and where in its files they stand.

use std::ops::Range;

use super::spec::{DecoderSpec, HeadNorm, Kv};
use super::weights::Role;

/// One tensor, or some rows of one, that must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorUse {
    pub role: Role,
    pub layer: Option<usize>,
    pub name: String,
    /// The stored shape.
    pub shape: Shape,
    /// Which of its rows play the role, where it is not all.
    pub rows: Option<Range<usize>>,
    /// Its values are stored less 1.
    pub less_one: bool,
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
#[derive(Debug, Clone)]
pub(super) enum NamePattern {
    Prefix(&'static str),
    Suffix(&'static str),
    Exact(String),
}

impl NamePattern {
    pub fn matches(&self, name: &str) -> bool {
        match self {
            NamePattern::Prefix(prefix) => name.starts_with(prefix),
            NamePattern::Suffix(suffix) => name.ends_with(suffix),
            NamePattern::Exact(exact) => name == exact,
        }
    }
}

/// Rotary frequencies that old files carry along; they are computed from the config instead.
pub(super) const ROTARY_LEFTOVERS: NamePattern = NamePattern::Suffix(".rotary_emb.inv_freq");

/// How a family's files name their tensors. What is there at all follows from the `DecoderSpec`.
#[derive(Debug)]
pub(super) struct Names {
    /// What may stand before `embed_tokens.weight`, `layers.` and `norm.weight`: the maker's, then those of re-saved files.
    pub prefixes: &'static [&'static str],
    /// What the output embedding may be called, where it is a tensor of its own; likewise.
    pub heads: &'static [&'static str],
    pub attn_in_norm: &'static str,
    pub attn_out_norm: &'static str,
    pub mlp_in_norm: &'static str,
    pub mlp_out_norm: &'static str,
    /// One matrix that holds the rows of query, key and value, in this order.
    pub packed_qkv: Option<&'static str>,
    /// One matrix that holds the rows of gate and up, in this order.
    pub packed_gate_up: Option<&'static str>,
    /// The weights of all norms are stored less 1.
    pub norms_less_one: bool,
}

impl Names {
    /// Plain Llama's.
    pub const LLAMA: Names = Names {
        prefixes: &["model."],
        heads: &["lm_head.weight"],
        attn_in_norm: "input_layernorm",
        attn_out_norm: "post_attention_layernorm",
        mlp_in_norm: "post_attention_layernorm",
        mlp_out_norm: "post_feedforward_layernorm",
        packed_qkv: None,
        packed_gate_up: None,
        norms_less_one: false,
    };
}

/// What is read, and what may stand beside it.
pub(super) struct TensorPlan {
    pub uses: Vec<TensorUse>,
    pub ignored: Vec<NamePattern>,
    /// Names of a second copy of the embedding, where it serves at both ends.
    pub copies: &'static [&'static str],
}

impl TensorPlan {
    /// `there`: whether the files hold a tensor of this name.
    pub fn new(spec: &DecoderSpec, names: &Names, there: impl Fn(&str) -> bool) -> TensorPlan {
        use Role::*;
        use Shape::*;
        let found = names.prefixes.iter().find(|prefix| there(&format!("{prefix}embed_tokens.weight")));
        let prefix = *found.or(names.prefixes.first()).unwrap_or(&"");
        let (hidden, table) = (spec.hidden, Matrix(spec.vocab, spec.hidden));
        let mut list =
            List { prefix: prefix.to_owned(), layer: None, less_one: names.norms_less_one, uses: Vec::new() };

        list.add(Embedding, "embed_tokens.weight", table);
        if let Some(side) = &spec.side {
            let width = side.width * spec.layers.len();
            list.add(SideTable, "embed_tokens_per_layer.weight", Matrix(spec.vocab, width));
            list.add(SideContext, "per_layer_model_projection.weight", Matrix(width, hidden));
            list.norm(true, SideContextNorm, "per_layer_projection_norm", side.width);
        }
        list.norm(true, FinalNorm, "norm", hidden);
        let mut ignored = Vec::new();
        for i in 0..spec.layers.len() {
            list.layer = Some(i);
            list.prefix = format!("{prefix}layers.{i}.");
            list.attention(spec, i, names);
            list.mlp(spec, i, names);
            if spec.layers[i].kv != Kv::Own {
                // Some makers ship keys and values also where an earlier layer's are read; others leave them out.
                let unread =
                    ["self_attn.k_proj.weight", "self_attn.v_proj.weight", "self_attn.k_norm.weight"];
                ignored.extend(unread.map(|name| NamePattern::Exact(format!("{}{name}", list.prefix))));
            }
        }
        if !spec.head.tied {
            (list.layer, list.prefix) = (None, String::new());
            let found = names.heads.iter().find(|head| there(head));
            list.add(OutputEmbedding, found.or(names.heads.first()).unwrap_or(&""), table);
        }
        let copies = if spec.head.tied { names.heads } else { &[] };
        TensorPlan { uses: list.uses, ignored, copies }
    }
}

struct List {
    prefix: String,
    layer: Option<usize>,
    /// Of norms.
    less_one: bool,
    uses: Vec<TensorUse>,
}

impl List {
    fn add(&mut self, role: Role, name: &str, shape: Shape) {
        self.rows(role, name, shape, None);
    }

    fn rows(&mut self, role: Role, name: &str, shape: Shape, rows: Option<Range<usize>>) {
        let name = format!("{}{name}", self.prefix);
        self.uses.push(TensorUse { role, layer: self.layer, name, shape, rows, less_one: false });
    }

    /// Matrices with `cols` columns that stand one after the other in one stored matrix.
    fn packed(&mut self, name: &str, cols: usize, parts: &[(Role, usize)]) {
        let total = parts.iter().map(|(_, rows)| rows).sum();
        let mut first = 0;
        for &(role, rows) in parts {
            self.rows(role, name, Shape::Matrix(total, cols), Some(first..first + rows));
            first += rows;
        }
    }

    fn norm(&mut self, there: bool, role: Role, name: &str, width: usize) {
        if there {
            let name = format!("{}{name}.weight", self.prefix);
            let (layer, shape, less_one) = (self.layer, Shape::Vector(width), self.less_one);
            self.uses.push(TensorUse { role, layer, name, shape, rows: None, less_one });
        }
    }

    /// A matrix and, if it has one, its bias.
    fn linear(&mut self, (role, bias): (Role, Option<Role>), name: &str, out: usize, cols: usize) {
        self.add(role, &format!("{name}.weight"), Shape::Matrix(out, cols));
        if let Some(bias) = bias {
            self.add(bias, &format!("{name}.bias"), Shape::Vector(out));
        }
    }

    fn attention(&mut self, spec: &DecoderSpec, i: usize, names: &Names) {
        use Role::*;
        let (l, hidden) = (&spec.layers[i], spec.hidden);
        let (q, kv, own) = (l.q_width(), l.kv_width(), l.kv == Kv::Own);
        let bias = |role| l.qkv_bias.then_some(role);
        self.norm(l.norms.attn_in, AttnInNorm, names.attn_in_norm, hidden);
        match names.packed_qkv {
            Some(name) => {
                self.packed(&format!("{name}.weight"), hidden, &[(Query, q), (Key, kv), (Value, kv)])
            }
            None => {
                self.linear((Query, bias(QueryBias)), "self_attn.q_proj", q, hidden);
                if own {
                    self.linear((Key, bias(KeyBias)), "self_attn.k_proj", kv, hidden);
                    self.linear((Value, bias(ValueBias)), "self_attn.v_proj", kv, hidden);
                }
            }
        }
        let (q_norm, k_norm) = match l.head_norm {
            HeadNorm::WholeRow => (q, kv),
            _ => (l.head_dim, l.head_dim),
        };
        self.norm(l.head_norm != HeadNorm::None, QueryNorm, "self_attn.q_norm", q_norm);
        self.norm(l.head_norm != HeadNorm::None && own, KeyNorm, "self_attn.k_norm", k_norm);
        self.linear((AttnOut, l.out_bias.then_some(AttnOutBias)), "self_attn.o_proj", hidden, q);
        self.norm(l.norms.attn_out, AttnOutNorm, names.attn_out_norm, hidden);
    }

    fn mlp(&mut self, spec: &DecoderSpec, i: usize, names: &Names) {
        use Role::*;
        let (l, hidden, width) = (&spec.layers[i], spec.hidden, spec.layers[i].mlp.width);
        let bias = |role| l.mlp.bias.then_some(role);
        self.norm(l.norms.mlp_in, MlpInNorm, names.mlp_in_norm, hidden);
        match names.packed_gate_up {
            Some(name) => self.packed(&format!("{name}.weight"), hidden, &[(Gate, width), (Up, width)]),
            None => {
                self.linear((Gate, bias(GateBias)), "mlp.gate_proj", width, hidden);
                self.linear((Up, bias(UpBias)), "mlp.up_proj", width, hidden);
            }
        }
        self.linear((Down, bias(DownBias)), "mlp.down_proj", hidden, width);
        self.norm(l.norms.mlp_out, MlpOutNorm, names.mlp_out_norm, hidden);
        if let Some(side) = spec.side.as_ref().filter(|_| l.side) {
            self.linear((SideGate, None), "per_layer_input_gate", side.width, hidden);
            self.linear((SideOut, None), "per_layer_projection", hidden, side.width);
            self.norm(true, SideOutNorm, "post_per_layer_input_norm", hidden);
        }
        if l.out_scale {
            self.add(OutScale, "layer_scalar", Shape::Vector(1));
        }
    }
}
