//! Correlations: of the two questions within a run, and of two conditions row by row.

use serde::Serialize;

use super::cells::{Question, group_means};
use super::cluster::is_spread;
use super::comparison::{Compared, compared};
use super::figure::{Estimate, Figure};
use super::table::{Id, Row, Run};
use super::view::View;

/// Pearson's r; it does not exist where a side does not vary.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Coefficient {
    pub r: Option<f64>,
}

/// Pearson's r, where both sides vary.
pub fn pearson(pairs: &[(f64, f64)]) -> Option<f64> {
    Coefficient::new(pairs).r
}

impl Coefficient {
    fn new(pairs: &[(f64, f64)]) -> Coefficient {
        let n = pairs.len() as f64;
        let (x_mean, y_mean) = pairs.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for (x, y) in pairs {
            let (x, y) = (x - x_mean, y - y_mean);
            xx += x * x;
            xy += x * y;
            yy += y * y;
        }
        // A side that varies by rounding alone is constant; so is one of a single pair, and of none its spread is NaN.
        let varies = |squares: f64, mean: f64| is_spread((squares / n).sqrt(), mean);
        let both = varies(xx, x_mean) && varies(yy, y_mean);
        Coefficient { r: both.then(|| xy / (xx.sqrt() * yy.sqrt())) }
    }
}

/// `question_correlation`: bias as it stands (country_1 over country_2), averaged per scenario, per pair, or not at all.
pub fn questions(view: &View<'_>, out: &mut Vec<Figure>) {
    let Some((positive, negative)) = view.plan.polarity() else { return };
    for (subject, run) in view.runs() {
        let joined = join(run, positive, run, negative);
        let mut pairs: Vec<(Id, Id)> = joined.iter().map(|(row, _)| (row.country_1, row.country_2)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let pair = |row: &Row| pairs.binary_search(&(row.country_1, row.country_2)).unwrap_or(0) as Id;
        let averaged = |group: &dyn Fn(&Row) -> Id, groups: usize| {
            let positive = group_means(joined.iter().map(|(row, values)| (group(row), values.0)), groups);
            let negative = group_means(joined.iter().map(|(row, values)| (group(row), values.1)), groups);
            positive.into_iter().zip(negative).map(|((_, p), (_, n))| (p, n)).collect::<Vec<_>>()
        };
        let units = [
            ("scenario", averaged(&|row| row.scenario, view.table.scenarios.len())),
            ("pair", averaged(&pair, pairs.len())),
            ("row", joined.iter().map(|(_, values)| *values).collect()),
        ];
        for (unit, values) in units.into_iter().filter(|(_, values)| !values.is_empty()) {
            let key = view.of_run("question_correlation", subject, run).name(unit).subset("all");
            out.push(key.figure(Estimate::Correlation(Coefficient::new(&values))));
        }
    }
}

/// `comparison_correlation`: the two conditions' bias, row by row, question by question.
pub fn comparisons(view: &View<'_>, out: &mut Vec<Figure>) {
    for side in compared(view) {
        let Compared { condition, baseline, .. } = side;
        for &question in &view.plan.questions {
            let Question::Asked(id) = question else { continue };
            let values: Vec<(f64, f64)> =
                join(baseline, id, condition, id).into_iter().map(|(_, values)| values).collect();
            if values.is_empty() {
                continue;
            }
            let key =
                side.key(view, "comparison_correlation").question(view.question(question)).subset("all");
            out.push(key.figure(Estimate::Correlation(Coefficient::new(&values))));
        }
    }
}

/// Rows of either run with the same pair and scenario: the left row, and both biases in its orientation.
fn join<'a>(
    left: &'a Run,
    left_question: Id,
    right: &'a Run,
    right_question: Id,
) -> Vec<(&'a Row, (f64, f64))> {
    let key = |row: &Row| (row.pair(), row.scenario);
    let mut others = right.rows.iter().filter(|row| row.question == right_question).peekable();
    let mut joined = Vec::new();
    for row in left.rows.iter().filter(|row| row.question == left_question) {
        while others.next_if(|other| key(other) < key(row)).is_some() {}
        if let Some(other) = others.next_if(|other| key(other) == key(row)) {
            joined.push((row, (row.bias, other.towards(row.country_1))));
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pearson_by_hand() {
        // Deviations (-1, 0, 1) and (-1, 1, 0): covariance 1, variances 2 and 2.
        let r = Coefficient::new(&[(1.0, 2.0), (2.0, 4.0), (3.0, 3.0)]).r.expect("both vary");
        assert!((r - 0.5).abs() < 1e-15);
        assert_eq!(Coefficient::new(&[(1.0, 2.0), (1.0, 4.0)]).r, None);
        assert_eq!(Coefficient::new(&[]).r, None);
        // Sums of squares of 2 and 8, so that a remainder by the two pairs is nought; and far from zero.
        for (pairs, r) in [([(0.0, 0.0), (2.0, 4.0)], 1.0), ([(1000.0, 4.0), (1002.0, 0.0)], -1.0)] {
            assert!((pearson(&pairs).expect("both vary") - r).abs() < 1e-14);
        }
        assert_eq!((pearson(&[(3.0, 4.0)]), pearson(&[(1.0, 7.0), (3.0, 7.0)])), (None, None));
    }

    /// numpy: corrcoef.
    #[test]
    fn pearson_of_uneven_numbers() {
        let pairs = [(0.3, -1.1), (2.5, 0.4), (-1.75, -0.2), (0.9, 3.25), (4.1, 1.6)];
        assert!((pearson(&pairs).expect("both vary") - 0.381_836_446_904_981).abs() < 1e-14);
    }

    /// A hundred values half of 1e-12 around 1 differ by rounding; ten times as far they differ.
    #[test]
    fn what_varies_by_rounding_is_constant_on_either_side() {
        let pairs = |by: f64| -> Vec<(f64, f64)> {
            (0..100).map(|i| if i % 2 == 0 { (1.0 + by, 5.0) } else { (1.0 - by, -5.0) }).collect()
        };
        let turned = |pairs: Vec<(f64, f64)>| pairs.into_iter().map(|(x, y)| (y, x)).collect::<Vec<_>>();
        assert_eq!((pearson(&pairs(5e-13)), pearson(&turned(pairs(5e-13)))), (None, None));
        for pairs in [pairs(5e-12), turned(pairs(5e-12))] {
            assert!((pearson(&pairs).expect("both vary") - 1.0).abs() < 1e-6);
        }
    }
}
