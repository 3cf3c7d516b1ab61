//! What a score says, under the names by which it is exported, and means of it.

use std::collections::BTreeMap;

use crate::store::PromptScore;

use super::document::Document;

/// Names of the figures of a prompt, in the order in which they are written.
pub const METRICS: [&str; 4] = ["acc", "towards_country_1", "log_odds", "compliance"];

/// In the order of [`METRICS`]: 1 where the likelier answer names country_1, else 0; natural log-odds, + names country_1; + is
/// the first option; probability on both answers.
pub fn figures(document: &Document, score: &PromptScore) -> [f64; METRICS.len()] {
    let towards = if document.target == 0 { score.log_odds } else { -score.log_odds };
    [f64::from(u8::from(towards > 0.0)), towards, score.log_odds, score.compliance]
}

/// Sums over prompts.
#[derive(Debug, Clone, Default)]
pub struct Means {
    pub count: usize,
    sums: [f64; METRICS.len()],
}

impl Means {
    pub fn add(&mut self, figures: [f64; METRICS.len()]) {
        self.count += 1;
        for (sum, figure) in self.sums.iter_mut().zip(figures) {
            *sum += figure;
        }
    }

    /// By name; of no prompt none.
    pub fn by_name(&self) -> BTreeMap<&'static str, f64> {
        if self.count == 0 {
            return BTreeMap::new();
        }
        METRICS.into_iter().zip(self.sums.map(|sum| sum / self.count as f64)).collect()
    }
}
