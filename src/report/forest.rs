//! Forest plots: an estimate and its 95 % interval per row and series.

use super::corrected::ALPHA;
use super::format;
use super::frame::{self, Axis, Draw, Frame, MARK};
use super::scope::Caution;
use super::svg::{Shape, Svg};
use super::table::LegendEntry;
use crate::plain::counted;
use crate::stats::Clustered;

/// A row of estimates.
pub type Row = frame::Row<Mark>;

/// One estimate.
#[derive(Debug, Clone)]
pub struct Mark {
    /// Its colour and shape.
    pub series: usize,
    /// Its place within the row.
    pub slot: usize,
    pub value: f64,
    /// Half-width of the interval.
    pub half: Option<f64>,
    /// Drawn as an outline: it was not found to differ from zero.
    pub hollow: bool,
    pub caution: Caution,
    /// What a pointer finds.
    pub tip: String,
}

impl Mark {
    /// The mark of a clustered estimate, in its series' own slot.
    pub fn of(series: usize, c: &Clustered, differs: bool, caution: Caution, tip: String) -> Mark {
        Mark { series, slot: series, value: c.mean_cluster, half: c.ci_t, hollow: !differs, caution, tip }
    }
}

/// Every (value, half-width), for an axis.
pub fn extents(rows: &[Row]) -> impl Iterator<Item = (f64, Option<f64>)> + Clone {
    rows.iter().flat_map(|row| row.marks.iter().map(|mark| (mark.value, mark.half)))
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

impl Draw for Mark {
    fn draw(&self, frame: &mut Frame, row: usize) {
        if !self.value.is_finite() {
            return;
        }
        let y = frame.y(row, self.slot);
        let scale = frame.scale;
        frame.svg.open(&classes(self.series, self.caution), &self.tip);
        if let Some(half) = self.half.filter(|half| half.is_finite()) {
            let (low, high) = (self.value - half, self.value + half);
            let (from, to) = (scale.at(low).max(scale.left), scale.at(high).min(scale.right));
            frame.svg.line("ci", (from, y), (to, y));
            if low < scale.low {
                frame.svg.closed("fill", &[(from - 4.0, y), (from + 1.0, y - 3.0), (from + 1.0, y + 3.0)]);
            }
            if high > scale.high {
                frame.svg.closed("fill", &[(to + 4.0, y), (to - 1.0, y - 3.0), (to - 1.0, y + 3.0)]);
            }
        }
        let class = if self.hollow { "hollow" } else { "fill" };
        frame.svg.mark(class, Shape::of_series(self.series), (scale.at(self.value), y), MARK);
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
    format!("s{}{caution}", series % 6)
}

/// The key to languages.
pub fn spoken(languages: &[&str]) -> Vec<LegendEntry> {
    let entry = |(series, language): (usize, &&str)| LegendEntry {
        svg: swatch(series, "fill"),
        text: format::language(language).to_owned(),
    };
    languages.iter().enumerate().map(entry).collect()
}

/// The key to languages, and to full and hollow marks, whose p were adjusted for so many `tests`.
pub fn legend(languages: &[&str], tests: usize) -> Vec<LegendEntry> {
    let tests = counted(tests, "test");
    let mut entries = spoken(languages);
    entries.push(LegendEntry {
        svg: swatch(0, "fill neutral"),
        text: format!("filled: differs from zero (p adjusted for {tests} < {ALPHA})"),
    });
    entries.push(LegendEntry {
        svg: swatch(0, "hollow neutral"),
        text: "hollow: no difference found".to_owned(),
    });
    entries
}

/// A small mark in front of a key's text.
pub fn swatch(series: usize, class: &str) -> String {
    let neutral = class.contains("neutral");
    let mut svg = Svg::new(22.0, 12.0);
    svg.open(if neutral { "neutral" } else { SERIES[series % 6] }, "");
    svg.line("ci", (0.0, 6.0), (22.0, 6.0));
    svg.mark(class.trim_end_matches(" neutral"), Shape::of_series(series), (11.0, 6.0), MARK);
    svg.close();
    svg.decoration()
}

const SERIES: [&str; 6] = ["s0", "s1", "s2", "s3", "s4", "s5"];
