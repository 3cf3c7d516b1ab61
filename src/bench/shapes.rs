//! The sizes of the study's seven families, as `shapes.json` has them: the fields of their makers' config.json files
//! that say something about the arithmetic.

use std::collections::BTreeMap;

use serde_json::Value;

use super::BenchError;
use crate::checkpoint::{DecoderSpec, Outline, OutlineTensor};

/// A decoder's sizes without its weights.
#[derive(Debug, Clone)]
pub struct Shape {
    pub name: String,
    /// Layers of the real model; `spec` may hold fewer.
    pub all_layers: usize,
    pub spec: DecoderSpec,
    pub tensors: Vec<OutlineTensor>,
}

impl Shape {
    /// `qwen2.5-7b, 4 of 28 layers`
    pub fn title(&self) -> String {
        match self.spec.layers.len() {
            n if n == self.all_layers => self.name.clone(),
            n => format!("{}, {n} of {} layers", self.name, self.all_layers),
        }
    }
}

fn configs() -> BTreeMap<String, Value> {
    // The file is part of the program; a test reads all of it.
    serde_json::from_str(include_str!("shapes.json")).unwrap_or_default()
}

/// Names of all shapes.
pub fn shapes() -> Vec<String> {
    configs().into_keys().collect()
}

/// A decoder in small, to see that a benchmark runs to its end; in no list, since its speed says nothing.
const SMALL: &str = "small";

fn small() -> Value {
    serde_json::json!({
        "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "hidden_act": "silu", "hidden_size": 128,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 192,
        "vocab_size": 300, "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
        "use_sliding_window": false, "tie_word_embeddings": false, "torch_dtype": "bfloat16"
    })
}

/// The shape called `name`, cut to its first `layers` layers if that is given.
///
/// # Errors
/// A name that is not in the list.
pub fn shape(name: &str, layers: Option<usize>) -> Result<Shape, BenchError> {
    let mut configs = configs();
    let Some(config) = configs.remove(name).or_else(|| (name == SMALL).then(small)) else {
        let known = shapes().join(", ");
        return Err(BenchError::Shape { name: name.to_owned(), known });
    };
    let all_layers = Outline::of(&config, name, usize::MAX)?.spec.layers.len();
    let Outline { spec, tensors } = Outline::of(&config, name, layers.unwrap_or(all_layers).max(1))?;
    Ok(Shape { name: name.to_owned(), all_layers, spec, tensors })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Role;

    /// Layers, and billions of multiply-adds in their matrices for a token that ends a prompt.
    const EXPECTED: [(&str, usize, f64); 7] = [
        ("baichuan2-7b", 32, 6.476),
        ("gemma4-e4b", 42, 3.973),
        ("glm4-9b", 40, 8.158),
        ("llama3.1-8b", 32, 6.979),
        ("mistral-7b", 32, 6.979),
        ("qwen2.5-7b", 28, 6.525),
        ("yi1.5-9b", 48, 8.305),
    ];

    #[test]
    fn the_shapes_have_the_sizes_that_their_makers_give() {
        assert_eq!(shapes(), EXPECTED.map(|(name, ..)| name));
        for (name, layers, billions) in EXPECTED {
            let shape = shape(name, None).expect(name);
            assert_eq!(shape.all_layers, layers, "{name}");
            let products = shape.spec.token_products(true) as f64 / 1e9;
            assert!((products - billions).abs() < 0.001, "{name}: {products}");
        }
    }

    /// A token is multiplied with every matrix once but for the tables, of which it takes a row.
    #[test]
    fn a_token_s_products_are_the_elements_of_the_matrices() {
        const TABLES: [Role; 3] = [Role::Embedding, Role::OutputEmbedding, Role::SideTable];
        for name in shapes() {
            let shape = shape(&name, None).expect("a shape");
            let matrices = shape.tensors.iter().filter(|t| t.rows > 1 && !TABLES.contains(&t.role));
            let elements: u64 = matrices.map(|t| t.rows as u64 * t.cols as u64).sum();
            assert_eq!(shape.spec.token_products(true), elements, "{name}");
        }
    }

    #[test]
    fn a_shape_is_cut_to_its_first_layers_and_an_unknown_one_is_refused_by_name() {
        let cut = shape("qwen2.5-7b", Some(2)).expect("a shape");
        assert_eq!(cut.title(), "qwen2.5-7b, 2 of 28 layers");
        assert!(cut.tensors.iter().all(|t| t.layer.is_none_or(|layer| layer < 2)));
        assert_eq!(shape("small", None).expect("a shape").spec.layers.len(), 2);
        let error = shape("gpt-5", None).expect_err("unknown").to_string();
        assert!(error.contains("gpt-5") && error.contains("mistral-7b"), "{error}");
    }
}
