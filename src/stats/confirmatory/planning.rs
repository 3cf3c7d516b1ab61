//! What a next study would need: types and scenarios for an effect of interest.

use serde::Serialize;

use super::super::cells::mean;
use super::super::distributions::normal_quantile;
use super::super::settings::AnalysisSettings;
use super::super::student::t_quantile;
use super::components::within;
use super::grid::Grid;
use super::ladder::variance;

/// Variances to plan with, and the smallest banks that suffice.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Planning {
    /// Of the types' true means.
    pub between_types: f64,
    /// Of scenario means within their types.
    pub within_types: f64,
    /// For each effect of the settings and each number of scenarios in a type.
    pub needed: Vec<Needed>,
}

/// The smallest number of types that finds `effect` with the settings' alpha and power.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Needed {
    pub effect: f64,
    pub per_type: usize,
    /// `None`: out of reach, since the variance that more types do not lower is too large already, or more than a million
    /// would be needed.
    pub types: Option<u64>,
    pub scenarios: Option<u64>,
}

/// Scenarios in a type that are tried.
const PER_TYPE: [usize; 3] = [1, 3, 7];
/// More types than anybody writes.
const MOST_TYPES: u64 = 1_000_000;

/// `None` where every type has a single scenario.
pub fn planning(grid: &Grid<'_>, pair: Option<f64>, settings: &AnalysisSettings) -> Option<Planning> {
    let within_types = within(grid)?;
    let inverse = mean(grid.sizes().iter().map(|n| 1.0 / n))?;
    if grid.kinds.len() < 2 {
        return None;
    }
    let between_types = variance(&grid.type_means) - within_types * inverse;
    let floor = pair.unwrap_or(0.0).max(0.0) / grid.opponents.len() as f64;
    let mut needed = Vec::new();
    for &effect in &settings.power.effects {
        for per_type in PER_TYPE {
            let a_type = between_types.max(0.0) + within_types / per_type as f64;
            let types = types_needed(a_type, floor, effect, settings);
            needed.push(Needed { effect, per_type, types, scenarios: types.map(|k| k * per_type as u64) });
        }
    }
    Some(Planning { between_types, within_types, needed })
}

/// The smallest K with (t(1 - alpha/2) + t(power))² (a_type/K + floor) <= effect², on K - 1 degrees of freedom.
fn types_needed(a_type: f64, floor: f64, effect: f64, settings: &AnalysisSettings) -> Option<u64> {
    let (alpha, power) = (settings.power.alpha, settings.power.power);
    let z = normal_quantile(1.0 - alpha / 2.0) + normal_quantile(power);
    if z * z * floor >= effect * effect {
        return None;
    }
    let enough = |k: u64| {
        let df = (k - 1) as f64;
        let sum = t_quantile(1.0 - alpha / 2.0, df).zip(t_quantile(power, df)).map(|(a, b)| a + b);
        sum.is_some_and(|sum| sum * sum * (a_type / k as f64 + floor) <= effect * effect)
    };
    // With the normal quantiles, which are a little too small, it would be this many.
    let mut low = (z * z * a_type / (effect * effect - z * z * floor)).ceil().max(2.0) as u64;
    let mut high = low;
    let mut step = 1;
    while high <= MOST_TYPES && !enough(high) {
        low = high + 1;
        high += step;
        step *= 2;
    }
    if high > MOST_TYPES {
        return None;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if enough(middle) { high = middle } else { low = middle + 1 }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By a plain search upwards from two types, in Python with scipy's quantiles.
    #[test]
    fn the_smallest_number_of_types_that_suffices() {
        for (a_type, floor, effect, (alpha, power), types) in [
            (0.04, 0.0, 0.25, (0.05, 0.8), Some(8)),
            (0.04, 0.0, 0.5, (0.05, 0.8), Some(4)),
            (0.04, 0.0, 1.0, (0.05, 0.8), Some(3)),
            (1.0, 0.0, 0.25, (0.05, 0.8), Some(128)),
            (0.3, 0.005, 0.25, (0.05, 0.8), Some(107)),
            (0.3, 0.0079, 0.25, (0.05, 0.8), Some(5015)),
            (2.0, 0.002, 0.2, (0.01, 0.9), Some(2918)),
            (50.0, 0.0, 0.25, (0.05, 0.8), Some(6282)),
            (0.02, 0.001, 0.25, (0.2, 0.3), Some(2)),
            (0.0, 0.004, 0.25, (0.05, 0.8), Some(5)),
            // A power below one half, and effects above one.
            (0.3, 0.0, 0.25, (0.2, 0.3), Some(5)),
            (0.3, 0.0, 0.25, (0.05, 0.1), Some(6)),
            (2.0, 0.04, 0.25, (0.05, 0.1), Some(28)),
            (0.02, 0.08, 0.25, (0.05, 0.1), Some(11)),
            (10.0, 0.0, 4.0, (0.05, 0.8), Some(8)),
            (10.0, 0.6, 4.0, (0.05, 0.8), Some(10)),
            (10.0, 1.5, 4.0, (0.05, 0.8), Some(27)),
            // More types do not lower what pairs add: (1.96 + 0.84)² 0.008 > 0.25².
            (0.3, 0.008, 0.25, (0.05, 0.8), None),
            // More than a million.
            (75.0, 0.0079, 0.25, (0.05, 0.8), None),
        ] {
            let mut settings = AnalysisSettings::default();
            (settings.power.alpha, settings.power.power) = (alpha, power);
            assert_eq!(types_needed(a_type, floor, effect, &settings), types, "{a_type} {floor} {effect}");
        }
    }
}
