//! Heat maps: cells coloured from one side of zero to the other, as pictures and as tables.

use super::fit::{shorten, text_width};
use super::format::Decimals;
use super::frame::{Layout, Naming, RowLabel};
use super::svg::{Anchor, Picture, Svg};
use super::table::Cell;

/// Steps of colour on either side of the middle.
const STEPS: f64 = 6.0;
/// From this step on the colour is so deep that its text has another one.
const DEEP: usize = 5;

/// The class of `value` between `-most` and `most`: `h1` to `h6` above zero, `l1` to `l6` below, none at zero.
fn class(value: f64, most: f64) -> Option<(char, usize)> {
    if !value.is_finite() || most.is_nan() || most <= 0.0 {
        return None;
    }
    match (value.abs() / most * STEPS).round().min(STEPS) as usize {
        0 => None,
        step => Some((if value > 0.0 { 'h' } else { 'l' }, step)),
    }
}

/// Colours a table's cell.
pub fn diverging(cell: Cell, value: f64, most: f64) -> Cell {
    match class(value, most) {
        None => cell,
        Some((side, step)) => cell.with_class(&format!("{side}{step}")),
    }
}

/// The value that gets the full colour: the largest, with the few that stand far out left aside.
pub fn full_colour(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.map(f64::abs).filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1) as f64 * 0.98).floor() as usize;
    values.get(at).copied().unwrap_or(0.0)
}

/// A cell of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub value: f64,
    pub strong: bool,
    /// No interval: what stands there is no finding.
    pub crossed: bool,
    pub tip: String,
}

/// A row of a map: a place per column, where there is a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRow {
    pub label: RowLabel,
    pub places: Vec<Option<Place>>,
}

const ROW: f64 = 22.0;
const CELL: f64 = 40.0;
const TOP: f64 = 6.0;
const RIGHT: f64 = 6.0;
const EM: f64 = 12.0;
/// Column names are at most this long, in em.
const NAME: f64 = 9.0;

/// A map: rows named on the left, columns above, and numbers in the cells; the scale's full colour stands for `most`.
pub fn map(
    naming: Naming<'_>,
    columns: &[String],
    rows: &[MapRow],
    most: f64,
    decimals: Decimals,
) -> Picture {
    let layout = Layout::wide(500.0, rows.iter().map(|row| row.label.text.as_str()), 1);
    let names: Vec<String> = columns.iter().map(|name| shorten(name, NAME)).collect();
    let widest = rows.iter().flat_map(|row| row.places.iter().flatten());
    let widest = widest.map(|place| text_width(&text(place, decimals)) * 10.5 + 10.0).fold(CELL, f64::max);
    let longest = names.iter().map(|name| text_width(name) * EM).fold(0.0, f64::max);
    let upright = longest <= widest - 4.0;
    let top = TOP + if upright { 16.0 } else { longest + 4.0 };
    let width = layout.label + widest * columns.len() as f64 + RIGHT;
    let bottom = top + ROW * rows.len() as f64;
    let mut svg = Svg::new(width, bottom + 44.0);
    for (i, name) in names.iter().enumerate() {
        let x = layout.label + widest * (i as f64 + 0.5);
        match upright {
            true => svg.text("label", Anchor::Middle, (x, top - 5.0), name),
            false => svg.text_up("label", (x + 4.0, top - 5.0), name),
        }
    }
    for (i, row) in rows.iter().enumerate() {
        let y = top + ROW * i as f64;
        layout.draw_label(&mut svg, &row.label, y + ROW / 2.0);
        for (j, place) in row.places.iter().enumerate() {
            let x = layout.label + widest * j as f64;
            let Some(place) = place else {
                svg.rect("cell none", (x, y), (widest, ROW));
                continue;
            };
            let step = class(place.value, most);
            let fill = step.map_or_else(|| "paper".to_owned(), |(side, step)| format!("{side}{step}"));
            let deep = step.is_some_and(|(_, step)| step >= DEEP);
            let strong = if place.strong { " strong" } else { "" };
            svg.open("", &place.tip);
            svg.rect(&format!("cell {fill}"), (x, y), (widest, ROW));
            let class = format!("value{}{strong}", if deep { " deep" } else { "" });
            svg.text(&class, Anchor::Middle, (x + widest / 2.0, y + ROW / 2.0 + 3.8), &text(place, decimals));
            svg.close();
        }
    }
    let values = || rows.iter().flat_map(|row| row.places.iter().flatten()).map(|place| place.value);
    // The few that stand far out have the same colour as the end of the scale.
    let ends = [
        if values().any(|value| value < -most) { "≤ " } else { "" },
        if values().any(|value| value > most) { "≥ " } else { "" },
    ];
    let room = widest * columns.len() as f64;
    scale(&mut svg, (layout.label, bottom + 14.0), room, most, ends, decimals);
    svg.finish(naming.id, naming.title, naming.description)
}

fn text(place: &Place, decimals: Decimals) -> String {
    let value = decimals.signed(place.value);
    if place.crossed { format!("{value} ×") } else { value }
}

/// The scale of colours below a map, the signs of its two ends before their numbers.
fn scale(
    svg: &mut Svg,
    (left, top): (f64, f64),
    room: f64,
    most: f64,
    [below, above]: [&str; 2],
    decimals: Decimals,
) {
    let step = (room / 13.0).min(22.0);
    for i in -6i32..=6 {
        let class = match i {
            0 => "paper".to_owned(),
            i if i > 0 => format!("h{i}"),
            i => format!("l{}", -i),
        };
        svg.rect(&format!("cell {class}"), (left + step * f64::from(i + 6), top), (step, 9.0));
    }
    let (middle, right) = (left + step * 6.5, left + step * 13.0);
    svg.text("tick", Anchor::Start, (left, top + 22.0), &format!("{below}{}", decimals.signed(-most)));
    svg.text("tick", Anchor::Middle, (middle, top + 22.0), "0");
    svg.text("tick", Anchor::End, (right, top + 22.0), &format!("{above}{}", decimals.signed(most)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_says_at_which_end_values_go_beyond_it() {
        let place = |value| Some(Place { value, strong: false, crossed: false, tip: String::new() });
        let ends = |values: [f64; 2]| {
            let naming = Naming { id: "m", title: "", description: "" };
            let row = MapRow {
                label: RowLabel { text: "US".to_owned(), strong: false },
                places: values.map(place).to_vec(),
            };
            let svg =
                map(naming, &["a".to_owned(), "b".to_owned()], &[row], 1.0, Decimals::default()).inline();
            (svg.contains("≤ "), svg.contains("≥ "))
        };
        assert_eq!(ends([1.0, -1.0]), (false, false));
        assert_eq!(ends([1.5, -1.0]), (false, true));
        assert_eq!(ends([0.5, -1.5]), (true, false));
    }

    #[test]
    fn colours_diverge_from_zero() {
        let class = |value: f64, most: f64| diverging(Cell::number(""), value, most).class;
        assert_eq!(class(1.0, 1.0), "n h6");
        assert_eq!(class(-0.5, 1.0), "n l3");
        assert_eq!(class(-9.0, 1.0), "n l6");
        assert_eq!(class(0.01, 1.0), "n");
        assert_eq!(class(f64::NAN, 1.0), "n");
        assert_eq!(class(1.0, 0.0), "n");
        assert_eq!(full_colour([0.5, -2.0, f64::NAN].into_iter()), 0.5);
        assert_eq!(full_colour(std::iter::empty()), 0.0);
    }

    #[test]
    fn a_map_has_its_numbers_and_its_scale() {
        let place =
            |value: f64, crossed| Some(Place { value, strong: value > 1.0, crossed, tip: String::new() });
        let rows = [MapRow {
            label: RowLabel { text: "row".to_owned(), strong: false },
            places: vec![place(2.0, false), None, place(-0.5, true)],
        }];
        let columns = ["A", "Long name of a column", "C"].map(str::to_owned);
        let naming = Naming { id: "f", title: "", description: "" };
        let svg = map(naming, &columns, &rows, 2.0, Decimals::default()).inline();
        for part in ["value deep strong", ">+2.00<", ">−0.50 ×<", "cell none", "rotate(-90)", ">−2.00<"]
        {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }
}
