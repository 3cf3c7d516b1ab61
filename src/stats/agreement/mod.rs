//! Two runs, versions, precisions or engines side by side: what differs between them, how far their scores lie apart,
//! which choices and conclusions change.

mod figures;
mod items;
mod scores;
#[cfg(test)]
mod tests;
mod text;

pub use figures::{Changed, Conclusion, Conclusions, Paired, Side, conclusions, paired};
pub use items::{join_items, renamed};
pub use scores::{At, Pair, Scores, Spread};
pub use text::agreement_text;

use serde::Serialize;

/// What the JSON document calls its shape.
pub const AGREEMENT_SCHEMA: &str = "tiltmeter-comparison/1";

/// The whole comparison.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Agreement {
    pub schema: &'static str,
    /// As they were named.
    pub first: String,
    pub second: String,
    /// What is not the same of the two.
    pub differs: Vec<Differing>,
    pub joined: Joined,
    /// Whether every score is the same, bit for bit, and neither has one that the other lacks.
    pub identical: bool,
    /// All log-odds together; `None` where none can be compared.
    pub log_odds: Option<Spread>,
    /// By checkpoint, language and condition.
    pub log_odds_by: Vec<Spread>,
    pub conclusions: Conclusions,
    pub paired: Vec<Paired>,
    /// The target, whose figures are shown first.
    pub target: String,
    pub notes: Vec<String>,
}

/// A property in which the two differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Differing {
    pub what: String,
    /// Of one checkpoint; absent where it is the whole run's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    pub first: String,
    pub second: String,
}

/// How the two were joined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Joined {
    /// `prompts`, or `log-odds of items` of tables.
    pub unit: &'static str,
    /// With the same names, and the same tokens where tokens are known.
    pub both: usize,
    /// With the same names, but other tokens: not compared.
    pub other_tokens: usize,
    pub only_first: usize,
    pub only_second: usize,
}

impl Agreement {
    /// Whether some log-odds lie further apart than `tolerance`.
    pub fn exceeds(&self, tolerance: f64) -> bool {
        self.log_odds.as_ref().is_some_and(|spread| spread.largest > tolerance)
    }
}
