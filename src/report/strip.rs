//! Compliance strips: mean, middle half and range of the probability on the choices, over the study's tiers.

use super::axis::Ticks;
use super::caution::Caution;
use super::forest::classes;
use super::format;
use super::frame::{self, Axis, Draw, Frame, Layout, MARK, Naming};
use super::svg::{Picture, Shape};
use crate::stats::{Quantiles, Tier};

pub type Row = frame::Row<Mark>;

#[derive(Debug, Clone)]
pub struct Mark {
    pub series: usize,
    pub slot: usize,
    pub quantiles: Quantiles,
    pub tip: String,
}

/// Tiers' bounds and classes, from low to high.
const TIERS: [(f64, f64, &str); 3] = {
    let [low, from, to, full] = Tier::BOUNDS;
    [(0.0, low, "tier lowest"), (from, to, "tier middling"), (full, 1.0, "tier full")]
};

/// The finished panel, from 0 to 1 with ticks at the tiers' bounds.
pub fn panel(naming: Naming<'_>, rows: &[Row], layout: Layout) -> Picture {
    let axis = Axis {
        low: -0.02,
        high: 1.02,
        ticks: Ticks {
            values: vec![0.0, 0.1, 0.4, 0.6, 0.97],
            labels: ["0", "0.1", "0.4", "0.6", "0.97"].map(str::to_owned).to_vec(),
        },
        origin: f64::NAN,
        ends: ("never answers A or B".to_owned(), "always".to_owned()),
    };
    let mut frame = Frame::new(rows, &axis, layout);
    let scale = frame.scale;
    if !rows.is_empty() {
        let (top, _) = frame.band(0);
        let (last, height) = frame.band(rows.len() - 1);
        for (low, high, class) in TIERS {
            let (from, to) = (scale.at(low), scale.at(high));
            frame.svg.rect(class, (from, top), (to - from, last + height - top));
        }
    }
    frame.draw(rows);
    frame.svg.finish(naming.id, naming.title, naming.description)
}

impl Draw for Mark {
    fn draw(&self, frame: &mut Frame, row: usize) {
        let (y, scale) = (frame.y(row, self.slot), frame.scale);
        let q = &self.quantiles;
        frame.svg.open(&classes(self.series, Caution::None), &self.tip);
        frame.svg.line("range", (scale.at(q.min), y), (scale.at(q.max), y));
        frame.svg.line("middle", (scale.at(q.q25), y), (scale.at(q.q75), y));
        frame.svg.mark("fill", Shape::of_series(self.series), (scale.at(q.mean), y), MARK);
        frame.svg.close();
    }
}

/// `0.998 (0.954 to > 0.999)`.
pub fn phrase(q: &Quantiles) -> String {
    format!(
        "mean {}, middle half {} to {}, least {}",
        format::probability(q.mean),
        format::probability(q.q25),
        format::probability(q.q75),
        format::probability(q.min)
    )
}
