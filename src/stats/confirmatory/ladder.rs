//! The confirmatory estimate: one mean with four intervals, each for the question that it answers.
//!
//! x[o,k] is the mean over the scenarios of type k against opponent o; J opponents, K types, n_k scenarios in type k;
//! m_k and r_o are the means over opponents and over types, F the mean of all.

use serde::Serialize;

use super::super::cells::mean;
use super::super::cluster::is_spread;
use super::super::distributions::{t_two_sided, t_upper};
use super::super::figure::Named;
use super::super::settings::AnalysisSettings;
use super::super::student::t_quantile;
use super::components::{Components, components};
use super::grid::Grid;
use super::planning::{Planning, planning};

/// A standard error with what it says about zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Block {
    /// `None` where nothing varies: then there is no interval, and nothing can be inferred.
    pub se: Option<f64>,
    pub df: Option<f64>,
    /// Half-width of the 95 % interval.
    pub ci: Option<f64>,
    pub t: Option<f64>,
    /// Two-sided.
    pub p: Option<f64>,
}

/// Degrees of freedom of Satterthwaite's kind can come out as any positive number.
const LEAST_DF: f64 = 1.0;

impl Block {
    pub fn new(estimate: f64, variance: f64, df: f64) -> Block {
        let se = Some(variance.sqrt()).filter(|se| se.is_finite() && is_spread(*se, estimate));
        let df = Some(df).filter(|df| df.is_finite() && *df > 0.0);
        let both = se.zip(df);
        Block {
            se,
            df,
            ci: both.and_then(|(se, df)| Some(se * t_quantile(0.975, df)?)),
            t: both.map(|(se, _)| estimate / se),
            p: both.and_then(|(se, df)| t_two_sided(estimate / se, df)),
        }
    }

    /// One sample of means, one a type.
    pub fn of_means(means: &[f64]) -> Option<Block> {
        let estimate = mean(means.iter().copied())?;
        let k = means.len() as f64;
        (means.len() > 1).then(|| Block::new(estimate, variance(means) / k, k - 1.0))
    }

    /// The half-width, where there is an interval to speak of: with less than one degree of freedom the groups are too few to
    /// say how they vary, and its width is a number without a meaning.
    pub fn interval(&self) -> Option<f64> {
        self.ci.filter(|ci| ci.is_finite() && self.df.is_some_and(|df| df >= LEAST_DF))
    }

    /// Whether there are too few independent groups for an interval.
    pub fn is_starved(&self) -> bool {
        self.se.is_some() && self.df.is_none_or(|df| df < LEAST_DF)
    }

    /// Whether the 95 % interval around the estimate leaves zero out.
    pub fn excludes_zero(&self, estimate: f64) -> bool {
        self.interval().is_some_and(|ci| estimate.abs() > ci)
    }
}

/// With ddof 1.
pub fn variance(values: &[f64]) -> f64 {
    let centre = mean(values.iter().copied()).unwrap_or(f64::NAN);
    values.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

/// How an estimate compares with the smallest effect of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// The equivalence test holds it within the margin.
    Smaller,
    /// The whole interval lies beyond the margin.
    Larger,
    /// The interval reaches across the margin.
    Undecided,
}

/// See the module: fields as CONFIRMATORY names them, and what a reader needs beside them.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Confirmatory {
    pub estimate: f64,
    pub types: usize,
    pub scenarios: usize,
    pub opponents: usize,
    /// Other incidents of these kinds; `None` where a type has a single scenario.
    pub same_types: Option<Block>,
    /// Other kinds of incident; `None` with a single type.
    pub new_types: Option<Block>,
    /// Other incidents and other pairings of these countries: the default.
    pub crossed: Option<Block>,
    /// Against other countries too.
    pub new_opponents: Option<Block>,
    /// Why `crossed` is `new_types` over again, where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crossed_is_new_types: Option<&'static str>,
    /// p of the equivalence test by margin.
    pub tost: Named<Option<f64>>,
    /// Against `smallest_effect`; `None` without an interval.
    pub size: Option<Size>,
    pub smallest_effect: f64,
    /// The largest effect, either way, that the 95 % interval still allows.
    pub largest_allowed: Option<f64>,
    pub components: Option<Components>,
    /// What a pair adds beyond its two countries' strengths: variance.
    pub pair: Option<f64>,
    pub planning: Option<Planning>,
    /// The smallest effect that such a design finds in four of five cases.
    pub mde: Option<f64>,
    /// Holm over the families of a language, on crossed p.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p_holm: Option<f64>,
    /// The same on p for new types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p_holm_new_types: Option<f64>,
    /// Types in which an opponent has no cell: left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped_types: Vec<String>,
    /// Opponents with cells in fewer than half of the types: left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped_opponents: Vec<String>,
}

impl Confirmatory {
    pub fn new(grid: &Grid<'_>, settings: &AnalysisSettings) -> Confirmatory {
        let estimate = grid.estimate();
        let k = grid.kinds.len();
        let j = grid.opponents.len();
        let new_types = Block::of_means(&grid.type_means);
        let strata = if k > 1 { Strata::new(grid) } else { Err("there is only one type") };
        let crossed = new_types.map(|new_types| match &strata {
            Ok(strata) => strata.crossed(grid, estimate),
            Err(_) => new_types,
        });
        let margin = settings.smallest_effect;
        let pair = strata.as_ref().ok().map(|s| (s.pairs - s.pair_types) / k as f64);
        let mde = crossed.and_then(|c| {
            let df = c.df?;
            Some((t_quantile(0.975, df)? + t_quantile(0.8, df)?) * c.se?)
        });
        Confirmatory {
            estimate,
            types: k,
            scenarios: grid.scenarios(),
            opponents: j,
            same_types: same_types(grid, estimate),
            new_types,
            crossed,
            new_opponents: new_opponents(grid, estimate),
            crossed_is_new_types: strata.as_ref().err().copied().filter(|_| crossed.is_some()),
            tost: settings
                .equivalence_margins()
                .iter()
                .map(|margin| (margin.to_string(), crossed.and_then(|c| tost(estimate, &c, *margin))))
                .collect(),
            size: crossed.and_then(|c| size(estimate, &c, margin)),
            smallest_effect: margin,
            largest_allowed: crossed.and_then(|c| Some(estimate.abs() + c.interval()?)),
            components: components(grid),
            pair,
            planning: planning(grid, pair, settings),
            mde,
            p_holm: None,
            p_holm_new_types: None,
            dropped_types: Vec::new(),
            dropped_opponents: Vec::new(),
        }
    }
}

/// V = sum of s_k²/(n_k K²), s_k² the variance of the scenario means in type k, with Satterthwaite's degrees of freedom.
fn same_types(grid: &Grid<'_>, estimate: f64) -> Option<Block> {
    let k = grid.kinds.len() as f64;
    let mut terms = Vec::with_capacity(grid.kinds.len());
    for means in &grid.scenario_means {
        let n = means.len() as f64;
        if means.len() < 2 {
            return None;
        }
        terms.push((variance(means) / (n * k * k), n - 1.0));
    }
    let total: f64 = terms.iter().map(|(v, _)| v).sum();
    let df = total * total / terms.iter().map(|(v, df)| v * v / df).sum::<f64>();
    Some(Block::new(estimate, total, df))
}

/// Mean squares of the pair strata: what a pair of countries adds beyond the two countries' strengths.
struct Strata {
    /// M2, with q degrees of freedom.
    pairs: f64,
    /// M3, with q(K - 1).
    pair_types: f64,
    q: f64,
}

impl Strata {
    /// Or why there are none.
    fn new(grid: &Grid<'_>) -> Result<Strata, &'static str> {
        let contrast = grid.contrast;
        let mut countries = grid.opponents.clone();
        countries.push(grid.country);
        countries.sort_unstable();
        let n = countries.len();
        if n < 4 {
            return Err("fewer than four countries");
        }
        if !grid.crossed {
            return Err("cells are missing");
        }
        let k = grid.kinds.len() as f64;
        let q = ((n - 1) * (n - 2)) as f64 / 2.0;
        let mut rho = Vec::new();
        for &kind in &grid.kinds {
            let w = |a: usize, b: usize| contrast.type_mean(countries[a], countries[b], kind);
            let theta: Vec<f64> =
                (0..n).map(|a| (0..n).filter(|b| *b != a).map(|b| w(a, b)).sum::<f64>() / n as f64).collect();
            for a in 0..n {
                rho.extend((a + 1..n).map(|b| w(a, b) - theta[a] + theta[b]));
            }
        }
        if rho.iter().any(|r| r.is_nan()) {
            return Err("pairs are missing");
        }
        let pairs = n * (n - 1) / 2;
        let means: Vec<f64> =
            (0..pairs).map(|at| rho.iter().skip(at).step_by(pairs).sum::<f64>() / k).collect();
        let residual: f64 = rho
            .chunks(pairs)
            .flat_map(|of_kind| of_kind.iter().zip(&means))
            .map(|(r, m)| (r - m).powi(2))
            .sum();
        Ok(Strata {
            pairs: k * means.iter().map(|m| m * m).sum::<f64>() / q,
            pair_types: residual / (q * (k - 1.0)),
            q,
        })
    }

    fn crossed(&self, grid: &Grid<'_>, estimate: f64) -> Block {
        let (j, k) = (grid.opponents.len() as f64, grid.kinds.len() as f64);
        let types = variance(&grid.type_means) / k;
        if self.pairs <= self.pair_types {
            return Block::new(estimate, types, k - 1.0);
        }
        let (pairs, pair_types) = (self.pairs / (k * j), self.pair_types / (k * j));
        let total = types + pairs - pair_types;
        let below = types * types / (k - 1.0)
            + pairs * pairs / self.q
            + pair_types * pair_types / (self.q * (k - 1.0));
        Block::new(estimate, total, total * total / below)
    }
}

fn new_opponents(grid: &Grid<'_>, estimate: f64) -> Option<Block> {
    let (j, k) = (grid.opponents.len() as f64, grid.kinds.len() as f64);
    if grid.opponents.len() < 2 || grid.kinds.len() < 2 || !grid.crossed {
        return None;
    }
    let columns: Vec<Vec<f64>> = grid.kinds.iter().map(|kind| grid.column(*kind)).collect();
    let rows: Vec<f64> =
        (0..grid.opponents.len()).map(|o| columns.iter().map(|x| x[o]).sum::<f64>() / k).collect();
    let opponents = k * rows.iter().map(|r| (r - estimate).powi(2)).sum::<f64>() / (j - 1.0);
    let residual = columns
        .iter()
        .zip(&grid.type_means)
        .flat_map(|(x, m)| x.iter().zip(&rows).map(move |(x, r)| (x - r - m + estimate).powi(2)))
        .sum::<f64>()
        / ((j - 1.0) * (k - 1.0));
    let types = variance(&grid.type_means) / k;
    let (o, ot) = (opponents / (j * k), residual / (j * k));
    let total = types + o - ot;
    if total < types.max(o) {
        // A negative component: the larger stratum stands alone.
        return Some(match types >= o {
            true => Block::new(estimate, types, k - 1.0),
            false => Block::new(estimate, o, j - 1.0),
        });
    }
    let below = types * types / (k - 1.0) + o * o / (j - 1.0) + ot * ot / ((j - 1.0) * (k - 1.0));
    Some(Block::new(estimate, total, total * total / below))
}

/// p of two one-sided tests: that the effect lies within the margin on either side.
fn tost(estimate: f64, block: &Block, margin: f64) -> Option<f64> {
    let (se, df) = (block.se?, block.df?);
    let above = t_upper((margin - estimate) / se, df)?;
    let below = t_upper((estimate + margin) / se, df)?;
    Some(above.max(below))
}

fn size(estimate: f64, block: &Block, margin: f64) -> Option<Size> {
    let ci = block.interval()?;
    Some(if tost(estimate, block, margin)? < 0.05 {
        Size::Smaller
    } else if estimate.abs() - ci > margin {
        Size::Larger
    } else {
        Size::Undecided
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_groups_give_no_interval_to_speak_of() {
        let starved = Block::new(0.5, 1.0, 0.4);
        assert!(starved.ci.is_some_and(|ci| ci > 100.0) && starved.is_starved());
        assert_eq!((starved.interval(), starved.excludes_zero(1e9)), (None, false));
        let usual = Block::new(0.5, 1.0, 2.0);
        assert!(usual.interval() == usual.ci && !usual.is_starved() && usual.excludes_zero(9.0));
        // Nor is there one of no degrees of freedom, or of what is no number of them.
        for df in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let block = Block::new(0.5, 1.0, df);
            assert_eq!((block.se, block.df, block.ci, block.p), (Some(1.0), None, None, None), "{df}");
        }
        // Without spread there is none either, for another reason.
        let flat = Block::new(0.5, 0.0, 2.0);
        assert!(flat.interval().is_none() && !flat.is_starved());
    }
}
