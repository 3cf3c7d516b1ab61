//! A roster's text to families and stages, each fault with its line.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Family, Roster, RosterError, Stage};
use crate::plain::{self, nearest};
use crate::study::StageForm;

/// Stage names whose form is known without `form`; `base` is asked in plain text, the others as chats.
const STAGES: [&str; 7] = ["base", "chat", "sft", "dpo", "rl", "instruct", "rlvr"];

const FAMILY_KEYS: [&str; 6] = ["name", "maker", "maker_country", "licence", "gated", "note"];
const STAGE_KEYS: [&str; 6] = ["model", "checkpoint", "revision", "prefill", "form", "note"];

/// Fills in what the roster's text says.
pub(super) fn read(roster: &mut Roster, folder: &Path) -> Result<(), RosterError> {
    let Roster { name, text, families, condition, route } = roster;
    if let Some(problem) = plain::too_much(text.as_bytes()) {
        return Err(RosterError::File { name: name.clone(), problem });
    }
    let source = Source { name, text, folder };
    let root = DeTable::parse(text).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start);
        source.error(at, e.message().trim_end().replace('\n', " "))
    })?;
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
            ("analysis", DeValue::Table(analysis)) => conditions(analysis, condition, route),
            (other, _) => {
                let hint = nearest(other, ["family", "analysis"]);
                let problem = format!("unknown key `{other}`{hint}; a roster has [[family]] and [analysis]");
                return Err(source.error(key.span().start, problem));
            }
        }
    }
    Ok(())
}

/// What the analysis reads; whatever else it is told, or told wrongly, is for the analysis to say.
fn conditions(analysis: &DeTable<'_>, condition: &mut String, route: &mut BTreeMap<String, String>) {
    if let Some(DeValue::String(name)) = analysis.get("condition").map(Spanned::get_ref) {
        *condition = name.clone().into_owned();
    }
    if let Some(DeValue::Table(routes)) = analysis.get("route").map(Spanned::get_ref) {
        for (model, name) in routes {
            if let DeValue::String(name) = name.get_ref() {
                route.insert(model.get_ref().clone().into_owned(), name.clone().into_owned());
            }
        }
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
                    let hint = nearest(other, FAMILY_KEYS.into_iter().chain(STAGES));
                    let problem = format!(
                        "unknown key `{other}`{hint}; a family has {}, and a table per stage (base, chat ...)",
                        FAMILY_KEYS.join(", ")
                    );
                    return Err(self.error(at, problem));
                }
            }
        }
        let name = name.ok_or_else(|| self.error(start, "a family has no `name`"))?;
        if stages.is_empty() {
            let problem =
                format!("family `{name}` has no stage, base = {{ model = ..., checkpoint = ... }} say");
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
                    let hint = nearest(other, STAGE_KEYS);
                    let problem = format!(
                        "unknown key `{other}` in stage `{name}`{hint}; a stage has {}",
                        STAGE_KEYS.join(", ")
                    );
                    return Err(self.error(at, problem));
                }
            }
        }
        let form = match form {
            Some(form) => form,
            None if name == "base" => StageForm::Base,
            None if STAGES.contains(&name) => StageForm::Chat,
            None => {
                let hint = nearest(name, STAGES);
                let problem = format!(
                    "stage `{name}` is none of {}{hint}: for another one say form = \"base\" or form = \"chat\"",
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
