//! The choice scale: how often a country would be chosen, and how often the role decides instead.

use serde::Serialize;

use super::super::cells::Question;
use super::super::table::{Id, Row, Run};
use super::grid::Grid;
use super::ladder::Block;

/// The probability that a country is preferred in either role. From a run's single prompts, in each role the mean over both
/// option orders; from an item table, which has no more, the logistic of that role's mean log-odds.
#[derive(Debug, Clone, Copy)]
pub struct Sided([f64; 2]);

/// A row's, for one of its two countries; `turn` is -1 where choosing the country speaks against it.
pub fn sided(row: &Row, country: Id, turn: f64) -> Sided {
    let preferred = (row.country_1 == country) == (turn > 0.0);
    Sided(if preferred { row.chosen } else { row.chosen.map(|p| 1.0 - p) })
}

impl Sided {
    /// The mean over the two roles.
    pub fn probability(self) -> f64 {
        (self.0[0] + self.0[1]) / 2.0
    }
}

/// The mean probability of choosing a country, types as units.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Choice {
    /// Probability less one half.
    pub mean: f64,
    #[serde(flatten)]
    pub block: Block,
    pub probability: f64,
    /// Shares of cells (opponent, scenario, question), of those that the mean is made of.
    pub in_both_roles: f64,
    pub in_neither: f64,
    pub role_decides: f64,
}

/// The difference of two such means, cell by cell.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ChoiceShift {
    pub mean: f64,
    #[serde(flatten)]
    pub block: Block,
}

impl ChoiceShift {
    /// `grid` on the choice scale.
    pub fn new(grid: &Grid<'_>) -> ChoiceShift {
        let mean = grid.estimate();
        let none = Block { se: None, df: None, ci: None, t: None, p: None };
        ChoiceShift { mean, block: Block::of_means(&grid.type_means).unwrap_or(none) }
    }
}

impl Choice {
    /// `grid` is the run's on the choice scale, over the cells that `question` is read from.
    pub fn new(grid: &Grid<'_>, run: &Run, question: Question) -> Option<Choice> {
        let ChoiceShift { mean, block } = ChoiceShift::new(grid);
        let country = grid.contrast.countries[grid.country];
        let opponents: Vec<Id> = grid.opponents.iter().map(|o| grid.contrast.countries[*o]).collect();
        let scenarios: Vec<Id> = grid
            .kinds
            .iter()
            .flat_map(|k| &grid.contrast.scenarios[grid.contrast.kinds[*k].1.clone()])
            .copied()
            .collect();
        let mut scenarios = scenarios;
        scenarios.sort_unstable();
        let (mut both, mut neither, mut n) = (0usize, 0usize, 0usize);
        for (opponent, places) in &run.country(country)?.opponents {
            if !opponents.contains(opponent) {
                continue;
            }
            let rows = run.rows.get(places.clone()).unwrap_or_default();
            let cells = rows.chunk_by(|a, b| a.scenario == b.scenario);
            let counted = cells.filter(|cell| scenarios.binary_search(&cell[0].scenario).is_ok());
            // As for the mean: a cell of which a question is missing is none.
            for (row, turn) in counted.filter_map(|cell| question.rows(cell)).flatten() {
                let sided = sided(row, country, turn);
                n += 1;
                both += usize::from(sided.0.iter().all(|p| *p > 0.5));
                neither += usize::from(sided.0.iter().all(|p| *p < 0.5));
            }
        }
        let share = |count: usize| count as f64 / n as f64;
        (n > 0).then(|| Choice {
            mean,
            block,
            probability: mean + 0.5,
            in_both_roles: share(both),
            in_neither: share(neither),
            role_decides: share(n - both - neither),
        })
    }
}
