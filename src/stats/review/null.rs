//! How large are effects where there is nothing to find? Invented countries and neutral controls as an empirical null.

use serde::Serialize;

use super::super::cells::mean;
use super::super::confirmatory::{Grid, Lens};
use super::super::distributions::t_two_sided;
use super::super::figure::{Estimate, Figure};
use super::super::settings::NULL_CONDITIONS;
use super::super::student::t_quantile;
use super::super::table::{Id, Run};

/// A lean with the spread of the null added to its variance.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct EmpiricalNull {
    pub estimate: f64,
    /// Crossed, as it stands.
    pub p: Option<f64>,
    /// Countries of the null condition.
    pub effects: usize,
    /// Their largest lean, either way, log-odds.
    pub largest_effect: f64,
    /// Root of tau² = max(0, mean of e_i² - V_i), log-odds.
    pub tau: f64,
    /// Root of V + tau².
    pub se: Option<f64>,
    /// One less than the effects.
    pub df: usize,
    pub ci: Option<f64>,
    pub p_calibrated: Option<f64>,
}

/// A run's leans in a null condition: each with the variance of its crossed interval; none where it has none, which makes
/// tau larger.
fn effects(lens: &Lens<'_, '_>, run: &Run) -> Vec<(f64, f64)> {
    let Some(contrast) = lens.contrast(&[(1.0, run)], lens.all) else { return Vec::new() };
    let grids = (0..contrast.countries.len()).filter_map(|at| Grid::new(&contrast, at));
    grids
        .map(|grid| {
            let estimate = lens.estimate(&grid);
            let se = estimate.crossed.and_then(|c| c.se).unwrap_or(0.0);
            (estimate.estimate, se * se)
        })
        .collect()
}

/// The conditions in which nothing is to be found.
pub fn conditions(lens: &Lens<'_, '_>) -> Vec<Id> {
    let known = &lens.view.table.conditions;
    match &lens.view.plan.analysis.null_conditions {
        Some(names) => names.iter().filter_map(|name| known.id(name)).collect(),
        None => NULL_CONDITIONS.iter().filter_map(|name| known.id(name)).collect(),
    }
}

/// `empirical_null/<language>/<checkpoint>/<null condition>/<country>/...`, for every routed lean of which the
/// checkpoint has such a condition in the language.
pub fn figures(lens: &Lens<'_, '_>, out: &mut Vec<Figure>) {
    let view = lens.view;
    for condition in conditions(lens) {
        for (subject, run) in view.runs().filter(|(s, _)| s.routed && s.condition != condition) {
            let Some(null) = view.table.run(subject.model, subject.language, condition) else { continue };
            let effects = effects(lens, null);
            // A pair has two countries, so that there are none or several.
            let Some(excess) = mean(effects.iter().map(|(e, v)| e * e - v)) else { continue };
            let tau = excess.max(0.0).sqrt();
            let largest_effect = effects.iter().map(|(e, _)| e.abs()).fold(0.0, f64::max);
            let Some(contrast) = lens.contrast(&[(1.0, run)], lens.all) else { continue };
            for (at, &country) in contrast.countries.iter().enumerate() {
                let Some(grid) = Grid::new(&contrast, at) else { continue };
                let lean = lens.estimate(&grid);
                let crossed = lean.crossed;
                let se = crossed.and_then(|c| c.se).map(|se| se.hypot(tau));
                let df = effects.len() - 1;
                let estimate = EmpiricalNull {
                    estimate: lean.estimate,
                    p: crossed.and_then(|c| c.p),
                    effects: effects.len(),
                    largest_effect,
                    tau,
                    se,
                    df,
                    ci: se.and_then(|se| Some(se * t_quantile(0.975, df as f64)?)),
                    p_calibrated: se.and_then(|se| t_two_sided(lean.estimate / se, df as f64)),
                };
                let key = view.of_run("empirical_null", subject, run).made_of([null]);
                let key = lens.selection(key.name(view.table.conditions.name(condition)), country, lens.all);
                out.push(key.figure(Estimate::EmpiricalNull(estimate)));
            }
        }
    }
}
