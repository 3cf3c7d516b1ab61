//! What can be wrong with a study, and where.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use super::kind::Kind;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Prompts would be missing or wrong.
    Error,
    /// Probably a slip; the study still runs.
    Warning,
}

/// One thing that is wrong in a study's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// Of every warning, and of errors that `verbatim` makes warnings.
    pub kind: Option<Kind>,
    /// Path inside the study's folder, with `/`.
    pub file: String,
    /// Line in that file, from 1.
    pub line: Option<usize>,
    /// The key inside the file, as ``scenario `airspace_acts_1` ``; empty for the file as a whole.
    pub place: String,
    pub message: String,
}

impl Finding {
    pub(super) fn error(origin: &Origin, message: impl Into<String>) -> Self {
        Self::at(Severity::Error, None, origin, message)
    }

    pub(super) fn warning(origin: &Origin, kind: Kind, message: impl Into<String>) -> Self {
        Self::at(Severity::Warning, Some(kind), origin, message)
    }

    /// An error that `verbatim` makes a warning.
    pub(super) fn wording(origin: &Origin, kind: Kind, message: impl Into<String>) -> Self {
        Self::at(Severity::Error, Some(kind), origin, message)
    }

    pub(super) fn at(
        severity: Severity,
        kind: Option<Kind>,
        origin: &Origin,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            kind,
            file: origin.file.clone(),
            line: origin.line,
            place: origin.place.clone(),
            message: message.into(),
        }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// `file:line: place: message`, without severity and kind.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.place.is_empty() {
            write!(f, ": {}", self.place)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Where in a study something was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Origin {
    pub file: String,
    pub line: Option<usize>,
    pub place: String,
}

impl Origin {
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, place: String::new() }
    }

    pub fn new(file: impl Into<String>, line: usize, place: impl Into<String>) -> Self {
        Self { file: file.into(), line: Some(line), place: place.into() }
    }
}

/// Why a study cannot be read, or its prompts not be written.
#[derive(Debug, Error)]
pub enum StudyError {
    #[error("`{name}` is neither a study of this program ({known}) nor a folder{hint}")]
    NotFound { name: String, hint: String, known: String },
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{path}: {what}", path = path.display())]
    Folder { path: PathBuf, what: String },
    #[error("{first}{}", and_more(*more))]
    Malformed {
        first: Box<Finding>,
        /// How many more findings there are; `study validate` prints them all.
        more: usize,
    },
    /// `hint` names the nearest, if one is near.
    #[error("study `{study}` has no {what} `{name}`{hint}; it has {known}")]
    Unknown { study: String, what: &'static str, name: String, hint: String, known: String },
    #[error("condition `{condition}` does not exist for language `{language}` and stage `{form}`")]
    NotAsked { condition: String, language: String, form: &'static str },
    #[error(
        "condition `{condition}` takes its answer prefill from the checkpoint, and none is given for this one \
         (`prefill` in the roster, `--prefill` for single prompts)"
    )]
    NeedsPrefill { condition: String },
}

fn and_more(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => " (and 1 more finding: run `tiltmeter study validate`)".into(),
        n => format!(" (and {n} more findings: run `tiltmeter study validate`)"),
    }
}

impl StudyError {
    /// An error from at least one finding.
    pub(super) fn from_findings(findings: Vec<Finding>) -> Option<Self> {
        let more = findings.len().saturating_sub(1);
        let first = findings.into_iter().next()?;
        Some(Self::Malformed { first: Box::new(first), more })
    }

    pub(super) fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source: crate::plain::worded(source) }
    }

    pub(super) fn folder(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::Folder { path: path.into(), what: what.into() }
    }
}

/// `a, b, c` in backticks, cut after a dozen.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() {
        return "none".into();
    }
    let mut text = names.iter().take(SHOWN).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
