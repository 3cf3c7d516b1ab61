//! Qwen 3 (dense): plain Llama with an RMS norm on each head's query and key.

use super::Family;
use super::layer_types::all_full;
use super::sizes::{KvHeads, Sizes};
use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;
use crate::checkpoint::plan::Names;
use crate::checkpoint::rope::Rope;
use crate::checkpoint::spec::{DecoderSpec, HeadNorm, LayerSpec};

pub(super) const FAMILY: Family =
    Family { model_type: "qwen3", architecture: "Qwen3ForCausalLM", read, names: Names::LLAMA, ignored: &[] };

fn read(fields: &mut Fields) -> Result<DecoderSpec> {
    fields.must_be("hidden_act", "silu")?;
    // Absent means the same to the family's class.
    fields.may_only_be("use_sliding_window", false)?;
    // Stated by the makers' files but switched off by the field above.
    fields.size_or_none("sliding_window")?;
    fields.count_or_none("max_window_layers")?;
    fields.must_be("attention_bias", false)?;
    // The class's own default is 128 whatever the other sizes are.
    fields.size("head_dim")?;
    let sizes = Sizes::read(fields, KvHeads::Stated)?;
    all_full(fields, sizes.layers)?;
    let rope = Rope::read(fields, sizes.rotary_rules())?;
    let layer = LayerSpec { head_norm: HeadNorm::EachHead, ..sizes.layer() };
    Ok(sizes.spec(rope.table(sizes.head_dim), layer))
}
