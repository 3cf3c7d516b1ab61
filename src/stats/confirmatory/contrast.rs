//! A contrast of runs, pair by pair and scenario by scenario: one run, a shift, a language shift, a difference of shifts.

use std::ops::Range;

use super::super::cells::{Question, Subset, mean};
use super::super::table::{Id, Row, Run, Table};
use super::choice::sided;

/// The scale on which a cell is read. Either is antisymmetric: for the opponent it is the same with the other sign.
#[derive(Debug, Clone, Copy)]
pub enum Scale {
    /// Log-odds.
    LogOdds(Question),
    /// The probability of choosing the country less one half.
    Choice(Question),
}

impl Scale {
    /// Of the rows of one cell.
    fn read(self, cell: &[Row], country: Id) -> Option<f64> {
        match self {
            Scale::LogOdds(question) => question.read(cell, country),
            Scale::Choice(question) => {
                let read = |(row, turn)| sided(row, country, turn).probability() - 0.5;
                mean(question.rows(cell)?.into_iter().map(read))
            }
        }
    }
}

/// What all pairs of a run's countries say in each scenario, signed for the pair's first country in name order.
pub struct Contrast {
    /// Ascending; a country is a place in it below.
    pub countries: Vec<Id>,
    /// The scenarios there are, ordered by type, then by name.
    pub scenarios: Vec<Id>,
    /// The types there are, each with its places among the scenarios.
    pub kinds: Vec<(Id, Range<usize>)>,
    /// [pair][scenario]; NaN where there is no cell.
    cells: Vec<f64>,
    /// [pair][type]: means over the pair's cells; NaN where there are none.
    means: Vec<f64>,
}

impl Contrast {
    /// The sum of `parts`, each a run with its factor, on the cells that all of them have. `None` without any.
    pub fn new(table: &Table, parts: &[(f64, &Run)], scale: Scale, subset: &Subset) -> Option<Contrast> {
        let (_, first) = parts.first()?;
        let countries: Vec<Id> = first.countries.iter().map(|c| c.country).collect();
        let mut columns: Vec<Id> = table.scenarios.ids().filter(|s| subset.has(*s)).collect();
        let kind = |scenario: Id| table.type_of.get(scenario as usize).copied().unwrap_or_default();
        columns.sort_by_key(|s| (kind(*s), *s));

        let mut sum: Vec<f64> = Vec::new();
        for (factor, run) in parts {
            let values = dense(run, &countries, &columns, table.scenarios.len(), scale);
            if sum.is_empty() {
                sum = values.iter().map(|v| factor * v).collect();
            } else {
                sum.iter_mut().zip(values).for_each(|(sum, v)| *sum += factor * v);
            }
        }
        let width = columns.len().max(1);
        let there: Vec<usize> =
            (0..columns.len()).filter(|s| sum.chunks(width).any(|pair| !pair[*s].is_nan())).collect();
        if there.is_empty() {
            return None;
        }
        let cells: Vec<f64> =
            sum.chunks(width).flat_map(|pair| there.iter().map(|s| pair[*s]).collect::<Vec<_>>()).collect();
        let scenarios: Vec<Id> = there.iter().map(|s| columns[*s]).collect();
        let mut kinds: Vec<(Id, Range<usize>)> = Vec::new();
        for (at, scenario) in scenarios.iter().enumerate() {
            match kinds.last_mut() {
                Some((last, places)) if *last == kind(*scenario) => places.end = at + 1,
                _ => kinds.push((kind(*scenario), at..at + 1)),
            }
        }
        Some(Contrast::with_means(countries, scenarios, kinds, cells))
    }

    /// Of `cells` [pair][scenario], types of so many scenarios one after the other, every cell there.
    pub fn of_cells(countries: usize, sizes: &[usize], cells: Vec<f64>) -> Contrast {
        let mut kinds: Vec<(Id, Range<usize>)> = Vec::with_capacity(sizes.len());
        let mut from = 0;
        for (kind, size) in sizes.iter().enumerate() {
            kinds.push((kind as Id, from..from + size));
            from += size;
        }
        let countries = (0..countries as Id).collect();
        Contrast::with_means(countries, (0..from as Id).collect(), kinds, cells)
    }

    fn with_means(
        countries: Vec<Id>,
        scenarios: Vec<Id>,
        kinds: Vec<(Id, Range<usize>)>,
        cells: Vec<f64>,
    ) -> Contrast {
        let of_pair = |pair: &[f64]| -> Vec<f64> {
            kinds.iter().map(|(_, places)| present_mean(&pair[places.clone()])).collect()
        };
        let means = cells.chunks(scenarios.len().max(1)).flat_map(of_pair).collect();
        Contrast { countries, scenarios, kinds, cells, means }
    }

    pub fn place(&self, country: Id) -> Option<usize> {
        self.countries.binary_search(&country).ok()
    }

    /// The cell of a country against an opponent; NaN where there is none.
    pub fn cell(&self, country: usize, opponent: usize, scenario: usize) -> f64 {
        signed(&self.cells, self.countries.len(), self.scenarios.len(), country, opponent, scenario)
    }

    /// The mean over a type's cells of a country against an opponent; NaN where there are none.
    pub fn type_mean(&self, country: usize, opponent: usize, kind: usize) -> f64 {
        signed(&self.means, self.countries.len(), self.kinds.len(), country, opponent, kind)
    }
}

/// Reads [pair][column] for either country of the pair.
fn signed(values: &[f64], n: usize, width: usize, country: usize, opponent: usize, column: usize) -> f64 {
    let (low, high) = (country.min(opponent), country.max(opponent));
    let value = if low == high { f64::NAN } else { values[pair(n, low, high) * width + column] };
    if country == low { value } else { -value }
}

/// The place of a pair among the pairs of `n`, in order.
fn pair(n: usize, low: usize, high: usize) -> usize {
    low * (2 * n - low - 1) / 2 + high - low - 1
}

/// The mean of what is not NaN; NaN where nothing is.
pub fn present_mean(values: &[f64]) -> f64 {
    mean(values.iter().copied().filter(|v| !v.is_nan())).unwrap_or(f64::NAN)
}

/// A run's values as [pair][column].
fn dense(run: &Run, countries: &[Id], columns: &[Id], scenarios: usize, scale: Scale) -> Vec<f64> {
    let n = countries.len();
    let mut values = vec![f64::NAN; n * n.saturating_sub(1) / 2 * columns.len()];
    let mut column_of = vec![None; scenarios];
    for (column, scenario) in columns.iter().enumerate() {
        column_of[*scenario as usize] = Some(column);
    }
    for of_pair in run.rows.chunk_by(|a, b| a.pair() == b.pair()) {
        let Some((low, high)) = of_pair.first().map(|row| row.pair()) else { continue };
        let (Ok(i), Ok(j)) = (countries.binary_search(&low), countries.binary_search(&high)) else {
            continue;
        };
        let start = pair(n, i, j) * columns.len();
        for cell in of_pair.chunk_by(|a, b| a.scenario == b.scenario) {
            let Some(column) = cell.first().and_then(|row| column_of[row.scenario as usize]) else {
                continue;
            };
            if let Some(value) = scale.read(cell, low) {
                values[start + column] = value;
            }
        }
    }
    values
}
