//! Dumbbell plots: where a checkpoint's stages stand, and an arrow from the first to the last.

use super::forest::classes;
use super::frame::{self, Draw, Frame, MARK};
use super::scope::Caution;
use super::svg::{Shape, Svg};
use super::table::LegendEntry;

pub type Row = frame::Row<Move>;

/// One series' way through the stages.
#[derive(Debug, Clone)]
pub struct Move {
    pub series: usize,
    pub slot: usize,
    /// By stage, in order.
    pub values: Vec<f64>,
    pub caution: Caution,
    pub tip: String,
}

/// Every value, for an axis.
pub fn extents(rows: &[Row]) -> impl Iterator<Item = (f64, Option<f64>)> + Clone {
    rows.iter().flat_map(|row| row.marks.iter().flat_map(|m| m.values.iter().map(|v| (*v, None))))
}

impl Draw for Move {
    fn draw(&self, frame: &mut Frame, row: usize) {
        let y = frame.y(row, self.slot);
        let x: Vec<f64> = self.values.iter().filter(|v| v.is_finite()).map(|v| frame.scale.at(*v)).collect();
        let [first, .., last] = x.as_slice() else { return };
        frame.svg.open(&classes(self.series, self.caution), &self.tip);
        arrow(&mut frame.svg, (*first, y), *last);
        for &passed in x.iter().take(x.len() - 1) {
            frame.svg.mark("hollow", Shape::of_series(self.series), (passed, y), MARK - 0.6);
        }
        frame.svg.close();
    }
}

/// A horizontal arrow; one too short for a shaft is its head alone.
fn arrow(svg: &mut Svg, (x, y): (f64, f64), to: f64) {
    let direction = if to < x { -1.0 } else { 1.0 };
    let head = to - 6.0 * direction;
    svg.line("way", (x, y), (if (to - x).abs() > 6.0 { head } else { to }, y));
    svg.closed("fill", &[(to, y), (head, y - 4.0), (head, y + 4.0)]);
}

/// The key to the arrow's two ends.
pub fn legend(languages: &[&str], first: &str, last: &str) -> Vec<LegendEntry> {
    let spoken = languages.iter().enumerate().map(|(series, language)| LegendEntry {
        svg: swatch(series),
        text: super::format::language(language).to_owned(),
    });
    let ends = LegendEntry { svg: String::new(), text: format!("hollow mark: {first}; arrowhead: {last}") };
    spoken.chain([ends]).collect()
}

fn swatch(series: usize) -> String {
    let mut svg = Svg::new(26.0, 12.0);
    svg.open(&classes(series, Caution::None), "");
    arrow(&mut svg, (4.0, 6.0), 26.0);
    svg.mark("hollow", Shape::of_series(series), (5.0, 6.0), MARK - 0.6);
    svg.close();
    svg.decoration()
}
