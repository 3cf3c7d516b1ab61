//! Gemma 4 (E4B and models of its form): a second embedding per layer, local and global layers with heads and rotary
//! tables of their own, upper layers that read the keys and values of lower ones, norms around everything, a scalar per
//! layer, and a soft cap on the logits. Of the multimodal checkpoint (`gemma4`) only the text decoder is read.

use std::collections::BTreeSet;

use super::layer_types::{self, LayerType};
use super::multimodal::text_config;
use super::sizes::{KvHeads, Sizes, check_head_dim};
use super::{Family, finish};
use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;
use crate::checkpoint::plan::{NamePattern, Names};
use crate::checkpoint::rope::Rope;
use crate::checkpoint::spec::{
    Act, Around, DecoderSpec, Head, HeadNorm, Kv, LayerSpec, Mlp, Rotary, SideInput,
};

const NAMES: Names = Names {
    prefixes: &["model.language_model.", "model.", "language_model.model."],
    mlp_in_norm: "pre_feedforward_layernorm",
    ..Names::LLAMA
};

pub(super) const TEXT: Family = Family {
    model_type: "gemma4_text",
    architecture: "Gemma4ForCausalLM",
    read: read_text,
    names: NAMES,
    ignored: &[],
};

pub(super) const MULTIMODAL: Family = Family {
    model_type: "gemma4",
    architecture: "Gemma4ForConditionalGeneration",
    read: read_multimodal,
    names: NAMES,
    ignored: &[
        NamePattern::Prefix("model.vision_tower."),
        NamePattern::Prefix("model.audio_tower."),
        NamePattern::Prefix("model.embed_vision."),
        NamePattern::Prefix("model.embed_audio."),
        // re-saved files
        NamePattern::Prefix("vision_tower."),
        NamePattern::Prefix("audio_tower."),
        NamePattern::Prefix("embed_vision."),
        NamePattern::Prefix("embed_audio."),
    ],
};

fn read_multimodal(fields: &mut Fields) -> Result<DecoderSpec> {
    let mut text = text_config(fields, &TEXT)?;
    let spec = read_text(&mut text)?;
    finish(text)?;
    fields.may_only_be("tie_word_embeddings", true)?;
    for other in ["vision_config", "audio_config"] {
        fields.raw(other);
    }
    Ok(spec)
}

fn read_text(fields: &mut Fields) -> Result<DecoderSpec> {
    fixed(fields)?;
    let sizes = Sizes::read(fields, KvHeads::Stated)?;
    let Some(types) = layer_types::read(fields, sizes.layers)? else {
        return Err(fields.error("layer_types", "is missing; it says which layers have a window"));
    };
    if types.last() != Some(&LayerType::Full) {
        return Err(fields.error("layer_types", "does not end with \"full_attention\""));
    }
    let global_dim = global_head_dim(fields, &types, sizes.head_dim)?;
    let rotaries = rotaries(fields, sizes.head_dim, global_dim)?;
    let window = match types.contains(&LayerType::Sliding) {
        true => Some(fields.size("sliding_window")?),
        false => fields.size_or_none("sliding_window")?,
    };
    let kv = donors(fields, &types)?;
    let side = side_input(fields, &sizes)?;
    // E2B's: a layer that makes no keys and values has an MLP of twice the width.
    let double = fields.flag("use_double_wide_mlp")?;
    let layers = types.iter().zip(kv).map(|(layer_type, kv)| {
        let global = *layer_type == LayerType::Full;
        let head_dim = if global { global_dim } else { sizes.head_dim };
        let width = if double && kv != Kv::Own { 2 * sizes.width } else { sizes.width };
        LayerSpec {
            head_norm: HeadNorm::EachHead,
            value_norm: true,
            rotary: usize::from(global),
            score_scale: 1.0,
            window: window.filter(|_| !global).and_then(|window| u32::try_from(window).ok()),
            kv,
            norms: Around::BOTH,
            mlp: Mlp { width, act: Act::GeluTanh, bias: false },
            side: true,
            out_scale: true,
            ..LayerSpec::plain(sizes.heads, sizes.kv_heads, head_dim, width)
        }
    });
    Ok(DecoderSpec {
        hidden: sizes.hidden,
        vocab: sizes.vocab,
        context: sizes.context,
        eps: sizes.eps,
        embed_scale: (sizes.hidden as f64).sqrt() as f32,
        side: Some(side),
        layers: layers.collect(),
        rotaries,
        head: Head {
            tied: true,
            unit_rows: false,
            cap: fields.positive_or_none("final_logit_softcapping")?.map(|cap| cap as f32),
        },
    })
}

/// Fields of larger or older siblings, which compute something else.
fn fixed(fields: &mut Fields) -> Result<()> {
    fields.must_be("hidden_activation", "gelu_pytorch_tanh")?;
    for key in ["attention_bias", "attention_k_eq_v", "enable_moe_block"] {
        fields.must_be(key, false)?;
    }
    fields.may_only_be("tie_word_embeddings", true)?;
    for key in ["num_experts", "top_k_experts", "moe_intermediate_size"] {
        fields.must_be_absent(key, "experts are not supported")?;
    }
    fields.must_be_absent("num_global_key_value_heads", "global layers have as many as local ones here")?;
    fields.must_be_absent("use_bidirectional_attention", "only causal attention is supported")
}

/// `global_head_dim`, or as transformers 5 writes it: `per_layer_config` with a `head_dim` for every global layer.
/// Without either, global heads are as local ones; the query projection's shape proves it.
fn global_head_dim(fields: &mut Fields, types: &[LayerType], local: usize) -> Result<usize> {
    const KEY: &str = "per_layer_config";
    let mut dims = BTreeSet::from_iter(fields.size_or_none("global_head_dim")?);
    if let Some(mut layers) = fields.object_or_none(KEY)? {
        for (i, layer_type) in types.iter().enumerate() {
            let Some(mut layer) = layers.object_or_none(&i.to_string())? else {
                continue;
            };
            let dim = layer.size("head_dim")?;
            layer.finish()?;
            match layer_type {
                LayerType::Full => dims.insert(dim),
                LayerType::Sliding if dim == local => false,
                LayerType::Sliding => {
                    return Err(
                        fields.error(KEY, format!("gives the local layer {i} heads of {dim} elements"))
                    );
                }
            };
        }
        layers.finish()?;
    }
    let mut dims = dims.into_iter();
    let dim = dims.next().unwrap_or(local);
    if let Some(other) = dims.next() {
        let why = format!("and `{KEY}` give global layers heads of {dim} and of {other} elements");
        return Err(fields.error("global_head_dim", why));
    }
    check_head_dim(fields, "global_head_dim", dim)?;
    Ok(dim)
}

/// The local table, then the global one.
fn rotaries(fields: &mut Fields, local_dim: usize, global_dim: usize) -> Result<Vec<Rotary>> {
    const KEY: &str = "rope_parameters";
    let Some(mut object) = fields.object_or_none(KEY)? else {
        return Err(fields.error(KEY, "is missing"));
    };
    let local = Rope::of_layer_type(&mut object, "sliding_attention")?;
    let global = Rope::of_layer_type(&mut object, "full_attention")?;
    object.finish()?;
    Ok(vec![local.table(local_dim).rotary, global.table(global_dim).rotary])
}

/// The last `num_kv_shared_layers` layers read the keys and values of the last layer of their type before them.
fn donors(fields: &mut Fields, types: &[LayerType]) -> Result<Vec<Kv>> {
    const KEY: &str = "num_kv_shared_layers";
    let Some(shared) = fields.count_or_none(KEY)? else {
        return Err(
            fields.error(KEY, "is missing, and this program does not guess what changes the arithmetic")
        );
    };
    let makers = usize::try_from(shared).ok().and_then(|shared| types.len().checked_sub(shared)).unwrap_or(0);
    let (own, sharing) = types.split_at(makers);
    let mut kv = vec![Kv::Own; makers];
    for (i, layer_type) in sharing.iter().enumerate() {
        let Some(donor) = own.iter().rposition(|own| own == layer_type) else {
            let why =
                format!("is {shared}, which leaves layer {} no layer whose keys it could read", makers + i);
            return Err(fields.error(KEY, why));
        };
        kv.push(Kv::Of(donor));
    }
    Ok(kv)
}

fn side_input(fields: &mut Fields, sizes: &Sizes) -> Result<SideInput> {
    let width = fields.size("hidden_size_per_layer_input")?;
    fields.must_be("vocab_size_per_layer_input", sizes.vocab)?;
    Ok(SideInput {
        width,
        token_scale: (width as f64).sqrt() as f32,
        context_scale: (sizes.hidden as f64).sqrt().recip() as f32,
        join_scale: std::f32::consts::FRAC_1_SQRT_2,
    })
}
