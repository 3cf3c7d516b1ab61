//! Where scores come from: the program and study of a run, and each checkpoint's files, by hash.

use std::path::Path;

use rusqlite::Connection;
use serde::Serialize;

use crate::study::StageForm;

use super::StoreError;

/// Key of a run's questions, a list of names and polarities in JSON.
pub(super) const QUESTIONS: &str = "questions";

/// What the `run` table holds of a [`RunIdentity`], in the order of its fields: keys, and their names for people.
pub(super) const IDENTITY: [(&str, &str); 5] = [
    ("program", "program version"),
    ("study_name", "study"),
    ("study_version", "study version"),
    ("study_sha256", "study files (SHA-256)"),
    (QUESTIONS, "questions"),
];

/// Those of them that a table made from the run repeats.
pub(super) const ABOUT: [&str; 4] = ["program", "study_name", "study_version", "study_sha256"];

/// What all scores of one run folder have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RunIdentity {
    /// Version of this program.
    pub program: String,
    pub study_name: String,
    pub study_version: String,
    /// Over the study's files.
    pub study_sha256: String,
    /// The study's questions with their polarity, +1 or -1.
    pub questions: Vec<(String, i8)>,
}

impl RunIdentity {
    /// Keys in the `run` table, their names for people, and their values.
    pub(super) fn fields(&self) -> [(&'static str, &'static str, String); 5] {
        let [program, name, version, sha256, questions] = IDENTITY;
        let field = |(key, name), value: &str| (key, name, value.to_owned());
        [
            field(program, &self.program),
            field(name, &self.study_name),
            field(version, &self.study_version),
            field(sha256, &self.study_sha256),
            field(questions, &serde_json::json!(self.questions).to_string()),
        ]
    }
}

/// Refuses a run with checkpoints whose `run` table does not say what they were scored with; a sweep that ended before
/// its first checkpoint may have left it empty.
pub(super) fn check_kept(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let fail = |e| StoreError::sqlite(path, e);
    let begun: bool =
        db.query_row("SELECT EXISTS (SELECT 1 FROM checkpoint)", [], |row| row.get(0)).map_err(fail)?;
    if !begun {
        return Ok(());
    }
    let mut kept = db.prepare("SELECT value FROM run WHERE key = ?1").map_err(fail)?;
    for (key, _) in IDENTITY {
        if !kept.exists([key]).map_err(fail)? {
            return Err(StoreError::Damaged {
                path: path.to_path_buf(),
                what: format!("its table `run` lacks `{key}`, without which nobody knows what was scored"),
            });
        }
    }
    Ok(())
}

/// One checkpoint as it was scored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct CheckpointRecord {
    /// The name in item tables.
    pub model: String,
    pub family: String,
    pub stage: String,
    pub form: StageForm,
    /// Folder or hub id, as the roster has it; may change between sweeps.
    pub source: String,
    /// Hub commit, where there is one; may change as long as the files do not.
    pub revision: Option<String>,
    /// Of config.json.
    pub config_sha256: String,
    /// Over all weight files.
    pub weights_sha256: String,
    /// Over the tokenizer's files.
    pub tokenizer_sha256: String,
    /// Over the chat template; `None` for a checkpoint that is asked in plain text.
    pub template_sha256: Option<String>,
    /// The date that a template which prints one was given.
    pub template_date: Option<String>,
    /// The roster's answer prefill.
    pub prefill: Option<String>,
    /// As stored in the weight files.
    pub dtype: String,
    /// Number of weights.
    pub parameters: u64,
    /// Backend and arithmetic, `cpu f32` say: figures of two backends differ in their last digits.
    pub backend: String,
    /// Of what the backend computed for a fixed tiny decoder: equal for builds and devices that compute the same bits.
    /// `None` in a run of a program that did not record it.
    pub arithmetic: Option<String>,
}

impl CheckpointRecord {
    /// What of it changes scores: each with its name for people, and the value in either.
    pub fn beside(&self, other: &Self) -> Vec<(&'static str, String, String)> {
        let pair = |field, own: &str, other: &str| (field, own.to_owned(), other.to_owned());
        let optional = |field, own: &Option<String>, other: &Option<String>| {
            let show = |v: &Option<String>| match v {
                Some(text) => format!("{text:?}"),
                None => "none".to_owned(),
            };
            (field, show(own), show(other))
        };
        vec![
            pair("form", self.form.name(), other.form.name()),
            pair("config.json (SHA-256)", &self.config_sha256, &other.config_sha256),
            pair("weights (SHA-256)", &self.weights_sha256, &other.weights_sha256),
            pair("tokenizer (SHA-256)", &self.tokenizer_sha256, &other.tokenizer_sha256),
            optional("chat template (SHA-256)", &self.template_sha256, &other.template_sha256),
            optional("template date", &self.template_date, &other.template_date),
            optional("prefill", &self.prefill, &other.prefill),
            pair("dtype", &self.dtype, &other.dtype),
            pair("backend", &self.backend, &other.backend),
            ("arithmetic", shown_arithmetic(&self.arithmetic), shown_arithmetic(&other.arithmetic)),
        ]
    }

    /// Refuses `given` where it differs from `self`, which is in the run in `dir`, in a way that changes scores.
    pub(super) fn check_same(&self, given: &Self, dir: &Path) -> Result<(), StoreError> {
        match self.beside(given).into_iter().find(|(_, stored, given)| stored != given) {
            None => Ok(()),
            Some((field, stored, given)) => Err(StoreError::OtherCheckpoint {
                dir: dir.to_path_buf(),
                model: self.model.clone(),
                field,
                stored,
                given,
            }),
        }
    }
}

fn shown_arithmetic(fingerprint: &Option<String>) -> String {
    match fingerprint {
        Some(text) => text.chars().take(12).collect(),
        None => "an older program's, which did not record it".to_owned(),
    }
}

/// One sweep's work on one checkpoint. `scored`, `computed_tokens`, `compute_seconds` and `complete` are zero at its start.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct SessionRecord {
    /// What computed: a processor's or graphics card's name.
    pub device: String,
    pub pack_tokens: u64,
    pub sharing: bool,
    /// Prompts this session set out to score.
    pub prompts: u64,
    /// Prompts that it did score; `None` in a run of a program that did not record it.
    pub scored: Option<u64>,
    /// Sum of those prompts' tokens.
    pub naive_tokens: u64,
    /// Tokens of their prefix tree.
    pub tree_tokens: u64,
    pub computed_tokens: u64,
    pub load_seconds: f64,
    pub compute_seconds: f64,
    /// Whether it came to its end.
    pub complete: bool,
}

pub(super) fn form_from_word(word: &str) -> Option<StageForm> {
    [StageForm::Base, StageForm::Chat].into_iter().find(|form| form.name() == word)
}
