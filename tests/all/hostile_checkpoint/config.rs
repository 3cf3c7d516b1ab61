//! At least twenty spoiled checkpoints per family, each refused by the name of what is wrong.

use serde_json::{Value, json};

use super::families;
use super::{Parts, refusal};
use crate::common::{FAMILIES, TinyConfig, TinyFamily};

/// What must stand in the message, and what to spoil.
pub type Mutation = (&'static str, fn(&mut Parts));

const FIRST_NORM: &str = "layers.0.post_attention_layernorm.weight";
const DOWN: &str = "layers.1.mlp.down_proj.weight";

#[rustfmt::skip]
const EVERY_FAMILY: &[Mutation] = &[
    // what the family is
    ("model_type", |p| p.remove_field("model_type")),
    ("model_type", |p| p.config["model_type"] = json!(["llama"])),
    ("\"glm4\"", |p| p.config["model_type"] = json!("glm4")),
    ("known are baichuan, gemma3, gemma3_text, gemma4, gemma4_text, glm, llama",
        |p| p.config["model_type"] = json!("gemma2")),
    ("architectures", |p| p.config["architectures"] = json!(["LlamaForSequenceClassification"])),
    ("architectures", |p| p.config["architectures"] = json!([])),
    // sizes
    ("hidden_size", |p| p.text()["hidden_size"] = json!("32")),
    ("hidden_size", |p| p.text()["hidden_size"] = json!(32.5)),
    ("hidden_size", |p| p.text()["hidden_size"] = json!(-32)),
    ("hidden_size", |p| p.text()["hidden_size"] = json!(1_000_000_000_000u64)),
    ("embed_tokens.weight", |p| p.text()["hidden_size"] = json!(64)),
    ("num_hidden_layers", |p| p.text()["num_hidden_layers"] = json!(1_000_000_000)),
    ("num_hidden_layers", |p| p.text()["num_hidden_layers"] = json!(0)),
    ("head_dim", |p| p.text()["head_dim"] = json!(7)),
    ("head_dim", |p| p.text()["head_dim"] = json!(200_000_000)),
    ("mlp.gate", |p| p.text()["intermediate_size"] = json!(50)),
    ("intermediate_size", |p| p.text()["intermediate_size"] = Value::Null),
    ("vocab_size", |p| p.text()["vocab_size"] = json!(u64::MAX)),
    ("max_position_embeddings", |p| p.text()["max_position_embeddings"] = json!(0)),
    ("max_sequence_length", |p| p.text()["max_sequence_length"] = json!("long")),
    // arithmetic
    ("rms_norm_eps", |p| p.text()["rms_norm_eps"] = json!(0)),
    ("rms_norm_eps", |p| p.text()["rms_norm_eps"] = json!(1e-60)),
    ("rms_norm_eps", |p| p.text()["rms_norm_eps"] = json!(1.0)),
    ("pretraining_tp", |p| p.text()["pretraining_tp"] = json!(0)),
    ("quantization_config", |p| p.text()["quantization_config"] = json!({"quant_method": "awq"})),
    ("residual_multiplier", |p| p.text()["residual_multiplier"] = json!(0.22)),
    ("is_encoder_decoder", |p| p.text()["is_encoder_decoder"] = json!(true)),
    ("dtype", |p| p.text()["dtype"] = json!("float8_e4m3fn")),
    ("torch_dtype", |p| p.text()["torch_dtype"] = json!("int8")),
    ("dtype", |p| { p.text()["torch_dtype"] = json!("bfloat16"); p.text()["dtype"] = json!("float32") }),
    // tensors
    (DOWN, |p| p.remove_tensor(DOWN)),
    (DOWN, |p| p.tensor(DOWN).shape.reverse()),
    (DOWN, |p| p.tensor(DOWN).dtype = "U32"),
    (FIRST_NORM, |p| p.tensor(FIRST_NORM).shape.insert(0, 1)),
    (FIRST_NORM, |p| p.tensor(FIRST_NORM).bytes[8..12].copy_from_slice(&f32::NAN.to_le_bytes())),
    ("inf at element 31", |p| p.tensor(FIRST_NORM).bytes[124..].copy_from_slice(&f32::INFINITY.to_le_bytes())),
    ("model.layers.9.mlp.up_proj.weight", |p| p.add_tensor("model.layers.9.mlp.up_proj.weight", &[48, 32])),
    ("self_attn.o_proj.bias", |p| p.add_tensor("model.layers.0.self_attn.o_proj.bias", &[32])),
    ("self_attn.sinks", |p| p.add_tensor("model.layers.1.self_attn.sinks", &[4])),
    ("inv_freq.weight", |p| p.add_tensor("model.rotary_emb.inv_freq.weight", &[4])),
    ("model.embed_tokens.weight", |p| {
        for tensor in &mut p.tensors {
            tensor.name = tensor.name.replace("model.", "m.");
        }
    }),
];

/// Families whose classes have no default that stands for a published model.
#[rustfmt::skip]
const STATED: &[Mutation] = &[
    ("num_attention_heads", |p| p.remove_text("num_attention_heads")),
    ("max_position_embeddings", |p| p.remove_text("max_position_embeddings")),
    ("rms_norm_eps", |p| p.remove_text("rms_norm_eps")),
];

/// Families whose config is one flat object with rotary fields, and whose layers are all alike.
#[rustfmt::skip]
const FLAT: &[Mutation] = &[
    ("layers.2.", |p| p.config["num_hidden_layers"] = json!(3)),
    ("model.layers.1.", |p| p.config["num_hidden_layers"] = json!(1)),
    ("num_key_value_heads", |p| p.config["num_key_value_heads"] = json!(3)),
    ("num_key_value_heads", |p| p.config["num_key_value_heads"] = json!(0)),
    ("self_attn.k_proj.weight", |p| p.config["num_key_value_heads"] = json!(4)),
    ("self_attn.q_proj.weight", |p| p.config["num_attention_heads"] = json!(8)),
    ("model.embed_tokens.weight", |p| p.config["vocab_size"] = json!(65)),
    ("hidden_act", |p| p.config["hidden_act"] = json!("gelu")),
    ("hidden_act", |p| p.config["hidden_act"] = json!("relu")),
    ("hidden_act", |p| p.remove_field("hidden_act")),
    ("tie_word_embeddings", |p| p.config["tie_word_embeddings"] = json!("yes")),
    ("lm_head.weight", |p| p.config["tie_word_embeddings"] = json!(true)),
    ("lm_head.weight", |p| p.remove_tensor("lm_head.weight")),
    ("rope_theta", |p| p.config["rope_theta"] = json!(0.5)),
    ("rope_theta", |p| p.config["rope_theta"] = json!("10000")),
    ("rope_scaling.factor", |p| p.config["rope_scaling"] = json!({"rope_type": "yarn"})),
    ("rope_scaling.factor", |p| p.config["rope_scaling"] = json!({"type": "linear"})),
    ("rope_scaling.factor", |p| p.config["rope_scaling"] = json!({"type": "linear", "factor": 0.5})),
    ("rope_scaling.factor", |p| p.config["rope_scaling"] = json!({"type": "dynamic", "factor": "2"})),
    ("rope_scaling.alpha", |p| p.config["rope_scaling"] = json!({"type": "dynamic", "factor": 2, "alpha": 1000})),
    ("rope_scaling.beta_fast", |p| p.config["rope_scaling"] = json!({"type": "yarn", "factor": 4, "beta_fast": 0.5})),
    ("rope_scaling.mscale", |p| p.config["rope_scaling"] = json!(
        {"type": "yarn", "factor": 4, "mscale": -99, "mscale_all_dim": 1})),
    ("rope_scaling.attention_factor",
        |p| p.config["rope_scaling"] = json!({"type": "yarn", "factor": 4, "attention_factor": 0})),
    ("rope_scaling.low_freq_factor", |p| p.config["rope_scaling"] = json!(
        {"type": "yarn", "factor": 4, "low_freq_factor": 1})),
    ("rope_parameters", |p| {
        p.config["rope_scaling"] = json!({"type": "linear", "factor": 2.0});
        p.config["rope_parameters"] = json!({"rope_type": "linear", "factor": 4.0});
    }),
    ("\"longrope\"", |p| p.config["rope_parameters"] = json!({"rope_type": "longrope", "rope_theta": 1e4})),
    ("\"ntk\"", |p| p.config["rope_scaling"] = json!({"type": "ntk", "factor": 2.0})),
    ("rope_scaling.type", |p| p.config["rope_scaling"] = json!({"type": "linear", "rope_type": "default"})),
    ("rope_scaling", |p| p.config["rope_scaling"] = json!([8.0])),
    ("rope_scaling.rope_type", |p| p.config["rope_scaling"] = json!({})),
    ("rope_scaling.factor", |p| p.config["rope_scaling"] = json!({"rope_type": "default", "factor": 2.0})),
    ("rope_parameters.rope_type", |p| p.config["rope_parameters"] = json!({"rope_theta": 10000.0})),
    ("rope_parameters", |p| p.config["rope_parameters"] = json!({"rope_type": "default", "rope_theta": 5e5})),
    ("rope_parameters.partial_rotary_factor", |p| p.config["rope_parameters"] = json!(
        {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 1.25})),
    ("rope_parameters.full_attention", |p| p.config["rope_parameters"] = json!(
        {"rope_type": "default", "full_attention": {"rope_type": "default", "rope_theta": 1e4}})),
];

#[apply(test!)]
fn every_mutation_is_refused_by_name() {
    for family in FAMILIES {
        let gemma = family.is_gemma3() || family.is_gemma4();
        let flat = if gemma || family == TinyFamily::Baichuan { &[] } else { FLAT };
        let stated = if family.is_gemma3() { &[] } else { STATED };
        let own: &[&[Mutation]] = match family {
            TinyFamily::Llama => &[families::WHOLE_HEADS, families::LLAMA],
            TinyFamily::Mistral => &[families::WHOLE_HEADS, families::MISTRAL],
            TinyFamily::Qwen2 => &[families::WHOLE_HEADS, families::QWEN2],
            TinyFamily::Qwen3 => &[families::WHOLE_HEADS, families::QWEN3],
            TinyFamily::Olmo2 => &[families::WHOLE_HEADS, families::OLMO2],
            TinyFamily::Glm => &[families::GLM],
            TinyFamily::Baichuan => &[families::BAICHUAN],
            TinyFamily::Gemma3 => &[families::GEMMA3, families::GEMMA3_MULTIMODAL],
            TinyFamily::Gemma3Text => &[families::GEMMA3],
            TinyFamily::Gemma4 => &[families::GEMMA4, families::GEMMA4_MULTIMODAL],
            TinyFamily::Gemma4Text => &[families::GEMMA4],
        };
        let lists = [&[EVERY_FAMILY, stated, flat], own].concat();
        for (number, (name, spoil)) in lists.concat().into_iter().enumerate() {
            let mut parts = Parts::of(&TinyConfig::new(family));
            spoil(&mut parts);
            let dir = parts.write(1);
            refusal(dir.path(), &format!("{family:?}, mutation {number}, {name}"), &[name]);
        }
    }
}

/// A field is refused by its own name, not by that of a field which merely contains it.
#[apply(test!)]
fn a_message_quotes_the_field_and_names_the_file() {
    let mut parts = Parts::of(&TinyConfig::new(TinyFamily::Llama));
    parts.config["rope_theta"] = json!(true);
    let dir = parts.write(1);
    let message = refusal(dir.path(), "theta", &["config.json: `rope_theta` is true"]);
    assert!(message.starts_with(&dir.path().display().to_string()), "{message}");
}

#[apply(test!)]
fn a_list_is_quoted_as_it_stands() {
    let mut parts = Parts::of(&TinyConfig::new(TinyFamily::Llama));
    parts.config["architectures"] = json!(["Other"]);
    let expected = "is [\"Other\"], but only [\"LlamaForCausalLM\"] is supported";
    refusal(parts.write(1).path(), "architectures", &[expected]);
    for (length, expected) in [(8, "is [\"a\",\"a\","), (9, "is a list of 9, but only")] {
        parts.config["architectures"] = json!(vec!["a"; length]);
        refusal(parts.write(1).path(), "architectures", &[expected]);
    }
}

/// Text from a file cannot fill the screen or move the cursor.
#[apply(test!)]
fn hostile_text_is_shortened_and_escaped_in_messages() {
    let long = "\u{1b}[2J\n".repeat(100_000);
    let spoils: [fn(&mut Parts, &str); 4] = [
        |p, text| p.config["model_type"] = json!(text),
        |p, text| p.config["hidden_act"] = json!(text),
        |p, text| p.config[text] = json!(1),
        |p, text| p.add_tensor(text, &[1]),
    ];
    for spoil in spoils {
        let mut parts = Parts::of(&TinyConfig::new(TinyFamily::Llama));
        spoil(&mut parts, &long);
        let message = refusal(parts.write(1).path(), "long text", &[]);
        assert!(!message.contains('\u{1b}'), "{message:?}");
    }
}
