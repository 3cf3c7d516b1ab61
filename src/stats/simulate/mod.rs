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
            own(0) - own(b) + pair + by_type + by_both
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

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPES: [Scope; 4] = [Scope::SameTypes, Scope::NewTypes, Scope::Crossed, Scope::NewOpponents];

    /// Every standard deviation another one, so that none can stand for another.
    fn design(leans: &[f64], sizes: &[usize], shape: Shape) -> Design {
        Design {
            leans: leans.to_vec(),
            sizes: sizes.to_vec(),
            strength: 0.4,
            pair: 0.1,
            country_type: 0.2,
            country_scenario: 0.3,
            pair_type: 0.15,
            cell: 0.25,
            shape,
        }
    }

    /// All golden numbers here: the model as the module states it, in Python, from the same seeds.
    #[test]
    fn cells_are_drawn_from_the_stated_model() {
        // The first, sixth and last of twelve cells, and the sum of all.
        let expected = [
            (Shape::Normal, [2.226_425_148_42, 1.131_678_756_07, -0.529_692_994_822, 9.973_557_905_42]),
            (
                Shape::HeavyTails,
                [-0.523_545_896_565, 0.410_453_261_444, 0.870_583_237_769, 1.345_229_899_602],
            ),
            (Shape::Skewed, [0.227_190_158_676, 0.541_868_266_854, -0.462_616_404_972, 3.378_146_465_017]),
            (
                Shape::UnequalPairs,
                [0.732_391_935_849, 0.768_141_966_267, -0.478_472_232_09, 11.105_440_796_708],
            ),
            (
                Shape::TypesInTwos,
                [0.778_860_577_706, 0.953_748_936_645, -0.365_410_306_066, 8.478_076_912_438],
            ),
        ];
        for (shape, expected) in expected {
            let cells = preferences(&design(&[0.5, -0.25, 0.0], &[2, 1, 1], shape), 11);
            assert_eq!(cells.len(), 12, "{shape:?}");
            let found = [cells[0], cells[5], cells[11], cells.iter().sum()];
            let near = found.iter().zip(expected).all(|(found, right)| (found - right).abs() < 1e-11);
            assert!(near, "{shape:?}: {found:?}");
        }
    }

    #[test]
    fn a_scopes_true_lean_is_made_of_what_the_scope_fixes() {
        let leans = [0.5, -0.25, 0.0, 0.125];
        let of = |shape: Shape| {
            SCOPES.map(|scope| {
                let design = design(&leans, &[2, 3, 2], shape);
                design.truth(scope, &mut Draws::new(5)).lean(&design)
            })
        };
        let fixed = [0.586_330_441_440_793_3, 0.565_939_692_658_518_4, 0.541_666_666_666_666_6];
        let same_types = [0.558_358_091_009_599_7, 0.350_660_509_798_856_05];
        for (shape, same_types) in [Shape::Normal, Shape::TypesInTwos].into_iter().zip(same_types) {
            let right = [&[same_types][..], &fixed].concat();
            let found = of(shape);
            assert!(found.iter().zip(right).all(|(a, b)| (a - b).abs() < 1e-12), "{shape:?}: {found:?}");
        }
    }

    /// Over so few tables the intervals cover one another's truths so often, and not otherwise.
    #[test]
    fn covered_tables_are_counted() {
        let design = design(&[0.5, -0.25, 0.0, 0.125], &[2, 3, 2], Shape::Normal);
        let expected = [
            (Scope::SameTypes, [40.0, 39.0, 40.0, 40.0]),
            (Scope::NewTypes, [38.0, 39.0, 39.0, 39.0]),
            (Scope::Crossed, [37.0, 37.0, 39.0, 39.0]),
            (Scope::NewOpponents, [33.0, 37.0, 37.0, 40.0]),
        ];
        for (scope, covered) in expected {
            let found = SCOPES.map(|interval| coverage(&design, scope, interval, 40, 9));
            assert_eq!(found, covered.map(|n| n / 40.0), "{scope:?}");
        }
    }
}
