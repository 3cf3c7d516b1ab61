//! Numbers and what they count, as sentences have them.

use std::fmt::Display;

/// A whole number, as `17,696`.
pub(crate) fn grouped(n: impl Display) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// The sum of counts that a stranger's file may state: at most `u64::MAX`.
pub(crate) fn total(counts: impl IntoIterator<Item = u64>) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

/// `1 scenario`, `17,696 prompts`, `7 families`.
pub(crate) fn counted(n: usize, one: &str) -> String {
    format!("{} {}", grouped(n), noun(n, one))
}

/// `one`, or its plural where there are not just one of it.
pub(crate) fn noun(n: usize, one: &str) -> String {
    let vowel_before_y = ["ay", "ey", "oy", "uy"].iter().any(|end| one.ends_with(end));
    match one.strip_suffix('y') {
        _ if n == 1 => one.to_owned(),
        Some(stem) if !vowel_before_y => format!("{stem}ies"),
        _ => format!("{one}s"),
    }
}

/// A size, as `517 B` or `1.45 GB`.
pub(crate) fn bytes(number: u64) -> String {
    scaled(number as f64, ["B", "kB", "MB", "GB"])
}

/// In steps of a thousand.
pub(crate) fn scaled(mut value: f64, units: [&str; 4]) -> String {
    let [mut unit, larger @ ..] = units;
    let whole = value < 1000.0;
    for next in larger {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if whole { format!("{value:.0} {unit}") } else { format!("{value:.2} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_ends_at_the_largest_number() {
        assert_eq!(total([1, 2]), 3);
        assert_eq!(total([u64::MAX, 2, 5]), u64::MAX);
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        assert_eq!(
            [0, 999, 1000, 17_696, 1_000_000].map(grouped),
            ["0", "999", "1,000", "17,696", "1,000,000"]
        );
    }

    #[test]
    fn there_is_one_or_there_are_several() {
        assert_eq!(
            [counted(1, "family"), counted(7, "family"), counted(0, "scenario"), counted(1264, "prompt")],
            ["1 family", "7 families", "0 scenarios", "1,264 prompts"]
        );
        assert_eq!([noun(2, "key"), noun(2, "type mean"), noun(1, "key")], ["keys", "type means", "key"]);
    }

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        assert_eq!(
            [0, 999, 1000, 64_230, 1_450_000_000, 13_000_000_000_000].map(bytes),
            ["0 B", "999 B", "1.00 kB", "64.23 kB", "1.45 GB", "13000.00 GB"]
        );
    }
}
