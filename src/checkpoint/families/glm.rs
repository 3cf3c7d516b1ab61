//! GLM 4 9B in its `-hf` form: biases on queries, keys and values, half of each head turned in adjacent pairs, gate and
//! up in one matrix. `glm4` is another family (two more norms per layer) and is refused by its name.

use super::Family;
use super::sizes::{KvHeads, Sizes};
use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;
use crate::checkpoint::plan::{Names, ROTARY_LEFTOVERS};
use crate::checkpoint::rope::{Rope, Rules};
use crate::checkpoint::spec::{DecoderSpec, LayerSpec};

/// What an absent `partial_rotary_factor` means to the family's class; the makers' files leave it out.
const ABSENT_PARTIAL: f64 = 0.5;

pub(super) const FAMILY: Family = Family {
    model_type: "glm",
    architecture: "GlmForCausalLM",
    read,
    names: Names { packed_gate_up: Some("mlp.gate_up_proj"), ..Names::LLAMA },
    ignored: &[ROTARY_LEFTOVERS],
};

fn read(fields: &mut Fields) -> Result<DecoderSpec> {
    fields.must_be("hidden_act", "silu")?;
    // Of queries, keys and values; the output projection never has one. GLM Edge has none at all.
    let qkv_bias = fields.flag("attention_bias")?;
    let sizes = Sizes::read(fields, KvHeads::Stated)?;
    let rules = Rules { absent_partial: Some(ABSENT_PARTIAL), ..sizes.rotary_rules() };
    let rope = Rope::read(fields, rules)?;
    let table = rope.adjacent_table(sizes.head_dim).ok_or_else(|| {
        let why = format!("does not turn an even number of a head's {} elements", sizes.head_dim);
        fields.error("partial_rotary_factor", why)
    })?;
    Ok(sizes.spec(table, LayerSpec { qkv_bias, ..sizes.layer() }))
}
