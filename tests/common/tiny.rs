//! The configs of tiny checkpoints, one form for all families.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tiltmeter::checkpoint::Dtype;

use super::files::{write_config, write_weights};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TinyFamily {
    Llama,
    Mistral,
    Qwen2,
    Qwen3,
    Olmo2,
    Glm,
    Baichuan,
    /// The multimodal form: a decoder inside and other towers beside it.
    Gemma3,
    Gemma3Text,
    /// Likewise, and keys and values that nothing reads.
    Gemma4,
    Gemma4Text,
}

pub const FAMILIES: [TinyFamily; 11] = [
    TinyFamily::Llama,
    TinyFamily::Mistral,
    TinyFamily::Qwen2,
    TinyFamily::Qwen3,
    TinyFamily::Olmo2,
    TinyFamily::Glm,
    TinyFamily::Baichuan,
    TinyFamily::Gemma3,
    TinyFamily::Gemma3Text,
    TinyFamily::Gemma4,
    TinyFamily::Gemma4Text,
];

impl TinyFamily {
    pub fn is_gemma3(self) -> bool {
        matches!(self, TinyFamily::Gemma3 | TinyFamily::Gemma3Text)
    }

    pub fn is_gemma4(self) -> bool {
        matches!(self, TinyFamily::Gemma4 | TinyFamily::Gemma4Text)
    }

    /// Whether the decoder's config stands inside another object.
    pub fn is_multimodal(self) -> bool {
        matches!(self, TinyFamily::Gemma3 | TinyFamily::Gemma4)
    }

    /// Whether checkpoints with and without an output embedding of their own exist.
    pub fn may_tie(self) -> bool {
        !self.is_gemma4() && self != TinyFamily::Baichuan
    }
}

/// What to write. Start from [`TinyConfig::new`] and change what the test is about.
#[derive(Debug, Clone)]
pub struct TinyConfig {
    pub family: TinyFamily,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub width: usize,
    pub vocab: usize,
    pub context: usize,
    /// Mistral, and the local layers of Gemma 3 and 4.
    pub window: Option<usize>,
    /// Llama only: the llama3 rotary scaling.
    pub llama3_rope: bool,
    /// Llama only: a bias behind every projection.
    pub biases: bool,
    pub tied: bool,
    /// Gemma 3 and 4: which layers are global, as many of them as there are layers.
    pub global: Vec<bool>,
    /// Gemma 4 only.
    pub global_head_dim: usize,
    /// Gemma 4 only: layers at the end that read the keys and values of earlier ones.
    pub shared: usize,
    /// Gemma 4 only: width of the side input.
    pub side: usize,
    pub dtype: Dtype,
    /// 1 writes `model.safetensors`; more write shards and an index.
    pub shards: usize,
}

impl TinyConfig {
    /// The smallest that a file can be spoiled with.
    pub fn small() -> Self {
        TinyConfig {
            hidden: 4,
            layers: 1,
            heads: 2,
            kv_heads: 1,
            head_dim: 2,
            width: 6,
            vocab: 5,
            ..TinyConfig::new(TinyFamily::Llama)
        }
    }

    pub fn new(family: TinyFamily) -> Self {
        let plain = TinyConfig {
            family,
            hidden: 32,
            layers: 2,
            heads: 4,
            kv_heads: 2,
            head_dim: 8,
            width: 48,
            vocab: 64,
            context: 512,
            window: None,
            llama3_rope: false,
            biases: false,
            tied: family.is_gemma3() || family.is_gemma4(),
            global: Vec::new(),
            global_head_dim: 16,
            shared: 0,
            side: 6,
            dtype: Dtype::F32,
            shards: 1,
        };
        match family {
            TinyFamily::Baichuan => TinyConfig { kv_heads: 4, ..plain },
            _ if family.is_gemma4() => plain.with_layers(&[false, true, false, false, true], 2),
            _ if family.is_gemma3() => plain.with_layers(&[false, true, false], 0),
            _ => plain,
        }
    }

    /// Gemma with these layers (true: global), the last `shared` of which make no keys and values (Gemma 4).
    pub fn with_layers(self, global: &[bool], shared: usize) -> Self {
        let window = self.window.or(Some(8));
        TinyConfig { layers: global.len(), global: global.to_vec(), shared, window, ..self }
    }

    pub fn layer_head_dim(&self, layer: usize) -> usize {
        let wide = self.family.is_gemma4() && self.global.get(layer) == Some(&true);
        if wide { self.global_head_dim } else { self.head_dim }
    }

    fn dtype_name(&self) -> &'static str {
        match self.dtype {
            Dtype::F32 => "float32",
            Dtype::F16 => "float16",
            Dtype::Bf16 => "bfloat16",
        }
    }

    /// config.json in the makers' spelling.
    pub fn config(&self) -> Value {
        let mut config = json!({
            "bos_token_id": 1,
            "eos_token_id": 2,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "hidden_size": self.hidden,
            "initializer_range": 0.02,
            "intermediate_size": self.width,
            "max_position_embeddings": self.context,
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.kv_heads,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "tie_word_embeddings": self.tied,
            "torch_dtype": self.dtype_name(),
            "use_cache": true,
            "vocab_size": self.vocab,
        });
        let (model_type, architecture) = self.own_fields(&mut config);
        config["model_type"] = json!(model_type);
        config["architectures"] = json!([architecture]);
        if self.family == TinyFamily::Gemma3 {
            remove(&mut config, &["architectures", "torch_dtype"]);
            return json!({
                "architectures": ["Gemma3ForConditionalGeneration"],
                "boi_token_index": 60,
                "mm_tokens_per_image": 4,
                "model_type": "gemma3",
                "text_config": config,
                "tie_word_embeddings": self.tied,
                "torch_dtype": self.dtype_name(),
                "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 16},
            });
        }
        if self.family == TinyFamily::Gemma4 {
            remove(&mut config, &["architectures"]);
            return json!({
                "architectures": ["Gemma4ForConditionalGeneration"],
                "audio_config": {"model_type": "gemma4_audio", "hidden_act": "silu"},
                "audio_token_id": 61,
                "dtype": self.dtype_name(),
                "eoi_token_index": 60,
                "model_type": "gemma4",
                "text_config": config,
                "tie_word_embeddings": true,
                "vision_config": {"model_type": "gemma4_vision", "rope_parameters": {"rope_type": "axial"}},
            });
        }
        config
    }

    /// Adds and removes what the family's files hold differently; returns its names.
    fn own_fields(&self, config: &mut Value) -> (&'static str, &'static str) {
        match self.family {
            TinyFamily::Llama => {
                config["attention_bias"] = json!(self.biases);
                config["mlp_bias"] = json!(self.biases);
                config["rope_scaling"] = Value::Null;
                if self.llama3_rope {
                    config["rope_scaling"] = json!({
                        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                        "original_max_position_embeddings": self.context / 8,
                    });
                }
                ("llama", "LlamaForCausalLM")
            }
            TinyFamily::Mistral => {
                config["sliding_window"] = json!(self.window);
                ("mistral", "MistralForCausalLM")
            }
            TinyFamily::Qwen2 | TinyFamily::Qwen3 => {
                config["use_sliding_window"] = json!(false);
                config["sliding_window"] = json!(self.context);
                config["max_window_layers"] = json!(self.layers);
                if self.family == TinyFamily::Qwen2 {
                    return ("qwen2", "Qwen2ForCausalLM");
                }
                config["attention_bias"] = json!(false);
                ("qwen3", "Qwen3ForCausalLM")
            }
            TinyFamily::Olmo2 => {
                config["attention_bias"] = json!(false);
                ("olmo2", "Olmo2ForCausalLM")
            }
            TinyFamily::Glm => {
                config["attention_bias"] = json!(true);
                config["partial_rotary_factor"] = json!(0.5);
                ("glm", "GlmForCausalLM")
            }
            TinyFamily::Baichuan => {
                remove(config, &["head_dim", "num_key_value_heads", "rope_theta"]);
                config["auto_map"] = json!({"AutoConfig": "configuration_baichuan.BaichuanConfig"});
                config["model_max_length"] = json!(self.context);
                config["z_loss_weight"] = json!(0);
                ("baichuan", "BaichuanForCausalLM")
            }
            TinyFamily::Gemma3 | TinyFamily::Gemma3Text => {
                self.gemma3_fields(config);
                ("gemma3_text", "Gemma3ForCausalLM")
            }
            TinyFamily::Gemma4 | TinyFamily::Gemma4Text => {
                self.gemma4_fields(config);
                ("gemma4_text", "Gemma4ForCausalLM")
            }
        }
    }

    fn gemma3_fields(&self, config: &mut Value) {
        remove(config, &["hidden_act"]);
        let own = json!({
            "_sliding_window_pattern": 6,
            "attention_bias": false,
            "attn_logit_softcapping": null,
            "cache_implementation": "hybrid",
            "final_logit_softcapping": null,
            "hidden_activation": "gelu_pytorch_tanh",
            "layer_types": self.layer_types(),
            "query_pre_attn_scalar": 12,
            "rope_local_base_freq": 10000.0,
            "rope_scaling": {"rope_type": "linear", "factor": 4.0},
            "rope_theta": 1000000.0,
            "sliding_window": self.window,
            "use_bidirectional_attention": false,
        });
        let own = own.as_object().expect("an object").clone();
        config.as_object_mut().expect("an object").extend(own);
    }

    fn layer_types(&self) -> Vec<&'static str> {
        self.global.iter().map(|g| if *g { "full_attention" } else { "sliding_attention" }).collect()
    }

    fn gemma4_fields(&self, config: &mut Value) {
        remove(config, &["hidden_act", "rope_theta", "torch_dtype"]);
        let own = json!({
            "attention_bias": false,
            "attention_k_eq_v": false,
            "dtype": self.dtype_name(),
            "enable_moe_block": false,
            "final_logit_softcapping": 3.0,
            "global_head_dim": self.global_head_dim,
            "hidden_activation": "gelu_pytorch_tanh",
            "hidden_size_per_layer_input": self.side,
            "layer_types": self.layer_types(),
            "moe_intermediate_size": null,
            "num_experts": null,
            "num_global_key_value_heads": null,
            "num_kv_shared_layers": self.shared,
            "rope_parameters": {
                "full_attention": {
                    "rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1000000.0
                },
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            },
            "sliding_window": self.window,
            "top_k_experts": null,
            "use_bidirectional_attention": null,
            "use_double_wide_mlp": false,
            "vocab_size_per_layer_input": self.vocab,
        });
        let own = own.as_object().expect("an object").clone();
        config.as_object_mut().expect("an object").extend(own);
    }
}

fn remove(config: &mut Value, fields: &[&str]) {
    let map = config.as_object_mut().expect("an object");
    fields.iter().for_each(|field| drop(map.remove(*field)));
}

/// Writes config.json and the weights of a random checkpoint into `dir`, which is made if it is not there.
pub fn write_tiny_checkpoint(dir: &Path, config: &TinyConfig, seed: u64) {
    fs::create_dir_all(dir).expect("the folder can be made");
    write_config(dir, &config.config());
    write_weights(dir, &config.tensors(seed), config.shards);
}
