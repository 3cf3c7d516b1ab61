//! The item table with its names interned and its rows in one fixed order, so that nothing depends on the order they came in.

use std::ops::Range;

use super::builder::{Singly, TableBuilder, countries_of};
use super::error::StatsError;
use super::items::{ItemNames, ItemRef, ItemRow};

/// A name's number: its place among the table's names of that kind in sorted order. The builder's limits keep every
/// kind within it.
pub type Id = u16;

/// One row, interned.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The line or number that it came from, for messages.
    pub place: u32,
    pub country_1: Id,
    pub country_2: Id,
    pub scenario: Id,
    pub question: Id,
    pub diff_fwd: f64,
    pub diff_rev: f64,
    pub bias: f64,
    pub compliance: f64,
    /// The probability of choosing `country_1`, in each role.
    pub chosen: [f64; 2],
    /// Mean log-odds of the first letter over the second; NaN where single prompts are not known.
    pub letter: f64,
}

/// A table of millions of rows is one of these a row, and little else.
const _: () = assert!(size_of::<Row>() <= 72);

impl Row {
    /// The pair in name order, which is the same pair whichever country stands first.
    pub fn pair(&self) -> (Id, Id) {
        (self.country_1.min(self.country_2), self.country_1.max(self.country_2))
    }

    /// Whether `bias` is the mean of the two orders, but for decimals that a table may have been rounded to.
    pub fn is_mean(&self) -> bool {
        const ROUNDING: f64 = 2e-3;
        let mean = self.diff_fwd / 2.0 + self.diff_rev / 2.0;
        (self.bias - mean).abs() <= ROUNDING * (self.diff_fwd.abs() + self.diff_rev.abs()).max(1.0)
    }

    /// Bias with `country` as the one that positive favours; it is one of the two.
    pub fn towards(&self, country: Id) -> f64 {
        if self.country_1 == country { self.bias } else { -self.bias }
    }
}

/// Where a country's rows stand among its run's.
#[derive(Debug, Clone)]
pub struct CountryRows {
    pub country: Id,
    /// Ascending by opponent; the rows of the two, as places in [`Run::rows`].
    pub opponents: Vec<(Id, Range<usize>)>,
}

/// The rows of one model in one language under one condition.
#[derive(Debug, Clone)]
pub struct Run {
    pub model: Id,
    pub language: Id,
    pub condition: Id,
    /// Mean over the rows.
    pub compliance: f64,
    /// Ordered by pair, scenario, question.
    pub rows: Vec<Row>,
    /// Ordered by country.
    pub countries: Vec<CountryRows>,
}

impl Run {
    pub fn country(&self, country: Id) -> Option<&CountryRows> {
        let at = self.countries.binary_search_by_key(&country, |c| c.country).ok()?;
        self.countries.get(at)
    }
}

/// Names of one kind, sorted; an [`Id`] is a place in them.
#[derive(Debug, Clone, Default)]
pub struct Names(pub(super) Vec<String>);

impl Names {
    pub fn id(&self, name: &str) -> Option<Id> {
        self.0.binary_search_by(|n| n.as_str().cmp(name)).ok().map(|i| i as Id)
    }
    pub fn name(&self, id: Id) -> &str {
        self.0.get(id as usize).map_or("", String::as_str)
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
    pub fn ids(&self) -> std::ops::Range<Id> {
        0..self.0.len() as Id
    }
}

/// An item table, checked: every number is finite, no item stands twice, each scenario has one type.
#[derive(Debug)]
pub struct Table {
    /// What messages call it, and a row's place in it.
    pub name: String,
    pub place: &'static str,
    pub models: Names,
    pub languages: Names,
    pub conditions: Names,
    pub countries: Names,
    pub scenarios: Names,
    pub types: Names,
    pub questions: Names,
    /// By scenario.
    pub type_of: Vec<Id>,
    /// Ordered by model, language, condition.
    pub runs: Vec<Run>,
}

impl Table {
    /// Every kind of name, in words, with the names.
    pub fn kinds(&self) -> [(&'static str, &Names); 7] {
        [
            ("checkpoints", &self.models),
            ("languages", &self.languages),
            ("conditions", &self.conditions),
            ("countries", &self.countries),
            ("scenarios", &self.scenarios),
            ("scenario types", &self.types),
            ("questions", &self.questions),
        ]
    }

    /// Checks and interns rows that are already in memory.
    pub fn from_rows(rows: &[ItemRow]) -> Result<Table, StatsError> {
        let mut builder = TableBuilder::new("item table", "row");
        for (i, row) in rows.iter().enumerate() {
            builder.push(row.as_ref(), i as u64 + 1)?;
        }
        builder.finish()
    }

    pub fn run(&self, model: Id, language: Id, condition: Id) -> Option<&Run> {
        let key = (model, language, condition);
        let at = self.runs.binary_search_by_key(&key, |r| (r.model, r.language, r.condition)).ok()?;
        self.runs.get(at)
    }

    /// Every row with its names, and what its single prompts say.
    pub fn items(&self) -> impl Iterator<Item = (ItemRef<'_>, Singly)> {
        self.runs.iter().flat_map(move |run| {
            let (model, language) = (self.models.name(run.model), self.languages.name(run.language));
            let condition = self.conditions.name(run.condition);
            let kind = |scenario: Id| self.type_of.get(scenario as usize).copied().unwrap_or_default();
            run.rows.iter().map(move |row| {
                let names = ItemNames {
                    model,
                    language,
                    condition,
                    country_1: self.countries.name(row.country_1),
                    country_2: self.countries.name(row.country_2),
                    scenario: self.scenarios.name(row.scenario),
                    scenario_type: self.types.name(kind(row.scenario)),
                    question: self.questions.name(row.question),
                };
                let Row { diff_fwd, diff_rev, bias, compliance, chosen, letter, .. } = *row;
                (ItemRef { names, diff_fwd, diff_rev, bias, compliance }, Singly { chosen, letter })
            })
        })
    }

    /// The runs that `keep_run` names, with the rows that `keep` names; all names stay, and with them every id.
    pub fn cut(&self, keep_run: impl Fn(&Run) -> bool, keep: impl Fn(&Run, &Row) -> bool) -> Table {
        let of_run = |run: &Run| {
            let rows: Vec<Row> = run.rows.iter().filter(|row| keep(run, row)).copied().collect();
            let compliance = rows.iter().map(|row| row.compliance).sum::<f64>() / rows.len() as f64;
            let countries = countries_of(&rows);
            (!rows.is_empty()).then_some(Run { rows, compliance, countries, ..*run })
        };
        Table {
            name: self.name.clone(),
            place: self.place,
            models: self.models.clone(),
            languages: self.languages.clone(),
            conditions: self.conditions.clone(),
            countries: self.countries.clone(),
            scenarios: self.scenarios.clone(),
            types: self.types.clone(),
            questions: self.questions.clone(),
            type_of: self.type_of.clone(),
            runs: self.runs.iter().filter(|run| keep_run(run)).filter_map(of_run).collect(),
        }
    }

    /// Whether the checkpoint has rows of the condition in any language.
    pub fn has(&self, model: Id, condition: Id) -> bool {
        self.runs.iter().any(|r| r.model == model && r.condition == condition)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rows;
    use super::*;

    #[test]
    fn a_table_is_cut_to_runs_and_rows_and_keeps_its_names() {
        let runs = [("m", "en", "main"), ("m", "fr", "main"), ("n", "en", "main")];
        let mut rows = rows(&runs, &["A", "B", "C"], |_, _, _, _| 1.0);
        rows.iter_mut().filter(|row| row.scenario == "cyber_v1").for_each(|row| row.compliance = 0.25);
        let table = Table::from_rows(&rows).expect("a table");
        // Fifteen cells of two questions; three of the cells answer half as well as the others.
        assert!((table.runs[0].compliance - (12.0 * 0.5 + 3.0 * 0.25) / 15.0).abs() < 1e-12);
        let a = table.countries.id("A").expect("a country");
        let types = ["cyber", "trade"].map(|name| table.types.id(name).expect("a type"));
        let french = table.languages.id("fr");
        // Of A's rows in types of one and of two scenarios; of French nothing is left.
        let cut = table.cut(
            |run| run.model == 0,
            |run, row| {
                let kind = table.type_of[row.scenario as usize];
                Some(run.language) != french && types.contains(&kind) && row.pair().0 == a
            },
        );
        assert_eq!(cut.runs.len(), 1);
        let run = &cut.runs[0];
        assert_eq!((run.model, run.rows.len()), (0, 12));
        assert!((run.compliance - (2.0 * 0.5 + 0.25) / 3.0).abs() < 1e-12);
        let of = |country: Id| run.country(country).map(|of| of.opponents.clone());
        assert_eq!(of(a), Some(vec![(1, 0..6), (2, 6..12)]));
        assert_eq!((of(1), of(2)), (Some(vec![(0, 0..6)]), Some(vec![(0, 6..12)])));
        assert_eq!(cut.models.iter().collect::<Vec<_>>(), ["m", "n"]);
        assert_eq!(cut.items().count(), 12);
        assert_eq!(
            cut.kinds().map(|(kind, names)| (kind, names.len())),
            [
                ("checkpoints", 2),
                ("languages", 2),
                ("conditions", 1),
                ("countries", 3),
                ("scenarios", 5),
                ("scenario types", 3),
                ("questions", 2),
            ]
        );
    }
}
