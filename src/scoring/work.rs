//! The arithmetic of a plan: floating-point operations of its products and attention, for shares of a device's peak.

use super::Plan;
use crate::checkpoint::spec::{DecoderSpec, LayerSpec};

/// Floating-point operations, a multiply-add counted as two.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Work {
    /// Projections and MLPs of all layers.
    pub layers: f64,
    /// Scores and weighted values.
    pub attention: f64,
    /// Log-sum-exp over the vocabulary.
    pub head: f64,
    /// What `layers` would be if every token went through all layers.
    pub layers_whole: f64,
}

impl Work {
    pub fn total(&self) -> f64 {
        self.layers + self.attention + self.head
    }

    /// Share of the layers' work that is left out, because nothing reads its results.
    pub fn skipped(&self) -> f64 {
        if self.layers_whole > 0.0 { 1.0 - self.layers / self.layers_whole } else { 0.0 }
    }

    /// What scoring `plan` takes: of the last layer that makes keys and values, tokens that end no prompt need only
    /// those, and nothing of later layers.
    pub fn of(plan: &Plan<'_>, spec: &DecoderSpec) -> Work {
        let tokens = plan.tree_tokens() as f64;
        let ends = plan.ends() as f64;
        let need = spec.last_kv_maker();
        let mut layers = tokens * spec.token_products(false) as f64;
        layers += ends * (spec.token_products(true) - spec.token_products(false)) as f64;
        let seen = |(i, layer): (usize, &LayerSpec)| {
            let keys = if i < need { plan.keys_seen() } else { plan.keys_seen_by_ends() };
            4.0 * layer.q_width() as f64 * keys
        };
        Work {
            layers: 2.0 * layers,
            attention: spec.layers.iter().enumerate().map(seen).sum(),
            head: 2.0 * ends * spec.vocab as f64 * spec.hidden as f64,
            layers_whole: 2.0 * tokens * spec.token_products(true) as f64,
        }
    }
}

/// Multiply-adds of the parts of a tree, in whole numbers, so that everybody who counts them counts the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Matrices of all layers, per token.
    token: u64,
    /// What a token takes beyond that where something is read, the log-sum-exp over the vocabulary included.
    end: u64,
    /// Attention, per key that a token sees.
    key: u64,
    /// What it takes beyond that where something is read.
    end_key: u64,
}

impl Rates {
    pub fn of(spec: &DecoderSpec) -> Rates {
        let need = spec.last_kv_maker();
        let widths = |layers: &[LayerSpec]| layers.iter().map(|l| 2 * l.q_width() as u64).sum();
        let head = spec.vocab as u64 * spec.hidden as u64;
        Rates {
            token: spec.token_products(false),
            end: spec.token_products(true) - spec.token_products(false) + head,
            key: widths(&spec.layers[..need]),
            end_key: widths(&spec.layers[need..]),
        }
    }

    /// Tokens of the depths `from..to` (0 = first) of which none is read.
    pub fn run(&self, from: usize, to: usize) -> u128 {
        let (from, to) = (from as u128, to as u128);
        let keys = (to * (to + 1) - from * (from + 1)) / 2;
        (to - from) * u128::from(self.token) + keys * u128::from(self.key)
    }

    /// Beyond that, for something that is read behind `depth` tokens.
    pub fn end(&self, depth: usize) -> u128 {
        u128::from(self.end) + depth as u128 * u128::from(self.end_key)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ScoreItem;
    use super::*;

    #[test]
    fn a_plan_of_two_prompts_counts_by_hand() {
        let spec = DecoderSpec::plain(4, 10, 8, 1e-6, vec![LayerSpec::plain(2, 1, 3, 5); 2]);
        // Three tokens in all, two prompts: [1, 2] and [1, 3].
        let items = [vec![1, 2], vec![1, 3]].map(|tokens| ScoreItem { tokens, choices: 0 });
        let work = Work::of(&Plan::new(&items, &[], true), &spec);
        let (kv, rest) = (2 * 2 * 4 * 3, 2 * (2 * 4 * 6 + 3 * 4 * 5));
        assert_eq!(work.layers, f64::from(3 * (kv + rest) + 3 * kv + 2 * rest));
        // Keys seen: 1 + 2 + 2 in the first layer, 2 + 2 by the ends.
        assert_eq!(work.attention, f64::from(4 * 6 * 5 + 4 * 6 * 4));
        assert_eq!(work.head, f64::from(2 * 2 * 10 * 4));
        assert_eq!(work.layers_whole, f64::from(2 * 3 * (kv + rest)));
        assert!((work.skipped() - f64::from(rest) / f64::from(6 * (kv + rest))).abs() < 1e-12);
        // A last layer of twice the heads: its queries see their keys at the ends alone.
        let layers = vec![LayerSpec::plain(2, 1, 3, 5), LayerSpec::plain(4, 1, 3, 5)];
        let wider = Work::of(&Plan::new(&items, &[], true), &DecoderSpec::plain(4, 10, 8, 1e-6, layers));
        assert_eq!(wider.attention, f64::from(4 * 6 * 5 + 4 * 12 * 4));
        // The same in whole numbers: one token that both share, and one of each.
        let rates = Rates::of(&spec);
        let counted = rates.run(0, 1) + 2 * (rates.run(1, 2) + rates.end(2));
        assert_eq!(2.0 * counted as f64, work.total());
    }
}
