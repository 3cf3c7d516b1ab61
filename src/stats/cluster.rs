//! The clustered set: an average with the interval and test that take scenario types, or scenarios, as the units.

use serde::Serialize;

use super::cells::{Cell, mean, scenario_means, type_means};
use super::distributions::{t_975, t_two_sided};
use super::table::{Id, Table};

/// The multiplier of `ci_z`.
const Z_975: f64 = 1.96;

/// Whether a spread is more than what rounding leaves of values that are all the same: above 1e-12 of their mean, and
/// above 1e-14 log-odds, which is what differences of equal scores of usual size leave.
pub fn is_spread(spread: f64, mean: f64) -> bool {
    spread > 1e-12 * mean.abs().max(1e-2)
}

/// A value below this is what rounding leaves of zero.
pub const ZERO: f64 = 1e-14;

/// A two-sided one-sample t-test of mean zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OneSample {
    pub n: usize,
    pub mean: f64,
    /// ddof 1.
    pub sd: Option<f64>,
    pub se: Option<f64>,
    pub t: Option<f64>,
    pub p: Option<f64>,
    pub df: usize,
}

impl OneSample {
    /// `None` without values. With one value, or values that do not vary but for rounding, what does not exist is `None`
    /// (and the spread is zero).
    pub fn new(values: &[f64]) -> Option<OneSample> {
        let n = values.len();
        let mean = mean(values.iter().copied())?;
        let df = n - 1;
        let sd =
            (df > 0).then(|| (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / df as f64).sqrt());
        let sd = sd.map(|sd| if is_spread(sd, mean) { sd } else { 0.0 });
        let se = sd.map(|sd| sd / (n as f64).sqrt());
        let t = se.filter(|se| *se > 0.0).map(|se| mean / se);
        let p = t.and_then(|t| t_two_sided(t, df as f64));
        Some(OneSample { n, mean, sd, se, t, p, df })
    }

    /// Half-width of the 95 % interval with the normal quantile 1.96.
    pub fn ci_z(&self) -> Option<f64> {
        self.se.map(|se| Z_975 * se)
    }

    /// Half-width of the 95 % interval with the t quantile.
    pub fn ci_t(&self) -> Option<f64> {
        Some(self.se? * t_975(self.df)?)
    }
}

/// The clustered set of FIGURES: units are scenario types; `scenario_*` takes scenarios.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Clustered {
    /// Mean over all cells.
    pub mean_row: f64,
    /// Mean over scenario types of the type's mean, types unweighted.
    pub mean_cluster: f64,
    pub se: Option<f64>,
    /// Half-widths.
    pub ci_z: Option<f64>,
    pub ci_t: Option<f64>,
    pub t: Option<f64>,
    pub p: Option<f64>,
    pub df: usize,
    /// Types present.
    pub clusters: usize,
    pub scenario_ci_z: Option<f64>,
    pub scenario_p: Option<f64>,
}

impl Clustered {
    /// `None` without cells.
    pub fn new(table: &Table, cells: &[Cell]) -> Option<Clustered> {
        let mean_row = mean(cells.iter().map(|c| c.value))?;
        let types = units(type_means(table, cells))?;
        let scenarios = units(scenario_means(table, cells))?;
        Some(Clustered {
            mean_row,
            mean_cluster: types.mean,
            se: types.se,
            ci_z: types.ci_z(),
            ci_t: types.ci_t(),
            t: types.t,
            p: types.p,
            df: types.df,
            clusters: types.n,
            scenario_ci_z: scenarios.ci_z(),
            scenario_p: scenarios.p,
        })
    }

    pub fn averages(&self) -> Averages {
        Averages { mean_row: self.mean_row, mean_cluster: self.mean_cluster }
    }
}

fn units(means: Vec<(Id, f64)>) -> Option<OneSample> {
    OneSample::new(&means.into_iter().map(|(_, mean)| mean).collect::<Vec<_>>())
}

/// The two averages of a set of cells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Averages {
    pub mean_row: f64,
    pub mean_cluster: f64,
}

impl Averages {
    /// `None` without cells.
    pub fn new(table: &Table, cells: &[Cell]) -> Option<Averages> {
        Some(Averages {
            mean_row: mean(cells.iter().map(|c| c.value))?,
            mean_cluster: mean(type_means(table, cells).into_iter().map(|(_, m)| m))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_by_hand() {
        // Mean 2, sd 1, se 1/√3, t 2√3, df 2.
        let test = OneSample::new(&[1.0, 2.0, 3.0]).expect("values");
        assert_eq!((test.n, test.mean, test.sd, test.df), (3, 2.0, Some(1.0), 2));
        let root = 12f64.sqrt();
        assert!((test.t.expect("t") - root).abs() < 1e-14);
        assert!((test.p.expect("p") - (1.0 - root / (14f64).sqrt())).abs() < 1e-14);
        assert!((test.ci_t().expect("ci") - 4.30265272974946 / 3f64.sqrt()).abs() < 1e-12);
        assert!((test.ci_z().expect("ci") - 1.96 / 3f64.sqrt()).abs() < 1e-15);
        // Deviations of 1.5 and 0.5 either way: sd √(5/3), off zero t is 2.5 / (√(5/3) / 2).
        let test = OneSample::new(&[1.0, 2.0, 3.0, 4.0]).expect("values");
        let sd = (5.0f64 / 3.0).sqrt();
        let near = |found: Option<f64>, right: f64| (found.expect("a value") - right).abs() < 1e-14;
        assert!(near(test.sd, sd) && near(test.se, sd / 2.0) && near(test.t, 5.0 / sd), "{test:?}");
    }

    /// The bound is in parts of the mean, and where that is small in log-odds.
    #[test]
    fn a_spread_is_more_than_rounding_leaves() {
        for (spread, mean, is) in [
            (1.01e-14, 0.0, true),
            (0.99e-14, 0.0, false),
            (1.01e-14, -0.005, true),
            (0.99e-14, 0.005, false),
            (1e-12, 1.0, false),
            (4.04e-12, -4.0, true),
            (3.96e-12, 4.0, false),
            (0.0, 0.0, false),
            (f64::NAN, 1.0, false),
        ] {
            assert_eq!(is_spread(spread, mean), is, "{spread} {mean}");
        }
    }

    #[test]
    fn what_does_not_exist_is_none() {
        assert_eq!(OneSample::new(&[]), None);
        let one = OneSample::new(&[3.0]).expect("a value");
        assert_eq!((one.mean, one.se, one.t, one.p, one.df, one.ci_t()), (3.0, None, None, None, 0, None));
        let flat = OneSample::new(&[2.0, 2.0]).expect("values");
        assert_eq!((flat.se, flat.t, flat.p), (Some(0.0), None, None));
    }
}
