//! The fields that all families share: the sizes and the norm's epsilon.

use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;
use crate::checkpoint::rope::{Rules, Table};
use crate::checkpoint::spec::{DecoderSpec, Head, LayerSpec};

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

/// What an absent field means to a family's class, where its makers' files leave it out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults {
    pub heads: Option<usize>,
    pub kv_heads: Option<usize>,
    pub head_dim: Option<usize>,
    pub vocab: Option<usize>,
    pub context: Option<usize>,
    pub eps: Option<f64>,
    pub tied: bool,
}

impl Defaults {
    /// Of families whose files state their sizes. An absent `tie_word_embeddings` means false in every version of their
    /// classes, and the bijection check then demands the tensor.
    const NONE: Defaults = Defaults {
        heads: None,
        kv_heads: None,
        head_dim: None,
        vocab: None,
        context: None,
        eps: None,
        tied: false,
    };
}

impl Sizes {
    pub fn read(fields: &mut Fields, kv_heads: KvHeads) -> Result<Sizes> {
        Sizes::read_with(fields, kv_heads, &Defaults::NONE)
    }

    pub fn read_with(fields: &mut Fields, kv_heads: KvHeads, absent: &Defaults) -> Result<Sizes> {
        let hidden = fields.size("hidden_size")?;
        let heads = fields.size_or("num_attention_heads", absent.heads)?;
        let kv_heads = match kv_heads {
            KvHeads::Stated => fields.size_or("num_key_value_heads", absent.kv_heads)?,
            KvHeads::StatedOrHeads => fields.size_or_none("num_key_value_heads")?.unwrap_or(heads),
            KvHeads::Heads => heads,
        };
        if !heads.is_multiple_of(kv_heads) {
            return Err(fields.error(
                "num_key_value_heads",
                format!("is {kv_heads}, which does not divide the {heads} of `num_attention_heads`"),
            ));
        }
        let eps = match (fields.positive_or_none("rms_norm_eps")?, absent.eps) {
            (Some(eps), _) | (None, Some(eps)) => eps,
            (None, None) => fields.positive("rms_norm_eps")?,
        };
        if eps >= 1.0 {
            return Err(fields.error("rms_norm_eps", format!("is {eps}, expected less than 1")));
        }
        Ok(Sizes {
            hidden,
            layers: fields.layers("num_hidden_layers")?,
            heads,
            kv_heads,
            head_dim: head_dim(fields, hidden, heads, absent.head_dim)?,
            width: fields.size("intermediate_size")?,
            vocab: fields.size_or("vocab_size", absent.vocab)?,
            context: context(fields, absent.context)?,
            eps: eps as f32,
            tied: fields.flag_or_none("tie_word_embeddings")?.unwrap_or(absent.tied),
        })
    }

    /// A layer of plain Llama with these sizes.
    pub fn layer(&self) -> LayerSpec {
        LayerSpec::plain(self.heads, self.kv_heads, self.head_dim, self.width)
    }

    /// What the rotary fields of a family may leave out.
    pub fn rotary_rules(&self) -> Rules {
        Rules::plain(self.context)
    }

    /// A decoder of equal layers with one rotary table and nothing special around them.
    pub fn spec(&self, table: Table, layer: LayerSpec) -> DecoderSpec {
        let layers = vec![layer.with_score_factor(table.score_factor); self.layers];
        DecoderSpec {
            rotaries: vec![table.rotary],
            head: Head::plain(self.tied),
            ..DecoderSpec::plain(self.hidden, self.vocab, self.context, self.eps, layers)
        }
    }
}

/// `max_position_embeddings`; the first Llama files wrote `max_sequence_length`, which means nothing beside it.
fn context(fields: &mut Fields, absent: Option<usize>) -> Result<usize> {
    let older = fields.size_or_none("max_sequence_length")?;
    fields.size_or("max_position_embeddings", older.or(absent))
}

/// `head_dim`, or hidden / heads where the makers leave it out; the query projection's shape proves it.
fn head_dim(fields: &mut Fields, hidden: usize, heads: usize, absent: Option<usize>) -> Result<usize> {
    let (key, head_dim) = match fields.size_or_none("head_dim")?.or(absent) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn heads_that_state_no_size_share_the_hidden_one_evenly() {
        let read = |stated: serde_json::Value, heads: usize, absent: Option<usize>| {
            let mut fields = Fields::new("config.json".as_ref(), stated.as_object().unwrap(), 1);
            head_dim(&mut fields, 32, heads, absent).map_err(|error| error.to_string())
        };
        assert_eq!(read(json!({}), 4, None), Ok(8));
        assert_eq!(read(json!({"head_dim": 10}), 4, Some(12)), Ok(10));
        assert_eq!(read(json!({}), 4, Some(12)), Ok(12));
        let uneven = read(json!({}), 5, None).unwrap_err();
        assert!(uneven.contains("`num_attention_heads` is 5, which does not divide the 32"), "{uneven}");
        let odd = read(json!({}), 32, None).unwrap_err();
        assert!(odd.contains("gives heads of 1 element, expected an even number"), "{odd}");
    }
}
