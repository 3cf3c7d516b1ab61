//! A figure made again without something, by its own recipe.

use rayon::prelude::*;

use super::super::figure::Figure;
use super::super::table::{Id, Row, Run, Table};
use super::Explainer;
use super::explanation::{CellOf, LeftOut, ReadingOf};
use super::headline::headline;
use super::source::{self, Source};

/// What is left out.
#[derive(Debug, Clone, Copy)]
pub enum Out {
    Cell((Id, Id), Id),
    Kind(Id),
    Pair((Id, Id)),
    Family(usize),
}

/// A figure made again and again.
pub struct Again<'e, 't> {
    explainer: &'e Explainer<'t>,
    source: &'e Source<'e>,
    figure: &'e Figure,
    /// What the figure rests on.
    table: Table,
}

impl<'e, 't> Again<'e, 't> {
    pub fn new(explainer: &'e Explainer<'t>, figure: &'e Figure, source: &'e Source<'e>) -> Self {
        Again { table: source.table(explainer.table), explainer, source, figure }
    }

    /// The figure's one number without something.
    pub fn without(&self, out: Option<Out>) -> Option<f64> {
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
        let figures = self.explainer.prepared.group(&table, self.figure.parts.group, self.source.country);
        let again = figures.iter().find(|figure| figure.id == self.figure.id)?;
        headline(&again.estimate).map(|headline| headline.value)
    }

    fn changed(&self, name: String, out: Out) -> LeftOut {
        let without = self.without(Some(out));
        let whole = headline(&self.figure.estimate).map(|headline| headline.value);
        LeftOut { name, without, change: without.zip(whole).map(|(without, whole)| without - whole) }
    }

    pub fn each(&self, outs: impl Iterator<Item = Out>, names: &Table) -> Vec<LeftOut> {
        let country = |id: Id| names.countries.name(id);
        let named = |out: Out| {
            let name = match out {
                Out::Kind(kind) => names.types.name(kind).to_owned(),
                Out::Pair((one, other)) => match self.source.country {
                    // Every pair that the figure reads is one of its country's.
                    Some(own) => country(if own == one { other } else { one }).to_owned(),
                    None => format!("{} and {}", country(one), country(other)),
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

    pub fn cells(&self, names: &Table, cells: &[((Id, Id), Id)], most: usize) -> Vec<CellOf> {
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
