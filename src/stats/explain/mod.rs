//! Where a figure comes from: what it is, which runs, items and figures it is made of, and what moves it most.
//!
//! What something moves is told by making the figure again without it, by its own recipe, on a table cut down to what the
//! figure rests on: there is no second formula that could disagree with the first.

mod catalogue;
mod headline;
mod source;
mod text;

pub use headline::Headline;
pub(super) use headline::headline as headline_of;
pub use text::explanation_text;

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::Serialize;

use super::error::StatsError;
use super::figure::{Adjusted, Analysis, Estimate, Figure};
use super::groups::Prepared;
use super::key::Parts;
use super::settings::Settings;
use super::table::{Id, Row, Run, Table};
use catalogue::{Entry, Listed, PartsOf, entry_of};
use headline::headline;
use source::Source;
pub(super) use source::runs_of;

/// What the JSON document calls its shape.
pub const EXPLANATION_SCHEMA: &str = "tiltmeter-explanation/1";

/// Where one figure comes from.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Explanation {
    pub schema: &'static str,
    pub id: String,
    #[serde(flatten)]
    pub parts: Parts,
    /// What it is, in a sentence.
    pub definition: &'static str,
    /// The recipe's name.
    pub formula: &'static str,
    /// Where the recipe and its fields are written down.
    pub documented: &'static str,
    /// The one number by which it goes; `None` for a list, and where it does not exist.
    pub headline: Option<Headline>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjusted: Option<Adjusted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compliance: Option<f64>,
    pub estimate: Estimate,
    /// The figures that it is made from.
    pub made_from: Vec<MadeOf>,
    pub runs: Vec<Part>,
    pub made_of: Counts,
    pub influence: Influence,
}

/// A figure that another is made from.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct MadeOf {
    pub id: String,
    pub headline: Option<Headline>,
}

/// A run's share in a figure.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Part {
    /// 1 or -1 in a difference; 0 where runs are not subtracted from each other.
    pub factor: f64,
    pub checkpoint: String,
    pub language: String,
    pub condition: String,
    /// Items that the figure reads.
    pub items: usize,
    /// Mean over all items of the run.
    pub compliance: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Counts {
    /// Pairs in a scenario, with every question and run that the figure takes together.
    pub cells: usize,
    /// A pair in a scenario asked one question, in one run.
    pub items: usize,
    /// Four an item.
    pub prompts: usize,
    pub pairs: usize,
    pub scenarios: usize,
    /// Scenario types: the clusters of its intervals.
    pub types: usize,
}

/// What moves the figure, most first. Every list is complete but that of cells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Influence {
    /// Of the cells, those that move it most.
    pub cells: Vec<CellOf>,
    pub types: Vec<LeftOut>,
    pub pairs: Vec<LeftOut>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub families: Vec<LeftOut>,
    /// Why there are no cells, or nothing at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untold: Option<&'static str>,
}

/// The figure without something.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct LeftOut {
    pub name: String,
    /// `None` where the figure does not exist then.
    pub without: Option<f64>,
    /// `without` less the figure as it is.
    pub change: Option<f64>,
}

/// A pair in a scenario: the items that stand or fall together.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct CellOf {
    pub country_1: String,
    pub country_2: String,
    pub scenario: String,
    pub scenario_type: String,
    pub without: Option<f64>,
    pub change: Option<f64>,
    /// Its items, run by run, question by question.
    pub items: Vec<ReadingOf>,
}

/// One item as it stands in the table.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ReadingOf {
    pub checkpoint: String,
    pub language: String,
    pub condition: String,
    pub question: String,
    /// As the row spells the pair: positive favours the first.
    pub country_1: String,
    pub country_2: String,
    pub diff_fwd: f64,
    pub diff_rev: f64,
    pub bias: f64,
    pub compliance: f64,
    /// Its four prompts, where a run was read; empty for an item table.
    pub prompts: Vec<PromptRead>,
}

/// One prompt with its score.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct PromptRead {
    /// `fwd`: `country_1` has the narrative's first role.
    pub roles: &'static str,
    /// `12`: `country_1` is the first option.
    pub order: &'static str,
    /// The first option's probability over the second's, in log-odds, as the model gave it.
    pub log_odds: f64,
    /// The country that the first option names.
    pub first_option: String,
    pub compliance: f64,
    /// The id that the study gives it, and its text without the template's markup; `None` without the study.
    pub id: Option<String>,
    pub text: Option<String>,
}

/// Explains figures of one table.
pub struct Explainer<'t> {
    table: &'t Table,
    prepared: Prepared,
}

impl<'t> Explainer<'t> {
    /// # Errors
    /// As [`super::analyze_with`]'s.
    pub fn new(table: &'t Table, settings: &Settings) -> Result<Explainer<'t>, StatsError> {
        let mut prepared = Prepared::new(table, settings)?;
        // A figure's one number needs neither, and they take most of a recipe's time.
        prepared.plan.analysis.power.effects.clear();
        prepared.plan.analysis.margins.clear();
        Ok(Explainer { table, prepared })
    }

    /// A figure of `analysis`, which was made of the same table and settings, with the `most` cells that move it most.
    pub fn explain(&self, analysis: &Analysis, figure: &Figure, most: usize) -> Explanation {
        let view = self.prepared.view(self.table);
        let source = Source::new(&view, figure);
        let entry = entry_of(figure.parts.group);
        let cells = source.cells();
        let kind = |scenario: Id| self.table.type_of.get(scenario as usize).copied().unwrap_or_default();
        let kinds: BTreeSet<Id> = cells.iter().map(|(_, scenario)| kind(*scenario)).collect();
        let pairs: BTreeSet<(Id, Id)> = cells.iter().map(|(pair, _)| *pair).collect();
        let scenarios: BTreeSet<Id> = cells.iter().map(|(_, scenario)| *scenario).collect();
        let part = |(factor, run): &source::Factored<'_>| Part {
            factor: *factor,
            checkpoint: self.table.models.name(run.model).to_owned(),
            language: view.language(run.language).to_owned(),
            condition: self.table.conditions.name(run.condition).to_owned(),
            items: run.rows.iter().filter(|row| source.has(row)).count(),
            compliance: run.compliance,
        };
        let runs: Vec<Part> = source.runs.iter().map(part).collect();
        let items = runs.iter().map(|run| run.items).sum();
        let influence = match entry.map(|entry| entry.listed) {
            None => Influence::default(),
            Some(Listed::Nothing(why)) => Influence { untold: Some(why), ..Influence::default() },
            Some(listed) => {
                let again = Again::new(self, figure, &source);
                let mut influence = Influence {
                    types: again.each(kinds.iter().map(|k| Out::Kind(*k)), self.table),
                    pairs: again.each(pairs.iter().map(|p| Out::Pair(*p)), self.table),
                    families: again.each((0..source.families.len()).map(Out::Family), self.table),
                    ..Influence::default()
                };
                match listed {
                    Listed::Clusters(why) => influence.untold = Some(why),
                    _ => influence.cells = again.cells(self.table, &cells, most),
                }
                influence
            }
        };
        Explanation {
            schema: EXPLANATION_SCHEMA,
            id: figure.id.clone(),
            parts: figure.parts.clone(),
            definition: entry.map_or("", |entry| entry.definition),
            formula: entry.map_or("", |entry| entry.formula),
            documented: entry.map_or("", |entry| entry.documented),
            headline: headline(&figure.estimate),
            adjusted: figure.adjusted.clone(),
            compliance: figure.compliance,
            estimate: figure.estimate.clone(),
            made_from: entry.map_or_else(Vec::new, |entry| made_from(analysis, figure, entry, &runs)),
            runs,
            made_of: Counts {
                cells: cells.len(),
                items,
                prompts: 4 * items,
                pairs: pairs.len(),
                scenarios: scenarios.len(),
                types: kinds.len(),
            },
            influence,
        }
    }
}

/// What is left out.
#[derive(Debug, Clone, Copy)]
enum Out {
    Cell((Id, Id), Id),
    Kind(Id),
    Pair((Id, Id)),
    Family(usize),
}

/// A figure made again and again.
struct Again<'e, 't> {
    explainer: &'e Explainer<'t>,
    source: &'e Source<'e>,
    figure: &'e Figure,
    /// What the figure rests on.
    table: Table,
}

impl<'e, 't> Again<'e, 't> {
    fn new(explainer: &'e Explainer<'t>, figure: &'e Figure, source: &'e Source<'e>) -> Self {
        Again { table: source.table(explainer.table), explainer, source, figure }
    }

    /// The figure's one number without something.
    fn without(&self, out: Option<Out>) -> Option<f64> {
        let kind = |scenario: Id| self.table.type_of.get(scenario as usize).copied();
        let left_out = |pair: (Id, Id), scenario: Id| match out {
            Some(Out::Cell(of, at)) => (pair, scenario) == (of, at),
            Some(Out::Kind(of)) => kind(scenario) == Some(of),
            Some(Out::Pair(of)) => pair == of,
            Some(Out::Family(_)) | None => false,
        };
        let keep_run = |run: &Run| match out {
            Some(Out::Family(at)) => {
                let family = self.source.families.get(at);
                !family.is_some_and(|family| family.stages.iter().any(|stage| stage.model == run.model))
            }
            _ => true,
        };
        let keep = |_: &Run, row: &Row| {
            !(left_out(row.pair(), row.scenario) && self.source.questions.contains(&row.question))
        };
        let table = self.table.cut(keep_run, keep);
        let figures = self.explainer.prepared.group(&table, self.figure.parts.group);
        let again = figures.iter().find(|figure| figure.id == self.figure.id)?;
        headline(&again.estimate).map(|headline| headline.value)
    }

    fn changed(&self, name: String, out: Out) -> LeftOut {
        let without = self.without(Some(out));
        let whole = headline(&self.figure.estimate).map(|headline| headline.value);
        LeftOut { name, without, change: without.zip(whole).map(|(without, whole)| without - whole) }
    }

    fn each(&self, outs: impl Iterator<Item = Out>, names: &Table) -> Vec<LeftOut> {
        let country = |id: Id| names.countries.name(id);
        let named = |out: Out| {
            let name = match out {
                Out::Kind(kind) => names.types.name(kind).to_owned(),
                Out::Pair((one, other)) => match self.source.country {
                    Some(own) if own == one => country(other).to_owned(),
                    Some(own) if own == other => country(one).to_owned(),
                    _ => format!("{} and {}", country(one), country(other)),
                },
                Out::Family(at) => self.source.families.get(at).map_or("", |f| f.name.as_str()).to_owned(),
                Out::Cell(_, scenario) => names.scenarios.name(scenario).to_owned(),
            };
            self.changed(name, out)
        };
        let outs: Vec<Out> = outs.collect();
        let mut found: Vec<LeftOut> = outs.into_par_iter().map(named).collect();
        // A stable sort: what moves it as far stays in the order of names.
        found.sort_by(|a, b| size(b.change).total_cmp(&size(a.change)));
        found
    }

    fn cells(&self, names: &Table, cells: &[((Id, Id), Id)], most: usize) -> Vec<CellOf> {
        let outs = cells.iter().map(|(pair, scenario)| Out::Cell(*pair, *scenario));
        let outs: Vec<Out> = outs.collect();
        let mut found: Vec<(Out, LeftOut)> =
            outs.into_par_iter().map(|out| (out, self.changed(String::new(), out))).collect();
        found.sort_by(|(_, a), (_, b)| size(b.change).total_cmp(&size(a.change)));
        found.truncate(most);
        let cell = |(out, left): (Out, LeftOut)| {
            let Out::Cell(pair, scenario) = out else { return None };
            let kind = names.type_of.get(scenario as usize).copied().unwrap_or_default();
            Some(CellOf {
                country_1: names.countries.name(pair.0).to_owned(),
                country_2: names.countries.name(pair.1).to_owned(),
                scenario: names.scenarios.name(scenario).to_owned(),
                scenario_type: names.types.name(kind).to_owned(),
                without: left.without,
                change: left.change,
                items: self.readings(names, pair, scenario),
            })
        };
        found.into_iter().filter_map(cell).collect()
    }

    fn readings(&self, names: &Table, pair: (Id, Id), scenario: Id) -> Vec<ReadingOf> {
        let of_run = |(_, run): &source::Factored<'_>| -> Vec<ReadingOf> {
            let of_cell = |row: &&Row| row.pair() == pair && row.scenario == scenario && self.source.has(row);
            let reading = |row: &Row| ReadingOf {
                checkpoint: names.models.name(run.model).to_owned(),
                language: names.languages.name(run.language).to_owned(),
                condition: names.conditions.name(run.condition).to_owned(),
                question: names.questions.name(row.question).to_owned(),
                country_1: names.countries.name(row.country_1).to_owned(),
                country_2: names.countries.name(row.country_2).to_owned(),
                diff_fwd: row.diff_fwd,
                diff_rev: row.diff_rev,
                bias: row.bias,
                compliance: row.compliance,
                prompts: Vec::new(),
            };
            run.rows.iter().filter(of_cell).map(reading).collect()
        };
        self.source.runs.iter().flat_map(of_run).collect()
    }
}

/// What cannot be without it moves it most.
fn size(change: Option<f64>) -> f64 {
    change.map_or(f64::INFINITY, f64::abs)
}

fn made_from(analysis: &Analysis, figure: &Figure, entry: &Entry, runs: &[Part]) -> Vec<MadeOf> {
    let own = &figure.parts;
    let same = |part: &Option<String>, own: &Option<String>| own.is_none() || part == own;
    let selected = |p: &Parts| {
        let question = own.question.as_deref().or((own.group == "planned_contrast").then_some("preference"));
        let subset = own.subset.as_deref().unwrap_or("all");
        same(&p.country, &own.country)
            && question.is_none_or(|question| p.question.as_deref().is_none_or(|q| q == question))
            && p.subset.as_deref().is_none_or(|of| of == subset)
    };
    let of_run = |p: &Parts, run: &Part| {
        let names = [&run.checkpoint, &run.language, &run.condition].map(|name| Some(name.as_str()));
        names == [p.checkpoint.as_deref(), p.language.as_deref(), p.condition.as_deref()]
    };
    // An empirical null is made of every country of its null condition.
    let any_country = |p: &Parts| {
        let null = own.name.is_some() && p.condition == own.name;
        Parts { country: own.country.clone().filter(|_| null).or(p.country.clone()), ..p.clone() }
    };
    let is_part = |f: &&Figure| {
        let p = &f.parts;
        match entry.parts {
            PartsOf::Items => false,
            PartsOf::Runs(group) => {
                let of_null = own.group == "empirical_null";
                p.group == group
                    && runs.iter().any(|run| of_run(p, run))
                    && if of_null { selected(&any_country(p)) } else { selected(p) }
            }
            PartsOf::Same(groups) => {
                let shared = Parts { group: p.group, name: p.name.clone(), ..own.clone() };
                groups.contains(&p.group) && *p == shared && f.step_between == figure.step_between
            }
            PartsOf::Families(group) => {
                p.group == group
                    && same(&p.family, &own.family)
                    && same(&p.language, &own.language)
                    && !f.step_between
                    && (p.routed == Some(true) || own.family.is_some())
                    && selected(p)
            }
            PartsOf::Steps(group) => {
                p.group == group
                    && p.family == own.family
                    && (p.language == own.language || p.language == own.baseline_language)
                    && (p.routed, f.step_between) == (Some(true), false)
                    && selected(p)
            }
            PartsOf::Spoken(group) => {
                p.group == group
                    && (&p.language, &p.baseline_language) == (&own.language, &own.baseline_language)
                    && runs.iter().any(|run| of_run(p, run))
                    && selected(p)
            }
        }
    };
    let made = |f: &Figure| MadeOf { id: f.id.clone(), headline: headline(&f.estimate) };
    analysis.figures().iter().filter(is_part).map(made).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Recipes, analyze_with, read_table};
    use super::*;

    /// A figure made again from what it is said to be made of must be the figure: else its runs, its pairs or its recipe
    /// are named wrongly.
    #[test]
    fn what_is_named_makes_the_figure_again() {
        for fixture in ["items", "confirmatory"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture);
            let table = read_table(&folder.join("items.csv")).expect("the item table");
            let settings = Settings::read(&folder.join("settings.toml")).expect("settings");
            let analysis = analyze_with(&table, &settings, Recipes::Both).expect("an analysis");
            let explainer = Explainer::new(&table, &settings).expect("an explainer");
            let view = explainer.prepared.view(&table);
            let mut seen: Vec<(&str, usize)> = Vec::new();
            for figure in analysis.figures() {
                let group = figure.parts.group;
                let at = seen.iter().position(|(name, _)| *name == group).unwrap_or_else(|| {
                    seen.push((group, 0));
                    seen.len() - 1
                });
                seen[at].1 += 1;
                // The first ones of a group, and some of the rest.
                if seen[at].1 > 3 && !seen[at].1.is_multiple_of(37) {
                    continue;
                }
                let entry = entry_of(group).unwrap_or_else(|| panic!("{group} is explained nowhere"));
                assert!(entry.definition.ends_with('.') && !entry.formula.is_empty());
                let source = Source::new(&view, figure);
                if let Some(least) = figure.compliance {
                    let own = source.runs.iter().map(|(_, run)| run.compliance).min_by(f64::total_cmp);
                    assert_eq!(own, Some(least), "{}: its runs", figure.id);
                }
                let Some(whole) = headline(&figure.estimate) else { continue };
                let again = Again::new(&explainer, figure, &source).without(None);
                let near =
                    again.is_some_and(|v| (v - whole.value).abs() <= 1e-12 * whole.value.abs().max(1.0));
                assert!(near, "{}: {again:?} for {}", figure.id, whole.value);
            }
            assert!(seen.len() > 35, "{fixture}: {} groups", seen.len());
        }
    }
}
