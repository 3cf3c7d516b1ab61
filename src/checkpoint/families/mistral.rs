//! Mistral 7B: plain Llama, with or without a sliding window.

use serde_json::Value;

use super::Family;
use super::plain::{self, AbsentKvHeads, Layers};
use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;
use crate::checkpoint::plan::{ROTARY_LEFTOVERS, llama_tensors};
use crate::checkpoint::rope::Scalings;
use crate::checkpoint::spec::DecoderSpec;

/// What an absent `sliding_window` means to the family's class; `null` means no window.
const ABSENT_WINDOW: u32 = 4096;

pub(super) const FAMILY: Family = Family {
    model_type: "mistral",
    architecture: "MistralForCausalLM",
    read,
    tensors: llama_tensors,
    ignored: &[ROTARY_LEFTOVERS],
};

fn read(fields: &mut Fields) -> Result<DecoderSpec> {
    let window = match fields.raw("sliding_window") {
        None => Some(ABSENT_WINDOW),
        Some(Value::Null) => None,
        Some(_) => fields.size_or_none("sliding_window")?.and_then(|window| u32::try_from(window).ok()),
    };
    let differs = Layers { window, ..Layers::default() };
    plain::read(fields, Scalings::None, AbsentKvHeads::Refused, differs)
}
