//! The frame that forest, dumbbell and strip plots share: named rows, an axis below, a line at its origin.

use super::axis::{Scale, Ticks};
use super::fit::{shorten, text_width};
use super::svg::{Anchor, Picture, Svg};

/// Width of a panel; two stand side by side on a desk, one on a phone.
pub const WIDTH: f64 = 400.0;
/// Width of a panel that has a page's width for itself.
pub const WIDE: f64 = 860.0;
/// Font size of labels, and how much wider bold ones are.
const EM: f64 = 12.0;
const BOLD: f64 = 1.1;
/// Font size under the axis.
const SMALL: f64 = 11.0;
const SLOT: f64 = 11.0;
const ROW_LEAST: f64 = 21.0;
const TOP: f64 = 4.0;
const FOOT: f64 = 38.0;
/// A second line under the axis, where both ends do not fit in one.
const FOOT_LINE: f64 = 14.0;
const LEFT: f64 = 4.0;
const RIGHT: f64 = 14.0;
const GAP: f64 = 10.0;

/// Marks' size.
pub const MARK: f64 = 3.2;

/// What runs from left to right.
#[derive(Debug, Clone)]
pub struct Axis {
    pub low: f64,
    pub high: f64,
    pub ticks: Ticks,
    /// Drawn stronger.
    pub origin: f64,
    /// Under the axis, at its left and right end.
    pub ends: (String, String),
}

impl Axis {
    /// An axis of log-odds that holds every estimate and zero; a wild interval does not stretch it without end.
    /// `marks` are (value, half-width).
    pub fn log_odds(marks: impl Iterator<Item = (f64, Option<f64>)> + Clone, ends: (&str, &str)) -> Axis {
        let largest = marks.clone().map(|(v, _)| v.abs()).filter(|v| v.is_finite()).fold(0.0, f64::max);
        let mut halves: Vec<f64> =
            marks.clone().filter_map(|(_, half)| half).filter(|h| h.is_finite()).collect();
        halves.sort_by(f64::total_cmp);
        let usual = halves.get(halves.len() / 2).copied().unwrap_or(0.0);
        let cap = (2.0 * largest).max(3.0 * usual);
        let (mut low, mut high) = (0.0f64, 0.0f64);
        for (value, half) in marks.filter(|(v, _)| v.is_finite()) {
            let half = half.filter(|h| h.is_finite()).unwrap_or(0.0).min(cap);
            low = low.min(value - half);
            high = high.max(value + half);
        }
        if high - low < 1e-9 {
            (low, high) = (-1.0, 1.0);
        }
        // Room for half a mark on either side.
        let margin = 0.03 * (high - low);
        let (low, high) = (low - margin, high + margin);
        Axis {
            low,
            high,
            ticks: Ticks::new(low, high, 7),
            origin: 0.0,
            ends: (ends.0.to_owned(), ends.1.to_owned()),
        }
    }
}

/// A row's name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowLabel {
    pub text: String,
    pub strong: bool,
}

/// A row of a panel: its name, and what is drawn in it.
#[derive(Debug, Clone)]
pub struct Row<M> {
    pub label: RowLabel,
    pub marks: Vec<M>,
}

/// What a row can hold.
pub trait Draw {
    fn draw(&self, frame: &mut Frame, row: usize);
}

/// How a panel's width is shared out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layout {
    pub width: f64,
    /// Of it, what row names take, the gap behind them included.
    pub label: f64,
    /// Marks below each other in a row.
    pub slots: usize,
}

impl Layout {
    /// Room for the longest of the labels, within bounds; panels of one figure share it, so that axes align.
    pub fn new<'a>(labels: impl Iterator<Item = &'a str>, slots: usize) -> Layout {
        Layout::wide(WIDTH, labels, slots)
    }

    pub fn wide<'a>(width: f64, labels: impl Iterator<Item = &'a str>, slots: usize) -> Layout {
        let longest = labels.map(|label| text_width(label) * EM * BOLD).fold(36.0, f64::max);
        Layout { width, label: longest.min(0.42 * width) + GAP + LEFT, slots }
    }

    /// A row's label, in what room there is for it.
    pub fn draw_label(&self, svg: &mut Svg, label: &RowLabel, middle: f64) {
        let class = if label.strong { "label strong" } else { "label" };
        let room = (self.label - GAP - LEFT) / EM / if label.strong { BOLD } else { 1.0 };
        let text = shorten(&label.text, room + 0.1);
        svg.text(class, Anchor::End, (self.label - GAP, middle + 4.0), &text);
    }
}

/// What a picture is called and what it says, for those who cannot see it.
#[derive(Debug, Clone, Copy)]
pub struct Naming<'a> {
    /// Unique on the page.
    pub id: &'a str,
    pub title: &'a str,
    pub description: &'a str,
}

/// A finished panel.
pub fn panel<M: Draw>(naming: Naming<'_>, rows: &[Row<M>], axis: &Axis, layout: Layout) -> Picture {
    let mut frame = Frame::new(rows, axis, layout);
    frame.draw(rows);
    frame.svg.finish(naming.id, naming.title, naming.description)
}

/// A picture with its rows and axis drawn, ready for marks.
#[derive(Debug)]
pub struct Frame {
    pub svg: Svg,
    pub scale: Scale,
    row: f64,
    slots: usize,
}

impl Frame {
    pub fn new<M>(rows: &[Row<M>], axis: &Axis, layout: Layout) -> Frame {
        let Layout { width, label: label_width, slots } = layout;
        let row = ROW_LEAST.max(SLOT * slots as f64 + 6.0);
        let bottom = TOP + row * rows.len() as f64;
        let (low_end, high_end) = (&axis.ends.0, &axis.ends.1);
        let ends_width = (text_width(low_end) + text_width(high_end)) * SMALL + GAP;
        let one_line = ends_width <= width - RIGHT - label_width;
        let mut svg = Svg::new(width, bottom + FOOT + if one_line { 0.0 } else { FOOT_LINE });
        let scale = Scale { low: axis.low, high: axis.high, left: label_width, right: width - RIGHT };
        for (i, Row { label, .. }) in rows.iter().enumerate() {
            let top = TOP + row * i as f64;
            if i % 2 == 0 {
                svg.rect("band", (0.0, top), (width, row));
            }
            layout.draw_label(&mut svg, label, top + row / 2.0);
        }
        for (value, tick) in axis.ticks.iter() {
            let x = scale.at(value);
            svg.line("grid", (x, TOP), (x, bottom));
            svg.text("tick", Anchor::Middle, (x, bottom + 14.0), tick);
        }
        if axis.origin >= axis.low && axis.origin <= axis.high {
            let x = scale.at(axis.origin);
            svg.line("origin", (x, TOP), (x, bottom));
        }
        let foot = bottom + 31.0;
        svg.text("ends", Anchor::Start, (scale.left, foot), low_end);
        let high_foot = if one_line { foot } else { foot + FOOT_LINE };
        svg.text("ends", Anchor::End, (scale.right, high_foot), high_end);
        Frame { svg, scale, row, slots: slots.max(1) }
    }

    /// All that the rows hold, from above.
    pub fn draw<M: Draw>(&mut self, rows: &[Row<M>]) {
        for (i, row) in rows.iter().enumerate() {
            for mark in &row.marks {
                mark.draw(self, i);
            }
        }
    }

    /// The height of a slot's middle.
    pub fn y(&self, row: usize, slot: usize) -> f64 {
        let centre = TOP + self.row * (row as f64 + 0.5);
        centre + SLOT * (slot as f64 - (self.slots - 1) as f64 / 2.0)
    }

    /// A row's upper edge and height.
    pub fn band(&self, row: usize) -> (f64, f64) {
        (TOP + self.row * row as f64, self.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bold_labels_have_room() {
        // Widths in DejaVu Sans Bold, which is as wide as faces get.
        for (label, width) in [("baichuan", 61.6), ("Halden", 47.5), ("Venezuela", 70.0)] {
            let room = Layout::new([label].into_iter(), 1).label - GAP - LEFT;
            assert!(room >= width, "{label}: {room}");
        }
    }

    #[test]
    fn an_axis_holds_its_marks_and_zero_and_tames_wild_intervals() {
        let axis = |marks: &[(f64, Option<f64>)]| Axis::log_odds(marks.iter().copied(), ("", ""));
        let plain = axis(&[(2.9, Some(0.9)), (0.1, Some(0.2))]);
        assert!(plain.low < -0.1 && plain.high > 3.8 && plain.high < 4.2, "{plain:?}");
        let wild = axis(&[(0.5, Some(0.1)), (0.4, Some(0.1)), (0.3, Some(400.0))]);
        assert!(wild.high < 3.0, "{wild:?}");
        assert_eq!((axis(&[]).low < 0.0, axis(&[(f64::NAN, None)]).high > 0.0), (true, true));
    }
}
