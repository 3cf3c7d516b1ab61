//! Where a checkpoint's stages stand, and an arrow from the first to the last.

use super::caution::Caution;
use super::figure::LegendEntry;
use super::forest::classes;
use super::format;
use super::frame::{self, Draw, Frame};
use super::svg::{Shape, Svg};

pub type Row = frame::Row<Move>;

/// One series' way through the stages; a checkpoint of one stage stands still.
#[derive(Debug, Clone)]
pub struct Move {
    pub series: usize,
    pub slot: usize,
    /// By stage, in order.
    pub values: Vec<f64>,
    /// Of the last stage's interval, where it is drawn.
    pub half: Option<f64>,
    pub caution: Caution,
    pub tip: String,
}

/// Half of the tick that stands where an arrow begins: taller than its head, which it must not hide behind.
const TICK: f64 = 5.5;
const HEAD: f64 = 6.0;
/// Half the height of an interval's band.
const SPAN: f64 = 3.4;

/// Every value with its half-width, for an axis.
pub fn extents(rows: &[Row]) -> impl Iterator<Item = (f64, Option<f64>)> + Clone {
    rows.iter().flat_map(|row| &row.marks).flat_map(|m| {
        let last = m.values.len().saturating_sub(1);
        m.values.iter().enumerate().map(move |(i, v)| (*v, m.half.filter(|_| i == last)))
    })
}

impl Draw for Move {
    fn draw(&self, frame: &mut Frame, row: usize) {
        let y = frame.y(row, self.slot);
        let values: Vec<f64> = self.values.iter().copied().filter(|v| v.is_finite()).collect();
        let Some(&last) = values.last() else { return };
        frame.svg.open(&classes(self.series, self.caution), &self.tip);
        if let Some(half) = self.half {
            let scale = frame.scale;
            let (from, to) = (scale.at(last - half).max(scale.left), scale.at(last + half).min(scale.right));
            frame.svg.rect("span", (from, y - SPAN), (to - from, 2.0 * SPAN));
        }
        let x: Vec<f64> = values.iter().map(|v| frame.scale.at(*v)).collect();
        match x.as_slice() {
            [first, passed @ .., last] => {
                arrow(&mut frame.svg, (*first, y), *last, direction(&values));
                for &x in passed {
                    frame.svg.mark("fill", Shape::Circle, (x, y), 2.0);
                }
            }
            [only] => frame.svg.mark("fill", Shape::of_series(self.series), (*only, y), frame::MARK),
            [] => {}
        }
        frame.svg.close();
    }
}

/// Which way the last value lies from the first, of the values themselves: pixels may not tell.
fn direction(values: &[f64]) -> f64 {
    match (values.first(), values.last()) {
        (Some(first), Some(last)) if last > first => 1.0,
        (Some(first), Some(last)) if last < first => -1.0,
        _ => 0.0,
    }
}

/// A horizontal arrow from a tick to its head's tip. However short it is, the head keeps its size and its direction; a
/// move of nothing is the tick alone.
fn arrow(svg: &mut Svg, (x, y): (f64, f64), to: f64, direction: f64) {
    if direction != 0.0 {
        let back = to - HEAD * direction;
        if (to - x).abs() > HEAD {
            svg.line("way", (x, y), (back, y));
        }
        svg.closed("fill", &[(to, y), (back, y - 4.0), (back, y + 4.0)]);
    }
    svg.line("way", (x, y - TICK), (x, y + TICK));
}

/// The key to the arrow's two ends; `interval` where the last stage's is drawn.
pub fn legend(languages: &[&str], (first, last): (&str, &str), interval: bool) -> Vec<LegendEntry> {
    let spoken = languages.iter().enumerate().map(|(series, language)| {
        LegendEntry::new(Some(swatch(&classes(series, Caution::None))), format::language(language))
    });
    let thin = if interval { format!("; pale band: 95 % interval of {last}") } else { String::new() };
    let ends = LegendEntry::new(Some(swatch("neutral")), format!("tick: {first}; arrowhead: {last}{thin}"));
    spoken.chain([ends]).collect()
}

fn swatch(class: &str) -> Svg {
    let mut svg = Svg::new(26.0, 12.0);
    svg.open(class, "");
    arrow(&mut svg, (3.0, 6.0), 25.0, 1.0);
    svg.close();
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::frame::{Axis, Layout, Naming, RowLabel, panel};

    #[test]
    fn a_short_arrow_points_the_way_it_goes() {
        let heads = |first: f64, last: f64| {
            let way = |values: Vec<f64>| Move {
                series: 0,
                slot: 0,
                values,
                half: None,
                caution: Caution::None,
                tip: String::new(),
            };
            let row =
                Row { label: RowLabel::default(), marks: vec![way(vec![first, last]), way(vec![-4.0, 4.0])] };
            let axis = Axis::log_odds(extents(std::slice::from_ref(&row)), ("", ""));
            let naming = Naming { id: "f", title: "", description: "" };
            let svg = panel(naming, &[row], &axis, Layout::new(["a"].into_iter(), 1)).inline();
            // The first arrow's tip and a corner of its back.
            let path = svg.split(" d=\"M").nth(1).map(str::to_owned);
            path.map(|path| {
                let x: Vec<f64> = path.split(['L', ' ']).filter_map(|n| n.parse().ok()).collect();
                (x[0] - x[2]).signum()
            })
        };
        assert_eq!(heads(0.0, 1e-9), Some(1.0));
        assert_eq!(heads(0.0, -1e-9), Some(-1.0));
        assert_eq!(heads(0.5, 0.4), Some(-1.0));
    }
}
