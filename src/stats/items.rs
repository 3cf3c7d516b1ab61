//! The item table: one row per (model, language, condition, pair, scenario, question).

use serde::{Deserialize, Serialize};

/// One item: the mean over two option orders and two role assignments (four prompts).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemRow {
    pub model: String,
    pub language: String,
    pub condition: String,
    pub country_1: String,
    pub country_2: String,
    pub scenario: String,
    pub scenario_type: String,
    pub question: String,
    /// Mean over the two option orders of the log-odds for `country_1`, with it in the narrative's first role.
    pub diff_fwd: f64,
    /// The same with the roles swapped.
    pub diff_rev: f64,
    /// Mean of the two; positive favours `country_1`.
    pub bias: f64,
    /// Mean over the four prompts of the probability on the choices.
    pub compliance: f64,
}
