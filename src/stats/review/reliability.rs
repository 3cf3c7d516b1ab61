//! Would another bank of the same kind order the countries alike?

use serde::Serialize;

use super::super::cells::mean;
use super::super::confirmatory::{Grid, Lens};
use super::super::correlation::pearson;
use super::super::figure::{Estimate, Figure};
use super::super::plan::Subject;
use super::super::table::{Id, Run};

/// Of the countries' leans in one run.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Reliability {
    /// (MS countries - MS rest)/MS countries over type means: the share of the variance of leans over so many types that
    /// other types of the kind would give again; not below zero.
    pub g: Option<f64>,
    /// Pearson's r over countries between every other scenario of each type and the rest.
    pub split_half: Option<f64>,
    /// What the whole bank has where a half has `split_half`: 2r/(1 + r). `None` where r is below zero, of which the formula makes
    /// what is no correlation.
    pub spearman_brown: Option<f64>,
    pub countries: usize,
    pub types: usize,
}

/// `reliability`, with three countries or more.
pub fn of_run(lens: &Lens<'_, '_>, subject: &Subject, run: &Run) -> Vec<Figure> {
    let estimate = reliability(lens, run);
    let key = lens.view.of_run("reliability", subject, run).question(lens.view.question(lens.question));
    estimate.map(|e| key.subset(&lens.all.name).figure(Estimate::Reliability(e))).into_iter().collect()
}

fn reliability(lens: &Lens<'_, '_>, run: &Run) -> Option<Reliability> {
    let contrast = lens.contrast(&[(1.0, run)], lens.all)?;
    let grids: Vec<Grid<'_>> =
        (0..contrast.countries.len()).filter_map(|at| Grid::new(&contrast, at)).collect();
    let mut kinds = grids.first()?.kinds.clone();
    kinds.retain(|kind| grids.iter().all(|grid| grid.kinds.contains(kind)));
    let (c, k) = (grids.len(), kinds.len());
    if c < 3 {
        return None;
    }
    let y: Vec<Vec<f64>> = grids
        .iter()
        .map(|grid| {
            let own = grid.kinds.iter().zip(&grid.type_means);
            own.filter(|(kind, _)| kinds.contains(kind)).map(|(_, mean)| *mean).collect()
        })
        .collect();
    let halves: Vec<(f64, f64)> = grids.iter().filter_map(|grid| half_means(grid, &kinds)).collect();
    let split_half = if halves.len() == c { pearson(&halves) } else { None };
    Some(Reliability {
        g: generalizability(&y, c, k),
        split_half,
        spearman_brown: split_half.and_then(spearman_brown),
        countries: c,
        types: k,
    })
}

fn spearman_brown(r: f64) -> Option<f64> {
    (r >= 0.0).then(|| 2.0 * r / (1.0 + r))
}

fn generalizability(y: &[Vec<f64>], c: usize, k: usize) -> Option<f64> {
    if k < 2 {
        return None;
    }
    let (cf, kf) = (c as f64, k as f64);
    let rows: Vec<f64> = y.iter().map(|of| of.iter().sum::<f64>() / kf).collect();
    let columns: Vec<f64> = (0..k).map(|t| y.iter().map(|of| of[t]).sum::<f64>() / cf).collect();
    let grand = rows.iter().sum::<f64>() / cf;
    let countries = kf * rows.iter().map(|r| (r - grand).powi(2)).sum::<f64>() / (cf - 1.0);
    let rest = y
        .iter()
        .zip(&rows)
        .flat_map(|(of, r)| of.iter().zip(&columns).map(move |(v, t)| (v - r - t + grand).powi(2)))
        .sum::<f64>()
        / ((cf - 1.0) * (kf - 1.0));
    (countries > 0.0).then(|| ((countries - rest) / countries).max(0.0))
}

/// Means over types of every other scenario in name order, and of the others; types of one scenario say nothing.
fn half_means(grid: &Grid<'_>, kinds: &[usize]) -> Option<(f64, f64)> {
    let (mut odd, mut even) = (Vec::new(), Vec::new());
    for kind in grid.kinds.iter().filter(|kind| kinds.contains(kind)) {
        let scenarios: Vec<(Id, f64)> = grid.scenarios_of(*kind);
        if scenarios.len() > 1 {
            let half = |from: usize| mean(scenarios.iter().skip(from).step_by(2).map(|(_, m)| *m));
            odd.push(half(0)?);
            even.push(half(1)?);
        }
    }
    Some((mean(odd)?, mean(even)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_that_disagree_have_no_whole() {
        let of = [-1.0, -0.96, -0.1, 0.0, 0.5, 1.0].map(spearman_brown);
        assert_eq!(of, [None, None, None, Some(0.0), Some(2.0 / 3.0), Some(1.0)]);
    }

    /// numpy, from the two mean squares. A type's means do not sum to nothing here, as they do over a whole bank.
    #[test]
    fn generalizability_agrees_with_numpy() {
        let of = |y: &[&[f64]]| {
            let y: Vec<Vec<f64>> = y.iter().map(|row| row.to_vec()).collect();
            generalizability(&y, y.len(), y[0].len())
        };
        for (y, g) in [
            (&[&[1.0, 2.0][..], &[0.0, -1.0], &[4.0, 3.5]][..], 0.940_092_165_898_618),
            (
                &[&[1.0, 2.0, 0.5], &[0.0, -1.0, 2.0], &[4.0, 3.5, 1.0], &[2.0, 2.5, -1.0]],
                0.252_631_578_947_368,
            ),
            // Less between countries than within: an estimate of none.
            (&[&[1.0, -2.0, 0.5], &[0.0, 3.0, -2.0], &[-1.0, 2.0, 1.0]], 0.0),
        ] {
            let found = of(y).expect("a coefficient");
            assert!((found - g).abs() < 1e-14, "{found} where {g} is right");
        }
        // One type does not tell countries from types; countries that do not differ have no variance to share.
        assert_eq!(of(&[&[1.0], &[2.0], &[4.0]]), None);
        assert_eq!(of(&[&[1.0, 2.0], &[2.0, 1.0], &[1.5, 1.5]]), None);
    }
}
