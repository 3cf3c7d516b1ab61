//! Forest plots: an estimate and its 95 % interval per row and series.

use super::caution::Caution;
use super::figure::LegendEntry;
use super::format;
use super::frame::{self, Axis, Draw, Frame, MARK};
use super::reading::Reading;
use super::svg::{Shape, Svg};
use crate::stats::ALPHA;

/// A row of estimates.
pub type Row = frame::Row<Mark>;

/// What is known of an estimate beside its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known {
    /// Half-width of its interval, and whether it is a finding.
    Interval { half: f64, finding: bool },
    /// Nothing can be inferred: a cross, which no other mark is.
    Nothing,
    /// A value that no interval is asked of, such as a family's among those of a test.
    Value,
}

/// One estimate.
#[derive(Debug, Clone)]
pub struct Mark {
    /// Its colour and shape.
    pub series: usize,
    /// Its place within the row.
    pub slot: usize,
    pub value: f64,
    pub known: Known,
    pub caution: Caution,
    /// What a pointer finds.
    pub tip: String,
}

impl Mark {
    /// The mark of an estimate, in its series' own slot.
    pub fn of(series: usize, reading: &Reading, caution: Caution, tip: String) -> Mark {
        let known = match reading.half() {
            Some(half) => Known::Interval { half, finding: reading.is_finding() },
            None => Known::Nothing,
        };
        Mark { series, slot: series, value: reading.value, known, caution, tip }
    }

    fn half(&self) -> Option<f64> {
        match self.known {
            Known::Interval { half, .. } => Some(half),
            _ => None,
        }
    }
}

/// Every (value, half-width), for an axis.
pub fn extents(rows: &[Row]) -> impl Iterator<Item = (f64, Option<f64>)> + Clone {
    rows.iter().flat_map(|row| row.marks.iter().map(|mark| (mark.value, mark.half())))
}

/// One axis for the panels of a stage: on that of chat checkpoints, base ones' intervals would not show.
pub fn stage_axis<'r>(
    panels: impl Iterator<Item = (Option<&'r str>, &'r [Row])> + Clone,
    stage: Option<&str>,
    ends: (&str, &str),
) -> Axis {
    let of_stage = panels.filter(move |(of, _)| *of == stage);
    Axis::log_odds(of_stage.flat_map(|(_, rows)| extents(rows)), ends)
}

/// An interval's line between the axis' ends, with an arrowhead where it runs out of them.
pub fn interval(frame: &mut Frame, (value, half): (f64, f64), y: f64) {
    let scale = frame.scale;
    let (low, high) = (value - half, value + half);
    let (from, to) = (scale.at(low).max(scale.left), scale.at(high).min(scale.right));
    frame.svg.line("ci", (from, y), (to, y));
    if low < scale.low {
        frame.svg.closed("fill", &[(from - 4.0, y), (from + 1.0, y - 3.0), (from + 1.0, y + 3.0)]);
    }
    if high > scale.high {
        frame.svg.closed("fill", &[(to + 4.0, y), (to - 1.0, y - 3.0), (to - 1.0, y + 3.0)]);
    }
}

impl Draw for Mark {
    fn draw(&self, frame: &mut Frame, row: usize) {
        if !self.value.is_finite() {
            return;
        }
        let at = (frame.scale.at(self.value), frame.y(row, self.slot));
        frame.svg.open(&classes(self.series, self.caution), &self.tip);
        if let Some(half) = self.half().filter(|half| half.is_finite()) {
            interval(frame, (self.value, half), at.1);
        }
        let shape = Shape::of_series(self.series);
        match self.known {
            Known::Interval { finding: false, .. } => frame.svg.mark("hollow", shape, at, MARK),
            Known::Interval { .. } | Known::Value => frame.svg.mark("fill", shape, at, MARK),
            Known::Nothing => frame.svg.mark("cross", Shape::Cross, at, MARK),
        }
        frame.svg.close();
    }
}

/// A mark's classes: its series' colour, and how it looks where compliance is wanting.
pub fn classes(series: usize, caution: Caution) -> String {
    let caution = match caution {
        Caution::None => "",
        Caution::Reduced => " reduced",
        Caution::Low => " low",
    };
    format!("s{}{caution}", series % SERIES)
}

/// How many series have a colour of their own.
const SERIES: usize = 6;

/// The key to languages; `lined` where intervals are drawn.
pub fn spoken(languages: &[&str], lined: bool) -> Vec<LegendEntry> {
    let entry = |(series, language): (usize, &&str)| {
        let swatch = swatch(&classes(series, Caution::None), Shape::of_series(series), "fill", lined);
        LegendEntry::new(Some(swatch), format::language(language))
    };
    languages.iter().enumerate().map(entry).collect()
}

/// The key to languages, and to full, hollow and crossed marks as far as the rows have them; `sized` where what is smaller
/// than the smallest effect of interest is no finding.
pub fn legend<'r>(
    languages: &[&str],
    sized: Option<f64>,
    rows: impl IntoIterator<Item = &'r Row>,
) -> Vec<LegendEntry> {
    let (mut filled, mut hollow, mut crossed) = (false, false, false);
    for mark in rows.into_iter().flat_map(|row| &row.marks) {
        match mark.known {
            Known::Interval { finding, .. } => {
                filled |= finding;
                hollow |= !finding;
            }
            Known::Nothing => crossed = true,
            Known::Value => {}
        }
    }
    let mut entries = spoken(languages, filled || hollow);
    let mut entry = |shown: bool, shape, class, lined, text: String| {
        if shown {
            entries.push(LegendEntry::new(Some(swatch("neutral", shape, class, lined)), text));
        }
    };
    let sized = sized.map_or_else(String::new, |effect| format!(" and not shown to lie within ±{effect}"));
    let text = format!("filled: differs from zero (adjusted p < {ALPHA}){sized}");
    entry(filled, Shape::Circle, "fill", true, text);
    entry(hollow, Shape::Circle, "hollow", true, "hollow: no such difference found".to_owned());
    entry(crossed, Shape::Cross, "cross", false, "cross: no interval, nothing can be inferred".to_owned());
    entries
}

/// A small mark in front of a key's text.
fn swatch(series: &str, shape: Shape, class: &str, lined: bool) -> Svg {
    let mut svg = Svg::new(22.0, 12.0);
    svg.open(series, "");
    if lined {
        svg.line("ci", (0.0, 6.0), (22.0, 6.0));
    }
    svg.mark(class, shape, (11.0, 6.0), MARK);
    svg.close();
    svg
}
