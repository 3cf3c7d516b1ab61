//! Cells drawn from a stated model: what the promise of an interval is tested on.
//!
//! The preference for country a over b in a scenario of a type is strength(a) - strength(b), plus what the pair adds, what
//! the type does to a and to b, what the pair adds in the type, what the scenario does to a and to b, and a rest: all normal
//! and independent, or of another [`Shape`]. The variances are those measured on the published table.

mod shape;

pub use shape::Shape;

use super::confirmatory::{Confirmatory, Contrast, Grid};
use super::random::Draws;
use super::settings::AnalysisSettings;

/// Standard deviations in log-odds, and the sizes of the bank.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    /// By country, what is true of it and nothing else draws.
    pub leans: Vec<f64>,
    /// Scenarios in each type.
    pub sizes: Vec<usize>,
    /// Of a country's strength among all countries there could be.
    pub strength: f64,
    /// Of a pair beyond its countries' strengths.
    pub pair: f64,
    /// Of a country in a type of scenario.
    pub country_type: f64,
    /// Of a country in a scenario of a type.
    pub country_scenario: f64,
    /// Of a pair in a type.
    pub pair_type: f64,
    /// Of a cell.
    pub cell: f64,
    /// Of all of these.
    pub shape: Shape,
}

impl Design {
    /// Chat checkpoints on the published bank: 13 types of 7 or 3 scenarios, eight countries, medians over 42 runs.
    pub fn published() -> Design {
        Design {
            leans: vec![0.0; 8],
            sizes: vec![7, 7, 7, 7, 7, 3, 7, 7, 7, 3, 7, 3, 7],
            strength: 0.45,
            pair: 0.12,
            country_type: 0.23,
            country_scenario: 0.27,
            pair_type: 0.15,
            cell: 0.32,
            shape: Shape::Normal,
        }
    }

    /// What is held fixed in a scope, so that its interval has the country's true lean there to cover.
    fn truth(&self, scope: Scope, draws: &mut Draws) -> Truth {
        let (n, types, shape) = (self.leans.len(), self.sizes.len(), self.shape);
        let same_types = scope == Scope::SameTypes;
        Truth {
            strengths: (scope != Scope::NewOpponents).then(|| shape.effects(self.strength, n, draws)),
            pairs: matches!(scope, Scope::SameTypes | Scope::NewTypes)
                .then(|| shape.effects(self.pair, n * n, draws)),
            types: same_types.then(|| shape.by_type(self.country_type, n, types, draws)),
            pair_types: same_types.then(|| shape.by_type(self.pair_type, n * n, types, draws)),
        }
    }
}

/// What an interval is for; each takes more to vary than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    SameTypes,
    NewTypes,
    Crossed,
    NewOpponents,
}

/// Effects that are the same in every replicate; what is `None` is drawn anew.
#[derive(Default)]
struct Truth {
    strengths: Option<Vec<f64>>,
    pairs: Option<Vec<f64>>,
    types: Option<Vec<f64>>,
    pair_types: Option<Vec<f64>>,
}

impl Truth {
    /// The first country's lean over its opponents, as the scope defines it.
    fn lean(&self, design: &Design) -> f64 {
        let n = design.leans.len();
        let types = design.sizes.len();
        let own = |at: usize| design.leans[at] + self.strengths.as_ref().map_or(0.0, |s| s[at]);
        let against = |b: usize| {
            let pair = self.pairs.as_ref().map_or(0.0, |p| p[b]);
            let mean = |values: &[f64], of: &dyn Fn(usize) -> usize| {
                (0..types).map(|k| values[of(k)]).sum::<f64>() / types as f64
            };
            let by_type = self.types.as_ref().map_or(0.0, |t| mean(t, &|k| k) - mean(t, &|k| b * types + k));
            let by_both = self.pair_types.as_ref().map_or(0.0, |t| mean(t, &|k| b * types + k));
            own(0) - if self.strengths.is_some() { own(b) } else { design.leans[b] }
                + pair
                + by_type
                + by_both
        };
        (1..n).map(against).sum::<f64>() / (n - 1) as f64
    }
}

/// The cells of one run in which `truth` holds and everything else is drawn, pair by pair.
fn cells(design: &Design, truth: &Truth, draws: &mut Draws) -> Vec<f64> {
    let (n, types, shape) = (design.leans.len(), design.sizes.len(), design.shape);
    let mut strengths = truth.strengths.clone().unwrap_or_else(|| shape.effects(design.strength, n, draws));
    if truth.strengths.is_none() {
        // Against other countries too: the country itself is the one that is asked about.
        strengths[0] = 0.0;
    }
    let pairs = truth.pairs.clone().unwrap_or_else(|| shape.effects(design.pair, n * n, draws));
    let by_type = truth.types.clone().unwrap_or_else(|| shape.by_type(design.country_type, n, types, draws));
    let unequal = shape.of_pairs(n * n, draws);
    let pair_types = truth.pair_types.clone().unwrap_or_else(|| {
        let mut drawn = shape.by_type(design.pair_type, n * n, types, draws);
        for (of_pair, factor) in drawn.chunks_mut(types).zip(&unequal) {
            of_pair.iter_mut().for_each(|effect| *effect *= factor);
        }
        drawn
    });
    let scenarios: usize = design.sizes.iter().sum();
    let by_scenario = shape.effects(design.country_scenario, n * scenarios, draws);
    let kinds: Vec<usize> =
        design.sizes.iter().enumerate().flat_map(|(kind, size)| std::iter::repeat_n(kind, *size)).collect();
    let mut rest = shape.effects(design.cell, n * (n - 1) / 2 * scenarios, draws).into_iter();
    let mut cells = Vec::with_capacity(rest.len());
    for a in 0..n {
        for b in a + 1..n {
            for (scenario, kind) in kinds.iter().enumerate() {
                let of = |at: usize| {
                    design.leans[at]
                        + strengths[at]
                        + by_type[at * types + kind]
                        + by_scenario[at * scenarios + scenario]
                };
                let pair = a * n + b;
                let rest = unequal[pair] * rest.next().unwrap_or_default();
                cells.push(of(a) - of(b) + pairs[pair] + pair_types[pair * types + kind] + rest);
            }
        }
    }
    cells
}

/// Preferences [pair of countries][scenario] of one run drawn from `seed`: a table of a study's size, to work on.
pub fn preferences(design: &Design, seed: u64) -> Vec<f64> {
    cells(design, &Truth::default(), &mut Draws::new(seed))
}

/// How often the first country's 95 % interval of the name `interval` covers its true lean in `scope`, over `tables` tables
/// drawn from `seed`: what the scope fixes is drawn anew for every tenth table.
pub fn coverage(design: &Design, scope: Scope, interval: Scope, tables: usize, seed: u64) -> f64 {
    let mut draws = Draws::new(seed);
    let mut truth = design.truth(scope, &mut draws);
    let mut covered = 0usize;
    for table in 0..tables {
        if table % 10 == 0 {
            truth = design.truth(scope, &mut draws);
        }
        let cells = cells(design, &truth, &mut draws);
        let contrast = Contrast::of_cells(design.leans.len(), &design.sizes, cells);
        let found = Grid::new(&contrast, 0).and_then(|grid| {
            let estimate = Confirmatory::new(&grid, &AnalysisSettings::default());
            let block = match interval {
                Scope::SameTypes => estimate.same_types,
                Scope::NewTypes => estimate.new_types,
                Scope::Crossed => estimate.crossed,
                Scope::NewOpponents => estimate.new_opponents,
            };
            Some((estimate.estimate, block?.ci?))
        });
        let inside = |(estimate, ci): (f64, f64)| (estimate - truth.lean(design)).abs() <= ci;
        covered += usize::from(found.is_some_and(inside));
    }
    covered as f64 / tables as f64
}
