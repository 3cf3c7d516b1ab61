//! Two checks of the interval over types that assume less: exact sign flips, and a bias-reduced sandwich over rows.

use serde::Serialize;

use super::super::cells::mean;
use super::super::cluster::is_spread;
use super::super::distributions::{sign_flip, t_two_sided};
use super::super::random::Draws;
use super::grid::Grid;

/// Above so many types the flips are drawn instead of enumerated.
const MOST_EXACT: usize = 20;
const DRAWN: usize = 99_999;
const SEED: u64 = 20_260_523;

/// The share of the sign patterns of the type means whose mean is as far from zero as the one observed.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct SignFlip {
    pub p: Option<f64>,
    pub types: usize,
    /// The smallest p that so many types can give; above 0.05 with fewer than six.
    pub least_p: f64,
    /// Of the drawn patterns, where there are too many to enumerate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl SignFlip {
    pub fn new(means: &[f64]) -> SignFlip {
        let types = means.len();
        let least_p = 0.5f64.powi(types as i32 - 1);
        if !means.iter().any(|m| is_spread(m.abs(), 0.0)) {
            return SignFlip { p: None, types, least_p, seed: None };
        }
        if types <= MOST_EXACT {
            return SignFlip { p: sign_flip(means), types, least_p, seed: None };
        }
        let mut draws = Draws::new(SEED);
        let bound = means.iter().sum::<f64>().abs() - 1e-12 * means.iter().map(|m| m.abs()).sum::<f64>();
        let reaches = |draws: &mut Draws| {
            let sum: f64 = means.iter().map(|m| if draws.next() >> 63 == 1 { -m } else { *m }).sum();
            sum.abs() >= bound
        };
        let reached = (0..DRAWN).filter(|_| reaches(&mut draws)).count();
        let p = (reached + 1) as f64 / (DRAWN + 1) as f64;
        SignFlip { p: Some(p), types, least_p, seed: Some(SEED) }
    }
}

/// The mean over rows with the cluster-robust CR2 variance and Bell and McCaffrey's degrees of freedom.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Cr2 {
    pub mean_row: f64,
    pub se: Option<f64>,
    pub df: Option<f64>,
    pub p: Option<f64>,
    pub se_cr1: Option<f64>,
}

impl Cr2 {
    /// Types weigh by their cells, n_k times the opponents.
    pub fn new(grid: &Grid<'_>) -> Option<Cr2> {
        let j = grid.opponents.len() as f64;
        let weights: Vec<f64> = grid.sizes().iter().map(|n| n * j).collect();
        let total: f64 = weights.iter().sum();
        let means: Vec<f64> =
            grid.scenario_means.iter().map(|means| mean(means.iter().copied())).collect::<Option<_>>()?;
        let centre = weights.iter().zip(&means).map(|(n, m)| n * m).sum::<f64>() / total;
        let (k, none) =
            (weights.len() as f64, Cr2 { mean_row: centre, se: None, df: None, p: None, se_cr1: None });
        if weights.len() < 2 {
            return Some(none);
        }
        let squares = |n: &f64, m: &f64| n * n * (m - centre).powi(2);
        let sum = |of: &dyn Fn(&f64) -> f64| weights.iter().map(of).sum::<f64>();
        let cr2 = weights.iter().zip(&means).map(|(n, m)| squares(n, m) / (1.0 - n / total)).sum::<f64>();
        let cr1 = k / (k - 1.0) * weights.iter().zip(&means).map(|(n, m)| squares(n, m)).sum::<f64>();
        let (se, se_cr1) = (cr2.sqrt() / total, cr1.sqrt() / total);
        if !is_spread(se, centre) {
            return Some(none);
        }
        let a = sum(&|n| n * n / (total - n).powi(2));
        let b = sum(&|n| n.powi(3) / (total - n).powi(2));
        let c = sum(&|n| n * n / (total - n));
        let df = total * total / (total * total * a - 2.0 * total * b + c * c);
        Some(Cr2 {
            mean_row: centre,
            se: Some(se),
            df: Some(df),
            p: t_two_sided(centre / se, df),
            se_cr1: Some(se_cr1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flips_of_many_types_are_drawn_from_the_stated_seed() {
        let means: Vec<f64> = (0..21).map(|i| f64::from(7 * i % 11 - 4) / 8.0).collect();
        let drawn = SignFlip::new(&means);
        // By a few lines of Python from the same seed; of all 2^21 patterns 0.18087 reach the sum.
        assert_eq!((drawn.p, drawn.seed), (Some(0.1832), Some(SEED)));
        assert_eq!(SignFlip::new(&means[..20]).seed, None);
    }
}
