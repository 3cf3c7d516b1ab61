//! Tiny random checkpoints for tests: the same bytes for the same seed, on every machine.

#![allow(dead_code)] // every test binary compiles its own copy and uses a part of it

use std::fs;
use std::path::Path;

use half::{bf16, f16};
use serde_json::{Map, Value, json};
use tiltmeter::checkpoint::Dtype;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TinyFamily {
    Llama,
    Mistral,
    Qwen2,
}

pub const FAMILIES: [TinyFamily; 3] = [TinyFamily::Llama, TinyFamily::Mistral, TinyFamily::Qwen2];

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
    /// Mistral only.
    pub window: Option<usize>,
    /// Llama only: the llama3 rotary scaling.
    pub llama3_rope: bool,
    pub tied: bool,
    pub dtype: Dtype,
    /// 1 writes `model.safetensors`; more write shards and an index.
    pub shards: usize,
}

impl TinyConfig {
    pub fn new(family: TinyFamily) -> Self {
        TinyConfig {
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
            tied: false,
            dtype: Dtype::F32,
            shards: 1,
        }
    }

    /// config.json in the makers' spelling.
    pub fn config(&self) -> Value {
        let (model_type, architecture) = match self.family {
            TinyFamily::Llama => ("llama", "LlamaForCausalLM"),
            TinyFamily::Mistral => ("mistral", "MistralForCausalLM"),
            TinyFamily::Qwen2 => ("qwen2", "Qwen2ForCausalLM"),
        };
        let mut config = json!({
            "architectures": [architecture],
            "model_type": model_type,
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
            "torch_dtype": match self.dtype {
                Dtype::F32 => "float32",
                Dtype::F16 => "float16",
                Dtype::Bf16 => "bfloat16",
            },
            "use_cache": true,
            "vocab_size": self.vocab,
        });
        match self.family {
            TinyFamily::Llama => {
                config["attention_bias"] = json!(false);
                config["mlp_bias"] = json!(false);
                config["rope_scaling"] = Value::Null;
                if self.llama3_rope {
                    config["rope_scaling"] = json!({
                        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                        "original_max_position_embeddings": self.context / 8,
                    });
                }
            }
            TinyFamily::Mistral => config["sliding_window"] = json!(self.window),
            TinyFamily::Qwen2 => {
                config["use_sliding_window"] = json!(false);
                config["sliding_window"] = json!(self.context);
                config["max_window_layers"] = json!(self.layers);
            }
        }
        config
    }

    /// The tensors that belong to it: matrices of about unit gain, norms around 1, small biases.
    pub fn tensors(&self, seed: u64) -> Vec<RawTensor> {
        let (h, q, kv) = (self.hidden, self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let mut shapes = vec![("model.embed_tokens.weight".to_owned(), vec![self.vocab, h])];
        for layer in 0..self.layers {
            let mut add = |name: &str, shape: &[usize]| {
                shapes.push((format!("model.layers.{layer}.{name}"), shape.to_vec()));
            };
            add("input_layernorm.weight", &[h]);
            add("self_attn.q_proj.weight", &[q, h]);
            add("self_attn.k_proj.weight", &[kv, h]);
            add("self_attn.v_proj.weight", &[kv, h]);
            add("self_attn.o_proj.weight", &[h, q]);
            add("post_attention_layernorm.weight", &[h]);
            add("mlp.gate_proj.weight", &[self.width, h]);
            add("mlp.up_proj.weight", &[self.width, h]);
            add("mlp.down_proj.weight", &[h, self.width]);
            if self.family == TinyFamily::Qwen2 {
                add("self_attn.q_proj.bias", &[q]);
                add("self_attn.k_proj.bias", &[kv]);
                add("self_attn.v_proj.bias", &[kv]);
            }
        }
        shapes.push(("model.norm.weight".to_owned(), vec![h]));
        if !self.tied {
            shapes.push(("lm_head.weight".to_owned(), vec![self.vocab, h]));
        }

        let mut random = Random(seed);
        let tensor = |(name, shape): (String, Vec<usize>)| {
            let count = shape.iter().product();
            let values: Vec<f32> = (0..count)
                .map(|_| {
                    let unit = random.unit(); // -1 .. 1
                    match (shape.last(), name.ends_with("norm.weight")) {
                        (_, true) => 1.0 + 0.3 * unit,
                        (Some(&cols), _) if shape.len() == 2 => unit * (3.0 / cols as f32).sqrt(),
                        _ => 0.2 * unit,
                    }
                })
                .collect();
            RawTensor::new(name, self.dtype, shape, &values)
        };
        shapes.into_iter().map(tensor).collect()
    }
}

/// Writes config.json and the weights of a random checkpoint into `dir`, which is made if it is not there.
pub fn write_tiny_checkpoint(dir: &Path, config: &TinyConfig, seed: u64) {
    fs::create_dir_all(dir).expect("the folder can be made");
    write_config(dir, &config.config());
    write_weights(dir, &config.tensors(seed), config.shards);
}

pub fn write_config(dir: &Path, config: &Value) {
    fs::write(dir.join("config.json"), config.to_string()).expect("config.json can be written");
}

/// `model.safetensors`, or that many shards with their index.
pub fn write_weights(dir: &Path, tensors: &[RawTensor], shards: usize) {
    if shards <= 1 {
        return write_safetensors(&dir.join("model.safetensors"), tensors);
    }
    let mut weight_map = Map::new();
    for (part, tensors) in tensors.chunks(tensors.len().div_ceil(shards)).enumerate() {
        let file = format!("model-{:05}-of-{shards:05}.safetensors", part + 1);
        write_safetensors(&dir.join(&file), tensors);
        for tensor in tensors {
            weight_map.insert(tensor.name.clone(), json!(file));
        }
    }
    let total: usize = tensors.iter().map(|tensor| tensor.bytes.len()).sum();
    write_index(dir, &json!({"metadata": {"total_size": total}, "weight_map": weight_map}));
}

pub fn write_index(dir: &Path, index: &Value) {
    let file = dir.join("model.safetensors.index.json");
    fs::write(file, index.to_string()).expect("the index can be written");
}

/// A tensor as a file holds it, sound or not.
#[derive(Debug, Clone)]
pub struct RawTensor {
    pub name: String,
    pub dtype: &'static str,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl RawTensor {
    pub fn new(name: impl Into<String>, dtype: Dtype, shape: Vec<usize>, values: &[f32]) -> Self {
        let (dtype, bytes) = match dtype {
            Dtype::F32 => ("F32", values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Dtype::F16 => ("F16", values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect()),
            Dtype::Bf16 => ("BF16", values.iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes()).collect()),
        };
        RawTensor { name: name.into(), dtype, shape, bytes }
    }
}

pub fn write_safetensors(file: &Path, tensors: &[RawTensor]) {
    let mut header = Map::new();
    header.insert("__metadata__".into(), json!({"format": "pt"}));
    let mut data = Vec::new();
    for tensor in tensors {
        let begin = data.len();
        data.extend_from_slice(&tensor.bytes);
        let place =
            json!({"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [begin, data.len()]});
        header.insert(tensor.name.clone(), place);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    write_parts(file, header.len() as u64, &header, &data);
}

/// A safetensors file from its three parts, which need not agree.
pub fn write_parts(file: &Path, length: u64, header: &[u8], data: &[u8]) {
    let bytes = [&length.to_le_bytes(), header, data].concat();
    fs::write(file, bytes).expect("the weight file can be written");
}

/// splitmix64: small, well spread, and the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly between -1 and 1.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// Below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}
