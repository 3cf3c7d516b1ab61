//! `scenarios/<language>/<type>.toml`: the narratives of one type in one language.

use std::collections::BTreeSet;

use super::super::error::Finding;
use super::super::model::{Scenario, ScenarioRole, Study};
use super::document::{Document, Table, is_id};

/// In one file.
const MAX_SCENARIOS: usize = 2000;

pub fn read(document: &Document<'_>, kind: &str) -> Vec<Scenario> {
    let root = document.root();
    root.only(&["type", "set", "placeholders", "verbatim", "scenario"]);
    if let Some(written) = root.need_id("type")
        && written != kind
    {
        root.problem(format!("`type` is `{written}`, but the file is called {kind}.toml"));
    }
    if !is_id(kind) {
        root.problem("the file's name cannot be the name of a type");
    }
    let set = if root.has("set") { root.need_id("set").unwrap_or_default() } else { "main".to_owned() };
    let free = free(&root).unwrap_or(false);
    let tables = root.tables("scenario", MAX_SCENARIOS);
    if tables.is_empty() {
        root.problem("there is no `[[scenario]]`");
    }
    let mut scenarios = Vec::new();
    for table in tables {
        let Some(id) = table.need_id("id") else {
            continue;
        };
        let place = format!("scenario `{id}`");
        let table = table.at(&place);
        table.only(&["id", "role", "text", "placeholders"]);
        let role = match table.need_string("role") {
            Some(word) => match word.text.as_str() {
                "acts" => ScenarioRole::Acts,
                "responds" => ScenarioRole::Responds,
                "none" => ScenarioRole::None,
                _ => {
                    table.note(word.line, "`role` must be \"acts\", \"responds\" or \"none\"");
                    continue;
                }
            },
            None => continue,
        };
        let Some(text) = table.need_string("text").and_then(|t| table.template(&t, &place)) else {
            continue;
        };
        scenarios.push(Scenario {
            id,
            kind: kind.to_owned(),
            set: set.clone(),
            role,
            text,
            free: self::free(&table).unwrap_or(free),
        });
    }
    scenarios
}

/// Whether texts need not name both; `None` if nothing is said.
fn free(table: &Table<'_>) -> Option<bool> {
    let word = table.string("placeholders")?;
    match word.text.as_str() {
        "any" => Some(true),
        "both" => Some(false),
        _ => {
            table.note(word.line, "`placeholders` must be \"both\" or \"any\"");
            None
        }
    }
}

/// Whether the file's texts are taken over word for word.
pub fn is_verbatim(document: &Document<'_>) -> bool {
    document.root().boolean("verbatim").unwrap_or(false)
}

/// Ids must be unique in a language, over all its files.
pub fn repeated_ids(study: &Study) -> Vec<Finding> {
    let mut findings = Vec::new();
    for scenarios in study.scenarios.values() {
        let mut seen = BTreeSet::new();
        for scenario in scenarios {
            if !seen.insert(scenario.id.as_str()) {
                findings.push(Finding::error(
                    &scenario.text.origin,
                    "the scenario id is used twice in this language",
                ));
            }
        }
    }
    findings
}
