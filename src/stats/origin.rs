//! Where an analysis comes from: what stands at the head of its JSON document.

use serde::Serialize;
use serde_json::Value;

use super::figure::Named;

/// The program, its input and its arguments. Equal input and equal arguments give an equal document: the only dates are
/// the run's own, and the one that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Origin {
    pub program: Program,
    pub dates: Dates,
    /// Those that shape the figures, by flag.
    pub arguments: Named<String>,
    /// How far the run has come; an item table does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completeness: Option<Value>,
    /// SHA-256 by what it is of.
    pub hashes: Hashes,
}

#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Program {
    pub name: &'static str,
    pub version: &'static str,
    /// Git commit of the sources, where the build knew it.
    pub commit: Option<&'static str>,
}

impl Default for Program {
    fn default() -> Self {
        let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        Program { name, version, commit: crate::build::COMMIT }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Dates {
    /// When the run's first and last sweeps began, UTC.
    pub run_begun: Option<String>,
    pub run_last_swept: Option<String>,
    /// As given on the command line.
    pub analysis: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Hashes {
    /// Of an item table's bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<String>,
    pub settings: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub study: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checkpoints: Vec<CheckpointHashes>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct CheckpointHashes {
    pub checkpoint: String,
    pub config: String,
    pub weights: String,
    pub tokenizer: String,
    pub template: Option<String>,
}
