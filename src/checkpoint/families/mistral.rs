//! Mistral 7B: plain Llama, with or without a sliding window.

use serde_json::Value;

use super::Family;
use super::sizes::{KvHeads, Sizes};
use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;
use crate::checkpoint::plan::{Names, ROTARY_LEFTOVERS};
use crate::checkpoint::rope::Rope;
use crate::checkpoint::spec::{DecoderSpec, LayerSpec};

/// What an absent `sliding_window` means to the family's class; `null` means no window.
const ABSENT_WINDOW: u32 = 4096;

pub(super) const FAMILY: Family = Family {
    model_type: "mistral",
    architecture: "MistralForCausalLM",
    read,
    names: Names::LLAMA,
    ignored: &[ROTARY_LEFTOVERS],
};

fn read(fields: &mut Fields) -> Result<DecoderSpec> {
    let window = match fields.raw("sliding_window") {
        None => Some(ABSENT_WINDOW),
        Some(Value::Null) => None,
        Some(_) => fields.size_or_none("sliding_window")?.and_then(|window| u32::try_from(window).ok()),
    };
    fields.must_be("hidden_act", "silu")?;
    let sizes = Sizes::read(fields, KvHeads::Stated)?;
    let rope = Rope::read(fields, sizes.rotary_rules())?;
    Ok(sizes.spec(rope.table(sizes.head_dim), LayerSpec { window, ..sizes.layer() }))
}
