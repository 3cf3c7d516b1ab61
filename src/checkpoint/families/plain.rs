//! What the families that are plain Llama share: the sizes, the norm, the rotary table, one kind of layer.

use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;
use crate::checkpoint::rope::{Rope, Scalings};
use crate::checkpoint::spec::{Act, DecoderSpec, Head, LayerSpec, Mlp};

/// Far above any real head; keeps a rotary table small whatever the file says.
const LARGEST_HEAD: usize = 8192;

/// Where a family differs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Layers {
    pub qkv_bias: bool,
    pub out_bias: bool,
    pub mlp_bias: bool,
    pub window: Option<u32>,
}

/// How many key/value heads there are when `num_key_value_heads` is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AbsentKvHeads {
    /// One per query head; the shape of the key projection then proves it.
    AsHeads,
    Refused,
}

/// Reads the shared fields and builds a decoder of equal layers.
pub(super) fn read(
    fields: &mut Fields,
    scalings: Scalings,
    absent_kv_heads: AbsentKvHeads,
    differs: Layers,
) -> Result<DecoderSpec> {
    fields.must_be("hidden_act", "silu")?;
    let hidden = fields.size("hidden_size")?;
    let layers = fields.layers("num_hidden_layers")?;
    let heads = fields.size("num_attention_heads")?;
    let kv_heads = match absent_kv_heads {
        AbsentKvHeads::Refused => fields.size("num_key_value_heads")?,
        AbsentKvHeads::AsHeads => fields.size_or_none("num_key_value_heads")?.unwrap_or(heads),
    };
    if !heads.is_multiple_of(kv_heads) {
        return Err(fields.error(
            "num_key_value_heads",
            format!("is {kv_heads}, which does not divide the {heads} of `num_attention_heads`"),
        ));
    }
    let head_dim = read_head_dim(fields, hidden, heads)?;
    let eps = fields.positive("rms_norm_eps")?;
    if eps >= 1.0 {
        return Err(fields.error("rms_norm_eps", format!("is {eps}, expected less than 1")));
    }
    // Absent means false in every version of these families' classes, and the bijection check then demands the tensor.
    let tied = fields.flag_or_none("tie_word_embeddings")?.unwrap_or(false);
    let rope = Rope::read(fields, scalings)?;

    let layer = LayerSpec {
        heads,
        kv_heads,
        head_dim,
        qkv_bias: differs.qkv_bias,
        out_bias: differs.out_bias,
        rotary: 0,
        score_scale: (head_dim as f64).sqrt().recip() as f32,
        window: differs.window,
        mlp: Mlp { width: fields.size("intermediate_size")?, act: Act::Silu, bias: differs.mlp_bias },
    };
    Ok(DecoderSpec {
        hidden,
        vocab: fields.size("vocab_size")?,
        context: fields.size("max_position_embeddings")?,
        eps: eps as f32,
        embed_scale: 1.0,
        rotaries: vec![rope.table(head_dim)],
        layers: vec![layer; layers],
        head: Head { tied },
    })
}

/// `head_dim`, or hidden / heads where the makers leave it out; the query projection's shape proves it.
fn read_head_dim(fields: &mut Fields, hidden: usize, heads: usize) -> Result<usize> {
    let (key, head_dim) = match fields.size_or_none("head_dim")? {
        Some(head_dim) => ("head_dim", head_dim),
        None if hidden.is_multiple_of(heads) => ("num_attention_heads", hidden / heads),
        None => {
            return Err(fields.error(
                "num_attention_heads",
                format!("is {heads}, which does not divide the {hidden} of `hidden_size`"),
            ));
        }
    };
    if head_dim % 2 == 1 || head_dim > LARGEST_HEAD {
        return Err(fields.error(
            key,
            format!("gives heads of {head_dim} elements, expected an even number up to {LARGEST_HEAD}"),
        ));
    }
    Ok(head_dim)
}
