//! The arithmetic of a plan: floating-point operations of its products and attention, for shares of a device's peak.

use super::Plan;
use crate::checkpoint::spec::DecoderSpec;

/// Floating-point operations, a multiply-add counted as two.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Work {
    /// Projections and MLPs of all layers.
    pub layers: f64,
    /// Scores and weighted values.
    pub attention: f64,
    /// Log-sum-exp over the vocabulary.
    pub head: f64,
}

impl Work {
    pub fn total(&self) -> f64 {
        self.layers + self.attention + self.head
    }

    /// What scoring `plan` takes: in the last layer only keys and values of tokens that end no prompt.
    pub fn of(plan: &Plan<'_>, spec: &DecoderSpec) -> Work {
        let tokens = plan.tree_tokens() as f64;
        let ends = plan.ends() as f64;
        let keys = plan.keys_seen();
        let end_keys = plan.keys_seen_by_ends();
        let mut work = Work { head: 2.0 * ends * spec.vocab as f64 * spec.hidden as f64, ..Work::default() };
        for (i, layer) in spec.layers.iter().enumerate() {
            let last = i + 1 == spec.layers.len();
            let kv = 2.0 * (2 * spec.hidden * layer.kv_width()) as f64;
            let rest = 2.0 * spec.layer_matmul(i) as f64 - kv;
            work.layers += tokens * kv + if last { ends } else { tokens } * rest;
            work.attention += 4.0 * layer.q_width() as f64 * if last { end_keys } else { keys };
        }
        work
    }
}

#[cfg(test)]
mod tests {
    use super::super::ScoreItem;
    use super::*;
    use crate::checkpoint::spec::{Act, Head, LayerSpec, Mlp};

    #[test]
    fn a_plan_of_two_prompts_counts_by_hand() {
        let layer = LayerSpec {
            heads: 2,
            kv_heads: 1,
            head_dim: 3,
            qkv_bias: false,
            out_bias: false,
            rotary: 0,
            score_scale: 1.0,
            window: None,
            mlp: Mlp { width: 5, act: Act::Silu, bias: false },
        };
        let spec = DecoderSpec {
            hidden: 4,
            vocab: 10,
            context: 8,
            eps: 1e-6,
            embed_scale: 1.0,
            rotaries: Vec::new(),
            layers: vec![layer.clone(), layer],
            head: Head { tied: true },
        };
        // Three tokens in all, two prompts: [1, 2] and [1, 3].
        let items = [vec![1, 2], vec![1, 3]].map(|tokens| ScoreItem { tokens, choices: 0 });
        let work = Work::of(&Plan::new(&items, true), &spec);
        let (kv, rest) = (2 * 2 * 4 * 3, 2 * (2 * 4 * 6 + 3 * 4 * 5));
        assert_eq!(work.layers, f64::from(3 * (kv + rest) + 3 * kv + 2 * rest));
        // Keys seen: 1 + 2 + 2 in the first layer, 2 + 2 by the ends.
        assert_eq!(work.attention, f64::from(4 * 6 * 5 + 4 * 6 * 4));
        assert_eq!(work.head, f64::from(2 * 2 * 10 * 4));
    }
}
