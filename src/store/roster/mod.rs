//! The roster: which checkpoints a sweep scores, family by family, stage by stage.
//!
//! The same file may carry the `[analysis]` settings; of these only the conditions that checkpoints are read in are of
//! interest here, so that a sweep asks them.

pub(super) mod merge;
mod parse;
mod single;
mod start;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::plain;
use crate::study::StageForm;

pub use single::Single;

/// The name under which the study's own roster is opened.
pub const SHIPPED: &str = "default";

/// The rosters that ship with the program, by name.
pub const SHIPPED_TEXTS: [(&str, &str); 2] =
    [(SHIPPED, include_str!("default.toml")), ("further", include_str!("further.toml"))];

#[derive(Debug, Error)]
pub enum RosterError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error(
        "`{name}` is neither a roster of this program ({}) nor a file{}",
        SHIPPED_TEXTS.map(|(name, _)| format!("`{name}`")).join(", "),
        plain::nearest(name, SHIPPED_TEXTS.map(|(name, _)| name))
    )]
    NotFound { name: String },
    #[error("{name}, line {line}: {problem}")]
    Line { name: String, line: usize, problem: String },
    #[error("{name}: {problem}")]
    File { name: String, problem: String },
    #[error(
        "{name} has no checkpoint `{model}`{}; it has {}",
        plain::nearest(model, known.iter().map(String::as_str)), known.join(", ")
    )]
    UnknownModel { name: String, model: String, known: Vec<String> },
}

/// A roster as read.
#[derive(Debug, Clone)]
pub struct Roster {
    /// What messages call it: its path, or `default`.
    pub name: String,
    /// The file as it stands.
    pub text: String,
    /// In the file's order.
    pub families: Vec<Family>,
    /// The condition that the analysis reads where `route` names no other.
    pub condition: String,
    /// Checkpoint to condition.
    pub route: BTreeMap<String, String>,
}

/// One maker's checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    pub name: String,
    pub maker: Option<String>,
    /// Spelled as in the study's entities.
    pub maker_country: Option<String>,
    pub licence: Option<String>,
    /// Whether the hub asks for consent before a download.
    pub gated: bool,
    /// In the file's order.
    pub stages: Vec<Stage>,
}

impl Family {
    /// What must be done on the hub before `stage` can be downloaded, if anything.
    pub fn gate(&self, stage: &Stage) -> Option<String> {
        let licence = self.licence.as_ref().map(|licence| format!(" ({licence})")).unwrap_or_default();
        self.gated.then(|| {
            format!(
                "its licence{licence} is to be accepted on the hub's page of {} first; then `hf auth login`",
                stage.checkpoint
            )
        })
    }
}

/// One checkpoint of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// `base`, `chat`, `sft` ...
    pub name: String,
    /// The checkpoint's name in tables.
    pub model: String,
    /// As written: a folder (relative to the roster's) or a hub id.
    pub checkpoint: String,
    /// Where to look: `checkpoint`, or that folder beside the roster.
    pub location: String,
    /// Hub revision to use.
    pub revision: Option<String>,
    /// Text that opens this checkpoint's answers, for conditions that ask for it.
    pub prefill: Option<String>,
    pub form: StageForm,
}

impl Roster {
    /// The roster of that name: one that ships, or a file.
    ///
    /// # Errors
    /// An unreadable file; by line and key, whatever is not understood.
    pub fn open(name_or_path: &str) -> Result<Self, RosterError> {
        let path = Path::new(name_or_path);
        // Something of which nothing is known is told by reading it.
        if path.try_exists().unwrap_or(true) {
            return Self::load(path);
        }
        match SHIPPED_TEXTS.iter().find(|(name, _)| *name == name_or_path) {
            Some((name, text)) => Self::parse(text, name, Path::new("")),
            None => Err(RosterError::NotFound { name: name_or_path.to_owned() }),
        }
    }

    /// A roster file; its relative paths start from its folder.
    pub fn load(path: &Path) -> Result<Self, RosterError> {
        let fail = |e| RosterError::Io { path: path.to_path_buf(), source: plain::worded(e) };
        let name = path.display().to_string();
        let text = plain::read_settings(path).map_err(fail)?;
        Self::parse(&text, &name, path.parent().unwrap_or(Path::new("")))
    }

    /// Parses `text`; `name` is what messages call it, `folder` where relative paths start.
    pub fn parse(text: &str, name: &str, folder: &Path) -> Result<Self, RosterError> {
        let mut roster = Self {
            name: name.to_owned(),
            text: text.to_owned(),
            families: Vec::new(),
            condition: "main".to_owned(),
            route: BTreeMap::new(),
        };
        parse::read(&mut roster, folder)?;
        roster.check()?;
        Ok(roster)
    }

    /// All checkpoints in order, each with its family.
    pub fn stages(&self) -> impl Iterator<Item = (&Family, &Stage)> {
        self.families.iter().flat_map(|f| f.stages.iter().map(move |s| (f, s)))
    }

    /// The checkpoints called `models`, in the roster's order; all if `models` is empty.
    ///
    /// # Errors
    /// [`RosterError::UnknownModel`].
    pub fn select(&self, models: &[String]) -> Result<Vec<(&Family, &Stage)>, RosterError> {
        let known = || self.stages().map(|(_, s)| s.model.clone()).collect::<Vec<_>>();
        if let Some(model) = models.iter().find(|m| !self.stages().any(|(_, s)| s.model == **m)) {
            let (name, model) = (self.name.clone(), model.clone());
            return Err(RosterError::UnknownModel { name, model, known: known() });
        }
        Ok(self.stages().filter(|(_, s)| models.is_empty() || models.contains(&s.model)).collect())
    }

    fn check(&self) -> Result<(), RosterError> {
        let error = |problem| RosterError::File { name: self.name.clone(), problem };
        if self.families.is_empty() {
            return Err(error("has no [[family]]".into()));
        }
        let mut seen = HashMap::new();
        for family in &self.families {
            if seen.insert(&family.name, ()).is_some() {
                return Err(error(format!("family `{}` stands twice", family.name)));
            }
        }
        let mut seen = HashMap::new();
        for (family, stage) in self.stages() {
            if let Some(other) = seen.insert(&stage.model, &family.name) {
                return Err(error(format!(
                    "model `{}` stands twice, in family `{other}` and in family `{}`",
                    stage.model, family.name
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
