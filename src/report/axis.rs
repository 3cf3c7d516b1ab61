//! A linear axis and its ticks.

use super::format;

/// A linear axis: values `low..high` at pixels `left..right`.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    pub low: f64,
    pub high: f64,
    pub left: f64,
    pub right: f64,
}

impl Scale {
    pub fn at(&self, value: f64) -> f64 {
        let span = self.high - self.low;
        let share = if span > 0.0 { (value - self.low) / span } else { 0.5 };
        self.left + share * (self.right - self.left)
    }
}

/// An axis' ticks: multiples of 1, 2 or 5 times a power of ten.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticks {
    pub values: Vec<f64>,
    pub labels: Vec<String>,
}

impl Ticks {
    /// At most `most` ticks between `low` and `high`, as many as fit; none where the two are not an interval.
    pub fn new(low: f64, high: f64, most: usize) -> Ticks {
        let span = high - low;
        if !span.is_finite() || span <= 0.0 || most == 0 {
            return Ticks { values: Vec::new(), labels: Vec::new() };
        }
        let mut power = (span / most as f64).log10().floor() as i32;
        loop {
            for factor in [1.0, 2.0, 5.0] {
                let step = factor * 10f64.powi(power);
                // A hair of slack keeps an end that is a tick itself.
                let first = (low / step - 1e-9).ceil();
                let last = (high / step + 1e-9).floor();
                let count = last - first + 1.0;
                if count <= most as f64 {
                    let count = count.max(0.0) as usize;
                    // Adding zero turns -0 into 0.
                    let values: Vec<f64> = (0..count).map(|i| (first + i as f64) * step + 0.0).collect();
                    let decimals = usize::try_from(-power).unwrap_or(0);
                    let labels = values.iter().map(|v| format::plain(*v, decimals)).collect();
                    return Ticks { values, labels };
                }
            }
            power += 1;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (f64, &str)> {
        self.values.iter().copied().zip(self.labels.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, most: usize) -> Vec<String> {
        Ticks::new(low, high, most).labels
    }

    #[test]
    fn ticks_are_round_and_fit() {
        assert_eq!(labels(-2.3, 4.1, 6), ["−2", "0", "2", "4"]);
        assert_eq!(labels(-0.13, 0.31, 6), ["−0.1", "0.0", "0.1", "0.2", "0.3"]);
        assert_eq!(labels(0.0, 1.0, 6), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(-1e5, 1e5, 5), ["−100000", "−50000", "0", "50000", "100000"]);
        assert_eq!(labels(1.0, 1.0, 5), Vec::<String>::new());
        assert_eq!(labels(f64::NAN, 1.0, 5), Vec::<String>::new());
        for most in 2..9 {
            assert!(labels(-0.037, 0.9, most).len() <= most);
        }
    }
}
