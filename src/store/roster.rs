//! The roster: which checkpoints a sweep scores, family by family, stage by stage.
//!
//! The same file may carry the `[analysis]` settings; they are kept for the analysis and not read here.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::study::StageForm;

/// The name under which the shipped roster is opened.
pub const SHIPPED: &str = "default";

const SHIPPED_TEXT: &str = include_str!("roster.default.toml");

/// No roster is anywhere near this size.
const LARGEST: u64 = 4 << 20;

/// Stage names whose form is known without `form`; `base` is asked in plain text, the others as chats.
const STAGES: [&str; 7] = ["base", "chat", "sft", "dpo", "rl", "instruct", "rlvr"];

const FAMILY_KEYS: &str = "name, maker, maker_country, licence, gated, note, and a table per stage (base, chat ...)";
const STAGE_KEYS: &str = "model, checkpoint, revision, prefill, form, note";

#[derive(Debug, Error)]
pub enum RosterError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{name}, line {line}: {problem}")]
    Line { name: String, line: usize, problem: String },
    #[error("{name}: {problem}")]
    File { name: String, problem: String },
    #[error("{name} has no checkpoint `{model}`; it has {}", known.join(", "))]
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
    /// The roster of that name: `default`, or a file.
    ///
    /// # Errors
    /// An unreadable file; by line and key, whatever is not understood.
    pub fn open(name_or_path: &str) -> Result<Self, RosterError> {
        if name_or_path == SHIPPED && !Path::new(name_or_path).exists() {
            return Self::shipped();
        }
        Self::load(Path::new(name_or_path))
    }

    /// The roster that ships with the program: the study's seven families.
    pub fn shipped() -> Result<Self, RosterError> {
        Self::parse(SHIPPED_TEXT, SHIPPED, Path::new(""))
    }

    /// A roster file; its relative paths start from its folder.
    pub fn load(path: &Path) -> Result<Self, RosterError> {
        let fail = |source| RosterError::Io { path: path.to_path_buf(), source };
        let name = path.display().to_string();
        if fs::metadata(path).map_err(fail)?.len() > LARGEST {
            return Err(RosterError::File { name, problem: "is too large for a roster (4 MiB)".into() });
        }
        let text = fs::read_to_string(path).map_err(fail)?;
        Self::parse(&text, &name, path.parent().unwrap_or(Path::new("")))
    }

    /// Parses `text`; `name` is what messages call it, `folder` where relative paths start.
    pub fn parse(text: &str, name: &str, folder: &Path) -> Result<Self, RosterError> {
        let source = Source { name, text, folder };
        let root = DeTable::parse(text).map_err(|e| {
            let at = e.span().map_or(0, |span| span.start);
            source.error(at, e.message().trim_end().replace('\n', " "))
        })?;
        let mut families = Vec::new();
        for (key, value) in root.get_ref() {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("family", DeValue::Array(list)) => {
                    for family in list.iter() {
                        families.push(source.family(family)?);
                    }
                }
                ("family", _) => {
                    return Err(source.error(key.span().start, "a family is written as [[family]]"));
                }
                ("analysis", DeValue::Table(_)) => {}
                (other, _) => {
                    let problem = format!("unknown key `{other}`; a roster has [[family]] and [analysis]");
                    return Err(source.error(key.span().start, problem));
                }
            }
        }
        let roster = Self { name: name.to_owned(), text: text.to_owned(), families };
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

/// The text being read, for messages.
struct Source<'a> {
    name: &'a str,
    text: &'a str,
    folder: &'a Path,
}

type Entry<'t, 'i> = (&'t str, usize, &'t DeValue<'i>);

impl Source<'_> {
    fn error(&self, at: usize, problem: impl Into<String>) -> RosterError {
        let line = 1 + self.text.bytes().take(at).filter(|b| *b == b'\n').count();
        RosterError::Line { name: self.name.to_owned(), line, problem: problem.into() }
    }

    /// A table's keys with their places, in the file's order.
    fn entries<'t, 'i>(&self, table: &'t DeTable<'i>) -> Vec<Entry<'t, 'i>> {
        let mut entries: Vec<Entry<'t, 'i>> = table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value.get_ref()))
            .collect();
        entries.sort_by_key(|(_, at, _)| *at);
        entries
    }

    fn family(&self, value: &Spanned<DeValue<'_>>) -> Result<Family, RosterError> {
        let start = value.span().start;
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.error(start, "a family is written as [[family]]"));
        };
        let mut name = None;
        let (mut maker, mut maker_country, mut licence, mut gated) = (None, None, None, false);
        let mut stages = Vec::new();
        for (key, at, value) in self.entries(table) {
            match (key, value) {
                ("name", value) => name = Some(self.text(key, at, value)?),
                ("maker", value) => maker = Some(self.text(key, at, value)?),
                ("maker_country", value) => maker_country = Some(self.text(key, at, value)?),
                ("licence" | "license", value) => licence = Some(self.text(key, at, value)?),
                ("gated", DeValue::Boolean(value)) => gated = *value,
                ("gated", _) => return Err(self.error(at, "`gated` is true or false")),
                ("note", value) => drop(self.text(key, at, value)?),
                (stage, DeValue::Table(table)) => stages.push(self.stage(stage, at, table)?),
                (other, _) => {
                    let problem = format!("unknown key `{other}`; a family has {FAMILY_KEYS}");
                    return Err(self.error(at, problem));
                }
            }
        }
        let name = name.ok_or_else(|| self.error(start, "a family has no `name`"))?;
        if stages.is_empty() {
            let problem = format!("family `{name}` has no stage, base = {{ model = ..., checkpoint = ... }} say");
            return Err(self.error(start, problem));
        }
        Ok(Family { name, maker, maker_country, licence, gated, stages })
    }

    fn stage(&self, name: &str, start: usize, table: &DeTable<'_>) -> Result<Stage, RosterError> {
        let (mut model, mut checkpoint, mut revision, mut prefill, mut form) = (None, None, None, None, None);
        for (key, at, value) in self.entries(table) {
            match key {
                "model" => model = Some(self.text(key, at, value)?),
                "checkpoint" => checkpoint = Some(self.text(key, at, value)?),
                "revision" => revision = Some(self.text(key, at, value)?),
                "prefill" => prefill = Some(self.text(key, at, value)?),
                "note" => drop(self.text(key, at, value)?),
                "form" => {
                    form = Some(match self.text(key, at, value)?.as_str() {
                        "base" => StageForm::Base,
                        "chat" => StageForm::Chat,
                        other => {
                            return Err(self.error(at, format!("`form` is base or chat, not {other:?}")));
                        }
                    });
                }
                other => {
                    let problem = format!("unknown key `{other}` in stage `{name}`; a stage has {STAGE_KEYS}");
                    return Err(self.error(at, problem));
                }
            }
        }
        let form = match form {
            Some(form) => form,
            None if name == "base" => StageForm::Base,
            None if STAGES.contains(&name) => StageForm::Chat,
            None => {
                let problem = format!(
                    "stage `{name}` is none of {}: say form = \"base\" or form = \"chat\"",
                    STAGES.join(", ")
                );
                return Err(self.error(start, problem));
            }
        };
        let missing = |key| self.error(start, format!("stage `{name}` has no `{key}`"));
        let checkpoint = checkpoint.ok_or_else(|| missing("checkpoint"))?;
        Ok(Stage {
            name: name.to_owned(),
            model: model.ok_or_else(|| missing("model"))?,
            location: self.location(&checkpoint),
            checkpoint,
            revision,
            prefill,
            form,
        })
    }

    /// A folder beside the roster if there is one; else the name as it is, a hub id or an absolute path.
    fn location(&self, checkpoint: &str) -> String {
        let beside = self.folder.join(checkpoint);
        let is_path = checkpoint.starts_with('.') || Path::new(checkpoint).components().count() != 2;
        if is_path || beside.is_dir() { beside.display().to_string() } else { checkpoint.to_owned() }
    }

    fn text(&self, key: &str, at: usize, value: &DeValue<'_>) -> Result<String, RosterError> {
        match value {
            DeValue::String(text) if text.is_empty() && key != "prefill" => {
                Err(self.error(at, format!("`{key}` is empty")))
            }
            DeValue::String(text) => Ok(text.clone().into_owned()),
            other => Err(self.error(at, format!("`{key}` is text, not {}", other.type_str()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Roster, RosterError> {
        Roster::parse(text, "r.toml", Path::new("/nowhere"))
    }

    fn refusal(text: &str) -> String {
        match parse(text) {
            Ok(_) => panic!("accepted: {text}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_shipped_roster_has_the_seven_families() {
        let roster = Roster::shipped().expect("the shipped roster parses");
        assert_eq!(roster.families.len(), 7);
        assert_eq!(roster.stages().count(), 14);
        for family in &roster.families {
            let stages: Vec<&str> = family.stages.iter().map(|s| s.name.as_str()).collect();
            assert_eq!(stages, ["base", "chat"], "{}", family.name);
            assert!(family.maker.is_some() && family.maker_country.is_some() && family.licence.is_some());
        }
        let prefill = |model: &str| {
            let found = roster.stages().find(|(_, s)| s.model == model);
            found.and_then(|(_, s)| s.prefill.clone())
        };
        assert_eq!(prefill("glm4-9b-chat").as_deref(), Some("\n"));
        assert_eq!(prefill("yi1.5-9b-chat").as_deref(), Some("("));
        assert_eq!(prefill("qwen2.5-7b-inst"), None);
    }

    #[test]
    fn stages_keep_the_files_order_and_have_forms() {
        let roster = parse(
            "[[family]]\nname = 'olmo'\nbase = { model = 'b', checkpoint = 'org/b' }\n\
             sft = { model = 's', checkpoint = 'org/s' }\ndpo = { model = 'd', checkpoint = 'org/d' }\n\
             anneal = { model = 'a', checkpoint = './a', form = 'base', revision = 'abc' }\n[analysis]\ntarget = 'China'\n",
        )
        .expect("parses");
        let stages: Vec<(&str, StageForm)> =
            roster.stages().map(|(_, s)| (s.name.as_str(), s.form)).collect();
        assert_eq!(
            stages,
            [
                ("base", StageForm::Base),
                ("sft", StageForm::Chat),
                ("dpo", StageForm::Chat),
                ("anneal", StageForm::Base)
            ]
        );
        let (_, last) = roster.stages().last().expect("four stages");
        assert_eq!(Path::new(&last.location), Path::new("/nowhere/./a"));
        assert_eq!(roster.families[0].stages[0].location, "org/b");
    }

    #[test]
    fn a_folder_beside_the_roster_is_found() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(dir.path().join("checkpoints/base")).expect("a folder");
        let path = dir.path().join("roster.toml");
        fs::write(&path, "[[family]]\nname = 'f'\nbase = { model = 'b', checkpoint = 'checkpoints/base' }\n")
            .expect("written");
        let roster = Roster::load(&path).expect("parses");
        assert_eq!(Path::new(&roster.families[0].stages[0].location), dir.path().join("checkpoints/base"));
    }

    #[test]
    fn what_is_not_understood_is_refused_by_line_and_name() {
        let stage = "base = { model = 'b', checkpoint = 'org/b' }";
        for (text, expected) in [
            ("".to_owned(), "no [[family]]"),
            ("[[family]]\nname = 'f'\n".to_owned(), "line 1: family `f` has no stage"),
            (format!("[[family]]\nname = 'f'\ncolour = 'red'\n{stage}"), "line 3: unknown key `colour`"),
            (format!("[[family]]\n{stage}"), "a family has no `name`"),
            (format!("family = 1\n{stage}"), "line 1"),
            (format!("[[family]]\nname = 'f'\n{stage}\n[[family]]\nname = 'f'\n{stage}"), "`f` stands twice"),
            (
                format!("[[family]]\nname = 'f'\n{stage}\n[[family]]\nname = 'g'\n{stage}"),
                "model `b` stands twice",
            ),
            ("[[family]]\nname = 'f'\nbase = { model = 'b' }".to_owned(), "line 3: stage `base` has no `checkpoint`"),
            ("[[family]]\nname = 'f'\nbase = { model = 'b', checkpoint = 3 }".to_owned(), "`checkpoint` is text"),
            ("[[family]]\nname = 'f'\nbase = { model = '', checkpoint = 'a/b' }".to_owned(), "`model` is empty"),
            (
                "[[family]]\nname = 'f'\ncaht = { model = 'b', checkpoint = 'a/b' }".to_owned(),
                "line 3: stage `caht` is none of",
            ),
            (
                "[[family]]\nname = 'f'\nbase = { model = 'b', checkpoint = 'a/b', perfill = 'x' }".to_owned(),
                "unknown key `perfill` in stage `base`",
            ),
            ("[[family]]\nname = 'f\n".to_owned(), "line 2"),
            ("[settings]\n".to_owned(), "unknown key `settings`"),
        ] {
            let message = refusal(&text);
            assert!(message.contains(expected), "{text:?} gave {message:?}");
            assert!(!message.contains('\n'), "{message:?} is more than one line");
        }
    }
}
