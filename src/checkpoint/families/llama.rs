//! Llama: Llama 2 and 3.x, Yi 1.5, SmolLM2. The form that the other families deviate from.

use super::Family;
use super::plain::{self, AbsentKvHeads, Layers};
use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;
use crate::checkpoint::plan::{ROTARY_LEFTOVERS, llama_tensors};
use crate::checkpoint::rope::Scalings;
use crate::checkpoint::spec::DecoderSpec;

pub(super) const FAMILY: Family = Family {
    model_type: "llama",
    architecture: "LlamaForCausalLM",
    read,
    tensors: llama_tensors,
    ignored: &[ROTARY_LEFTOVERS],
};

fn read(fields: &mut Fields) -> Result<DecoderSpec> {
    // Written by the converter of SmolLM2: true would mean another pairing of the rotary dimensions.
    fields.may_only_be("rope_interleaved", false)?;
    fields.may_only_be("is_llama_config", true)?;
    // Older files state neither; a bias that is there all the same is an unused tensor, hence an error.
    let attention_bias = fields.flag_or_none("attention_bias")?.unwrap_or(false);
    let mlp_bias = fields.flag_or_none("mlp_bias")?.unwrap_or(false);
    let differs = Layers { qkv_bias: attention_bias, out_bias: attention_bias, mlp_bias, window: None };
    plain::read(fields, Scalings::Llama3, AbsentKvHeads::AsHeads, differs)
}
