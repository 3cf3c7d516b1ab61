//! Numbers as the tables print them.

use super::super::compliance::Tier;

/// How many decimals the log-odds of a table have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits(usize);

impl Digits {
    /// Three, and more where the usual half-width of an interval would not show in three.
    pub fn of(halves: Vec<f64>) -> Digits {
        Digits(decimals(halves, 3))
    }

    /// `+2.913`; what rounds to zero has no sign.
    pub fn signed(self, value: f64) -> String {
        let text = format!("{value:+.*}", self.0);
        if text.bytes().all(|b| matches!(b, b'+' | b'-' | b'0' | b'.')) {
            return text[1..].to_owned();
        }
        text
    }

    /// `+0.512 to +2.204`, or `none` where there is none.
    pub fn interval(self, estimate: f64, half: Option<f64>) -> String {
        half.map_or_else(
            || "none".to_owned(),
            |half| format!("{} to {}", self.signed(estimate - half), self.signed(estimate + half)),
        )
    }
}

/// `least` decimals, and up to two more where the usual half-width of an interval would not show in fewer.
pub fn decimals(mut halves: Vec<f64>, least: usize) -> usize {
    halves.retain(|half| half.is_finite() && *half > 0.0);
    halves.sort_by(f64::total_cmp);
    let shows_in = |half: f64, decimals: usize| half >= 5.0 / 10f64.powi(decimals as i32);
    match halves.get(halves.len() / 2) {
        Some(half) => (least..least + 2).find(|d| shows_in(*half, *d)).unwrap_or(least + 2),
        None => least,
    }
}

pub fn p_value(p: Option<f64>) -> String {
    match p {
        None => "-".to_owned(),
        Some(p) if p < 0.001 => format!("{p:.1e}"),
        Some(p) => format!("{p:.3}"),
    }
}

/// Three decimals, and as many more as show on which side of a tier's bound it lies.
pub fn probability(p: f64) -> String {
    if p < 0.001 {
        return format!("{p:.1e}");
    }
    let text = |decimals: usize| format!("{p:.decimals$}");
    let right = |text: &String| text.parse().is_ok_and(|shown| Tier::of(shown) == Tier::of(p));
    (3..12).map(text).find(right).unwrap_or_else(|| text(12))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_follow_the_intervals_and_zero_has_no_sign() {
        assert_eq!(Digits::of(vec![0.3, 0.2]).signed(-0.0004), "0.000");
        assert_eq!(Digits::of(vec![0.004, 0.001, 0.002]).signed(-0.0004), "-0.0004");
        assert_eq!(Digits::of(vec![0.0001]).signed(0.00004), "+0.00004");
        assert_eq!(Digits::of(Vec::new()).signed(1.5), "+1.500");
        // Where there is no interval there is nothing that would have to show.
        assert_eq!(Digits::of(vec![0.0, f64::INFINITY, 0.0, 0.002]).signed(0.000_44), "+0.0004");
    }

    #[test]
    fn a_small_p_is_never_shown_as_zero() {
        assert_eq!(
            [None, Some(0.0004), Some(0.001), Some(0.25)].map(p_value),
            ["-", "4.0e-4", "0.001", "0.250"]
        );
    }

    #[test]
    fn a_probability_shows_its_side_of_a_bound() {
        assert_eq!([0.9696, 0.97, 0.24, 2e-8].map(probability), ["0.9696", "0.970", "0.240", "2.0e-8"]);
        assert_eq!(probability(0.599_99), "0.600");
        assert_eq!(probability(0.600_01), "0.60001");
        assert_eq!([0.001, 0.000_9].map(probability), ["0.001", "9.0e-4"]);
    }
}
