//! A country's favourability taken apart: by opponent, by scenario type, by a contrast of types; and with two-way clustering.

use serde::Serialize;

use super::cells::{Cell, mean, type_means};
use super::cluster::Averages;
use super::figure::{Estimate, Figure, Named};
use super::table::Id;
use super::view::View;

/// Named scenario types against the rest; means over cells.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Contrast {
    pub inside: Option<f64>,
    pub outside: Option<f64>,
    pub difference: Option<f64>,
}

/// The mean over cells with a standard error that lets both opponents and scenarios vary.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct TwoWay {
    pub mean_row: f64,
    /// `None` where the variance estimate is negative, as inclusion and exclusion can make it, and where there is only
    /// one opponent or one scenario.
    pub se: Option<f64>,
}

pub fn figures(view: &View<'_>, out: &mut Vec<Figure>) {
    for (subject, run) in view.runs() {
        for (country, question, subset) in view.selections(run) {
            let cells = view.cells(run, country, question, subset);
            if cells.is_empty() {
                continue;
            }
            let head = |group| view.of_run(group, subject, run);
            let key = |group| head(group).selection(view, country, question, subset);
            out.push(key("opponents").figure(Estimate::Opponents(opponents(view, &cells))));
            out.push(key("topics").figure(Estimate::Topics(topics(view, &cells))));
            for contrast in &view.plan.analysis.type_contrast {
                if let Some(estimate) = type_contrast(view, &contrast.types, &cells) {
                    let key = head("type_contrast").name(&contrast.name);
                    let key = key.selection(view, country, question, subset);
                    out.push(key.figure(Estimate::Contrast(estimate)));
                }
            }
            if let Some(estimate) = two_way(view, &cells) {
                out.push(key("two_way").figure(Estimate::TwoWay(estimate)));
            }
        }
    }
}

fn opponents(view: &View<'_>, cells: &[Cell]) -> Named<Averages> {
    cells
        .chunk_by(|a, b| a.opponent == b.opponent)
        .filter_map(|chunk| {
            Some((view.country(chunk.first()?.opponent).to_owned(), Averages::new(view.table, chunk)?))
        })
        .collect()
}

fn topics(view: &View<'_>, cells: &[Cell]) -> Named<f64> {
    let name = |kind: Id| view.table.types.name(kind).to_owned();
    type_means(view.table, cells).into_iter().map(|(kind, mean)| (name(kind), mean)).collect()
}

/// `None` where the table has none of the types.
fn type_contrast(view: &View<'_>, types: &[String], cells: &[Cell]) -> Option<Contrast> {
    let named: Vec<Id> = types.iter().filter_map(|name| view.table.types.id(name)).collect();
    if named.is_empty() {
        return None;
    }
    let is_named =
        |cell: &&Cell| view.table.type_of.get(cell.scenario as usize).is_some_and(|t| named.contains(t));
    let inside = mean(cells.iter().filter(is_named).map(|c| c.value));
    let outside = mean(cells.iter().filter(|c| !is_named(c)).map(|c| c.value));
    let difference = inside.zip(outside).map(|(inside, outside)| inside - outside);
    Some(Contrast { inside, outside, difference })
}

/// Residuals e = cell - mean; variance = (Σ over opponents of (Σe)² + Σ over scenarios of (Σe)² - Σe²) / n².
fn two_way(view: &View<'_>, cells: &[Cell]) -> Option<TwoWay> {
    let mean_row = mean(cells.iter().map(|c| c.value))?;
    let several =
        |group: fn(&Cell) -> Id| cells.iter().any(|c| cells.first().is_some_and(|f| group(f) != group(c)));
    let squares = |group: fn(&Cell) -> Id, groups: usize| {
        let mut sums = vec![0.0; groups];
        for cell in cells {
            if let Some(sum) = sums.get_mut(group(cell) as usize) {
                *sum += cell.value - mean_row;
            }
        }
        sums.iter().map(|sum| sum * sum).sum::<f64>()
    };
    let opponents = squares(|c| c.opponent, view.table.countries.len());
    let scenarios = squares(|c| c.scenario, view.table.scenarios.len());
    let single: f64 = cells.iter().map(|c| (c.value - mean_row).powi(2)).sum();
    let variance = (opponents + scenarios - single) / (cells.len() as f64).powi(2);
    // One opponent, or one scenario, says nothing about how opponents or scenarios vary.
    let varies = several(|c| c.opponent) && several(|c| c.scenario);
    Some(TwoWay { mean_row, se: (variance >= 0.0 && varies).then(|| variance.sqrt()) })
}
