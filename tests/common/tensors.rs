//! The tensors of tiny checkpoints.

use super::files::RawTensor;
use super::random::Random;
use super::tiny::{TinyConfig, TinyFamily};

/// Name and shape.
type Shape = (String, Vec<usize>);

impl TinyConfig {
    /// The tensors that belong to it: matrices of about unit gain, norms around 1, small biases, scalars below 1.
    pub fn tensors(&self, seed: u64) -> Vec<RawTensor> {
        let mut random = Random(seed);
        // Gemma 3's are stored less 1.
        let norms = if self.family.is_gemma3() { 0.0 } else { 1.0 };
        let tensor = |(name, shape): Shape| {
            let values: Vec<f32> = (0..shape.iter().product())
                .map(|_| {
                    let unit = random.unit(); // -1 .. 1
                    match shape[..] {
                        _ if name.ends_with("norm.weight") => norms + 0.3 * unit,
                        _ if name.ends_with("layer_scalar") => 0.6 + 0.3 * unit,
                        [_, cols] => unit * (3.0 / cols as f32).sqrt(),
                        _ => 0.2 * unit,
                    }
                })
                .collect();
            RawTensor::new(name, self.dtype, shape, &values)
        };
        self.shapes().into_iter().map(tensor).collect()
    }

    fn shapes(&self) -> Vec<Shape> {
        let prefix = match self.family {
            TinyFamily::Gemma3 => "language_model.model.",
            TinyFamily::Gemma4 => "model.language_model.",
            _ => "model.",
        };
        let h = self.hidden;
        let mut shapes = vec![(format!("{prefix}embed_tokens.weight"), vec![self.vocab, h])];
        for layer in 0..self.layers {
            let mut add = |name: &str, shape: &[usize]| {
                shapes.push((format!("{prefix}layers.{layer}.{name}"), shape.to_vec()));
            };
            self.attention(layer, &mut add);
            self.mlp(&mut add);
        }
        shapes.push((format!("{prefix}norm.weight"), vec![h]));
        if self.family.is_gemma4() {
            let width = self.side * self.layers;
            shapes.push((format!("{prefix}embed_tokens_per_layer.weight"), vec![self.vocab, width]));
            shapes.push((format!("{prefix}per_layer_model_projection.weight"), vec![width, h]));
            shapes.push((format!("{prefix}per_layer_projection_norm.weight"), vec![self.side]));
        }
        if self.family == TinyFamily::Gemma3 {
            shapes.push((
                "vision_tower.vision_model.embeddings.patch_embedding.weight".into(),
                vec![16, 3, 4, 4],
            ));
            shapes.push(("multi_modal_projector.mm_input_projection_weight".into(), vec![16, h]));
        }
        if self.family == TinyFamily::Gemma4 {
            shapes.push(("model.vision_tower.patch_embedder.input_proj.weight".into(), vec![16, 48]));
            shapes.push(("model.audio_tower.layers.0.ffw_layer_1.input_max".into(), vec![]));
            shapes.push(("model.embed_vision.embedding_projection.weight".into(), vec![h, 16]));
        }
        if !self.tied {
            shapes.push(("lm_head.weight".to_owned(), vec![self.vocab, h]));
        }
        shapes
    }

    fn attention(&self, layer: usize, add: &mut dyn FnMut(&str, &[usize])) {
        let (h, d) = (self.hidden, self.layer_head_dim(layer));
        let (q, kv) = (self.heads * d, self.kv_heads * d);
        if self.family != TinyFamily::Olmo2 {
            add("input_layernorm.weight", &[h]);
        }
        let has_kv = layer < self.layers - self.shared || self.family != TinyFamily::Gemma4Text;
        if self.family == TinyFamily::Baichuan {
            add("self_attn.W_pack.weight", &[q + 2 * kv, h]);
        } else {
            add("self_attn.q_proj.weight", &[q, h]);
            if has_kv {
                add("self_attn.k_proj.weight", &[kv, h]);
                add("self_attn.v_proj.weight", &[kv, h]);
            }
        }
        add("self_attn.o_proj.weight", &[h, q]);
        add("post_attention_layernorm.weight", &[h]);
        let norms = match self.family {
            TinyFamily::Olmo2 => Some((q, kv)),
            TinyFamily::Qwen3 => Some((d, d)),
            _ if self.family.is_gemma3() || self.family.is_gemma4() => Some((d, d)),
            _ => None,
        };
        if let Some((q, k)) = norms {
            add("self_attn.q_norm.weight", &[q]);
            if has_kv {
                add("self_attn.k_norm.weight", &[k]);
            }
        }
        if self.biases {
            add("self_attn.o_proj.bias", &[h]);
        }
        if matches!(self.family, TinyFamily::Qwen2 | TinyFamily::Glm) || self.biases {
            add("self_attn.q_proj.bias", &[q]);
            add("self_attn.k_proj.bias", &[kv]);
            add("self_attn.v_proj.bias", &[kv]);
        }
    }

    fn mlp(&self, add: &mut dyn FnMut(&str, &[usize])) {
        let h = self.hidden;
        let gemma = self.family.is_gemma3() || self.family.is_gemma4();
        if gemma {
            add("pre_feedforward_layernorm.weight", &[h]);
        }
        if self.family == TinyFamily::Glm {
            add("mlp.gate_up_proj.weight", &[2 * self.width, h]);
        } else {
            add("mlp.gate_proj.weight", &[self.width, h]);
            add("mlp.up_proj.weight", &[self.width, h]);
        }
        add("mlp.down_proj.weight", &[h, self.width]);
        if self.biases {
            add("mlp.gate_proj.bias", &[self.width]);
            add("mlp.up_proj.bias", &[self.width]);
            add("mlp.down_proj.bias", &[h]);
        }
        if gemma || self.family == TinyFamily::Olmo2 {
            add("post_feedforward_layernorm.weight", &[h]);
        }
        if self.family.is_gemma4() {
            add("per_layer_input_gate.weight", &[self.side, h]);
            add("per_layer_projection.weight", &[h, self.side]);
            add("post_per_layer_input_norm.weight", &[h]);
            add("layer_scalar", &[1]);
        }
    }
}
