//! Heat maps as tables: the numbers are there to read, to copy and to hear, and their cells are coloured.

use super::table::Cell;

/// Steps of colour on either side of the middle.
const STEPS: f64 = 6.0;

/// Colours a cell by `value` between `-most` and `most`: `h1` to `h6` above zero, `l1` to `l6` below, none at zero.
pub fn diverging(cell: Cell, value: f64, most: f64) -> Cell {
    if !value.is_finite() || most.is_nan() || most <= 0.0 {
        return cell;
    }
    let step = (value.abs() / most * STEPS).round().min(STEPS) as usize;
    match step {
        0 => cell,
        step if value > 0.0 => cell.with_class(&format!("h{step}")),
        step => cell.with_class(&format!("l{step}")),
    }
}

/// The value that gets the full colour: the largest, with the few that stand far out left aside.
pub fn full_colour(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.map(f64::abs).filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1) as f64 * 0.98).floor() as usize;
    values.get(at).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
