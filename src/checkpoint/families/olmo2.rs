//! OLMo 2: norms after attention and MLP instead of before, and an RMS norm over whole rows of queries and keys.

use super::Family;
use super::sizes::{KvHeads, Sizes};
use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;
use crate::checkpoint::plan::Names;
use crate::checkpoint::rope::Rope;
use crate::checkpoint::spec::{Around, DecoderSpec, HeadNorm, LayerSpec};

pub(super) const FAMILY: Family =
    Family { model_type: "olmo2", architecture: "Olmo2ForCausalLM", read, names: Names::LLAMA, ignored: &[] };

fn read(fields: &mut Fields) -> Result<DecoderSpec> {
    fields.must_be("hidden_act", "silu")?;
    fields.may_only_be("attention_bias", false)?;
    let sizes = Sizes::read(fields, KvHeads::StatedOrHeads)?;
    let rope = Rope::read(fields, sizes.rotary_rules())?;
    let layer = LayerSpec { norms: Around::AFTER, head_norm: HeadNorm::WholeRow, ..sizes.layer() };
    Ok(sizes.spec(rope.table(sizes.head_dim), layer))
}
