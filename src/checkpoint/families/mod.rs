//! One file per family: its config.json read into a `DecoderSpec`, and the names of its tensors.
//!
//! A family has three lists of fields: read, fixed (must hold one value) and inert (no effect on inference).
//! A field on none of them is refused, because it may change the arithmetic.

mod baichuan;
mod gemma3;
mod gemma4;
mod glm;
mod inert;
mod layer_types;
mod llama;
mod mistral;
mod multimodal;
mod olmo2;
mod qwen2;
mod qwen3;
mod sizes;

use serde_json::Value;

use super::error::{CheckpointError, Result, shown_value};
use super::fields::Fields;
use super::plan::{NamePattern, Names};
use super::quantised;
use super::spec::{DecoderSpec, SpecError};

pub(super) struct Family {
    /// `model_type` in config.json.
    pub model_type: &'static str,
    /// The one entry that `architectures` may hold.
    pub architecture: &'static str,
    /// The family's own fields; what all share is read around it.
    pub read: fn(&mut Fields) -> Result<DecoderSpec>,
    pub names: Names,
    pub ignored: &'static [NamePattern],
}

static FAMILIES: &[Family] = &[
    baichuan::FAMILY,
    gemma3::MULTIMODAL,
    gemma3::TEXT,
    gemma4::MULTIMODAL,
    gemma4::TEXT,
    glm::FAMILY,
    llama::FAMILY,
    mistral::FAMILY,
    olmo2::FAMILY,
    qwen2::FAMILY,
    qwen3::FAMILY,
];

impl Family {
    /// The family that `model_type` names; [`Family::spec`] then holds `architectures` against it.
    pub fn of(fields: &mut Fields, file: &std::path::Path) -> Result<&'static Family> {
        let model_type = fields.word("model_type")?;
        let family = FAMILIES.iter().find(|family| family.model_type == model_type).ok_or_else(|| {
            CheckpointError::UnknownFamily {
                file: file.to_owned(),
                model_type: shown_value(&model_type.into()),
                known: FAMILIES.iter().map(|family| family.model_type).collect::<Vec<_>>().join(", "),
            }
        })?;
        Ok(family)
    }

    /// The decoder that a config describes; every field of it is accounted for.
    pub fn spec(&self, mut fields: Fields) -> Result<DecoderSpec> {
        fields.must_be("model_type", self.model_type)?;
        // `model_type` alone chooses the class; files written by tools leave this out.
        fields.may_only_be("architectures", vec![self.architecture])?;
        let spec = (self.read)(&mut fields)?;
        let refused =
            |error: SpecError| fields.error("model_type", format!("describes no sound decoder: {error}"));
        spec.check().map_err(refused)?;
        finish(fields)?;
        Ok(spec)
    }
}

/// What every family's object holds beside its own fields; then refuses what nobody asked for.
fn finish(mut fields: Fields) -> Result<()> {
    read_dtype(&mut fields)?;
    quantised::refuse_config(&mut fields)?;
    // In how many parts the reference once computed its products, for the same sums.
    fields.size_or_none("pretraining_tp")?;
    for key in ["add_cross_attention", "is_encoder_decoder", "tie_encoder_decoder"] {
        fields.may_only_be(key, false)?;
    }
    fields.may_only_be("pruned_heads", Value::Object(Default::default()))?;
    fields.inert(inert::is_inert);
    fields.finish()
}

/// `torch_dtype` (older) or `dtype`: the files say themselves how they are stored, so this is only held against the
/// names that there are.
fn read_dtype(fields: &mut Fields) -> Result<()> {
    const KNOWN: [&str; 5] = ["float32", "float16", "bfloat16", "float64", "auto"];
    let mut stated = None;
    for key in ["torch_dtype", "dtype"] {
        let Some(word) = fields.word_or_none(key)? else {
            continue;
        };
        if !KNOWN.contains(&word) {
            let why = format!("is {}, expected one of {}", shown_value(&word.into()), KNOWN.join(", "));
            return Err(fields.error(key, why));
        }
        if word == "auto" {
            continue; // whatever the files hold
        }
        if let Some(older) = stated.filter(|older| *older != word) {
            return Err(fields.error(key, format!("is {word}, which contradicts `torch_dtype` {older}")));
        }
        stated = Some(word);
    }
    Ok(())
}
