//! The role scale: a lean over what swapping the roles does, which sharper answers leave as it is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::cells::{Question, Subset, mean};
use super::super::cluster::is_spread;
use super::super::distributions::t_two_sided;
use super::super::student::t_quantile;
use super::super::table::{Id, Run, Table};
use super::grid::Grid;
use super::ladder::variance;

/// Exploratory: thought of after the data were seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct RoleScaled {
    /// Lean over role effect.
    pub estimate: f64,
    /// By a jackknife over types.
    pub se: Option<f64>,
    pub df: usize,
    /// Half-width of the 95 % interval.
    pub ci: Option<f64>,
    pub p: Option<f64>,
    /// Root mean square of what swapping the roles does, log-odds; a shift has none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_effect: Option<f64>,
}

/// By type: the mean over (scenario, question) of the squared mean over pairs of (diff_fwd - diff_rev)/2.
pub type Squares = BTreeMap<Id, f64>;

/// Of a run's rows, whoever fills the roles.
pub fn squares(table: &Table, run: &Run, question: Question, subset: &Subset) -> Squares {
    let sides = question.sides();
    let mut sums: BTreeMap<(Id, Id), (f64, usize)> = BTreeMap::new();
    let asked = |id: Id| sides.iter().any(|(side, _)| *side == id);
    for row in run.rows.iter().filter(|row| asked(row.question) && subset.has(row.scenario)) {
        let (sum, n) = sums.entry((row.scenario, row.question)).or_default();
        *sum += (row.diff_fwd - row.diff_rev) / 2.0;
        *n += 1;
    }
    let mut by_type: BTreeMap<Id, Vec<f64>> = BTreeMap::new();
    for ((scenario, _), (sum, n)) in sums {
        let kind = table.type_of.get(scenario as usize).copied().unwrap_or_default();
        by_type.entry(kind).or_default().push((sum / n as f64).powi(2));
    }
    by_type.into_iter().filter_map(|(kind, squares)| Some((kind, mean(squares)?))).collect()
}

/// Root mean square over all types.
pub fn effect(squares: &Squares) -> Option<f64> {
    Some(mean(squares.values().copied())?.sqrt())
}

/// One run's part of the estimate: its sign, the country's cells in it, its role squares.
pub type Part<'a> = (f64, &'a Grid<'a>, &'a Squares);

/// The sum over parts of sign * mean over types / root mean square role effect. `None` where a run's roles do nothing, or
/// no type is in all parts.
pub fn role_scaled(parts: &[Part<'_>]) -> Option<RoleScaled> {
    let kinds_of =
        |grid: &Grid<'_>| -> Vec<Id> { grid.kinds.iter().map(|k| grid.contrast.kinds[*k].0).collect() };
    let (_, first, _) = parts.first()?;
    let mut kinds = kinds_of(first);
    kinds.retain(|kind| {
        parts.iter().all(|(_, grid, squares)| kinds_of(grid).contains(kind) && squares.contains_key(kind))
    });
    // By part, by type: the mean and the square.
    let mut values: Vec<(f64, Vec<(f64, f64)>)> = Vec::new();
    for (sign, grid, squares) in parts {
        let of_grid = kinds_of(grid);
        let of_kind = |kind: &Id| {
            let at = of_grid.iter().position(|k| k == kind)?;
            Some((*grid.type_means.get(at)?, *squares.get(kind)?))
        };
        values.push((*sign, kinds.iter().map(of_kind).collect::<Option<Vec<_>>>()?));
    }
    // Without one type, or with all.
    let ratio = |without: Option<usize>| {
        let mut sum = 0.0;
        for (sign, of_part) in &values {
            let kept = || of_part.iter().enumerate().filter(|(at, _)| Some(*at) != without).map(|(_, v)| *v);
            let square = mean(kept().map(|(_, square)| square))?;
            let top = mean(kept().map(|(mean, _)| mean))?;
            sum += sign * top / Some(square.sqrt()).filter(|root| *root > 0.0)?;
        }
        Some(sum)
    };
    let estimate = ratio(None)?;
    let k = kinds.len();
    // Without its only type there is no ratio.
    let ratios: Option<Vec<f64>> = (0..k).map(|at| ratio(Some(at))).collect();
    let se = ratios.map(|values| (k - 1) as f64 * (variance(&values) / k as f64).sqrt());
    let se = se.filter(|se| se.is_finite() && is_spread(*se, estimate));
    let df = (k - 1) as f64;
    Some(RoleScaled {
        estimate,
        se,
        df: k - 1,
        ci: se.and_then(|se| Some(se * t_quantile(0.975, df)?)),
        p: se.and_then(|se| t_two_sided(estimate / se, df)),
        role_effect: match parts {
            [(_, _, squares)] => effect(squares),
            _ => None,
        },
    })
}
