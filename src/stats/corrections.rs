//! Corrections for many tests. A test without a p-value is no test: it is passed over and not counted.

/// Benjamini-Hochberg adjusted p-values, in the order given.
pub fn benjamini_hochberg(p: &[Option<f64>]) -> Vec<Option<f64>> {
    let ascending = ascending(p);
    let m = ascending.len() as f64;
    let mut adjusted = vec![None; p.len()];
    let mut least = 1.0f64;
    for (rank, &(position, value)) in ascending.iter().enumerate().rev() {
        least = least.min(value * m / (rank + 1) as f64);
        adjusted[position] = Some(least);
    }
    adjusted
}

/// Holm adjusted p-values, in the order given.
pub fn holm(p: &[Option<f64>]) -> Vec<Option<f64>> {
    let ascending = ascending(p);
    let m = ascending.len();
    let mut adjusted = vec![None; p.len()];
    let mut greatest = 0.0f64;
    for (rank, &(position, value)) in ascending.iter().enumerate() {
        greatest = greatest.max((value * (m - rank) as f64).min(1.0));
        adjusted[position] = Some(greatest);
    }
    adjusted
}

/// The p-values that exist, smallest first, each with its position.
fn ascending(p: &[Option<f64>]) -> Vec<(usize, f64)> {
    let mut present: Vec<(usize, f64)> =
        p.iter().enumerate().filter_map(|(i, p)| p.map(|p| (i, p))).collect();
    present.sort_by(|a, b| a.1.total_cmp(&b.1));
    present
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked_adjustments() {
        let p = [Some(0.01), None, Some(0.04), Some(0.03), Some(0.005)];
        assert_eq!(holm(&p), [Some(0.03), None, Some(0.06), Some(0.06), Some(0.02)]);
        assert_eq!(benjamini_hochberg(&p), [Some(0.02), None, Some(0.04), Some(0.04), Some(0.02)]);
    }

    #[test]
    fn adjusted_values_never_leave_the_unit_interval_or_fall_with_rank() {
        let p = [Some(0.75), Some(0.5), Some(0.5)];
        assert_eq!(holm(&p), [Some(1.0), Some(1.0), Some(1.0)]);
        assert_eq!(benjamini_hochberg(&p), [Some(0.75), Some(0.75), Some(0.75)]);
        assert!(holm(&[]).is_empty());
    }
}
