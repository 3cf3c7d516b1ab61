//! Components of variance from the cells, by Henderson's third method in closed form.

use serde::Serialize;

use super::super::cells::mean;
use super::grid::Grid;

/// Variances in squared log-odds. They are estimated without a floor: one below zero is none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Components {
    #[serde(rename = "type")]
    pub kind: f64,
    pub scenario: f64,
    pub opponent: f64,
    pub opponent_type: f64,
    pub cell: f64,
}

/// `None` where a cell is missing, and where a mean square has no degree of freedom.
pub fn components(grid: &Grid<'_>) -> Option<Components> {
    let cells = grid.complete()?;
    let sizes = grid.sizes();
    let (j, k) = (grid.opponents.len(), grid.kinds.len());
    if j < 2 || k < 2 {
        return None;
    }
    let (jf, kf, sf) = (j as f64, k as f64, grid.scenarios() as f64);
    let all: Vec<f64> = grid.scenario_means.iter().flatten().copied().collect();
    let grand = mean(all)?;
    let centres: Vec<f64> =
        grid.scenario_means.iter().filter_map(|means| mean(means.iter().copied())).collect();
    let types =
        jf * sizes.iter().zip(&centres).map(|(n, m)| n * (m - grand).powi(2)).sum::<f64>() / (kf - 1.0);
    let scenarios = jf * within(grid)?;

    // What is left of a cell without its scenario's mean: by opponent, and by opponent and type.
    let mut by_type = vec![vec![0.0; j]; k];
    let mut squares = 0.0;
    for (of_type, sums) in cells.iter().zip(&mut by_type) {
        for scenario in of_type {
            let centre = mean(scenario.iter().copied())?;
            for (cell, sum) in scenario.iter().zip(sums.iter_mut()) {
                *sum += cell - centre;
                squares += (cell - centre).powi(2);
            }
        }
    }
    let by_opponent: Vec<f64> =
        (0..j).map(|o| by_type.iter().map(|sums| sums[o]).sum::<f64>() / sf).collect();
    let of_opponents = sf * by_opponent.iter().map(|e| e * e).sum::<f64>();
    let of_both: f64 = by_type
        .iter()
        .zip(&sizes)
        .flat_map(|(sums, n)| sums.iter().zip(&by_opponent).map(move |(sum, e)| n * (sum / n - e).powi(2)))
        .sum();
    let opponents = of_opponents / (jf - 1.0);
    let opponent_types = of_both / ((jf - 1.0) * (kf - 1.0));
    let cell = (squares - of_opponents - of_both) / ((jf - 1.0) * (sf - kf));

    let n2 = sizes.iter().map(|n| n * n).sum::<f64>() / sf;
    let n0 = (sf - n2) / (kf - 1.0);
    let opponent_type = (opponent_types - cell) / n0;
    let scenario = (scenarios - cell) / jf;
    Some(Components {
        kind: (types - cell - jf * scenario - n0 * opponent_type) / (jf * n0),
        scenario,
        opponent: (opponents - cell - n2 * opponent_type) / sf,
        opponent_type,
        cell,
    })
}

/// The mean square of scenario means within their types; `None` where every type has one scenario.
pub fn within(grid: &Grid<'_>) -> Option<f64> {
    let freedom = grid.scenarios().checked_sub(grid.kinds.len()).filter(|df| *df > 0)?;
    let mut squares = 0.0;
    for means in &grid.scenario_means {
        let centre = mean(means.iter().copied())?;
        squares += means.iter().map(|m| (m - centre).powi(2)).sum::<f64>();
    }
    Some(squares / freedom as f64)
}
