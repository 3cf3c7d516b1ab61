//! Yarn: pairs that turn often within the original context keep their frequency, those that turn seldom are stretched,
//! with a ramp over the pairs between; and what is turned grows by a factor. Peng et al., "YaRN: Efficient Context Window
//! Extension of Large Language Models" (2023), as transformers computes it.

use std::f64::consts::TAU;

use super::super::error::Result;
use super::super::fields::Fields;
use super::Rules;
use super::scaling::factor;

/// Turns within the original context above which a pair is kept, and below which it is stretched whole.
const BETA_FAST: f64 = 32.0;
const BETA_SLOW: f64 = 1.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Yarn {
    factor: f64,
    beta_fast: f64,
    beta_slow: f64,
    /// Context length before the stretch, in tokens.
    original: f64,
    /// The ramp's ends lie on whole pairs.
    pub truncate: bool,
    /// Multiplies turned queries and keys.
    pub attention_factor: f64,
}

impl Yarn {
    pub fn read(object: &mut Fields, rules: &Rules) -> Result<Yarn> {
        let factor = factor(object)?;
        let original = object.size_or_none("original_max_position_embeddings")?.unwrap_or(rules.context);
        // Some tools note that the model was trained on the stretched context; the reference takes no heed of it.
        object.flag_or_none("finetuned")?;
        let beta_fast = object.positive_or_none("beta_fast")?.unwrap_or(BETA_FAST);
        let beta_slow = object.positive_or_none("beta_slow")?.unwrap_or(BETA_SLOW);
        if beta_fast < beta_slow {
            return Err(object.error("beta_fast", format!("is {beta_fast}, less than `beta_slow`")));
        }
        let mscale = object.number_or_none("mscale")?.unwrap_or(0.0);
        let mscale_all = object.number_or_none("mscale_all_dim")?.unwrap_or(0.0);
        let stated = object.positive_or_none("attention_factor")?;
        let attention_factor = stated.unwrap_or_else(|| match mscale == 0.0 || mscale_all == 0.0 {
            true => length(factor, 1.0),
            false => length(factor, mscale) / length(factor, mscale_all),
        });
        if !(attention_factor.is_finite() && attention_factor > 0.0) {
            return Err(object.error("mscale", format!("makes an attention factor of {attention_factor}")));
        }
        Ok(Yarn {
            factor,
            beta_fast,
            beta_slow,
            original: original as f64,
            truncate: object.flag_or_none("truncate")?.unwrap_or(true),
            attention_factor,
        })
    }

    /// The frequency of pair `i`, whose plain one is `freq`.
    pub fn scale(&self, i: usize, freq: f64, theta: f64, period: usize) -> f64 {
        let (low, high) = self.ramp(theta, period);
        let stretched = ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
        freq / self.factor * stretched + freq * (1.0 - stretched)
    }

    /// The pairs, counted from the fastest, between which the stretch sets in.
    fn ramp(&self, theta: f64, period: usize) -> (f64, f64) {
        let pair = |turns: f64| period as f64 * (self.original / (turns * TAU)).ln() / (2.0 * theta.ln());
        let (low, high) = (pair(self.beta_fast), pair(self.beta_slow));
        let (low, high) = if self.truncate { (low.floor(), high.ceil()) } else { (low, high) };
        let (low, high) = (low.max(0.0), high.min(period as f64 - 1.0));
        // The reference's own way around a division by zero.
        (low, if low == high { high + 0.001 } else { high })
    }
}

/// By how much attention is sharpened for a context that grew by `factor`.
fn length(factor: f64, mscale: f64) -> f64 {
    if factor <= 1.0 { 1.0 } else { 0.1 * mscale * factor.ln() + 1.0 }
}

#[cfg(test)]
mod tests {
    use super::super::Rope;
    use super::super::scaling::Scaling;
    use super::*;

    /// Expected by the formulas of `_compute_yarn_parameters` of transformers, worked in Python.
    #[test]
    fn the_ramp_ends_at_the_last_element_where_the_base_is_small() {
        let (beta_fast, beta_slow) = (BETA_FAST, BETA_SLOW);
        let yarn =
            Yarn { factor: 4.0, beta_fast, beta_slow, original: 64.0, truncate: true, attention_factor: 1.0 };
        let table = Rope { scaling: Scaling::Yarn(yarn), ..Rope::fixed(2.0) }.table(8);
        let expected = [1.0, 0.750_800_3, 0.555_583_9, 0.403_481];
        for (found, expected) in table.rotary.freq.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
        }
        assert_eq!(table.rotary.freq.len(), 4);
    }
}
