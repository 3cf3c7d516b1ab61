//! Mutations of one family each.

use serde_json::{Value, json};

use super::config::Mutation;

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

/// Families whose heads turn as a whole.
#[rustfmt::skip]
pub const WHOLE_HEADS: &[Mutation] = &[
    ("partial_rotary_factor", |p| p.config["partial_rotary_factor"] = json!(0.5)),
    ("rope_parameters.partial_rotary_factor", |p| p.config["rope_parameters"] = json!(
        {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.25})),
];

#[rustfmt::skip]
pub const LLAMA: &[Mutation] = &[
    ("self_attn.q_proj.bias", |p| p.config["attention_bias"] = json!(true)),
    ("mlp.gate_proj.bias", |p| p.config["mlp_bias"] = json!(true)),
    ("attention_bias", |p| p.config["attention_bias"] = json!(0)),
    ("rope_interleaved", |p| p.config["rope_interleaved"] = json!(true)),
    ("sliding_window", |p| p.config["sliding_window"] = json!(128)),
    ("num_attention_heads", |p| { p.remove_field("head_dim"); p.config["num_attention_heads"] = json!(10) }),
    ("self_attn.q_norm.weight", |p| p.add_tensor("model.layers.1.self_attn.q_norm.weight", &[8])),
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
pub const MISTRAL: &[Mutation] = &[
    ("sliding_window", |p| p.config["sliding_window"] = json!("4096")),
    ("sliding_window", |p| p.config["sliding_window"] = json!(0)),
    ("sliding_window", |p| p.config["sliding_window"] = json!(-1)),
    ("sliding_window", |p| p.config["sliding_window"] = json!(1.5)),
    ("sliding_window", |p| p.config["sliding_window"] = json!(1u64 << 40)),
    ("use_sliding_window", |p| p.config["use_sliding_window"] = json!(true)),
    ("attention_bias", |p| p.config["attention_bias"] = json!(true)),
    ("layer_types", |p| p.config["layer_types"] = json!(["full_attention", "full_attention"])),
    ("num_key_value_heads", |p| p.remove_field("num_key_value_heads")),
    ("q_proj.bias", |p| p.add_tensor("model.layers.0.self_attn.q_proj.bias", &[32])),
];

#[rustfmt::skip]
pub const QWEN2: &[Mutation] = &[
    ("use_sliding_window", |p| p.config["use_sliding_window"] = json!(true)),
    ("use_sliding_window", |p| p.config["use_sliding_window"] = json!(1)),
    ("sliding_window", |p| p.config["sliding_window"] = json!("wide")),
    ("use_mrope", |p| p.config["use_mrope"] = json!(true)),
    ("attention_bias", |p| p.config["attention_bias"] = json!(false)),
    ("layer_types", |p| p.config["layer_types"] = json!(["full_attention"])),
    ("layer_types", |p| p.config["layer_types"] = json!(["full_attention", "sliding_attention"])),
    ("layer_types", |p| p.config["layer_types"] = json!(["full_attention", "linear"])),
    ("layer_types", |p| p.config["layer_types"] = json!(["full_attention", 1])),
    ("num_key_value_heads", |p| p.remove_field("num_key_value_heads")),
    ("q_proj.bias", |p| p.remove_tensor("model.layers.0.self_attn.q_proj.bias")),
    ("v_proj.bias", |p| p.remove_tensor("model.layers.1.self_attn.v_proj.bias")),
    ("k_proj.bias", |p| { let k = p.tensor("model.layers.1.self_attn.k_proj.bias"); k.shape = vec![4, 4] }),
];

#[rustfmt::skip]
pub const QWEN3: &[Mutation] = &[
    ("head_dim", |p| p.remove_field("head_dim")),
    ("use_sliding_window", |p| p.config["use_sliding_window"] = json!(true)),
    ("use_sliding_window", |p| p.config["use_sliding_window"] = json!(1)),
    ("attention_bias", |p| p.config["attention_bias"] = json!(true)),
    ("attention_bias", |p| p.remove_field("attention_bias")),
    ("max_window_layers", |p| p.config["max_window_layers"] = json!([2])),
    ("layer_types", |p| p.config["layer_types"] = json!(["full_attention", "sliding_attention"])),
    ("layer_types", |p| p.config["layer_types"] = json!("full_attention")),
    ("num_key_value_heads", |p| p.remove_field("num_key_value_heads")),
    ("num_experts", |p| p.config["num_experts"] = json!(128)),
    ("layers.0.self_attn.q_norm.weight", |p| p.remove_tensor("layers.0.self_attn.q_norm.weight")),
    ("layers.1.self_attn.k_norm.weight", |p| p.remove_tensor("layers.1.self_attn.k_norm.weight")),
    ("layers.1.self_attn.k_norm.weight", |p| p.reshape("layers.1.self_attn.k_norm.weight", &[16])),
    ("q_proj.bias", |p| p.add_tensor("model.layers.0.self_attn.q_proj.bias", &[32])),
];

#[rustfmt::skip]
pub const OLMO2: &[Mutation] = &[
    ("attention_bias", |p| p.config["attention_bias"] = json!(true)),
    ("clip_qkv", |p| p.config["clip_qkv"] = json!(8.0)),
    ("layer_types", |p| p.config["layer_types"] = json!(["full_attention", "sliding_attention"])),
    ("sliding_window", |p| p.config["sliding_window"] = json!(4096)),
    ("layers.0.self_attn.q_norm.weight", |p| p.remove_tensor("layers.0.self_attn.q_norm.weight")),
    ("layers.0.self_attn.q_norm.weight", |p| p.reshape("layers.0.self_attn.q_norm.weight", &[8])),
    ("layers.1.self_attn.k_norm.weight", |p| p.reshape("layers.1.self_attn.k_norm.weight", &[32])),
    ("layers.1.post_feedforward_layernorm.weight", |p| p.remove_tensor("layers.1.post_feedforward_layernorm.weight")),
    ("layers.0.input_layernorm.weight", |p| p.add_tensor("model.layers.0.input_layernorm.weight", &[32])),
];

const GATE_UP: &str = "layers.1.mlp.gate_up_proj.weight";

#[rustfmt::skip]
pub const GLM: &[Mutation] = &[
    ("k_proj.bias", |p| p.config["attention_bias"] = json!(false)),
    ("attention_bias", |p| p.remove_field("attention_bias")),
    ("num_key_value_heads", |p| p.remove_field("num_key_value_heads")),
    ("partial_rotary_factor", |p| p.config["partial_rotary_factor"] = json!(0)),
    ("partial_rotary_factor", |p| p.config["partial_rotary_factor"] = json!(1.5)),
    ("partial_rotary_factor", |p| p.config["partial_rotary_factor"] = json!("half")),
    ("partial_rotary_factor", |p| p.config["partial_rotary_factor"] = json!(0.4)),
    ("partial_rotary_factor", |p| p.config["partial_rotary_factor"] = json!(0.1)),
    ("rope_parameters", |p| p.config["rope_parameters"] = json!(
        {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.25})),
    ("partial_rotary_factor", |p| p.config["rope_scaling"] = json!({"rope_type": "yarn", "factor": 4.0})),
    ("rope_ratio", |p| p.config["rope_ratio"] = json!(500)),
    (GATE_UP, |p| p.remove_tensor(GATE_UP)),
    (GATE_UP, |p| p.reshape(GATE_UP, &[95, 32])),
    (GATE_UP, |p| p.reshape(GATE_UP, &[48, 32])),
    (GATE_UP, |p| p.tensor(GATE_UP).shape.reverse()),
    ("gate_proj.weight", |p| p.add_tensor("model.layers.0.mlp.gate_proj.weight", &[48, 32])),
    ("q_proj.bias", |p| p.remove_tensor("layers.0.self_attn.q_proj.bias")),
    ("v_proj.bias", |p| p.remove_tensor("layers.1.self_attn.v_proj.bias")),
    // what glm4 has and glm has not
    ("post_self_attn_layernorm", |p| p.add_tensor("model.layers.0.post_self_attn_layernorm.weight", &[32])),
    ("self_attn.q_norm.weight", |p| p.add_tensor("model.layers.1.self_attn.q_norm.weight", &[8])),
];

const W_PACK: &str = "layers.0.self_attn.W_pack.weight";

#[rustfmt::skip]
pub const BAICHUAN: &[Mutation] = &[
    // its namesakes
    ("vocab_size", |p| p.config["vocab_size"] = json!(64_000)),
    ("hidden_size", |p| p.config["hidden_size"] = json!(5120)),
    ("alibi", |p| p.config["alibi"] = json!(true)),
    ("rope_theta", |p| p.config["rope_theta"] = json!(10000.0)),
    ("rope_scaling", |p| p.config["rope_scaling"] = json!({"rope_type": "linear", "factor": 2.0})),
    ("rope_parameters", |p| p.config["rope_parameters"] = json!({"rope_type": "default", "rope_theta": 1e4})),
    ("num_key_value_heads", |p| p.config["num_key_value_heads"] = json!(2)),
    ("partial_rotary_factor", |p| p.config["partial_rotary_factor"] = json!(0.5)),
    ("sliding_window", |p| p.config["sliding_window"] = json!(128)),
    ("model_max_length", |p| p.config["model_max_length"] = json!("long")),
    ("tie_word_embeddings", |p| p.config["tie_word_embeddings"] = json!(true)),
    ("tie_word_embeddings", |p| p.remove_field("tie_word_embeddings")),
    ("hidden_act", |p| p.config["hidden_act"] = json!("gelu")),
    ("num_attention_heads", |p| p.config["num_attention_heads"] = json!(10)),
    ("layers.2.", |p| p.config["num_hidden_layers"] = json!(3)),
    ("model.layers.1.", |p| p.config["num_hidden_layers"] = json!(1)),
    ("model.embed_tokens.weight", |p| p.config["vocab_size"] = json!(65)),
    ("lm_head.weight", |p| p.remove_tensor("lm_head.weight")),
    (W_PACK, |p| p.remove_tensor(W_PACK)),
    (W_PACK, |p| p.reshape(W_PACK, &[95, 32])),
    (W_PACK, |p| p.reshape(W_PACK, &[64, 32])),
    (W_PACK, |p| p.tensor(W_PACK).shape.reverse()),
    ("W_pack.bias", |p| p.add_tensor("model.layers.0.self_attn.W_pack.bias", &[96])),
    ("q_proj.weight", |p| p.add_tensor("model.layers.0.self_attn.q_proj.weight", &[32, 32])),
];

/// The shape of a nested `rope_parameters` that says the same as the tiny config.
fn nested() -> Value {
    json!({"sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
           "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e6}})
}

/// Both forms of Gemma 3. The layers are local, global, local.
#[rustfmt::skip]
pub const GEMMA3: &[Mutation] = &[
    ("hidden_activation", |p| p.text()["hidden_activation"] = json!("gelu")),
    ("hidden_act", |p| p.text()["hidden_act"] = json!("silu")),
    ("attention_bias", |p| p.text()["attention_bias"] = json!(true)),
    ("use_bidirectional_attention", |p| p.text()["use_bidirectional_attention"] = json!(true)),
    ("attn_logit_softcapping", |p| p.text()["attn_logit_softcapping"] = json!(50.0)),
    ("final_logit_softcapping", |p| p.text()["final_logit_softcapping"] = json!("30")),
    ("query_pre_attn_scalar", |p| p.text()["query_pre_attn_scalar"] = json!(0)),
    ("query_pre_attn_scalar", |p| p.text()["query_pre_attn_scalar"] = json!([256])),
    ("hidden_size", |p| p.remove_text("hidden_size")),
    ("intermediate_size", |p| p.remove_text("intermediate_size")),
    ("num_hidden_layers", |p| p.remove_text("num_hidden_layers")),
    ("self_attn.q_proj.weight", |p| p.remove_text("head_dim")),
    ("embed_tokens.weight", |p| p.remove_text("vocab_size")),
    // layers
    ("layer_types", |p| p.text()["num_hidden_layers"] = json!(2)),
    ("layer_types", |p| p.text()["layer_types"][0] = json!("chunked_attention")),
    ("sliding_window_pattern", |p| p.text()["sliding_window_pattern"] = json!(0)),
    ("sliding_window_pattern", |p| p.text()["sliding_window_pattern"] = json!("LLLG")),
    ("sliding_window", |p| p.remove_text("sliding_window")),
    ("sliding_window", |p| p.text()["sliding_window"] = json!(0)),
    // rotary
    ("rope_theta", |p| p.text()["rope_theta"] = json!(0.5)),
    ("rope_local_base_freq", |p| p.text()["rope_local_base_freq"] = json!(1)),
    ("partial_rotary_factor", |p| p.text()["partial_rotary_factor"] = json!(0.5)),
    ("\"longrope\"", |p| p.text()["rope_scaling"] = json!({"rope_type": "longrope", "factor": 8.0})),
    ("truncate", |p| p.text()["rope_scaling"] = json!({"rope_type": "yarn", "factor": 8.0, "truncate": false})),
    ("full_attention", |p| { p.text()["rope_scaling"] = Value::Null; p.text()["rope_parameters"] = nested() }),
    ("full_attention", |p| {
        p.text()["rope_parameters"] = nested();
        p.text()["rope_parameters"]["full_attention"]["factor"] = json!(8.0);
    }),
    ("sliding_attention", |p| {
        p.text()["rope_parameters"] = nested();
        p.text()["rope_parameters"]["sliding_attention"]["rope_theta"] = json!(1e6);
    }),
    ("rope_parameters.chunked_attention", |p| {
        p.text()["rope_parameters"] = nested();
        p.text()["rope_parameters"]["chunked_attention"] = json!({"rope_type": "default"});
    }),
    ("rope_parameters.rope_type", |p| p.text()["rope_parameters"] = json!({"rope_type": "default"})),
    ("sliding_attention.factor", |p| {
        p.text()["rope_parameters"] = nested();
        p.text()["rope_parameters"]["sliding_attention"]["factor"] = json!(8.0);
    }),
    // tensors
    ("lm_head.weight", |p| p.add_tensor("lm_head.weight", &[64, 32])),
    ("lm_head.weight", |p| { p.text()["tie_word_embeddings"] = json!(false);
                             p.config["tie_word_embeddings"] = json!(false) }),
    ("layers.0.self_attn.q_norm.weight", |p| p.remove_tensor("layers.0.self_attn.q_norm.weight")),
    ("layers.1.self_attn.k_norm.weight", |p| p.reshape("layers.1.self_attn.k_norm.weight", &[16])),
    ("pre_feedforward_layernorm", |p| p.remove_tensor("layers.2.pre_feedforward_layernorm.weight")),
    ("post_feedforward_layernorm", |p| p.remove_tensor("layers.2.post_feedforward_layernorm.weight")),
    ("q_proj.bias", |p| p.add_tensor("model.layers.0.self_attn.q_proj.bias", &[32])),
];

/// What stands around Gemma 3's decoder in the multimodal form.
#[rustfmt::skip]
pub const GEMMA3_MULTIMODAL: &[Mutation] = &[
    ("text_config", |p| p.remove_field("text_config")),
    ("text_config.model_type", |p| p.text()["model_type"] = json!("gemma4_text")),
    ("text_config.residual_multiplier", |p| p.text()["residual_multiplier"] = json!(1)),
    ("text_config.final_logit_softcapping", |p| p.text()["final_logit_softcapping"] = json!(30.0)),
    ("`fusion`", |p| p.config["fusion"] = json!("early")),
    ("tie_word_embeddings", |p| p.config["tie_word_embeddings"] = json!(false)),
    ("tie_word_embeddings", |p| p.text()["tie_word_embeddings"] = json!(false)),
    ("text_config.torch_dtype", |p| p.text()["torch_dtype"] = json!("bfloat16")),
    ("quantization_config", |p| p.config["quantization_config"] = json!({"quant_method": "gptq"})),
    ("audio_tower.weight", |p| p.add_tensor("audio_tower.weight", &[2])),
    ("multi_modal.weight", |p| p.add_tensor("model.multi_modal.weight", &[2])),
];

const SCALAR: &str = "layers.3.layer_scalar";
const SIDE_TABLE: &str = "embed_tokens_per_layer.weight";
const SIDE_CONTEXT: &str = "per_layer_model_projection.weight";

/// Both forms of Gemma 4. The layers are local, global, local, and a local and a global one that share.
#[rustfmt::skip]
pub const GEMMA4: &[Mutation] = &[
    ("hidden_activation", |p| p.text()["hidden_activation"] = json!("gelu")),
    ("hidden_activation", |p| p.text()["hidden_activation"] = json!("silu")),
    ("hidden_activation", |p| p.remove_text("hidden_activation")),
    ("attention_bias", |p| p.text()["attention_bias"] = json!(true)),
    ("attention_k_eq_v", |p| p.text()["attention_k_eq_v"] = json!(true)),
    ("enable_moe_block", |p| p.text()["enable_moe_block"] = json!(true)),
    ("num_experts", |p| p.text()["num_experts"] = json!(128)),
    ("layers.3.mlp.gate_proj.weight", |p| p.text()["use_double_wide_mlp"] = json!(true)),
    ("use_double_wide_mlp", |p| p.remove_text("use_double_wide_mlp")),
    ("use_bidirectional_attention", |p| p.text()["use_bidirectional_attention"] = json!("vision")),
    ("num_global_key_value_heads", |p| p.text()["num_global_key_value_heads"] = json!(1)),
    ("tie_word_embeddings", |p| p.text()["tie_word_embeddings"] = json!(false)),
    ("final_logit_softcapping", |p| p.text()["final_logit_softcapping"] = json!("30")),
    ("final_logit_softcapping", |p| p.text()["final_logit_softcapping"] = json!(-30)),
    ("attn_logit_softcapping", |p| p.text()["attn_logit_softcapping"] = json!(50.0)),
    // layers
    ("layer_types", |p| p.remove_text("layer_types")),
    ("layer_types", |p| p.text()["num_hidden_layers"] = json!(4)),
    ("layer_types", |p| p.text()["num_hidden_layers"] = json!(6)),
    ("layer_types", |p| p.text()["layer_types"][0] = json!("chunked_attention")),
    ("layer_types", |p| p.text()["layer_types"][4] = json!("sliding_attention")),
    ("layers.0.", |p| p.text()["layer_types"][0] = json!("full_attention")),
    ("num_kv_shared_layers", |p| p.remove_text("num_kv_shared_layers")),
    ("num_kv_shared_layers", |p| p.text()["num_kv_shared_layers"] = json!(5)),
    ("num_kv_shared_layers", |p| p.text()["num_kv_shared_layers"] = json!(4)),
    ("num_kv_shared_layers", |p| p.text()["num_kv_shared_layers"] = json!(99)),
    ("num_kv_shared_layers", |p| p.text()["num_kv_shared_layers"] = json!(-1)),
    ("sliding_window", |p| p.remove_text("sliding_window")),
    ("sliding_window", |p| p.text()["sliding_window"] = json!("8")),
    ("sliding_window", |p| p.text()["sliding_window"] = json!(0)),
    // heads
    ("global_head_dim", |p| p.text()["global_head_dim"] = json!(15)),
    ("layers.1.self_attn.q_proj.weight", |p| p.text()["global_head_dim"] = json!(24)),
    ("global_head_dim", |p| p.text()["per_layer_config"] = json!({"1": {"head_dim": 32}})),
    ("per_layer_config", |p| p.text()["per_layer_config"] = json!({"0": {"head_dim": 16}})),
    ("per_layer_config.1.num_key_value_heads",
        |p| p.text()["per_layer_config"] = json!({"1": {"head_dim": 16, "num_key_value_heads": 1}})),
    ("per_layer_config.7", |p| p.text()["per_layer_config"] = json!({"7": {"head_dim": 16}})),
    ("num_key_value_heads", |p| p.text()["num_key_value_heads"] = json!(3)),
    // rotary
    ("rope_parameters", |p| p.remove_text("rope_parameters")),
    ("rope_parameters.full_attention", |p| p.text()["rope_parameters"]["full_attention"] = Value::Null),
    ("rope_parameters.sliding_attention", |p| p.text()["rope_parameters"]["sliding_attention"] = json!(1e4)),
    ("rope_parameters.chunked_attention",
        |p| p.text()["rope_parameters"]["chunked_attention"] = json!({"rope_type": "default"})),
    ("\"linear\"", |p| p.text()["rope_parameters"]["full_attention"]["rope_type"] = json!("linear")),
    ("full_attention.factor", |p| p.text()["rope_parameters"]["full_attention"]["factor"] = json!(8.0)),
    ("full_attention.rope_theta", |p| p.text()["rope_parameters"]["full_attention"]["rope_theta"] = Value::Null),
    ("full_attention.partial_rotary_factor",
        |p| p.text()["rope_parameters"]["full_attention"]["partial_rotary_factor"] = Value::Null),
    ("full_attention.partial_rotary_factor",
        |p| p.text()["rope_parameters"]["full_attention"]["partial_rotary_factor"] = json!(2)),
    ("sliding_attention.partial_rotary_factor",
        |p| p.text()["rope_parameters"]["sliding_attention"]["partial_rotary_factor"] = json!(0.5)),
    ("rope_theta", |p| p.text()["rope_theta"] = json!(1e4)),
    // side input
    ("vocab_size_per_layer_input", |p| p.text()["vocab_size_per_layer_input"] = json!(65)),
    ("vocab_size_per_layer_input", |p| p.text()["vocab_size"] = json!(65)),
    ("hidden_size_per_layer_input", |p| p.remove_text("hidden_size_per_layer_input")),
    (SIDE_TABLE, |p| p.text()["hidden_size_per_layer_input"] = json!(7)),
    (SIDE_TABLE, |p| p.remove_tensor(SIDE_TABLE)),
    (SIDE_CONTEXT, |p| p.tensor(SIDE_CONTEXT).shape.reverse()),
    ("per_layer_projection_norm.weight", |p| p.reshape("per_layer_projection_norm.weight", &[30])),
    ("layers.4.per_layer_input_gate.weight", |p| p.remove_tensor("layers.4.per_layer_input_gate.weight")),
    // tensors of the layers
    (SCALAR, |p| p.remove_tensor(SCALAR)),
    (SCALAR, |p| p.reshape(SCALAR, &[2])),
    (SCALAR, |p| p.reshape(SCALAR, &[])),
    ("layers.0.self_attn.k_proj.weight", |p| p.remove_tensor("layers.0.self_attn.k_proj.weight")),
    ("layers.2.self_attn.k_norm.weight", |p| p.remove_tensor("layers.2.self_attn.k_norm.weight")),
    ("layers.4.self_attn.q_norm.weight", |p| p.reshape("layers.4.self_attn.q_norm.weight", &[8])),
    ("v_norm.weight", |p| p.add_tensor("model.layers.0.self_attn.v_norm.weight", &[8])),
    ("pre_feedforward_layernorm", |p| p.remove_tensor("layers.2.pre_feedforward_layernorm.weight")),
    ("lm_head.weight", |p| p.add_tensor("lm_head.weight", &[64, 32])),
];

/// What stands around Gemma 4's decoder in the multimodal form.
#[rustfmt::skip]
pub const GEMMA4_MULTIMODAL: &[Mutation] = &[
    ("text_config", |p| p.remove_field("text_config")),
    ("text_config", |p| p.config["text_config"] = json!([])),
    ("text_config.model_type", |p| p.text()["model_type"] = json!("gemma3_text")),
    ("text_config.residual_multiplier", |p| p.text()["residual_multiplier"] = json!(1)),
    ("`fusion`", |p| p.config["fusion"] = json!("early")),
    ("tie_word_embeddings", |p| p.config["tie_word_embeddings"] = json!(false)),
    ("text_config.dtype", |p| p.config["dtype"] = json!("bfloat16")),
    ("quantization_config", |p| p.config["quantization_config"] = json!({"quant_method": "gptq"})),
    ("model.speech_tower.weight", |p| p.add_tensor("model.speech_tower.weight", &[2])),
    ("model.vision_towers.weight", |p| p.add_tensor("model.vision_towers.weight", &[2])),
];
