//! Llama: Llama 2 and 3.x, Yi 1.5, SmolLM2. The form that the other families deviate from.

use super::Family;
use super::sizes::{KvHeads, Sizes};
use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;
use crate::checkpoint::plan::{Names, ROTARY_LEFTOVERS};
use crate::checkpoint::rope::Rope;
use crate::checkpoint::spec::{DecoderSpec, LayerSpec, Mlp};

pub(super) const FAMILY: Family = Family {
    model_type: "llama",
    architecture: "LlamaForCausalLM",
    read,
    names: Names::LLAMA,
    ignored: &[ROTARY_LEFTOVERS],
};

fn read(fields: &mut Fields) -> Result<DecoderSpec> {
    // Written by the converter of SmolLM2: true would mean another pairing of the rotary dimensions.
    fields.may_only_be("rope_interleaved", false)?;
    fields.may_only_be("is_llama_config", true)?;
    // Older files state neither; a bias that is there all the same is an unused tensor, hence an error.
    let attention_bias = fields.flag_or_none("attention_bias")?.unwrap_or(false);
    let mlp_bias = fields.flag_or_none("mlp_bias")?.unwrap_or(false);
    fields.must_be("hidden_act", "silu")?;
    let sizes = Sizes::read(fields, KvHeads::StatedOrHeads)?;
    let rope = Rope::read(fields, sizes.rotary_rules())?;
    let plain = sizes.layer();
    let mlp = Mlp { bias: mlp_bias, ..plain.mlp.clone() };
    let layer = LayerSpec { qkv_bias: attention_bias, out_bias: attention_bias, mlp, ..plain };
    Ok(sizes.spec(rope.table(sizes.head_dim), layer))
}
