//! conditions.toml: named conditions, each with what it inherits filled in.

use std::collections::{BTreeMap, BTreeSet};

use super::super::model::{Choices, Condition, Layout, Prefill};
use super::super::prompt::StageForm;
use super::super::template::Template;
use super::document::{Document, Table};
use super::header::choices;

/// A chain of `extends` longer than this is a mistake.
const MAX_CHAIN: usize = 32;
const MAX_CONDITIONS: usize = 256;
const MAX_MESSAGES: usize = 64;

/// A condition as written.
struct Written<'d> {
    table: Table<'d>,
    name: String,
    extends: Option<String>,
    fields: Fields,
}

/// What a condition says; `None` is taken from the one it extends.
#[derive(Clone, Default)]
struct Fields {
    entities: Option<String>,
    scenarios: Option<String>,
    question_language: Option<String>,
    narrative_options: Option<bool>,
    whole_answers: Option<Choices>,
    languages: Option<Vec<String>>,
    stages: Option<Vec<StageForm>>,
    replace: Option<BTreeMap<String, String>>,
    omit: Option<Vec<String>>,
    base: Option<Stage>,
    chat: Option<Stage>,
}

#[derive(Clone, Default)]
struct Stage {
    parts: Option<Vec<(String, Template)>>,
    prefill: Option<Prefill>,
    replace: Option<BTreeMap<String, String>>,
    omit: Option<Vec<String>>,
}

pub fn read(document: &Document<'_>) -> Vec<Condition> {
    let root = document.root();
    root.only(&["condition"]);
    let mut written: Vec<Written<'_>> = Vec::new();
    for table in root.tables("condition", MAX_CONDITIONS) {
        let Some(one) = condition(table.clone()) else {
            continue;
        };
        if written.iter().any(|w| w.name == one.name) {
            table.problem(format!("the condition `{}` is there twice", one.name));
            continue;
        }
        written.push(one);
    }
    if written.is_empty() {
        root.problem("there is no usable `[[condition]]`");
    }
    written.iter().filter_map(|one| resolve(one, &written)).collect()
}

fn condition(table: Table<'_>) -> Option<Written<'_>> {
    let name = table.need_id("name")?;
    let place = format!("condition `{name}`");
    let table = table.at(&place);
    table.only(&[
        "name",
        "extends",
        "entities",
        "scenarios",
        "question_language",
        "option_names",
        "whole_answers",
        "languages",
        "stages",
        "replace",
        "omit",
        "base",
        "chat",
    ]);
    let string = |key| table.string(key).map(|s| s.text);
    let stages = table.strings("stages").map(|words| {
        let stage = |word: &String| match word.as_str() {
            "base" => Some(StageForm::Base),
            "chat" => Some(StageForm::Chat),
            _ => {
                table.problem("`stages` may hold \"base\" and \"chat\" only");
                None
            }
        };
        words.iter().filter_map(stage).collect()
    });
    let base = table.table("base").map(|t| base(&t.at(format!("{place}, base"))));
    let chat = table.table("chat").map(|t| chat(&t.at(format!("{place}, chat"))));
    let fields = Fields {
        entities: string("entities"),
        scenarios: string("scenarios"),
        question_language: string("question_language"),
        narrative_options: option_names(&table),
        whole_answers: table.has("whole_answers").then(|| choices(&table, "whole_answers")).flatten(),
        languages: table.strings("languages"),
        stages,
        replace: table.string_map("replace"),
        omit: table.strings("omit"),
        base,
        chat,
    };
    let extends = string("extends");
    Some(Written { table, name, extends, fields })
}

/// Whether the options' names are the narrative's.
fn option_names(table: &Table<'_>) -> Option<bool> {
    let word = table.string("option_names")?;
    match word.text.as_str() {
        "narrative" => Some(true),
        "question" => Some(false),
        _ => {
            table.note(word.line, "`option_names` must be \"narrative\" or \"question\"");
            None
        }
    }
}

fn base(table: &Table<'_>) -> Stage {
    table.only(&["text", "replace", "omit"]);
    let text = table.string("text").and_then(|t| table.template(&t, table.origin().place));
    Stage {
        parts: text.map(|t| vec![(String::new(), t)]),
        prefill: None,
        replace: table.string_map("replace"),
        omit: table.strings("omit"),
    }
}

fn chat(table: &Table<'_>) -> Stage {
    table.only(&["messages", "prefill", "replace", "omit"]);
    let mut parts = Vec::new();
    for (i, message) in table.tables("messages", MAX_MESSAGES).into_iter().enumerate() {
        let message = message.at(format!("{}, message {}", table.origin().place, i + 1));
        message.only(&["role", "content"]);
        let role = message.need_string("role");
        if let Some(role) = &role
            && !["system", "user", "assistant"].contains(&role.text.as_str())
        {
            message.note(role.line, "`role` must be \"system\", \"user\" or \"assistant\"");
        }
        let content =
            message.need_string("content").and_then(|c| message.template(&c, message.origin().place));
        if let (Some(role), Some(content)) = (role, content) {
            parts.push((role.text, content));
        }
    }
    if table.has("messages") && parts.is_empty() {
        table.problem("`messages` holds no usable message");
    }
    Stage {
        parts: table.has("messages").then_some(parts),
        prefill: prefill(table),
        replace: table.string_map("replace"),
        omit: table.strings("omit"),
    }
}

fn prefill(table: &Table<'_>) -> Option<Prefill> {
    if !table.is_table("prefill") {
        return table.string("prefill").map(|s| Prefill::Literal(s.text));
    }
    let inner = table.table("prefill")?;
    inner.only(&["from"]);
    match inner.need_string("from")?.text.as_str() {
        "checkpoint" => Some(Prefill::Checkpoint),
        _ => {
            inner.problem("`prefill` must be a string or { from = \"checkpoint\" }");
            None
        }
    }
}

/// Walks up the chain of `extends`; what a condition says itself stands over what it inherits, key by key.
fn resolve(one: &Written<'_>, all: &[Written<'_>]) -> Option<Condition> {
    let mut fields = one.fields.clone();
    let mut seen = BTreeSet::from([one.name.as_str()]);
    let mut next = one.extends.as_deref();
    while let Some(parent) = next {
        let Some(found) = all.iter().find(|w| w.name == parent) else {
            one.table.problem(format!("`extends` names `{parent}`, which is no condition of this file"));
            return None;
        };
        if !seen.insert(parent) || seen.len() > MAX_CHAIN {
            one.table
                .problem(format!("`extends` goes round in a circle or on for ever, by way of `{parent}`"));
            return None;
        }
        fields = fields.over(&found.fields);
        next = found.extends.as_deref();
    }
    finish(one, fields)
}

fn finish(one: &Written<'_>, fields: Fields) -> Option<Condition> {
    let replace = fields.replace.unwrap_or_default();
    let omit = fields.omit.unwrap_or_default();
    let layout = |stage: Option<Stage>, wanted: &str, form: &str| -> Option<Layout> {
        let stage = stage?;
        let Some(parts) = stage.parts else {
            one.table.problem(format!("the stage `{form}` has no `{wanted}`, nor inherits any"));
            return None;
        };
        let mut replace = replace.clone();
        replace.extend(stage.replace.unwrap_or_default());
        let omit = omit.iter().cloned().chain(stage.omit.unwrap_or_default()).collect();
        let prefill = stage.prefill.unwrap_or(Prefill::Literal(String::new()));
        Some(Layout { parts, prefill, replace, omit })
    };
    if fields.base.is_none() && fields.chat.is_none() {
        one.table.problem("there is neither a `base` nor a `chat` table, nor is one inherited");
        return None;
    }
    let base = layout(fields.base, "text", "base");
    let chat = layout(fields.chat, "messages", "chat");
    let Some(entities) = fields.entities else {
        one.table.problem("the key `entities` is missing, and nothing is inherited");
        return None;
    };
    Some(Condition {
        name: one.name.clone(),
        entities,
        scenarios: fields.scenarios.unwrap_or_else(|| "main".to_owned()),
        question_language: fields.question_language,
        narrative_options: fields.narrative_options.unwrap_or(false),
        whole_answers: fields.whole_answers,
        languages: fields.languages,
        stages: fields.stages,
        base,
        chat,
        origin: one.table.origin(),
    })
}

impl Fields {
    fn over(self, parent: &Self) -> Self {
        let stage = |own: Option<Stage>, theirs: &Option<Stage>| match (own, theirs) {
            (Some(own), Some(theirs)) => Some(own.over(theirs)),
            (own, theirs) => own.or_else(|| theirs.clone()),
        };
        Self {
            entities: self.entities.or_else(|| parent.entities.clone()),
            scenarios: self.scenarios.or_else(|| parent.scenarios.clone()),
            question_language: self.question_language.or_else(|| parent.question_language.clone()),
            narrative_options: self.narrative_options.or(parent.narrative_options),
            whole_answers: self.whole_answers.or_else(|| parent.whole_answers.clone()),
            languages: self.languages.or_else(|| parent.languages.clone()),
            stages: self.stages.or_else(|| parent.stages.clone()),
            replace: self.replace.or_else(|| parent.replace.clone()),
            omit: self.omit.or_else(|| parent.omit.clone()),
            base: stage(self.base, &parent.base),
            chat: stage(self.chat, &parent.chat),
        }
    }
}

impl Stage {
    fn over(self, parent: &Self) -> Self {
        Self {
            parts: self.parts.or_else(|| parent.parts.clone()),
            prefill: self.prefill.or_else(|| parent.prefill.clone()),
            replace: self.replace.or_else(|| parent.replace.clone()),
            omit: self.omit.or_else(|| parent.omit.clone()),
        }
    }
}
