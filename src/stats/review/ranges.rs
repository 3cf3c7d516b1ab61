//! How far an estimate moves when one opponent, or one type of scenario, is left out.

use serde::Serialize;

use super::super::cells::mean;
use super::super::confirmatory::{Grid, Lens};
use super::super::figure::{Estimate, Figure, Named};
use super::super::plan::Subject;
use super::super::shift::{StepKind, steps};
use super::super::table::Run;

#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct LeaveOneOut {
    /// By what is left out, log-odds.
    pub opponents: Named<f64>,
    pub types: Named<f64>,
    /// Least and greatest.
    pub opponent_range: Option<[f64; 2]>,
    pub type_range: Option<[f64; 2]>,
    /// Whether each of them has the sign of the whole.
    pub sign_holds: bool,
}

/// `leave_one_out`.
pub fn of_run(lens: &Lens<'_, '_>, subject: &Subject, run: &Run) -> Vec<Figure> {
    let Some(contrast) = lens.contrast(&[(1.0, run)], lens.all) else { return Vec::new() };
    let grids =
        contrast.countries.iter().enumerate().filter_map(|(at, id)| Some((*id, Grid::new(&contrast, at)?)));
    grids
        .map(|(country, grid)| {
            let key = lens.selection(lens.view.of_run("leave_one_out", subject, run), country, lens.all);
            key.figure(Estimate::LeaveOneOut(LeaveOneOut::new(lens, &grid)))
        })
        .collect()
}

/// `leave_one_out_shift`, of each family's routed shift.
pub fn of_shifts(lens: &Lens<'_, '_>, out: &mut Vec<Figure>) {
    for step in steps(lens.view).iter().filter(|step| step.kind == StepKind::Ends) {
        let Some(contrast) = lens.contrast(&[(1.0, step.to), (-1.0, step.from)], lens.all) else { continue };
        for (at, &country) in contrast.countries.iter().enumerate() {
            let Some(grid) = Grid::new(&contrast, at) else { continue };
            let key = lens.selection(step.key(lens.view, "leave_one_out_shift"), country, lens.all);
            out.push(key.figure(Estimate::LeaveOneOut(LeaveOneOut::new(lens, &grid))));
        }
    }
}

impl LeaveOneOut {
    fn new(lens: &Lens<'_, '_>, grid: &Grid<'_>) -> LeaveOneOut {
        let contrast = grid.contrast;
        let opponent = |at: usize| lens.view.country(contrast.countries[grid.opponents[at]]).to_owned();
        let without_opponent = |at: usize| {
            let of_kind = |kind: &usize| {
                let column = grid.column(*kind).into_iter().enumerate();
                mean(column.filter(|(o, v)| *o != at && !v.is_nan()).map(|(_, v)| v))
            };
            mean(grid.kinds.iter().filter_map(of_kind))
        };
        let without_type =
            |at: usize| mean(grid.type_means.iter().enumerate().filter(|(k, _)| *k != at).map(|(_, m)| *m));
        let kind = |at: usize| lens.view.table.types.name(contrast.kinds[grid.kinds[at]].0).to_owned();
        let opponents: Named<f64> =
            (0..grid.opponents.len()).filter_map(|at| Some((opponent(at), without_opponent(at)?))).collect();
        let types: Named<f64> =
            (0..grid.kinds.len()).filter_map(|at| Some((kind(at), without_type(at)?))).collect();
        let whole = grid.estimate();
        let holds = |values: &Named<f64>| values.iter().all(|(_, v)| v * whole > 0.0);
        LeaveOneOut {
            opponent_range: range(&opponents),
            type_range: range(&types),
            sign_holds: holds(&opponents) && holds(&types),
            opponents,
            types,
        }
    }
}

fn range(values: &Named<f64>) -> Option<[f64; 2]> {
    let least = values.iter().map(|(_, v)| *v).min_by(f64::total_cmp)?;
    let greatest = values.iter().map(|(_, v)| *v).max_by(f64::total_cmp)?;
    Some([least, greatest])
}
