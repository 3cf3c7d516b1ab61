//! Qwen 2 and 2.5 (dense): plain Llama with biases on the query, key and value projections.
//!
//! No field announces the biases: the family has them, and the bijection check demands their tensors.

use super::Family;
use super::plain::{self, AbsentKvHeads, Layers};
use crate::checkpoint::error::{Result, shown_value};
use crate::checkpoint::fields::Fields;
use crate::checkpoint::plan::{ROTARY_LEFTOVERS, llama_tensors};
use crate::checkpoint::rope::Scalings;
use crate::checkpoint::spec::DecoderSpec;

pub(super) const FAMILY: Family = Family {
    model_type: "qwen2",
    architecture: "Qwen2ForCausalLM",
    read,
    tensors: llama_tensors,
    ignored: &[ROTARY_LEFTOVERS],
};

fn read(fields: &mut Fields) -> Result<DecoderSpec> {
    fields.must_be("use_sliding_window", false)?;
    fields.may_only_be("use_mrope", false)?;
    // Stated by the makers' files but switched off by the field above.
    fields.size_or_none("sliding_window")?;
    fields.count_or_none("max_window_layers")?;
    let differs = Layers { qkv_bias: true, ..Layers::default() };
    let spec = plain::read(fields, Scalings::None, AbsentKvHeads::Refused, differs)?;
    check_layer_types(fields, spec.layers.len())?;
    Ok(spec)
}

/// transformers 5 writes one word per layer; without a window all are `full_attention`.
fn check_layer_types(fields: &mut Fields, layers: usize) -> Result<()> {
    const KEY: &str = "layer_types";
    let Some(types) = fields.list_or_none(KEY)? else {
        return Ok(());
    };
    if types.len() != layers {
        return Err(fields.error(KEY, format!("has {} entries for {layers} layers", types.len())));
    }
    for (i, word) in types.iter().enumerate() {
        if word != "full_attention" {
            return Err(fields.error(
                KEY,
                format!(
                    "says {} for layer {i}, but only \"full_attention\" is supported here",
                    shown_value(word)
                ),
            ));
        }
    }
    Ok(())
}
