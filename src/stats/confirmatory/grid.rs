//! One country's cells in a contrast, cut to types in which every opponent has some.

use super::super::table::Id;
use super::contrast::{Contrast, present_mean};

/// A country against its opponents, type by type. Places are those of the contrast.
pub struct Grid<'c> {
    pub contrast: &'c Contrast,
    pub country: usize,
    pub opponents: Vec<usize>,
    pub kinds: Vec<usize>,
    /// Opponents left out because they have cells in fewer than half of the types.
    pub dropped_opponents: Vec<usize>,
    /// Types left out because an opponent has no cell in them.
    pub dropped_kinds: Vec<usize>,
    /// Whether every opponent has a cell in every type; where not even two types would be left, none is left out.
    pub crossed: bool,
    /// By type: means over the opponents of the means over the opponent's cells.
    pub type_means: Vec<f64>,
    /// By type, by scenario: means over the opponents' cells.
    pub scenario_means: Vec<Vec<f64>>,
}

impl<'c> Grid<'c> {
    /// `None` where the country has no cells.
    pub fn new(contrast: &'c Contrast, country: usize) -> Option<Grid<'c>> {
        let has = |o: usize, k: usize| !contrast.type_mean(country, o, k).is_nan();
        let all_kinds = 0..contrast.kinds.len();
        let asked: Vec<usize> = (0..contrast.countries.len())
            .filter(|o| *o != country && all_kinds.clone().any(|k| has(*o, k)))
            .collect();
        let kinds: Vec<usize> = all_kinds.filter(|k| asked.iter().any(|o| has(*o, *k))).collect();
        if asked.is_empty() {
            return None;
        }
        let often = |o: &usize| 2 * kinds.iter().filter(|k| has(*o, **k)).count() >= kinds.len();
        let (often_asked, seldom): (Vec<usize>, Vec<usize>) = asked.iter().copied().partition(often);
        let (whole, holed): (Vec<usize>, Vec<usize>) =
            kinds.iter().copied().partition(|k| often_asked.iter().all(|o| has(*o, *k)));
        let enough = !often_asked.is_empty() && whole.len() >= kinds.len().min(2);
        let mut grid = Grid {
            contrast,
            country,
            opponents: if enough { often_asked } else { asked },
            kinds: if enough { whole } else { kinds },
            dropped_opponents: if enough { seldom } else { Vec::new() },
            dropped_kinds: if enough { holed } else { Vec::new() },
            crossed: enough,
            type_means: Vec::new(),
            scenario_means: Vec::new(),
        };
        grid.type_means = grid.kinds.iter().map(|k| present_mean(&grid.column(*k))).collect();
        grid.scenario_means = grid.kinds.iter().map(|k| grid.scenario_means_of(*k)).collect();
        Some(grid)
    }

    /// By opponent: the mean over the cells of a type.
    pub fn column(&self, kind: usize) -> Vec<f64> {
        self.opponents.iter().map(|o| self.contrast.type_mean(self.country, *o, kind)).collect()
    }

    /// By opponent: the cells of a scenario.
    pub fn cells(&self, scenario: usize) -> Vec<f64> {
        self.opponents.iter().map(|o| self.contrast.cell(self.country, *o, scenario)).collect()
    }

    fn scenario_means_of(&self, kind: usize) -> Vec<f64> {
        self.scenarios_of(kind).into_iter().map(|(_, mean)| mean).collect()
    }

    /// The scenarios of a type that the country has, each with the mean over its opponents' cells.
    pub fn scenarios_of(&self, kind: usize) -> Vec<(Id, f64)> {
        let (_, places) = &self.contrast.kinds[kind];
        let of_scenario = |s: usize| (self.contrast.scenarios[s], present_mean(&self.cells(s)));
        places.clone().map(of_scenario).filter(|(_, mean)| !mean.is_nan()).collect()
    }

    /// The mean over types.
    pub fn estimate(&self) -> f64 {
        present_mean(&self.type_means)
    }

    pub fn scenarios(&self) -> usize {
        self.scenario_means.iter().map(Vec::len).sum()
    }

    /// By type: how many scenarios it has.
    pub fn sizes(&self) -> Vec<f64> {
        self.scenario_means.iter().map(|means| means.len() as f64).collect()
    }

    /// Every cell, by type, by scenario, by opponent, where none is missing.
    pub fn complete(&self) -> Option<Vec<Vec<Vec<f64>>>> {
        let of_kind = |k: &usize| -> Vec<Vec<f64>> {
            self.contrast.kinds[*k].1.clone().map(|s| self.cells(s)).collect()
        };
        let cells: Vec<Vec<Vec<f64>>> = self.kinds.iter().map(of_kind).collect();
        let whole = !cells.iter().flatten().flatten().any(|v| v.is_nan());
        (self.crossed && whole).then_some(cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first country's cells [opponent][type], one scenario a type; the others are all there.
    fn contrast(asked: [[bool; 4]; 3]) -> Contrast {
        let own = asked.into_iter().enumerate().flat_map(|(o, types)| {
            types.map(|there| if there { (o + 1) as f64 } else { f64::NAN }).into_iter().enumerate()
        });
        let own = own.map(|(kind, value)| value * (kind + 1) as f64);
        Contrast::of_cells(4, &[1; 4], own.chain([0.5; 12]).collect())
    }

    #[test]
    fn what_is_seldom_asked_is_left_out_where_two_types_stay() {
        let (yes, no) = (true, false);
        // Opponents and types that stay, what is left out of either, and whether every cell is there.
        type Left<'a> = (&'a [usize], &'a [usize], &'a [usize], &'a [usize], bool);
        let cases: [([[bool; 4]; 3], Left<'_>, &[f64]); 5] = [
            ([[yes; 4]; 3], (&[1, 2, 3], &[0, 1, 2, 3], &[], &[], yes), &[2.0, 4.0, 6.0, 8.0]),
            // One in a quarter of the types, one in three quarters.
            (
                [[yes; 4], [yes, yes, yes, no], [yes, no, no, no]],
                (&[1, 2], &[0, 1, 2], &[3], &[3], yes),
                &[1.5, 3.0, 4.5],
            ),
            // Half of the types is often enough.
            ([[yes; 4], [yes, yes, no, no], [yes; 4]], (&[1, 2, 3], &[0, 1], &[], &[2, 3], yes), &[2.0, 4.0]),
            // No type would be left, or no opponent: all stay.
            (
                [[yes, yes, no, no], [no, no, yes, yes], [yes; 4]],
                (&[1, 2, 3], &[0, 1, 2, 3], &[], &[], no),
                &[2.0, 4.0, 7.5, 10.0],
            ),
            (
                [[yes, no, no, no], [no, yes, no, no], [no, no, yes, no]],
                (&[1, 2, 3], &[0, 1, 2], &[], &[], no),
                &[1.0, 4.0, 9.0],
            ),
        ];
        for (asked, expected, means) in cases {
            let contrast = contrast(asked);
            let grid = Grid::new(&contrast, 0).expect("cells");
            let dropped = (grid.dropped_opponents.as_slice(), grid.dropped_kinds.as_slice());
            let found =
                (grid.opponents.as_slice(), grid.kinds.as_slice(), dropped.0, dropped.1, grid.crossed);
            assert_eq!(found, expected);
            assert_eq!(grid.type_means, means);
            assert_eq!(grid.complete().is_some(), expected.4);
        }
        assert!(Grid::new(&contrast([[no; 4]; 3]), 0).is_none());
    }
}
