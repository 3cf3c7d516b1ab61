//! Takes an item table's rows one by one, checks them and puts them in order.

use std::collections::HashMap;

use super::error::StatsError;
use super::items::{COLUMNS, ItemRef};
use super::table::{CountryCells, Id, Names, Row, Run, Table};

/// Limits that a real item table stays far below; they keep hostile files from exhausting the memory.
const MOST_ROWS: usize = 8_000_000;
const MOST_COUNTRIES: usize = 256;
const MOST_QUESTIONS: usize = 8;
const MOST_RUNS: usize = 4096;
/// Figures are made per country of a run.
const MOST_RUN_COUNTRIES: usize = 20_000;

/// Names of one kind in the order in which they were met.
#[derive(Default)]
struct Interner {
    ids: HashMap<String, Id>,
}

impl Interner {
    fn intern(&mut self, name: &str) -> Id {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = self.ids.len() as Id;
        self.ids.insert(name.to_owned(), id);
        id
    }

    /// The names sorted, and for each number given out so far the place of its name among them.
    fn sort(self) -> (Names, Vec<Id>) {
        let mut named: Vec<(String, Id)> = self.ids.into_iter().collect();
        named.sort();
        let mut place = vec![0; named.len()];
        for (sorted, (_, met)) in named.iter().enumerate() {
            place[*met as usize] = sorted as Id;
        }
        (Names(named.into_iter().map(|(name, _)| name).collect()), place)
    }
}

/// A row on its way in: its run, and where it stood.
struct Arrival {
    run: usize,
    place: u32,
    row: Row,
}

/// Takes rows one by one, in any order.
pub struct TableBuilder {
    name: String,
    /// What a place is called in messages: `line` of a file, `row` of a slice.
    place: &'static str,
    models: Interner,
    languages: Interner,
    conditions: Interner,
    countries: Interner,
    scenarios: Interner,
    types: Interner,
    questions: Interner,
    /// By scenario as met: its type and the place that said so.
    type_of: Vec<(Id, u64)>,
    runs: HashMap<(Id, Id, Id), usize>,
    arrivals: Vec<Arrival>,
}

impl TableBuilder {
    pub fn new(name: &str, place: &'static str) -> TableBuilder {
        TableBuilder {
            name: name.to_owned(),
            place,
            models: Interner::default(),
            languages: Interner::default(),
            conditions: Interner::default(),
            countries: Interner::default(),
            scenarios: Interner::default(),
            types: Interner::default(),
            questions: Interner::default(),
            type_of: Vec::new(),
            runs: HashMap::new(),
            arrivals: Vec::new(),
        }
    }

    pub(super) fn error(&self, place: u64, problem: String) -> StatsError {
        StatsError::Row { table: self.name.clone(), place: format!("{} {place}", self.place), problem }
    }

    /// Adds a row; `place` is its line or number, for messages.
    pub fn push(&mut self, item: ItemRef<'_>, place: u64) -> Result<(), StatsError> {
        self.check(&item).map_err(|problem| self.error(place, problem))?;
        let names = item.names;
        let scenario = self.scenarios.intern(names.scenario);
        let kind = self.types.intern(names.scenario_type);
        match self.type_of.get(scenario as usize) {
            None => self.type_of.push((kind, place)),
            Some((known, _)) if *known == kind => {}
            Some((_, first)) => {
                let problem = format!(
                    "scenario `{}` has the type `{}` here and another one in {} {first}",
                    names.scenario, names.scenario_type, self.place
                );
                return Err(self.error(place, problem));
            }
        }
        let run = (
            self.models.intern(names.model),
            self.languages.intern(names.language),
            self.conditions.intern(names.condition),
        );
        let next = self.runs.len();
        let run = *self.runs.entry(run).or_insert(next);
        let row = Row {
            country_1: self.countries.intern(names.country_1),
            country_2: self.countries.intern(names.country_2),
            scenario,
            question: self.questions.intern(names.question),
            diff_fwd: item.diff_fwd,
            diff_rev: item.diff_rev,
            bias: item.bias,
            compliance: item.compliance,
        };
        let limits = [
            (self.countries.ids.len(), MOST_COUNTRIES, "countries"),
            (self.questions.ids.len(), MOST_QUESTIONS, "questions"),
            (self.runs.len(), MOST_RUNS, "runs (checkpoint x language x condition)"),
            (self.arrivals.len() + 1, MOST_ROWS, "rows"),
        ];
        for (count, limit, what) in limits {
            if count > limit {
                return Err(StatsError::TooMany { table: self.name.clone(), limit, what });
            }
        }
        self.arrivals.push(Arrival { run, place: u32::try_from(place).unwrap_or(u32::MAX), row });
        Ok(())
    }

    fn check(&self, item: &ItemRef<'_>) -> Result<(), String> {
        let names = item.names;
        if let Some((column, _)) = COLUMNS.iter().zip(names.in_order()).find(|(_, name)| name.is_empty()) {
            return Err(format!("column `{column}` is empty"));
        }
        if names.country_1 == names.country_2 {
            return Err(format!("country_1 and country_2 are both `{}`", names.country_1));
        }
        let numbers = [
            ("diff_fwd", item.diff_fwd),
            ("diff_rev", item.diff_rev),
            ("bias", item.bias),
            ("compliance", item.compliance),
        ];
        if let Some((column, number)) = numbers.iter().find(|(_, number)| !number.is_finite()) {
            return Err(format!("column `{column}` holds {number}, which is not a finite number"));
        }
        // Sums of rounded probabilities may pass 1 by a little.
        if !(0.0..=1.001).contains(&item.compliance) {
            return Err(format!("column `compliance` holds {}, which is not a probability", item.compliance));
        }
        Ok(())
    }

    /// Sorts the names and the rows, and looks for items that stand twice.
    pub fn finish(self) -> Result<Table, StatsError> {
        let place_name = self.place;
        if self.arrivals.is_empty() {
            return Err(StatsError::Empty { table: self.name });
        }
        let (models, model_place) = self.models.sort();
        let (languages, language_place) = self.languages.sort();
        let (conditions, condition_place) = self.conditions.sort();
        let (countries, country_place) = self.countries.sort();
        let (scenarios, scenario_place) = self.scenarios.sort();
        let (types, type_place) = self.types.sort();
        let (questions, question_place) = self.questions.sort();

        let mut type_of = vec![0; self.type_of.len()];
        for (met, (kind, _)) in self.type_of.iter().enumerate() {
            type_of[scenario_place[met] as usize] = type_place[*kind as usize];
        }

        let mut runs: Vec<((Id, Id, Id), usize)> = self
            .runs
            .into_iter()
            .map(|((m, l, c), met)| {
                ((model_place[m as usize], language_place[l as usize], condition_place[c as usize]), met)
            })
            .collect();
        runs.sort_unstable();
        let mut run_place = vec![0; runs.len()];
        for (sorted, (_, met)) in runs.iter().enumerate() {
            run_place[*met] = sorted;
        }

        let mut rows_of: Vec<Vec<(u32, Row)>> = runs.iter().map(|_| Vec::new()).collect();
        for Arrival { run, place, mut row } in self.arrivals {
            row.country_1 = country_place[row.country_1 as usize];
            row.country_2 = country_place[row.country_2 as usize];
            row.scenario = scenario_place[row.scenario as usize];
            row.question = question_place[row.question as usize];
            rows_of[run_place[run]].push((place, row));
        }

        let mut finished = Vec::with_capacity(runs.len());
        let mut run_countries = 0;
        for (((model, language, condition), _), mut rows) in runs.into_iter().zip(rows_of) {
            rows.sort_by_key(|(_, row)| key(row));
            if let Some((a, b, row)) = repeated(&rows) {
                let problem = format!(
                    "the same item as {place_name} {} (checkpoint `{}`, language `{}`, condition `{}`, `{}` and `{}`, scenario `{}`, question `{}`)",
                    a.min(b),
                    models.name(model),
                    languages.name(language),
                    conditions.name(condition),
                    countries.name(row.country_1),
                    countries.name(row.country_2),
                    scenarios.name(row.scenario),
                    questions.name(row.question),
                );
                return Err(StatsError::Row {
                    table: self.name,
                    place: format!("{place_name} {}", a.max(b)),
                    problem,
                });
            }
            let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
            let cells = country_cells(&rows, questions.len());
            run_countries += cells.len();
            if run_countries > MOST_RUN_COUNTRIES {
                let what = "countries, counted in every run";
                return Err(StatsError::TooMany { table: self.name, limit: MOST_RUN_COUNTRIES, what });
            }
            finished.push(Run { model, language, condition, rows, countries: cells });
        }
        Ok(Table {
            name: self.name,
            models,
            languages,
            conditions,
            countries,
            scenarios,
            types,
            questions,
            type_of,
            runs: finished,
        })
    }
}

/// The first item that stands twice: both places and the row.
fn repeated(rows: &[(u32, Row)]) -> Option<(u32, u32, Row)> {
    rows.windows(2).find_map(|pair| match pair {
        [(a, first), (b, second)] if key(first) == key(second) => Some((*a, *b, *first)),
        _ => None,
    })
}

/// What tells items of a run apart; a pair is the same pair in either order.
fn key(row: &Row) -> (Id, Id, Id, Id) {
    let (low, high) = (row.country_1.min(row.country_2), row.country_1.max(row.country_2));
    (low, high, row.scenario, row.question)
}

/// Turns a run's rows round to each country that takes part.
fn country_cells(rows: &[Row], questions: usize) -> Vec<CountryCells> {
    let mut seen: Vec<(Id, Id, Id, Id, f64)> = Vec::with_capacity(rows.len() * 2);
    for row in rows {
        seen.push((row.country_1, row.country_2, row.scenario, row.question, row.bias));
        seen.push((row.country_2, row.country_1, row.scenario, row.question, -row.bias));
    }
    seen.sort_unstable_by_key(|(country, opponent, scenario, question, _)| {
        (*country, *opponent, *scenario, *question)
    });

    let mut countries: Vec<CountryCells> = Vec::new();
    for (country, opponent, scenario, question, value) in seen {
        if countries.last().is_none_or(|c| c.country != country) {
            countries.push(CountryCells { country, keys: Vec::new(), values: Vec::new() });
        }
        let Some(cells) = countries.last_mut() else { continue };
        if cells.keys.last() != Some(&(opponent, scenario)) {
            cells.keys.push((opponent, scenario));
            cells.values.extend(std::iter::repeat_n(None, questions));
        }
        let start = cells.values.len() - questions;
        if let Some(slot) = cells.values.get_mut(start + question as usize) {
            *slot = Some(value);
        }
    }
    countries
}
