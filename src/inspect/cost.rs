//! What a token costs: arithmetic and memory.

use serde::Serialize;

use crate::checkpoint::Checkpoint;
use crate::checkpoint::spec::Kv;

/// Floating-point operations count a multiply-add as two; attention's, which grow with the context, are left out.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Cost {
    /// Bytes of the weights that are read, as stored.
    pub weight_bytes: u64,
    /// Keys and values in f32.
    pub kv_bytes_per_token: u64,
    /// A prompt's last token, all layers.
    pub flop_last_token: f64,
    /// Any other token: only what later tokens read.
    pub flop_other_token: f64,
    /// Log-sum-exp over the vocabulary, once a prompt.
    pub flop_vocabulary: f64,
}

impl Cost {
    pub fn of(checkpoint: &Checkpoint) -> Self {
        let spec = &checkpoint.spec;
        let makers = spec.layers.iter().filter(|layer| layer.kv == Kv::Own);
        let kv_values: usize = makers.map(|layer| 2 * layer.kv_width()).sum();
        Self {
            weight_bytes: checkpoint.stored().filter(|tensor| tensor.used).map(|tensor| tensor.bytes).sum(),
            kv_bytes_per_token: (size_of::<f32>() * kv_values) as u64,
            flop_last_token: 2.0 * spec.token_products(true) as f64,
            flop_other_token: 2.0 * spec.token_products(false) as f64,
            flop_vocabulary: 2.0 * spec.vocab as f64 * spec.hidden as f64,
        }
    }

    /// Share of a token's work that is left out where nothing reads it.
    pub fn saved(&self) -> f64 {
        1.0 - self.flop_other_token / self.flop_last_token
    }
}
