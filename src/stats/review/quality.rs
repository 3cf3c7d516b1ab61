//! Which scenarios go with the others, and which against them?

use serde::Serialize;

use super::super::compliance::quantile;
use super::super::confirmatory::{Contrast, Lens};
use super::super::figure::{Estimate, Figure, Named};
use super::super::plan::Subject;
use super::super::table::Run;

/// By scenario, the correlation over pairs of countries between it and the mean of all other scenarios. Either country
/// of a pair may stand first, so it is taken about zero: the sum of xy over the root of the sums of x² and y².
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ItemQuality {
    pub median: Option<f64>,
    pub least: Option<f64>,
    /// How many scenarios go against the rest.
    pub below_zero: usize,
    pub scenarios: Named<Option<f64>>,
}

/// `item_quality`, with two scenarios and three pairs or more.
pub fn of_run(lens: &Lens<'_, '_>, subject: &Subject, run: &Run) -> Vec<Figure> {
    let Some(contrast) = lens.contrast(&[(1.0, run)], lens.all) else { return Vec::new() };
    let n = contrast.countries.len();
    if contrast.scenarios.len() < 2 || n < 3 {
        return Vec::new();
    }
    let pairs: Vec<(usize, usize)> = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).collect();
    let sums: Vec<(f64, usize)> = pairs.iter().map(|(a, b)| present(&contrast, *a, *b)).collect();
    let of_scenario = |at: usize| {
        let mut products = [0.0; 3];
        for ((a, b), (sum, count)) in pairs.iter().zip(&sums) {
            let own = contrast.cell(*a, *b, at);
            if own.is_nan() || *count < 2 {
                continue;
            }
            let rest = (sum - own) / (*count as f64 - 1.0);
            products.iter_mut().zip([own * rest, own * own, rest * rest]).for_each(|(s, x)| *s += x);
        }
        let [xy, xx, yy] = products;
        let scale = xx.sqrt() * yy.sqrt();
        (scale > 0.0).then(|| xy / scale)
    };
    let scenarios: Named<Option<f64>> = (0..contrast.scenarios.len())
        .map(|at| (lens.view.table.scenarios.name(contrast.scenarios[at]).to_owned(), of_scenario(at)))
        .collect();
    let mut sorted: Vec<f64> = scenarios.iter().filter_map(|(_, r)| *r).collect();
    sorted.sort_by(f64::total_cmp);
    let estimate = ItemQuality {
        median: quantile(&sorted, 0.5),
        least: sorted.first().copied(),
        below_zero: sorted.iter().filter(|r| **r < 0.0).count(),
        scenarios,
    };
    let key = lens.view.of_run("item_quality", subject, run).question(lens.view.question(lens.question));
    vec![key.subset(&lens.all.name).figure(Estimate::ItemQuality(estimate))]
}

/// The sum over a pair's cells, and how many there are.
fn present(contrast: &Contrast, a: usize, b: usize) -> (f64, usize) {
    let cells = (0..contrast.scenarios.len()).map(|s| contrast.cell(a, b, s)).filter(|v| !v.is_nan());
    cells.fold((0.0, 0), |(sum, n), v| (sum + v, n + 1))
}
