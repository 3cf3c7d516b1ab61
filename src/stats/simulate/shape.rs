//! How effects are distributed: the model's own way, and ways in which real ones may differ from it.

use super::super::random::Draws;

/// A shape of the effects. Every effect has mean zero and the standard deviation that the design states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// Normal, independent: what the intervals are derived from.
    #[default]
    Normal,
    /// Student's t with three degrees of freedom: single types, pairs and cells far from the rest.
    HeavyTails,
    /// Exponential: a skewness of 2.
    Skewed,
    /// Normal; by pair of countries the cells' and types' standard deviations differ, the middle half of them by a factor of
    /// about two and the ends by more.
    UnequalPairs,
    /// Normal; types come in twos that have half of their variance in common, so that there are fewer than counted.
    TypesInTwos,
}

impl Shape {
    pub const ALL: [Shape; 5] =
        [Shape::Normal, Shape::HeavyTails, Shape::Skewed, Shape::UnequalPairs, Shape::TypesInTwos];

    /// One effect of standard deviation 1.
    fn draw(self, draws: &mut Draws) -> f64 {
        match self {
            Shape::HeavyTails => {
                let z = draws.normal();
                let squares: f64 = (0..3).map(|_| draws.normal().powi(2)).sum();
                // t over its standard deviation, the root of 3.
                z / squares.sqrt()
            }
            Shape::Skewed => -draws.uniform().ln() - 1.0,
            Shape::Normal | Shape::UnequalPairs | Shape::TypesInTwos => draws.normal(),
        }
    }

    /// Independent effects.
    pub(super) fn effects(self, sd: f64, count: usize, draws: &mut Draws) -> Vec<f64> {
        (0..count).map(|_| sd * self.draw(draws)).collect()
    }

    /// Effects [row][type].
    pub(super) fn by_type(self, sd: f64, rows: usize, types: usize, draws: &mut Draws) -> Vec<f64> {
        let mut effects = self.effects(sd, rows * types, draws);
        if self == Shape::TypesInTwos {
            for row in effects.chunks_mut(types) {
                for two in row.chunks_mut(2) {
                    let common = sd * self.draw(draws);
                    two.iter_mut().for_each(|effect| *effect = (*effect + common) * 0.5f64.sqrt());
                }
            }
        }
        effects
    }

    /// By pair, what its standard deviations are multiplied with; the mean of the squares is 1.
    pub(super) fn of_pairs(self, count: usize, draws: &mut Draws) -> Vec<f64> {
        /// Of the logarithm.
        const SPREAD: f64 = 0.5;
        match self {
            Shape::UnequalPairs => {
                (0..count).map(|_| (SPREAD * draws.normal() - SPREAD * SPREAD).exp()).collect()
            }
            _ => vec![1.0; count],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_the_mean_and_spread_that_the_design_states() {
        for shape in Shape::ALL {
            let mut draws = Draws::new(7);
            let effects = shape.by_type(2.0, 20_000, 10, &mut draws);
            let n = effects.len() as f64;
            let mean = effects.iter().sum::<f64>() / n;
            let variance = effects.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / n;
            // A t with three degrees of freedom has no fourth moment: its variance settles slowly.
            let slack = if shape == Shape::HeavyTails { 0.8 } else { 0.1 };
            assert!(mean.abs() < 0.03 && (variance - 4.0).abs() < slack, "{shape:?}: {mean} {variance}");
            let twos = effects.chunks(2).map(|two| two[0] * two[1]).sum::<f64>() / (n / 2.0);
            let common = if shape == Shape::TypesInTwos { 2.0 } else { 0.0 };
            assert!((twos - common).abs() < 0.1, "{shape:?}: {twos}");
            let squares = shape.of_pairs(100_000, &mut draws).iter().map(|f| f * f).sum::<f64>() / 1e5;
            assert!((squares - 1.0).abs() < 0.05, "{shape:?}: {squares}");
        }
    }
}
