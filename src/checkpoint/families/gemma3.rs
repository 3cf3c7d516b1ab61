//! Gemma 3: layers with and without a window, each kind with a rotary base of its own, norms around everything and on
//! each head's query and key, norm weights stored less 1. Of the multimodal checkpoint (`gemma3`) only the text decoder
//! is read.
//!
//! The makers' files leave out what equals the class's defaults, which are therefore filled in here, by name; sizes
//! without a default that any published model has must be stated.

use super::layer_types::{self, LayerType};
use super::multimodal::text_config;
use super::sizes::{Defaults, KvHeads, Sizes};
use super::{Family, finish};
use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;
use crate::checkpoint::plan::{NamePattern, Names};
use crate::checkpoint::rope::{Rope, Rules};
use crate::checkpoint::spec::{Act, Around, DecoderSpec, Head, HeadNorm, LayerSpec, Mlp};

/// Of `Gemma3TextConfig`.
const DEFAULTS: Defaults = Defaults {
    heads: Some(8),
    kv_heads: Some(4),
    head_dim: Some(256),
    vocab: Some(262_208),
    context: Some(131_072),
    eps: Some(1e-6),
    tied: true,
};
const SCORE_SCALAR: f64 = 256.0;
const PATTERN: usize = 6;
const GLOBAL_THETA: f64 = 1_000_000.0;
const LOCAL_THETA: f64 = 10_000.0;
const ACTIVATION: &str = "gelu_pytorch_tanh";

const NAMES: Names = Names {
    prefixes: &["model.", "language_model.model.", "model.language_model."],
    heads: &["lm_head.weight", "language_model.lm_head.weight"],
    mlp_in_norm: "pre_feedforward_layernorm",
    norms_less_one: true,
    ..Names::LLAMA
};

pub(super) const TEXT: Family = Family {
    model_type: "gemma3_text",
    architecture: "Gemma3ForCausalLM",
    read: read_text,
    names: NAMES,
    ignored: &[],
};

pub(super) const MULTIMODAL: Family = Family {
    model_type: "gemma3",
    architecture: "Gemma3ForConditionalGeneration",
    read: read_multimodal,
    names: Names { prefixes: &["language_model.model.", "model.language_model.", "model."], ..NAMES },
    ignored: &[
        NamePattern::Prefix("vision_tower."),
        NamePattern::Prefix("multi_modal_projector."),
        // re-saved files
        NamePattern::Prefix("model.vision_tower."),
        NamePattern::Prefix("model.multi_modal_projector."),
    ],
};

fn read_multimodal(fields: &mut Fields) -> Result<DecoderSpec> {
    const TIED: &str = "tie_word_embeddings";
    let mut text = text_config(fields, &TEXT)?;
    // The class caps no logits.
    text.must_be_absent("final_logit_softcapping", "only the text-only class applies it")?;
    let spec = read_text(&mut text)?;
    finish(text)?;
    // Versions of the reference differ in which of the two they follow.
    let outer = fields.flag_or_none(TIED)?.unwrap_or(DEFAULTS.tied);
    if outer != spec.head.tied {
        return Err(fields.error(TIED, format!("is {outer} (so if absent), which `text_config` contradicts")));
    }
    // The image's tokens take part in no text.
    for other in ["vision_config", "mm_tokens_per_image"] {
        fields.raw(other);
    }
    Ok(spec)
}

fn read_text(fields: &mut Fields) -> Result<DecoderSpec> {
    for key in ["hidden_activation", "hidden_act"] {
        fields.may_only_be(key, ACTIVATION)?;
    }
    fields.may_only_be("attention_bias", false)?;
    fields.may_only_be("use_bidirectional_attention", false)?;
    fields.must_be_absent("attn_logit_softcapping", "the reference never applies it")?;
    fields.raw("cache_implementation");
    let sizes = Sizes::read_with(fields, KvHeads::Stated, &DEFAULTS)?;
    let types = layer_types(fields, sizes.layers)?;
    let window = match types.contains(&LayerType::Sliding) {
        true => Some(fields.size("sliding_window")?),
        false => fields.size_or_none("sliding_window")?,
    };
    let score_scalar = fields.positive_or_none("query_pre_attn_scalar")?.unwrap_or(SCORE_SCALAR);
    let [local, global] = ropes(fields, sizes.rotary_rules())?.map(|rope| rope.table(sizes.head_dim));
    let layers = types.iter().map(|layer_type| {
        let sliding = *layer_type == LayerType::Sliding;
        let layer = LayerSpec {
            head_norm: HeadNorm::EachHead,
            rotary: usize::from(!sliding),
            score_scale: score_scalar.sqrt().recip() as f32,
            window: window.filter(|_| sliding).and_then(|window| u32::try_from(window).ok()),
            norms: Around::BOTH,
            mlp: Mlp { width: sizes.width, act: Act::GeluTanh, bias: false },
            ..sizes.layer()
        };
        layer.with_score_factor(if sliding { local.score_factor } else { global.score_factor })
    });
    let cap = fields.positive_or_none("final_logit_softcapping")?.map(|cap| cap as f32);
    let layers = layers.collect();
    Ok(DecoderSpec {
        embed_scale: (sizes.hidden as f64).sqrt() as f32,
        rotaries: vec![local.rotary, global.rotary],
        head: Head { cap, ..Head::plain(sizes.tied) },
        ..DecoderSpec::plain(sizes.hidden, sizes.vocab, sizes.context, sizes.eps, layers)
    })
}

/// `layer_types`, or every `sliding_window_pattern`-th layer a full one. With an underscore in front the pattern is a
/// note that the reference does not read.
fn layer_types(fields: &mut Fields, layers: usize) -> Result<Vec<LayerType>> {
    fields.raw("_sliding_window_pattern");
    let pattern = fields.size_or_none("sliding_window_pattern")?.unwrap_or(PATTERN);
    Ok(match layer_types::read(fields, layers)? {
        Some(types) => types,
        None => (1..=layers)
            .map(|layer| match layer.is_multiple_of(pattern) {
                true => LayerType::Full,
                false => LayerType::Sliding,
            })
            .collect(),
    })
}

/// Of the layers with a window, then of those without, which alone are scaled.
fn ropes(fields: &mut Fields, plain: Rules) -> Result<[Rope; 2]> {
    let mut parameters = fields.object_or_none("rope_parameters")?;
    let local = Rules { theta_key: "rope_local_base_freq", absent_theta: LOCAL_THETA, ..plain };
    let global = Rules { absent_theta: GLOBAL_THETA, ..plain };
    let ropes = [
        Rope::of_layers(fields, parameters.as_mut(), "sliding_attention", false, local)?,
        Rope::of_layers(fields, parameters.as_mut(), "full_attention", true, global)?,
    ];
    parameters.map_or(Ok(()), Fields::finish)?;
    Ok(ropes)
}
