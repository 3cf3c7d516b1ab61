//! Takes an item table's rows one by one, checks them and puts them in order.

use std::collections::HashMap;

use super::error::StatsError;
use super::items::{COLUMNS, ItemRef};
use super::table::{CountryRows, Id, Names, Row, Run, Table};

/// Limits that a real item table stays far below; they keep hostile files from exhausting the memory.
const MOST_ROWS: usize = 5_000_000;
const MOST_COUNTRIES: usize = 256;
const MOST_SCENARIOS: usize = 5000;
const MOST_TYPES: usize = 1000;
const MOST_QUESTIONS: usize = 8;
const MOST_RUNS: usize = 4096;
/// Figures are made per country of a run and question,
const MOST_ASKED: usize = 30_000;
/// and name the country's opponents and the scenario types.
const MOST_NAMED: usize = 1_000_000;
const LONGEST_NAME: usize = 500;
/// Far beyond what any checkpoint's logits give; squares and sums of so many stay finite.
const MOST_LOG_ODDS: f64 = 1e9;
/// Every figure repeats one name of each kind: where these have more bytes together, it counts as several.
const USUAL_NAMES: usize = 200;

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

/// What the four prompts of an item say singly, and their means do not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Singly {
    /// The probability of choosing `country_1` rather than the other, in each role the mean over both option orders.
    pub chosen: [f64; 2],
    /// Mean log-odds of the first letter over the second.
    pub letter: f64,
}

impl Singly {
    /// What is left of it in an item table: each role's probability from its mean log-odds, nothing of the letters.
    fn of_means(item: &ItemRef<'_>) -> Singly {
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        Singly { chosen: [item.diff_fwd, item.diff_rev].map(logistic), letter: f64::NAN }
    }
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
    /// By run as met, with numbers of names as met.
    rows: Vec<Vec<Row>>,
    count: usize,
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
            rows: Vec::new(),
            count: 0,
        }
    }

    pub(super) fn error(&self, place: u64, problem: String) -> StatsError {
        StatsError::Row { table: self.name.clone(), place: format!("{} {place}", self.place), problem }
    }

    /// Adds a row; `place` is its line or number, for messages.
    pub fn push(&mut self, item: ItemRef<'_>, place: u64) -> Result<(), StatsError> {
        let singly = Singly::of_means(&item);
        self.push_with(item, singly, place)
    }

    /// The same where single prompts are known.
    pub fn push_with(&mut self, item: ItemRef<'_>, singly: Singly, place: u64) -> Result<(), StatsError> {
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
            place: u32::try_from(place).unwrap_or(u32::MAX),
            country_1: self.countries.intern(names.country_1),
            country_2: self.countries.intern(names.country_2),
            scenario,
            question: self.questions.intern(names.question),
            diff_fwd: item.diff_fwd,
            diff_rev: item.diff_rev,
            bias: item.bias,
            compliance: item.compliance,
            chosen: singly.chosen,
            letter: singly.letter,
        };
        let limits = [
            (self.countries.ids.len(), MOST_COUNTRIES, "countries"),
            (self.questions.ids.len(), MOST_QUESTIONS, "questions"),
            (self.runs.len(), MOST_RUNS, "runs (checkpoint x language x condition)"),
            (self.scenarios.ids.len(), MOST_SCENARIOS, "scenarios"),
            (self.types.ids.len(), MOST_TYPES, "scenario types"),
            (self.count + 1, MOST_ROWS, "rows"),
        ];
        for (count, limit, what) in limits {
            if count > limit {
                return Err(StatsError::TooMany { table: self.name.clone(), limit, what });
            }
        }
        if run == self.rows.len() {
            self.rows.push(Vec::new());
        }
        self.rows[run].push(row);
        self.count += 1;
        Ok(())
    }

    fn check(&self, item: &ItemRef<'_>) -> Result<(), String> {
        let names = item.names;
        if let Some((column, _)) = COLUMNS.iter().zip(names.in_order()).find(|(_, name)| name.is_empty()) {
            return Err(format!("column `{column}` is empty"));
        }
        if let Some((column, _)) =
            COLUMNS.iter().zip(names.in_order()).find(|(_, name)| name.len() > LONGEST_NAME)
        {
            return Err(format!("column `{column}` holds a name of more than {LONGEST_NAME} bytes"));
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
        let log_odds = &numbers[..3];
        if let Some((column, number)) = log_odds.iter().find(|(_, number)| number.abs() > MOST_LOG_ODDS) {
            return Err(format!(
                "column `{column}` holds {number:e}, which is further from zero than log-odds are ({MOST_LOG_ODDS:e})"
            ));
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
        if self.count == 0 {
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
        let mut rows_of = self.rows;
        let mut finished = Vec::with_capacity(runs.len());
        let kinds = [&models, &languages, &conditions, &countries, &types, &questions];
        let bytes: usize = kinds.iter().filter_map(|names| names.iter().map(str::len).max()).sum();
        let weight = questions.len() * bytes.div_ceil(USUAL_NAMES);
        let (mut asked, mut named) = (0, 0);
        for ((model, language, condition), met) in runs {
            let mut rows = std::mem::take(&mut rows_of[met]);
            rows.shrink_to_fit();
            for row in &mut rows {
                row.country_1 = country_place[row.country_1 as usize];
                row.country_2 = country_place[row.country_2 as usize];
                row.scenario = scenario_place[row.scenario as usize];
                row.question = question_place[row.question as usize];
            }
            rows.sort_unstable_by_key(|row| (key(row), row.place));
            if let Some((row, again)) = repeated(&rows) {
                let problem = format!(
                    "the same item as {place_name} {} (checkpoint `{}`, language `{}`, condition `{}`, `{}` and `{}`, scenario `{}`, question `{}`)",
                    row.place,
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
                    place: format!("{place_name} {}", again.place),
                    problem,
                });
            }
            let countries_of_run = countries_of(&rows);
            let opponents: usize = countries_of_run.iter().map(|c| c.opponents.len()).sum();
            asked += countries_of_run.len() * weight;
            named += (opponents + countries_of_run.len() * types.len()) * weight;
            let limits = [
                (
                    asked,
                    MOST_ASKED,
                    "countries, counted in every run and question (long names several times)",
                ),
                (
                    named,
                    MOST_NAMED,
                    "opponents and scenario types, counted for every country, run and question (long names several times)",
                ),
            ];
            for (count, limit, what) in limits {
                if count > limit {
                    return Err(StatsError::TooMany { table: self.name, limit, what });
                }
            }
            let compliance = rows.iter().map(|row| row.compliance).sum::<f64>() / rows.len() as f64;
            finished.push(Run { model, language, condition, compliance, rows, countries: countries_of_run });
        }
        Ok(Table {
            name: self.name,
            place: place_name,
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

/// The first item that stands twice, and where it does so again.
fn repeated(rows: &[Row]) -> Option<(&Row, &Row)> {
    rows.windows(2).find_map(|pair| match pair {
        [first, second] if key(first) == key(second) => Some((first, second)),
        _ => None,
    })
}

/// What tells items of a run apart.
fn key(row: &Row) -> ((Id, Id), Id, Id) {
    (row.pair(), row.scenario, row.question)
}

/// Where each country's rows stand among the sorted rows of a run.
pub fn countries_of(rows: &[Row]) -> Vec<CountryRows> {
    let mut sides = Vec::new();
    let mut start = 0;
    for of_pair in rows.chunk_by(|a, b| a.pair() == b.pair()) {
        let places = start..start + of_pair.len();
        start = places.end;
        if let Some((low, high)) = of_pair.first().map(Row::pair) {
            sides.push((low, high, places.clone()));
            sides.push((high, low, places));
        }
    }
    sides.sort_unstable_by_key(|(country, opponent, _)| (*country, *opponent));
    sides
        .chunk_by(|a, b| a.0 == b.0)
        .filter_map(|side| {
            let opponents = side.iter().map(|(_, opponent, places)| (*opponent, places.clone())).collect();
            side.first().map(|(country, ..)| CountryRows { country: *country, opponents })
        })
        .collect()
}
