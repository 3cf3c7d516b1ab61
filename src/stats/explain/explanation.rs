//! What an explanation says.

use serde::Serialize;

use super::super::figure::{Adjusted, Estimate};
use super::super::key::Parts;
use super::headline::Headline;

/// Where one figure comes from.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Explanation {
    pub schema: &'static str,
    pub id: String,
    #[serde(flatten)]
    pub parts: Parts,
    /// What it is, in a sentence.
    pub definition: &'static str,
    /// The recipe's name.
    pub formula: &'static str,
    /// Where the recipe and its fields are written down.
    pub documented: &'static str,
    /// The one number by which it goes; `None` for a list, and where it does not exist.
    pub headline: Option<Headline>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjusted: Option<Adjusted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compliance: Option<f64>,
    pub estimate: Estimate,
    /// The figures that it is made from.
    pub made_from: Vec<MadeOf>,
    pub runs: Vec<Part>,
    pub made_of: Counts,
    pub influence: Influence,
}

/// A figure that another is made from.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct MadeOf {
    pub id: String,
    pub headline: Option<Headline>,
}

/// A run's share in a figure.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Part {
    /// 1 or -1 in a difference; 0 where runs are not subtracted from each other.
    pub factor: f64,
    pub checkpoint: String,
    pub language: String,
    pub condition: String,
    /// Items that the figure reads.
    pub items: usize,
    /// Mean over all items of the run.
    pub compliance: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Counts {
    /// Pairs in a scenario, with every question and run that the figure takes together.
    pub cells: usize,
    /// A pair in a scenario asked one question, in one run.
    pub items: usize,
    /// Four an item.
    pub prompts: usize,
    pub pairs: usize,
    pub scenarios: usize,
    /// Scenario types: the clusters of its intervals.
    pub types: usize,
}

/// What moves the figure, most first. Every list is complete but that of cells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Influence {
    /// Of the cells, those that move it most.
    pub cells: Vec<CellOf>,
    pub types: Vec<LeftOut>,
    pub pairs: Vec<LeftOut>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub families: Vec<LeftOut>,
    /// Why there are no cells, or nothing at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untold: Option<&'static str>,
}

/// The figure without something.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct LeftOut {
    pub name: String,
    /// `None` where the figure does not exist then.
    pub without: Option<f64>,
    /// `without` less the figure as it is.
    pub change: Option<f64>,
}

/// A pair in a scenario: the items that stand or fall together.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct CellOf {
    pub country_1: String,
    pub country_2: String,
    pub scenario: String,
    pub scenario_type: String,
    pub without: Option<f64>,
    pub change: Option<f64>,
    /// Its items, run by run, question by question.
    pub items: Vec<ReadingOf>,
}

/// One item as it stands in the table.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ReadingOf {
    pub checkpoint: String,
    pub language: String,
    pub condition: String,
    pub question: String,
    /// As the row spells the pair: positive favours the first.
    pub country_1: String,
    pub country_2: String,
    pub diff_fwd: f64,
    pub diff_rev: f64,
    pub bias: f64,
    pub compliance: f64,
    /// Its four prompts, where a run was read; empty for an item table.
    pub prompts: Vec<PromptRead>,
}

/// One prompt with its score.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct PromptRead {
    /// `fwd`: `country_1` has the narrative's first role.
    pub roles: &'static str,
    /// `12`: `country_1` is the first option.
    pub order: &'static str,
    /// The first option's probability over the second's, in log-odds, as the model gave it.
    pub log_odds: f64,
    /// The country that the first option names.
    pub first_option: String,
    pub compliance: f64,
    /// The id that the study gives it, and its text without the template's markup; `None` without the study.
    pub id: Option<String>,
    pub text: Option<String>,
}
