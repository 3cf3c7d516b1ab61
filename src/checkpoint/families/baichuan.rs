//! Baichuan 2 7B: query, key and value in one matrix, rows of the output embedding divided by their length.
//!
//! The same `model_type` also names Baichuan 1 (plain output embedding) and the 13B models (ALiBi instead of rotary
//! embedding); nothing but their sizes tells them apart, so those sizes are refused.

use super::Family;
use super::sizes::{KvHeads, Sizes};
use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;
use crate::checkpoint::plan::{Names, ROTARY_LEFTOVERS};
use crate::checkpoint::rope::Rope;
use crate::checkpoint::spec::{DecoderSpec, Head};

/// The rotary base stands in the maker's code only.
const THETA: f64 = 10_000.0;
const BAICHUAN1_VOCAB: usize = 64_000;
const ALIBI_HIDDEN: usize = 5120;

pub(super) const FAMILY: Family = Family {
    model_type: "baichuan",
    architecture: "BaichuanForCausalLM",
    read,
    names: Names { packed_qkv: Some("self_attn.W_pack"), ..Names::LLAMA },
    ignored: &[ROTARY_LEFTOVERS],
};

fn read(fields: &mut Fields) -> Result<DecoderSpec> {
    fields.must_be("hidden_act", "silu")?;
    fields.must_be("tie_word_embeddings", false)?;
    let sizes = Sizes::read(fields, KvHeads::Heads)?;
    fields.may_only_be("num_key_value_heads", sizes.heads)?;
    fields.size_or_none("model_max_length")?;
    if sizes.vocab == BAICHUAN1_VOCAB {
        return Err(fields.error("vocab_size", "is that of Baichuan 1, which is not supported"));
    }
    if sizes.hidden == ALIBI_HIDDEN {
        return Err(
            fields.error("hidden_size", "is that of the 13B models with ALiBi, which are not supported")
        );
    }
    let plain = sizes.spec(Rope::fixed(THETA).table(sizes.head_dim), sizes.layer());
    Ok(DecoderSpec { head: Head { unit_rows: true, ..plain.head }, ..plain })
}
