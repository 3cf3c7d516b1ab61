//! The fields that all families share: the sizes and the norm's epsilon.

use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;
use crate::checkpoint::spec::{DecoderSpec, Head, LayerSpec, Rotary};

/// Far above any real head; keeps a rotary table small whatever the file says.
const LARGEST_HEAD: usize = 8192;

/// Where the number of key/value heads comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KvHeads {
    /// `num_key_value_heads`, which must be there.
    Stated,
    /// The same, or one per query head where it is absent; the shape of the key projection then proves it.
    StatedOrHeads,
    /// One per query head; the family has no such field.
    Heads,
}

/// The sizes of a decoder whose layers are all alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub width: usize,
    pub vocab: usize,
    pub context: usize,
    pub eps: f32,
    pub tied: bool,
}

impl Sizes {
    pub fn read(fields: &mut Fields, kv_heads: KvHeads) -> Result<Sizes> {
        let hidden = fields.size("hidden_size")?;
        let heads = fields.size("num_attention_heads")?;
        let kv_heads = match kv_heads {
            KvHeads::Stated => fields.size("num_key_value_heads")?,
            KvHeads::StatedOrHeads => fields.size_or_none("num_key_value_heads")?.unwrap_or(heads),
            KvHeads::Heads => heads,
        };
        if !heads.is_multiple_of(kv_heads) {
            return Err(fields.error(
                "num_key_value_heads",
                format!("is {kv_heads}, which does not divide the {heads} of `num_attention_heads`"),
            ));
        }
        let eps = fields.positive("rms_norm_eps")?;
        if eps >= 1.0 {
            return Err(fields.error("rms_norm_eps", format!("is {eps}, expected less than 1")));
        }
        Ok(Sizes {
            hidden,
            layers: fields.layers("num_hidden_layers")?,
            heads,
            kv_heads,
            head_dim: head_dim(fields, hidden, heads)?,
            width: fields.size("intermediate_size")?,
            vocab: fields.size("vocab_size")?,
            context: fields.size("max_position_embeddings")?,
            eps: eps as f32,
            // Absent means false in every version of the untied families' classes, and the bijection check then demands
            // the tensor.
            tied: fields.flag_or_none("tie_word_embeddings")?.unwrap_or(false),
        })
    }

    /// A layer of plain Llama with these sizes.
    pub fn layer(&self) -> LayerSpec {
        LayerSpec::plain(self.heads, self.kv_heads, self.head_dim, self.width)
    }

    /// A decoder of equal layers with one rotary table and nothing special around them.
    pub fn spec(&self, rotary: Rotary, layer: LayerSpec) -> DecoderSpec {
        let layers = vec![layer; self.layers];
        DecoderSpec {
            rotaries: vec![rotary],
            head: Head::plain(self.tied),
            ..DecoderSpec::plain(self.hidden, self.vocab, self.context, self.eps, layers)
        }
    }
}

/// `head_dim`, or hidden / heads where the makers leave it out; the query projection's shape proves it.
fn head_dim(fields: &mut Fields, hidden: usize, heads: usize) -> Result<usize> {
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
    check_head_dim(fields, key, head_dim)?;
    Ok(head_dim)
}

pub(super) fn check_head_dim(fields: &Fields, key: &str, head_dim: usize) -> Result<()> {
    if head_dim % 2 == 1 || head_dim > LARGEST_HEAD {
        return Err(fields.error(
            key,
            format!(
                "gives heads of {}, expected an even number up to {LARGEST_HEAD}",
                crate::plain::counted(head_dim, "element")
            ),
        ));
    }
    Ok(())
}
