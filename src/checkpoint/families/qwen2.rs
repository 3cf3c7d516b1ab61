//! Qwen 2 and 2.5 (dense): plain Llama with biases on the query, key and value projections.
//!
//! No field announces the biases: the family has them, and the bijection check demands their tensors.

use super::Family;
use super::layer_types::all_full;
use super::sizes::{KvHeads, Sizes};
use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;
use crate::checkpoint::plan::{Names, ROTARY_LEFTOVERS};
use crate::checkpoint::rope::Rope;
use crate::checkpoint::spec::{DecoderSpec, LayerSpec};

pub(super) const FAMILY: Family = Family {
    model_type: "qwen2",
    architecture: "Qwen2ForCausalLM",
    read,
    names: Names::LLAMA,
    ignored: &[ROTARY_LEFTOVERS],
};

fn read(fields: &mut Fields) -> Result<DecoderSpec> {
    // Absent means the same to the family's class.
    fields.may_only_be("use_sliding_window", false)?;
    fields.may_only_be("use_mrope", false)?;
    // Stated by the makers' files but switched off by the field above.
    fields.size_or_none("sliding_window")?;
    fields.count_or_none("max_window_layers")?;
    fields.must_be("hidden_act", "silu")?;
    let sizes = Sizes::read(fields, KvHeads::Stated)?;
    all_full(fields, sizes.layers)?;
    let rope = Rope::read(fields, sizes.rotary_rules())?;
    Ok(sizes.spec(rope.table(sizes.head_dim), LayerSpec { qkv_bias: true, ..sizes.layer() }))
}
