//! At least twenty spoiled checkpoints per family, each refused by the name of what is wrong.

use serde_json::{Value, json};

use crate::common::{FAMILIES, TinyConfig, TinyFamily};
use crate::{Parts, refusal};

/// What must stand in the message, and what to spoil.
type Mutation = (&'static str, fn(&mut Parts));

const FIRST_NORM: &str = "model.layers.0.input_layernorm.weight";
const DOWN: &str = "model.layers.1.mlp.down_proj.weight";

#[rustfmt::skip]
const EVERY_FAMILY: &[Mutation] = &[
    // what the family is
    ("model_type", |p| p.remove_field("model_type")),
    ("model_type", |p| p.config["model_type"] = json!(["llama"])),
    ("\"glm4\"", |p| p.config["model_type"] = json!("glm4")),
    ("known are llama, mistral, qwen2", |p| p.config["model_type"] = json!("gemma4")),
    ("architectures", |p| p.remove_field("architectures")),
    ("architectures", |p| p.config["architectures"] = json!(["LlamaForSequenceClassification"])),
    ("architectures", |p| p.config["architectures"] = json!([])),
    // sizes
    ("hidden_size", |p| p.config["hidden_size"] = json!("32")),
    ("hidden_size", |p| p.config["hidden_size"] = json!(32.5)),
    ("hidden_size", |p| p.config["hidden_size"] = json!(-32)),
    ("hidden_size", |p| p.config["hidden_size"] = json!(1_000_000_000_000u64)),
    ("model.embed_tokens.weight", |p| p.config["hidden_size"] = json!(64)),
    ("num_hidden_layers", |p| p.config["num_hidden_layers"] = json!(1_000_000_000)),
    ("num_hidden_layers", |p| p.config["num_hidden_layers"] = json!(0)),
    ("model.layers.2.input_layernorm.weight", |p| p.config["num_hidden_layers"] = json!(3)),
    ("model.layers.1.", |p| p.config["num_hidden_layers"] = json!(1)),
    ("num_key_value_heads", |p| p.config["num_key_value_heads"] = json!(3)),
    ("num_key_value_heads", |p| p.config["num_key_value_heads"] = json!(0)),
    ("self_attn.k_proj.weight", |p| p.config["num_key_value_heads"] = json!(4)),
    ("self_attn.q_proj.weight", |p| p.config["num_attention_heads"] = json!(8)),
    ("num_attention_heads", |p| p.remove_field("num_attention_heads")),
    ("num_attention_heads", |p| { p.remove_field("head_dim"); p.config["num_attention_heads"] = json!(10) }),
    ("head_dim", |p| p.config["head_dim"] = json!(7)),
    ("head_dim", |p| p.config["head_dim"] = json!(200_000_000)),
    ("mlp.gate_proj.weight", |p| p.config["intermediate_size"] = json!(50)),
    ("intermediate_size", |p| p.config["intermediate_size"] = Value::Null),
    ("model.embed_tokens.weight", |p| p.config["vocab_size"] = json!(65)),
    ("vocab_size", |p| p.config["vocab_size"] = json!(u64::MAX)),
    ("max_position_embeddings", |p| p.remove_field("max_position_embeddings")),
    // arithmetic
    ("hidden_act", |p| p.config["hidden_act"] = json!("gelu")),
    ("hidden_act", |p| p.config["hidden_act"] = json!("relu")),
    ("hidden_act", |p| p.remove_field("hidden_act")),
    ("rms_norm_eps", |p| p.remove_field("rms_norm_eps")),
    ("rms_norm_eps", |p| p.config["rms_norm_eps"] = json!(0)),
    ("rms_norm_eps", |p| p.config["rms_norm_eps"] = json!(1e-60)),
    ("rms_norm_eps", |p| p.config["rms_norm_eps"] = json!(2.0)),
    ("tie_word_embeddings", |p| p.config["tie_word_embeddings"] = json!("yes")),
    ("lm_head.weight", |p| p.config["tie_word_embeddings"] = json!(true)),
    ("lm_head.weight", |p| p.remove_tensor("lm_head.weight")),
    ("partial_rotary_factor", |p| p.config["partial_rotary_factor"] = json!(0.5)),
    ("pretraining_tp", |p| p.config["pretraining_tp"] = json!(2)),
    ("quantization_config", |p| p.config["quantization_config"] = json!({"quant_method": "awq"})),
    ("residual_multiplier", |p| p.config["residual_multiplier"] = json!(0.22)),
    ("is_encoder_decoder", |p| p.config["is_encoder_decoder"] = json!(true)),
    ("torch_dtype", |p| p.config["torch_dtype"] = json!("float8_e4m3fn")),
    ("dtype", |p| p.config["dtype"] = json!("bfloat16")),
    // rotary
    ("rope_theta", |p| p.remove_field("rope_theta")),
    ("rope_theta", |p| p.config["rope_theta"] = json!(0.5)),
    ("rope_theta", |p| p.config["rope_theta"] = json!("10000")),
    ("\"yarn\"", |p| p.config["rope_scaling"] = json!({"rope_type": "yarn", "factor": 4.0})),
    ("\"linear\"", |p| p.config["rope_scaling"] = json!({"type": "linear", "factor": 2.0})),
    ("\"dynamic\"", |p| p.config["rope_scaling"] = json!({"rope_type": "dynamic", "factor": 2.0})),
    ("\"longrope\"", |p| p.config["rope_parameters"] = json!({"rope_type": "longrope", "rope_theta": 1e4})),
    ("rope_scaling.type", |p| p.config["rope_scaling"] = json!({"type": "linear", "rope_type": "default"})),
    ("rope_scaling", |p| p.config["rope_scaling"] = json!([8.0])),
    ("rope_scaling.rope_type", |p| p.config["rope_scaling"] = json!({})),
    ("rope_scaling.factor", |p| p.config["rope_scaling"] = json!({"rope_type": "default", "factor": 2.0})),
    ("rope_parameters.rope_type", |p| p.config["rope_parameters"] = json!({"rope_theta": 10000.0})),
    ("rope_parameters", |p| p.config["rope_parameters"] = json!({"rope_type": "default", "rope_theta": 5e5})),
    ("rope_parameters.partial_rotary_factor", |p| p.config["rope_parameters"] = json!(
        {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.25})),
    ("rope_parameters.full_attention", |p| p.config["rope_parameters"] = json!(
        {"rope_type": "default", "full_attention": {"rope_type": "default", "rope_theta": 1e4}})),
    // tensors
    (DOWN, |p| p.remove_tensor(DOWN)),
    (DOWN, |p| p.tensor(DOWN).shape.reverse()),
    (DOWN, |p| p.tensor(DOWN).dtype = "U32"),
    (FIRST_NORM, |p| p.tensor(FIRST_NORM).shape.insert(0, 1)),
    (FIRST_NORM, |p| p.tensor(FIRST_NORM).bytes[8..12].copy_from_slice(&f32::NAN.to_le_bytes())),
    ("inf at element 31", |p| p.tensor(FIRST_NORM).bytes[124..].copy_from_slice(&f32::INFINITY.to_le_bytes())),
    ("model.layers.2.mlp.up_proj.weight", |p| p.add_tensor("model.layers.2.mlp.up_proj.weight", &[48, 32])),
    ("self_attn.o_proj.bias", |p| p.add_tensor("model.layers.0.self_attn.o_proj.bias", &[32])),
    ("self_attn.q_norm.weight", |p| p.add_tensor("model.layers.1.self_attn.q_norm.weight", &[8])),
    ("inv_freq.weight", |p| p.add_tensor("model.rotary_emb.inv_freq.weight", &[4])),
    ("model.embed_tokens.weight", |p| {
        for tensor in &mut p.tensors {
            tensor.name = tensor.name.replace("model.", "");
        }
    }),
];

/// The sound form of the llama3 scaling, so that each mutation below spoils one thing.
fn llama3() -> Value {
    json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
           "original_max_position_embeddings": 64})
}

fn llama3_without(field: &str) -> Value {
    let mut scaling = llama3();
    scaling.as_object_mut().and_then(|map| map.remove(field)).expect("the field is there");
    scaling
}

#[rustfmt::skip]
const LLAMA: &[Mutation] = &[
    ("self_attn.q_proj.bias", |p| p.config["attention_bias"] = json!(true)),
    ("mlp.gate_proj.bias", |p| p.config["mlp_bias"] = json!(true)),
    ("attention_bias", |p| p.config["attention_bias"] = json!(0)),
    ("rope_interleaved", |p| p.config["rope_interleaved"] = json!(true)),
    ("sliding_window", |p| p.config["sliding_window"] = json!(128)),
    ("layer_types", |p| p.config["layer_types"] = json!(["full_attention", "full_attention"])),
    ("rope_scaling.factor", |p| p.config["rope_scaling"] = llama3_without("factor")),
    ("rope_scaling.low_freq_factor", |p| p.config["rope_scaling"] = llama3_without("low_freq_factor")),
    ("rope_scaling.high_freq_factor", |p| p.config["rope_scaling"] = llama3_without("high_freq_factor")),
    ("rope_scaling.original_max_position_embeddings",
        |p| p.config["rope_scaling"] = llama3_without("original_max_position_embeddings")),
    ("rope_scaling.rope_type", |p| p.config["rope_scaling"] = llama3_without("rope_type")),
    ("rope_scaling.factor", |p| { p.config["rope_scaling"] = llama3(); p.config["rope_scaling"]["factor"] = json!(0.5) }),
    ("rope_scaling.high_freq_factor",
        |p| { p.config["rope_scaling"] = llama3(); p.config["rope_scaling"]["high_freq_factor"] = json!(1.0) }),
    ("rope_scaling.beta_fast", |p| { p.config["rope_scaling"] = llama3(); p.config["rope_scaling"]["beta_fast"] = json!(32) }),
    // an explicit null in the older spelling says "no scaling", against the newer one
    ("rope_parameters", |p| p.config["rope_parameters"] = llama3()),
    ("rope_parameters", |p| {
        p.config["rope_scaling"] = llama3();
        p.config["rope_parameters"] = json!({"rope_type": "default", "rope_theta": 1e4});
    }),
    ("rope_parameters", |p| {
        p.config["rope_scaling"] = llama3();
        p.config["rope_parameters"] = llama3();
        p.config["rope_parameters"]["factor"] = json!(32.0);
    }),
];

#[rustfmt::skip]
const MISTRAL: &[Mutation] = &[
    ("sliding_window", |p| p.config["sliding_window"] = json!("4096")),
    ("sliding_window", |p| p.config["sliding_window"] = json!(0)),
    ("sliding_window", |p| p.config["sliding_window"] = json!(-1)),
    ("sliding_window", |p| p.config["sliding_window"] = json!(1.5)),
    ("sliding_window", |p| p.config["sliding_window"] = json!(1u64 << 40)),
    ("use_sliding_window", |p| p.config["use_sliding_window"] = json!(true)),
    ("attention_bias", |p| p.config["attention_bias"] = json!(true)),
    ("layer_types", |p| p.config["layer_types"] = json!(["full_attention", "full_attention"])),
    ("num_key_value_heads", |p| p.remove_field("num_key_value_heads")),
    ("\"llama3\"", |p| p.config["rope_scaling"] = llama3()),
    ("q_proj.bias", |p| p.add_tensor("model.layers.0.self_attn.q_proj.bias", &[32])),
];

#[rustfmt::skip]
const QWEN2: &[Mutation] = &[
    ("use_sliding_window", |p| p.config["use_sliding_window"] = json!(true)),
    ("use_sliding_window", |p| p.remove_field("use_sliding_window")),
    ("sliding_window", |p| p.config["sliding_window"] = json!("wide")),
    ("use_mrope", |p| p.config["use_mrope"] = json!(true)),
    ("attention_bias", |p| p.config["attention_bias"] = json!(false)),
    ("layer_types", |p| p.config["layer_types"] = json!(["full_attention"])),
    ("layer_types", |p| p.config["layer_types"] = json!(["full_attention", "sliding_attention"])),
    ("layer_types", |p| p.config["layer_types"] = json!(["full_attention", "linear"])),
    ("layer_types", |p| p.config["layer_types"] = json!(["full_attention", 1])),
    ("num_key_value_heads", |p| p.remove_field("num_key_value_heads")),
    ("\"llama3\"", |p| p.config["rope_scaling"] = llama3()),
    ("q_proj.bias", |p| p.remove_tensor("model.layers.0.self_attn.q_proj.bias")),
    ("v_proj.bias", |p| p.remove_tensor("model.layers.1.self_attn.v_proj.bias")),
    ("k_proj.bias", |p| { let k = p.tensor("model.layers.1.self_attn.k_proj.bias"); k.shape = vec![4, 4] }),
];

#[test]
fn every_mutation_is_refused_by_name() {
    for family in FAMILIES {
        let own = match family {
            TinyFamily::Llama => LLAMA,
            TinyFamily::Mistral => MISTRAL,
            TinyFamily::Qwen2 => QWEN2,
        };
        let mutations = EVERY_FAMILY.iter().chain(own).enumerate();
        for (number, (name, spoil)) in mutations {
            let mut parts = Parts::of(&TinyConfig::new(family));
            spoil(&mut parts);
            let dir = parts.write(1);
            refusal(dir.path(), &format!("{family:?}, mutation {number}"), &[name]);
        }
    }
}

/// A field is refused by its own name, not by that of a field which merely contains it.
#[test]
fn a_message_quotes_the_field_and_names_the_file() {
    let mut parts = Parts::of(&TinyConfig::new(TinyFamily::Llama));
    parts.config["rope_theta"] = json!(true);
    let dir = parts.write(1);
    let message = refusal(dir.path(), "theta", &["config.json: `rope_theta` is true"]);
    assert!(message.starts_with(&dir.path().display().to_string()), "{message}");
}

/// Text from a file cannot fill the screen or move the cursor.
#[test]
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
