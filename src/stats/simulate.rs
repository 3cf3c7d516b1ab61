//! Cells drawn from a stated model: what the promise of an interval is tested on.
//!
//! The preference for country a over b in a scenario of a type is strength(a) - strength(b), plus what the pair adds, what
//! the type does to a and to b, what the pair adds in the type, what the scenario does to a and to b, and a rest: all normal
//! and independent. The variances are those measured on the published table.

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
        }
    }

    /// What is held fixed in a scope, so that its interval has the country's true lean there to cover.
    fn truth(&self, scope: Scope, draws: &mut Draws) -> Truth {
        let n = self.leans.len();
        let fixed = |is: bool, sd: f64, draws: &mut Draws, count: usize| -> Option<Vec<f64>> {
            is.then(|| (0..count).map(|_| sd * draws.normal()).collect())
        };
        let types = self.sizes.len();
        Truth {
            strengths: fixed(scope != Scope::NewOpponents, self.strength, draws, n),
            pairs: fixed(matches!(scope, Scope::SameTypes | Scope::NewTypes), self.pair, draws, n * n),
            types: fixed(scope == Scope::SameTypes, self.country_type, draws, n * types),
            pair_types: fixed(scope == Scope::SameTypes, self.pair_type, draws, n * n * types),
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
    let (n, types) = (design.leans.len(), design.sizes.len());
    let mut fill = |fixed: &Option<Vec<f64>>, sd: f64, count: usize| -> Vec<f64> {
        fixed.clone().unwrap_or_else(|| (0..count).map(|_| sd * draws.normal()).collect())
    };
    let mut strengths = fill(&truth.strengths, design.strength, n);
    if truth.strengths.is_none() {
        // Against other countries too: the country itself is the one that is asked about.
        strengths[0] = 0.0;
    }
    let pairs = fill(&truth.pairs, design.pair, n * n);
    let by_type = fill(&truth.types, design.country_type, n * types);
    let pair_types = fill(&truth.pair_types, design.pair_type, n * n * types);
    let scenarios: usize = design.sizes.iter().sum();
    let by_scenario = fill(&None, design.country_scenario, n * scenarios);
    let kinds: Vec<usize> =
        design.sizes.iter().enumerate().flat_map(|(kind, size)| std::iter::repeat_n(kind, *size)).collect();
    let mut cells = Vec::with_capacity(n * (n - 1) / 2 * scenarios);
    for a in 0..n {
        for b in a + 1..n {
            for (scenario, kind) in kinds.iter().enumerate() {
                let of = |at: usize| {
                    design.leans[at]
                        + strengths[at]
                        + by_type[at * types + kind]
                        + by_scenario[at * scenarios + scenario]
                };
                let both = pairs[a * n + b] + pair_types[(a * n + b) * types + kind];
                cells.push(of(a) - of(b) + both + design.cell * draws.normal());
            }
        }
    }
    cells
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
