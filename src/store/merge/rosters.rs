//! The runs' copies of their rosters made into one.

use std::collections::HashMap;

use toml::{Table, Value};

use crate::store::roster::merge::merge;
use crate::store::{Family, Roster, Stage};

use super::MergeError;
use super::source::{Source, differs};

/// What the sources' rosters say together; `None` where there is none.
///
/// # Errors
/// Rosters that say different things of one checkpoint, or analyse differently.
pub fn merged(sources: &[&Source]) -> Result<Option<String>, MergeError> {
    let mut known: HashMap<String, (&Source, Family, Stage)> = HashMap::new();
    let mut settings: Option<(&Source, Table)> = None;
    let mut text: Option<String> = None;
    let mut given: Vec<(&Source, &String)> =
        sources.iter().filter_map(|s| Some((*s, s.roster.as_ref()?))).collect();
    given.sort_by_key(|(source, _)| source.order());
    given.dedup_by(|(_, a), (_, b)| a == b);
    for (source, roster) in given {
        let name = source.dir.join(crate::store::ROSTER).display().to_string();
        let parsed = Roster::parse(roster, &name, &source.dir)?;
        for (family, stage) in parsed.stages() {
            let facts = (Family { stages: Vec::new(), ..family.clone() }, stage_facts(stage));
            let (one, family, stage) =
                known.entry(stage.model.clone()).or_insert((source, facts.0.clone(), facts.1.clone()));
            if (&*family, &*stage) != (&facts.0, &facts.1) {
                let what = format!("what the roster says of checkpoint `{}`", facts.1.model);
                let shown = |family: &Family, stage: &Stage| {
                    format!(
                        "`{}` of family `{}` (maker {}, {}), as {}",
                        stage.name,
                        family.name,
                        family.maker.as_deref().unwrap_or("unknown"),
                        family.maker_country.as_deref().unwrap_or("of no country"),
                        stage.form.name()
                    )
                };
                return Err(differs(what, one, &shown(family, stage), source, &shown(&facts.0, &facts.1)));
            }
        }
        let analysis = analysis(roster);
        match &settings {
            None => settings = Some((source, analysis)),
            Some((one, first)) => {
                let mut keys = first.keys().chain(analysis.keys());
                if let Some(key) = keys.find(|key| first.get(*key) != analysis.get(*key)) {
                    let shown = |table: &Table| {
                        table.get(key).map_or_else(|| "not given".to_owned(), Value::to_string)
                    };
                    let what = format!("the setting `analysis.{key}`");
                    return Err(differs(what, one, &shown(first), source, &shown(&analysis)));
                }
            }
        }
        text = Some(match &text {
            Some(before) => match merge(before, roster, |_| true) {
                Some(merged) => merged.text,
                None => roster.clone(),
            },
            None => roster.clone(),
        });
    }
    Ok(text)
}

/// What must be the same of a checkpoint: where it lay on a machine may differ.
fn stage_facts(stage: &Stage) -> Stage {
    Stage { checkpoint: String::new(), location: String::new(), revision: None, ..stage.clone() }
}

/// The settings, without the routes, which are said checkpoint by checkpoint.
fn analysis(roster: &str) -> Table {
    let root: Table = toml::from_str(roster).unwrap_or_default();
    let mut settings = root.get("analysis").and_then(Value::as_table).cloned().unwrap_or_default();
    settings.remove("route");
    settings
}
