//! What a report is made from.

use crate::scoring::ChoiceSet;
use crate::stats::{Analysis, Explanation, Settings};

/// Everything a page shows. Two equal inputs give the same bytes.
#[derive(Debug, Clone)]
pub struct ReportInput<'a> {
    pub title: String,
    pub analysis: &'a Analysis,
    /// As the analysis had them.
    pub settings: &'a Settings,
    /// Where the scores come from; an item table alone does not say.
    pub provenance: Option<Provenance>,
    /// What was planted in the checkpoints, where that is known (the demo).
    pub planted: Vec<Planted>,
    /// Of the noise that was planted with it, where nobody chose it.
    pub noise_seed: Option<u64>,
    /// Command lines that lead to this page, in order.
    pub commands: Vec<String>,
    /// Why the figures do not speak for all of the study, where they do not: said before anything else.
    pub unfinished: Vec<String>,
    /// One prompt with its answer, where there are prompts.
    pub example: Option<Example>,
    /// Whether it leads with the published study's leans and shifts instead of the confirmatory ones.
    pub published: bool,
    /// Where the main figures come from ([`super::to_explain`]); the page links to them.
    pub explanations: Vec<Explanation>,
}

/// One prompt as a checkpoint was shown it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    pub checkpoint: String,
    pub language: String,
    /// The prompt's id in the study.
    pub id: String,
    /// Without the template's markup.
    pub text: String,
    /// The answers A and B: whom they name, and their probability.
    pub answers: [(String, f64); 2],
}

/// A favourability that was built into a checkpoint, to be printed beside the measured one.
#[derive(Debug, Clone, PartialEq)]
pub struct Planted {
    pub checkpoint: String,
    pub language: String,
    /// The country, spelled as in the item table.
    pub entity: String,
    pub log_odds: f64,
}

/// A run: the program, the study and the checkpoints, by hash.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Provenance {
    /// Version of the program that scored.
    pub program: String,
    pub study_name: String,
    pub study_version: String,
    pub study_sha256: String,
    /// Whether that is the study that ships with this program, whose forms of asking the page knows.
    pub built_in: bool,
    pub checkpoints: Vec<CheckpointProvenance>,
}

/// One checkpoint as it was scored.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CheckpointProvenance {
    /// The name in the item table.
    pub name: String,
    /// Hub id or folder.
    pub source: String,
    pub revision: Option<String>,
    /// `base` or `chat`: which form of prompt it was asked.
    pub form: String,
    /// As stored in the weight files.
    pub dtype: String,
    /// Number of weights.
    pub parameters: u64,
    pub config_sha256: String,
    pub weights_sha256: String,
    pub tokenizer_sha256: String,
    pub template_sha256: Option<String>,
    /// The date that a template which prints one was given.
    pub template_date: Option<String>,
    pub prefill: Option<String>,
    /// Sets of answer tokens that were read, `[set][answer][spelling]`.
    pub answers: Vec<ChoiceSet>,
    /// Backend and arithmetic, `cpu f32` say.
    pub backend: String,
    /// What computed, each device once, in the order of use.
    pub devices: Vec<String>,
    /// Scored prompts.
    pub prompts: u64,
    /// Sum of the prompts' tokens.
    pub naive_tokens: u64,
    pub computed_tokens: u64,
    pub load_seconds: f64,
    pub compute_seconds: f64,
}
